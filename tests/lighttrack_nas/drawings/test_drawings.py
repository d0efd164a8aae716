"""Drawings: what they show, and that no text runs into another or out of its box."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores, ScoredPlace
from lighttrack_nas.drawings.architecture_drawing import architecture_drawing
from lighttrack_nas.drawings.figures import figure_of
from lighttrack_nas.drawings.loss_drawing import losses_drawing
from lighttrack_nas.drawings.shapes import OUTPUT_COLOUR, Box, Drawing, Text
from lighttrack_nas.drawings.space_drawing import space_drawing
from lighttrack_nas.places.place_costs import PlaceCosts, Span
from lighttrack_nas.places.shown_places import operation_names, other_choices
from lighttrack_nas.reporting.plot_style import FRONT_COLOUR
from lighttrack_nas.search_spaces.base.labels import OUTPUT
from lighttrack_nas.search_spaces.space import Space


def texts(drawing: Drawing) -> list[str]:
    return [shape.text for shape in drawing.shapes if isinstance(shape, (Box, Text)) and shape.text]


def boxes(drawing: Drawing) -> list[Box]:
    return [shape for shape in drawing.shapes if isinstance(shape, Box)]


def wide_costs(space: Space) -> list[PlaceCosts]:
    """Long numbers everywhere."""
    labels = [("backbone", ""), ("neck", ""), ("fusion", ""), ("cls_head", ""), ("reg_head", "")]
    labels.append(("shared_head", ""))
    labels += [("", label) for label in space.candidates]
    return [PlaceCosts(part, label, Span(12_345_678, 987_654_321), Span(123_456, 999_999)) for part, label in labels]


def assert_legible(drawing: Drawing) -> None:
    """As matplotlib measures them, texts keep clear of each other, in their boxes, and on the sheet."""
    figure = figure_of(drawing)
    renderer = FigureCanvasAgg(figure).get_renderer()
    (axes,) = figure.axes
    shown = [text for text in axes.texts if text.get_text()]
    extents = [text.get_window_extent(renderer) for text in shown]
    for (one, here), (other, there) in combinations(zip(shown, extents, strict=True), 2):
        across = min(here.x1, there.x1) - max(here.x0, there.x0)
        up = min(here.y1, there.y1) - max(here.y0, there.y0)
        assert min(across, up) < 1, f"'{one.get_text()}' and '{other.get_text()}'"
    for text, extent in zip(shown, extents, strict=True):
        inside = figure.bbox
        assert inside.x0 <= extent.x0 < extent.x1 <= inside.x1, text.get_text()
        assert inside.y0 <= extent.y0 < extent.y1 <= inside.y1, text.get_text()
    scale = figure.dpi
    for box in (box for box in boxes(drawing) if box.text):
        middle = ((box.x + box.width / 2) * scale, (box.y + box.height / 2) * scale)
        (extent,) = [
            e for text, e in zip(shown, extents, strict=True) if text.get_text() == box.text and e.contains(*middle)
        ]
        assert extent.width <= box.width * scale, box.text
        assert extent.height <= box.height * scale, box.text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lighttrack", "lighttrack-12", "lighttrack-tiny", "lighttrack-table"])
def test_spaces_are_legible(name: str) -> None:
    space = ltn.load_space(name)
    assert_legible(space_drawing(space))
    whole = {"macs": Span(10**8, 10**9), "params": Span(10**6, 10**7)}
    assert_legible(space_drawing(space, wide_costs(space), whole))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lighttrack", "lighttrack-12", "lighttrack-tiny"])
def test_architectures_are_legible(name: str) -> None:
    space = ltn.load_space(name)
    for seed in range(4):
        assert_legible(architecture_drawing(space.sample(np.random.default_rng(seed)), {"macs": 1, "params": 1}))


def test_a_space_of_nnis_shows_its_choices() -> None:
    space = ltn.load_space(f"{Path(__file__).parents[2] / 'model_spaces/small.py'}:Small")
    assert_legible(space_drawing(space))
    assert set(texts(space_drawing(space))) >= {
        "Small",
        "48 networks",
        "way",
        "k3",
        "template 64, search 128 or 160 pixels",
    }
    for seed in range(4):
        architecture = space.sample(np.random.default_rng(seed))
        drawing = architecture_drawing(architecture, {"macs": 1, "params": 1})
        assert_legible(drawing)
        dark = [box for box in boxes(drawing) if box.fill == FRONT_COLOUR]
        # From the top: a row, and a dark box, for each label.
        assert tuple(box.text for box in dark) == architecture.values
        assert len({box.y for box in dark}) == len(space.labels)
    assert not any(box.fill == FRONT_COLOUR for box in boxes(space_drawing(space)))


def test_a_space_shows_every_candidate() -> None:
    space = ltn.load_space("lighttrack")
    shown = texts(space_drawing(space))
    names = operation_names(space)
    for name in space.description.operations:
        assert shown.count(names[name]) >= sum(name in values for values in space.candidates.values())
    outputs = [box for box in boxes(space_drawing(space)) if box.edge == OUTPUT_COLOUR]
    assert len(outputs) == len(space.candidates[OUTPUT]) + 1  # and the legend's
    assert "output: behind one of 8 blocks" in shown
    assert "classification, width 128, 192 or 256" in shown


def test_an_architecture_shows_its_network(mobile_code: str) -> None:
    drawing = architecture_drawing(ltn.find_architecture(mobile_code), name=mobile_code)
    upright = [box.text for box in boxes(drawing) if box.upright]
    backbone = (
        "MB4 7x7, MB6 7x7, MB4 3x3, MB4 5x5, MB6 7x7, MB6 3x3, MB4 7x7, MB4 3x3, MB4 7x7, MB4 7x7, MB6 7x7, MB4 5x5"
    )
    cls, reg = ["DS 5x5"] * 2 + ["DS 3x3"] * 4, ["DS 3x3"] * 5 + ["DS 5x5"] * 3
    assert upright == ["conv 3x3", "Sep 3x3", *backbone.split(", "), "MB6 3x3", *cls, "score", *reg, "box"]
    (output,) = [box for box in boxes(drawing) if box.upright and box.edge == OUTPUT_COLOUR]
    assert output.text == "MB6 3x3"
    assert {"classification: width 256, 6 of 8 layers", "regression: width 192, 8 of 8 layers"} < set(texts(drawing))
    assert mobile_code in texts(drawing)


def test_unknown_choices_are_shown(tmp_path: Path) -> None:
    space = ltn.load_space("lighttrack-tiny")
    space.candidates = MappingProxyType({**space.candidates, "stage1-depth": ("1", "2")})
    assert other_choices(space) == {"stage1-depth": ("1", "2")}
    assert "Also chosen: stage1-depth: 1, 2" in texts(space_drawing(space))
    space.labels = MappingProxyType({**space.labels, "stage1-depth": ("1", "2")})
    drawn = architecture_drawing(space.sample(np.random.default_rng(0)))
    assert any(text.startswith("Also chosen: stage1-depth: ") for text in texts(drawn))


def test_operations_of_one_short_name_go_by_their_own(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "extends: lighttrack-table\nname: mine\noperations:\n"
        + "".join(
            f"  {name}: {text}\n"
            for name, text in {
                **{
                    name: "{" + ", ".join(f"{k}: {v}" for k, v in operation.model_dump().items()) + "}"
                    for name, operation in ltn.load_space("lighttrack-table").description.operations.items()
                },
                "light": "{kind: mbconv, kernel: 3, expansion: 5, squeeze: 0.1}",
                "heavy": "{kind: mbconv, kernel: 3, expansion: 5, squeeze: 0.5}",
            }.items()
        )
    )
    names = operation_names(ltn.load_space(str(tmp_path / "mine.yaml")))
    assert (names["light"], names["heavy"]) == ("light", "heavy")


def test_costs_of_another_space_are_refused() -> None:
    table = ltn.CostTable(ltn.load_space("lighttrack-tiny"))
    with pytest.raises(ltn.InputError, match="of space 'lighttrack-tiny', not of 'lighttrack'"):
        ltn.draw_space(ltn.load_space("lighttrack"), table)


def test_a_space_is_no_architecture() -> None:
    space = ltn.load_space("lighttrack-tiny")
    with pytest.raises(ltn.InputError, match="cannot be compared"):
        ltn.differences(space, space.sample(np.random.default_rng(0)))


def test_operations_of_one_name_are_told_apart() -> None:
    tiny, table = ltn.load_space("lighttrack-tiny"), ltn.load_space("lighttrack")
    rows = {row.name: row for row in ltn.differences(tiny, table)}
    assert rows["stages.stage4.channels"].first == "-"
    assert rows["operations.k3e6"].second == "mbconv kernel 3 expansion 6 squeeze 0.25"
    assert "operations.k3e4" not in rows


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lighttrack", "lighttrack-12", "lighttrack-tiny", "lighttrack-table"])
def test_losses_are_legible(name: str, random_places: Callable[..., PlaceScores]) -> None:
    assert_legible(losses_drawing(random_places(ltn.load_space(name))))


def test_losses_show_every_candidate(random_places: Callable[..., PlaceScores]) -> None:
    scores = random_places(ltn.load_space("lighttrack"))
    drawing = losses_drawing(scores)
    # 13 blocks of 6 candidates, a fixed one, 8 outputs; two towers of 8 layers, the first without a skip, by 3 widths.
    cells = [box for box in boxes(drawing) if box.text]
    assert len(cells) == 14 * 6 + 1 + 8 + 2 * 3 * (2 + 7 * 3) + 8  # and the legend's
    assert {"MB6 7x7", "DS 3x3, width 128", "skip, width 256", "as output", "stage4"} <= set(texts(drawing))
    frames = [box for box in boxes(drawing) if box.fill == "none"]
    assert len(frames) == len(scores.places) + 1
    bold = [shape.text for shape in drawing.shapes if isinstance(shape, Text) and shape.bold]
    assert bold == ["backbone", "classification", "regression", "lighttrack"]


def test_losses_that_depend_on_much_or_are_of_other_choices_are_legible() -> None:
    space = ltn.load_space("lighttrack-table")
    sizes = {label: len(values) for label, values in space.labels.items()}
    rng = np.random.default_rng(0)

    def place(part: str, label: str, *others: str) -> ScoredPlace:
        labels = tuple(each for each in space.labels if each in (label, *others))
        return ScoredPlace(part, label, labels, rng.uniform(0, 3, [sizes[each] for each in labels]))

    crowded = place("reg_head", "reg-layer1", "output", "reg-width", "cls-width", "stage1-block0")
    drawing = losses_drawing(PlaceScores(space, [crowded, place("cls_head", "cls-width")], {}))
    assert_legible(drawing)
    shown = texts(drawing)
    assert {"regression", "DS 3x3, width 32", "cls-width", "64"} <= set(shown)
    assert "against the teacher" in " ".join(shown)
    assert "A cell shows the least over what is chosen elsewhere." in " ".join(shown)
    # Nothing lost: one colour.
    nothing = crowded._replace(scores=np.zeros(crowded.scores.shape))
    assert_legible(losses_drawing(PlaceScores(space, [nothing], {})))
