import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lighttrack_nas.trackers.base.boxes import checked_box, overlap, polygon_to_box
from lighttrack_nas.trackers.base.errors import InputError

NAN = float("nan")

coordinate = st.floats(-500, 500, width=32)
# Sides of a hundredth of a pixel and more: below that the oracle's guard against division by zero shows.
side = st.floats(0.01, 500)
box = st.tuples(coordinate, coordinate, side, side).map(lambda values: np.array(values, float))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0, 0, 10, 10], [0, 0, 10, 10], 1.0),  # identical
        ([0, 0, 10, 10], [20, 0, 10, 10], 0.0),  # disjoint
        ([0, 0, 10, 10], [20, 20, 10, 10], 0.0),  # disjoint in both axes: no product of two negative extents
        ([0, 0, 10, 10], [10, 0, 10, 10], 0.0),  # touching sides
        ([0, 0, 10, 10], [10, 10, 10, 10], 0.0),  # touching corners
        ([0, 0, 10, 10], [5, 0, 10, 10], 1 / 3),  # half shifted: 50 of 150
        ([0, 0, 10, 10], [5, 5, 10, 10], 1 / 7),  # shifted in both axes: 25 of 175
        ([0, 0, 10, 10], [2, 2, 5, 4], 0.2),  # one inside the other
        ([-5, -5, 10, 10], [0, 0, 10, 10], 1 / 7),  # negative corner
        ([0, 0, 0, 10], [0, 0, 10, 10], 0.0),  # a line in a box
        ([3, 3, 0, 0], [3, 3, 0, 0], 0.0),  # two points
        ([0, 0, 0.5, 0.5], [0.25, 0, 0.5, 0.5], 1 / 3),  # below a pixel
        ([NAN, 0, 10, 10], [0, 0, 10, 10], NAN),  # no first box
        ([0, 0, 10, 10], [NAN] * 4, NAN),  # no second box
        ([NAN, 0, 10, 10], [20, 0, 10, 0], NAN),  # a NaN, even beside a box without area
    ],
)
def test_overlaps_are_those_worked_out_by_hand(first: list[float], second: list[float], expected: float) -> None:
    np.testing.assert_allclose(overlap(np.array([first]), np.array([second])), [expected])
    np.testing.assert_allclose(overlap(np.array([second]), np.array([first])), [expected])


def test_overlap_of_many_with_one() -> None:
    many = np.array([[0, 0, 10, 10], [5, 0, 10, 10], [NAN, 0, 1, 1], [50, 50, 1, 1]])
    np.testing.assert_allclose(overlap(many, many[0]), [1, 1 / 3, NAN, 0])


def test_overlap_of_none() -> None:
    assert overlap(np.empty((0, 4)), np.empty((0, 4))).shape == (0,)


@pytest.mark.parametrize("shapes", [((4,), (4,)), ((2, 4), (3, 4)), ((2, 3), (2, 3)), ((2, 4), (2,))])
def test_overlap_names_the_shapes(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"first\.shape="):
        overlap(np.zeros(shapes[0]), np.zeros(shapes[1]))


def test_overlap_leaves_its_arguments() -> None:
    first = np.array([[0, 0, 10, 10]])
    overlap(first, first)
    np.testing.assert_array_equal(first, [[0, 0, 10, 10]])


