"""Tables of places: sums, files, and what files are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores, ScoredPlace, TowerScores
from lighttrack_nas.search_spaces.base.labels import layer_label, width_label
from lighttrack_nas.search_spaces.building.tower_tasks import tower_task, tower_tasks
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError

SPACE = load_space("lighttrack-table")
TINY = load_space("lighttrack-tiny")


def tower(space: Space, branch: str, layers: int, seed: int = 0) -> TowerScores:
    """Random scores of a tower's layers by task."""
    rng = np.random.default_rng(seed)
    candidates = space.tower(branch).candidates
    names = {name for each in candidates for name in each} - space.description.skips
    tasks = tower_tasks(len(candidates), layers)
    widths = space.candidates[width_label(branch)]
    return TowerScores(
        branch,
        layers,
        {
            width: {name: {task: round(rng.exponential(), 4) for task in tasks} for name in sorted(names)}
            for width in widths
        },
    )


@pytest.fixture
def scores(random_places: Callable[..., PlaceScores]) -> PlaceScores:
    """Blocks and outputs by place, towers by task."""
    own = [place for place in random_places(TINY).places if place.part == "backbone"]
    return PlaceScores(TINY, own, {"teacher": "random"}, [tower(TINY, "cls", 3), tower(TINY, "reg", 5, 1)])


def test_a_score_is_the_sum_over_places(scores: PlaceScores) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        architecture = TINY.sample(rng)
        assert scores.score(architecture) == pytest.approx(scores.by_place(architecture).sum())
    with pytest.raises(InputError, match="not of 'lighttrack-tiny'"):
        scores.score(SPACE.sample(rng))
    with pytest.raises(InputError, match="not of 'lighttrack-tiny'"):
        scores.by_place(SPACE.sample(rng))


@pytest.mark.parametrize(("branch", "layers"), [("cls", 3), ("cls", 1), ("reg", 8)])
def test_a_tower_s_place_is_the_sum_over_every_word(branch: str, layers: int) -> None:
    own = tower(TINY, branch, layers)
    place = own.place(TINY)
    labels = [width_label(branch), *(layer_label(branch, index) for index in range(4))]
    assert list(place.labels) == [label for label in TINY.labels if label in labels]
    for chosen in list(product(*(TINY.labels[label] for label in place.labels)))[::7]:
        values = dict(zip(place.labels, chosen, strict=True))
        word = [values[label] for label in labels[1:] if values[label] != "skip"]
        wanted = sum(
            own.widths[values[labels[0]]][name][tower_task(number, len(word), layers)]
            for number, name in enumerate(word)
        )
        index = tuple(TINY.labels[label].index(value) for label, value in values.items())
        assert place.scores[index] == pytest.approx(wanted)


def test_a_table_is_read_back(scores: PlaceScores, tmp_path: Path) -> None:
    assert [path.name for path in scores.save(tmp_path)] == ["places.json", "places.csv"]
    again = PlaceScores.load(tmp_path)
    assert again.space == TINY
    assert again.provenance == {"teacher": "random"}
    assert again.towers == scores.towers
    assert again.digest == scores.digest
    assert PlaceScores.load(tmp_path / "places.json", TINY).digest == scores.digest
    path = TINY.sample(np.random.default_rng(0))
    assert again.score(path) == pytest.approx(scores.score(path), rel=1e-4)
    again.save(tmp_path / "again")
    assert (tmp_path / "again" / "places.json").read_bytes() == (tmp_path / "places.json").read_bytes()


def test_the_digest_is_of_space_and_scores(random_places: Callable[..., PlaceScores]) -> None:
    one = random_places(SPACE)
    assert one.digest == random_places(SPACE).digest
    assert one.digest != random_places(SPACE, 1).digest
    # Rounding errors are no scores.
    nearly = PlaceScores(SPACE, [place._replace(scores=place.scores + 1e-15) for place in one.places], {})
    assert nearly.digest == one.digest


def test_rows_for_people(scores: PlaceScores, tmp_path: Path) -> None:
    frame = scores.frame()
    assert list(frame.columns) == ["part", "place", "candidate", "beside", "score"]
    # The output is beside a block only where the block runs.
    behind = frame[frame["place"] == "stage3-block1"]
    assert len(behind) == len(TINY.labels["stage3-block1"])
    assert set(behind["beside"]) == {"output=stage3-block1"}
    towers = frame[frame["part"] == "cls_head"]
    assert len(towers) == len(TINY.labels["cls-width"]) * 2 * len(tower_tasks(4, 3))
    assert "width=64, layers=0-1" in set(towers["beside"])
    scores.save(tmp_path)
    written = pd.read_csv(tmp_path / "places.csv")
    np.testing.assert_allclose(written["score"], frame["score"], rtol=1e-4)


