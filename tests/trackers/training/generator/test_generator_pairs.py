"""Pairs of the generator: crops, augmentation, negatives."""

import math

import numpy as np
import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.tracking.crops import context_side
from lighttrack_nas.trackers.training.generator.generated_pairs import GeneratedPairs
from lighttrack_nas.trackers.training.generator.generator_settings import SceneSettings
from lighttrack_nas.trackers.training.pairs.pair import Pair, draw_batch, draw_pair
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings, pair_settings

T, S = 48, 96
PLAIN = {
    "template_shift": 0.0,
    "template_stretch": 0.0,
    "search_shift": 0.0,
    "search_scale": 0.0,
    "search_stretch": 0.0,
    "flip": 0.0,
    "colour_jitter": 0.0,
    "negatives": 0.0,
}
SHARP = SceneSettings(degradation=0.0, motion_blur=0.0)


def settings_of(**changes: float) -> PairSettings:
    return pair_settings("small-data", T, S, **(PLAIN | changes))


def pairs_of(count: int, scenes: SceneSettings = SHARP, **changes: float) -> list[Pair]:
    source = GeneratedPairs(settings_of(**changes), scenes)
    return [draw_pair(source, 0, index) for index in range(count)]


def middles(pairs: list[Pair]) -> np.ndarray:
    return np.array([pair.box[:2] + pair.box[2:] / 2 for pair in pairs])


def sides(pairs: list[Pair]) -> np.ndarray:
    return np.array([context_side(pair.box[2:], 0.5) for pair in pairs])


def test_pairs_are_functions_of_seed_and_number() -> None:
    settings = pair_settings("small-data", T, S)
    batch = draw_batch(GeneratedPairs(settings), seed=4, first=0, size=12)
    assert batch.templates.shape == (12, T, T, 3)
    assert batch.searches.shape == (12, S, S, 3)
    again = GeneratedPairs(settings)
    for index in reversed(range(12)):
        pair = draw_pair(again, 4, index)
        np.testing.assert_array_equal(pair.template, batch.templates[index])
        np.testing.assert_array_equal(pair.search, batch.searches[index])
        np.testing.assert_array_equal(pair.box, batch.boxes[index])
        assert pair.positive == batch.positives[index]
        assert pair.box.dtype == np.float32
        assert pair.search.dtype == np.uint8
    assert not np.array_equal(batch.searches[0], draw_pair(again, 5, 0).search)