@given(box, box)
def test_overlap_is_symmetric_and_free_of_shift_and_scale(first: np.ndarray, second: np.ndarray) -> None:
    (value,) = overlap(first[None], second)
    # Boxes of a hundredth of a pixel far from the origin round to a hair above 1.
    assert 0 <= value <= 1 + 1e-9
    np.testing.assert_allclose(overlap(second[None], first), value, rtol=1e-9)
    shift = np.array([8, -16, 0, 0])
    np.testing.assert_allclose(overlap((first + shift)[None], second + shift), value, atol=1e-6)
    np.testing.assert_allclose(overlap((first * 4)[None], second * 4), value, rtol=1e-9)
    np.testing.assert_allclose(overlap(first[None], first), 1, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")
@given(
    first=arrays(float, (5, 4), elements=st.floats(1, 300)), second=arrays(float, (5, 4), elements=st.floats(1, 300))
)
def test_overlap_equals_got10k(first: np.ndarray, second: np.ndarray) -> None:
    from got10k.utils.metrics import rect_iou

    np.testing.assert_allclose(overlap(first, second), rect_iou(first.copy(), second.copy()), atol=1e-9)


@pytest.mark.parametrize(
    ("polygon", "expected"),
    [
        # An upright rectangle of 10 x 20 at (5, 5) keeps its area, plus the pixel, around the same centre.
        ([5, 5, 15, 5, 15, 25, 5, 25], [4.5, 4.5, 11, 21]),
        # The same from another corner, and the other way round.
        ([15, 25, 5, 25, 5, 5, 15, 5], [4.5, 4.5, 11, 21]),
        ([5, 5, 5, 25, 15, 25, 15, 5], [4.5, 4.5, 11, 21]),
        # A square on its tip, diagonal 20: half the area of its bounding box, so 20 / sqrt(2) a side.
        ([10, 0, 20, 10, 10, 20, 0, 10], [10 - 15.1421 / 2, 10 - 15.1421 / 2, 15.1421, 15.1421]),
        # A line has no area to keep: its extent stays.
        ([0, 5, 10, 5, 10, 5, 0, 5], [-0.5, 4.5, 11, 1]),
    ],
)
def test_polygon_to_box(polygon: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(polygon_to_box(np.array(polygon)), expected, atol=1e-3)


def test_polygon_to_box_of_nan() -> None:
    assert np.isnan(polygon_to_box(np.full(8, NAN))).all()


@given(box, st.floats(0, np.pi))
def test_polygon_to_box_of_rotated_rectangles(rectangle: np.ndarray, angle: float) -> None:
    x, y, w, h = rectangle
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2 @ turn.T + [x, y]
    found = polygon_to_box(corners.ravel())
    np.testing.assert_allclose(found[:2] + found[2:] / 2, [x, y], atol=1e-6)
    np.testing.assert_allclose((found[2:] - 1).prod(), w * h, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("given_box", [[1, 2, 3, 4], (1.5, -2, 3, 4), np.array([1, 2, 3, 4], np.float32), range(1, 5)])
def test_checked_box_accepts(given_box: object) -> None:
    checked = checked_box(given_box)
    assert checked.dtype == np.float64
    np.testing.assert_array_equal(checked, np.asarray(given_box, float))


@pytest.mark.parametrize(
    ("given_box", "message"),
    [
        (None, "four numbers"),
        ("1,2,3,4", "four numbers"),
        ([1, 2, 3], "four numbers"),
        ([[1, 2, 3, 4]], "four numbers"),
        ([1, 2, "x", 4], "four numbers"),
        ([1, 2, NAN, 4], "1,2,nan,4 .*not finite"),
        ([1, 2, float("inf"), 4], "not finite"),
        ([1, 2, 0, 4], "positive, got 0 x 4"),
        ([1, 2, 3, -4], "positive, got 3 x -4"),
        ([100, 0, 5, 5], "outside the frame of 100 x 50"),  # right of it, touching
        ([0, 50, 5, 5], "outside the frame"),  # below
        ([-5, 0, 5, 5], "outside the frame"),  # left
        ([0, -5, 5, 5], "outside the frame"),  # above
    ],
)
def test_checked_box_refuses(given_box: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        checked_box(given_box, (50, 100, 3), where="box of video.mp4")
    assert str(caught.value).startswith("box of video.mp4: ")


@given(box)
def test_checked_box_and_frame_agree_with_overlap(given_box: np.ndarray) -> None:
    frame = np.array([0, 0, 320, 240], float)
    shared = overlap(given_box[None], frame)[0]
    try:
        checked_box(given_box, (240, 320, 3))
    except InputError:
        # Outside the frame, or of a side that no crop can hold.
        assert shared == 0 or given_box[2:].min() < 0.1 or given_box[2:].max() > 3 * 320
    else:
        # Rounding may lose a sliver: x + w of 1e-14 shares nothing that a float can tell.
        assert shared >= 0