def changed(folder: Path, **keys: Any) -> Path:
    content = json.loads((folder / "places.json").read_text())
    (folder / "places.json").write_text(json.dumps(content | keys))
    return folder


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"format": 2}, "format 2 is not known to this version: it reads 1"),
        ({"places": []}, "its scores were changed after it was written, or the file is damaged"),
        ({"towers": []}, "its scores were changed after it was written"),
        ({"sha256": "0"}, "its scores were changed after it was written"),
        ({"space_hash": "0"}, "was made by a version that reads its space otherwise, or with other operations"),
        ({"places": 3}, "expected what a training with strategy 'blockwise' leaves as places.json"),
    ],
)
def test_changed_files_are_refused(scores: PlaceScores, tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    scores.save(tmp_path)
    with pytest.raises(InputError) as raised:
        PlaceScores.load(changed(tmp_path, **keys))
    assert message in str(raised.value)


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_torn_files_are_refused(scores: PlaceScores, tmp_path: Path, share: float) -> None:
    scores.save(tmp_path)
    text = (tmp_path / "places.json").read_text()
    (tmp_path / "places.json").write_text(text[: int(share * len(text))])
    with pytest.raises(InputError, match=r"places\.json"):
        PlaceScores.load(tmp_path)


def test_files_of_others_are_refused(scores: PlaceScores, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"table of places .*nothing.* cannot be read: No such file"):
        PlaceScores.load(tmp_path / "nothing")
    scores.save(tmp_path)
    with pytest.raises(InputError, match=r"is of space 'lighttrack-tiny' \(\w+\), not of 'lighttrack-table'"):
        PlaceScores.load(tmp_path, SPACE)
    (tmp_path / "places.json").write_text("[1]")
    with pytest.raises(InputError, match="expected what a training with strategy 'blockwise' leaves"):
        PlaceScores.load(tmp_path)


BLOCK = "stage1-block0"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (ScoredPlace("backbone", BLOCK, (BLOCK,), np.array([0.1, -0.1])), "expected finite scores, 0 or more"),
        (ScoredPlace("backbone", BLOCK, (BLOCK,), np.array([0.1, np.nan])), "expected finite scores, 0 or more"),
        (ScoredPlace("backbone", BLOCK, (BLOCK,), np.zeros(3)), r"expected scores of shape \(2,\), got \(3,\)"),
        (ScoredPlace("backbone", "elsewhere", (), np.zeros(())), "'elsewhere': no place of the space"),
        (ScoredPlace("backbone", BLOCK, ("x",), np.zeros(2)), "depends on choices that the space has not"),
    ],
)
def test_impossible_places_are_refused(place: ScoredPlace, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PlaceScores(SPACE, [place], {})


@pytest.mark.parametrize(
    ("lacking", "entry"),
    [
        ("places", {"part": "backbone"}),
        ("places", {"part": "backbone", "label": "output", "labels": ["output"], "scores": [[1], 2]}),
        ("places", {"part": "backbone", "label": "output", "labels": ["output"], "scores": [10**400]}),
        ("towers", {"part": "backbone"}),
        ("towers", {"branch": "shared", "teacher_layers": 3, "widths": {}}),
        ("towers", {"branch": "cls", "teacher_layers": "3", "widths": {}}),
        ("towers", {"branch": "cls", "teacher_layers": 3, "widths": {}}),
        ("towers", {"branch": "cls", "teacher_layers": 3, "widths": {"64": [0.5]}}),
    ],
)
def test_whole_files_without_their_parts_are_refused(
    scores: PlaceScores, tmp_path: Path, lacking: str, entry: dict[str, Any]
) -> None:
    path, _ = scores.save(tmp_path)
    content = json.loads(path.read_text())
    content[lacking] = [entry]
    parts = {key: content[key] for key in ("places", "towers")}
    content["sha256"] = sha256(json.dumps(parts).encode()).hexdigest()
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="as this version writes them expected"):
        PlaceScores.load(path)