def test_pairs_leave_the_global_generators_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is what is compared
    pairs_of(3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002 - the global state is what is compared


def test_without_augmentation_the_target_is_in_the_middle_at_the_templates_size() -> None:
    pairs = pairs_of(20)
    np.testing.assert_allclose(middles(pairs), S / 2, atol=1e-4)
    np.testing.assert_allclose(sides(pairs), T, rtol=1e-5)


def test_the_shift_is_a_share_of_the_search_crop() -> None:
    shifts = (middles(pairs_of(80, search_shift=0.25)) - S / 2) / S
    assert np.abs(shifts).max() <= 0.25 + 1e-6
    assert (shifts.min(axis=0) < -0.2).all()
    assert (shifts.max(axis=0) > 0.2).all()
    assert (np.abs(shifts.mean(axis=0)) < 0.06).all()


def test_the_scale_acts_on_both_sides_of_the_search_crop() -> None:
    plain, scaled = pairs_of(60), pairs_of(60, search_scale=0.3)
    logarithms = np.log(sides(scaled) / T)
    assert np.abs(logarithms).max() <= 0.3 + 1e-6
    assert logarithms.min() < -0.2
    assert logarithms.max() > 0.2
    for before, after in zip(plain, scaled, strict=True):
        assert after.box[2] / after.box[3] == pytest.approx(before.box[2] / before.box[3], rel=1e-4)


@pytest.mark.slow
def test_the_stretch_acts_on_each_side_of_the_search_crop() -> None:
    plain, stretched = pairs_of(60), pairs_of(60, search_stretch=0.2)
    # The crop is so many times as large, the target so many times as small.
    factors = np.array([b.box[2:] / a.box[2:] for a, b in zip(stretched, plain, strict=True)])
    assert factors.min() >= 0.8 - 1e-4
    assert factors.max() <= 1.2 + 1e-4
    assert np.abs(factors[:, 0] - factors[:, 1]).max() > 0.1


def test_shift_and_stretch_of_the_template_leave_the_search_crop_alone() -> None:
    for plain, changed in zip(pairs_of(8), pairs_of(8, template_shift=0.2, template_stretch=0.2), strict=True):
        np.testing.assert_array_equal(plain.search, changed.search)
        np.testing.assert_array_equal(plain.box, changed.box)
        assert not np.array_equal(plain.template, changed.template)


def test_a_flip_mirrors_both_crops_and_the_box() -> None:
    for plain, flipped in zip(pairs_of(10, search_shift=0.2), pairs_of(10, search_shift=0.2, flip=1.0), strict=True):
        np.testing.assert_allclose(flipped.box[0], S - plain.box[0] - plain.box[2], atol=1e-3)
        np.testing.assert_allclose(flipped.box[1:], plain.box[1:], atol=1e-3)
        for before, after in ((plain.template, flipped.template), (plain.search, flipped.search)):
            assert np.abs(before[:, ::-1].astype(float) - after).mean() < 4


def test_colour_jitter_changes_colours_only() -> None:
    for plain, changed in zip(pairs_of(10), pairs_of(10, colour_jitter=0.3), strict=True):
        np.testing.assert_array_equal(plain.box, changed.box)
        assert not np.array_equal(plain.search, changed.search)


def test_negatives_show_the_scene_without_the_target() -> None:
    changed_inside, changed_outside = [], []
    for positive, negative in zip(pairs_of(20), pairs_of(20, negatives=1.0), strict=True):
        assert positive.positive
        assert not negative.positive
        np.testing.assert_array_equal(negative.box, 0)
        np.testing.assert_array_equal(negative.template, positive.template)
        difference = np.abs(positive.search.astype(int) - negative.search).max(axis=2) > 40
        left, top = np.floor(positive.box[:2]).astype(int) - 1
        right, bottom = np.ceil(positive.box[:2] + positive.box[2:]).astype(int) + 1
        inside = np.zeros((S, S), bool)
        inside[max(top, 0) : bottom, max(left, 0) : right] = True
        changed_inside.append(difference[inside].mean())
        changed_outside.append(difference[~inside].mean())
    assert max(changed_outside) < 0.01
    assert np.median(changed_inside) > 0.2


@pytest.mark.slow
def test_the_share_of_negatives() -> None:
    share = 1 - np.mean([pair.positive for pair in pairs_of(150, negatives=0.3)])
    assert share == pytest.approx(0.3, abs=0.12)


def test_beyond_the_frame_crops_have_one_colour() -> None:
    flat = [
        pair
        for pair in pairs_of(40, search_shift=0.2)
        if any(np.ptp(pair.search[row], axis=0).max() == 0 for row in (0, -1))
    ]
    assert flat


def test_the_target_looks_alike_in_both_crops() -> None:
    """The mean colour of the target's middle in the search crop is nearer to its own template's than to others'."""
    pairs = pairs_of(60, SceneSettings(degradation=0, occluders=0, lighting=0))
    templates = np.array(
        [pair.template[T // 2 - 5 : T // 2 + 5, T // 2 - 5 : T // 2 + 5].mean((0, 1)) for pair in pairs]
    )
    searches = np.array([pair.search[S // 2 - 5 : S // 2 + 5, S // 2 - 5 : S // 2 + 5].mean((0, 1)) for pair in pairs])
    own = np.linalg.norm(templates - searches, axis=1)
    others = np.linalg.norm(templates - np.roll(searches, 1, axis=0), axis=1)
    assert np.median(own) < 0.3 * np.median(others)


def test_real_patches_and_backgrounds_show() -> None:
    red, blue = np.full((30, 60, 3), (0, 0, 255), np.uint8), np.full((600, 40, 3), (255, 0, 0), np.uint8)
    calm = SceneSettings(
        real=1, degradation=0, lighting=0, occluders=0, others=0, distractors=0, carriers=0, aspect_change=0, rotation=0
    )
    source = GeneratedPairs(settings_of(), calm, patches=[red], backgrounds=[blue])
    colours = {tuple(draw_pair(source, 0, n).search[S // 2, S // 2].tolist()) for n in range(10)}
    # Grey and tones change some.
    assert (0, 0, 255) in colours
    pair = draw_pair(source, 0, 0)
    assert 1.2 < pair.box[2] / pair.box[3] < 3.2


def test_sizes_of_other_networks() -> None:
    source = GeneratedPairs(pair_settings("lighttrack", 127, 255))
    pair = draw_pair(source, 0, 0)
    assert pair.template.shape == (127, 127, 3)
    assert pair.search.shape == (255, 255, 3)
    assert math.isfinite(pair.box.sum())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"patches": [np.zeros((4, 4), np.uint8)]},
            r"patch 0: expected a picture, uint8 \(height, width, 3\), got uint8",
        ),
        ({"patches": [np.zeros((4, 4, 3), np.uint8), "cat.jpg"]}, "patch 1: .* got str"),
        ({"backgrounds": [np.zeros((4, 4, 3))]}, "background 0: .* got float64"),
        ({"backgrounds": [np.zeros((0, 4, 3), np.uint8)]}, "background 0: the picture is empty"),
    ],
)
def test_pictures_that_are_none_are_refused(arguments: dict[str, list[object]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        GeneratedPairs(settings_of(), **arguments)
