"""Measuring the table of places: what each candidate of a taught supernet loses at its place, on pairs held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores, ScoredPlace, TowerScores
from lighttrack_nas.place_tables.tower_measuring import by_choice, by_task, ridge
from lighttrack_nas.reporting.environment import versions
from lighttrack_nas.search_spaces.base.labels import (
    CORRELATION,
    OUTPUT,
    depth_label,
    expansion_label,
    stage_width_label,
)
from lighttrack_nas.strategies.one_shot.teaching.correspondence import STEM
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Progress

if TYPE_CHECKING:
    from lighttrack_nas.search_spaces.building.supernet import Supernet
    from lighttrack_nas.search_spaces.space import Space
    from lighttrack_nas.strategies.one_shot.teaching.correspondence import Segment
    from lighttrack_nas.strategies.one_shot.teaching.lessons import Lessons
    from lighttrack_nas.strategies.one_shot.teaching.teacher import Answers
    from lighttrack_nas.trackers.training.pairs.pair import PairSource

_PAIRS, _BATCH = 64, 16
_MOST_CELLS = 2_000_000
_MOST_MEASURED = 512
_TOWERS = 160
"""Towers that are measured as a whole, for what their layers lose."""
_HELD_OUT = 2_000_000  # the seed of the pairs, apart from the training's


class _Seen(NamedTuple):
    """What the teacher has of a batch of pairs."""

    search: Tensor
    maps: Mapping[str, Tensor]
    template_features: Tensor
    answers: Answers


@torch.no_grad()
def measure_places(
    supernet: Supernet, lessons: Lessons, pairs: PairSource, *, seed: int = 0, progress: Progress | None = None
) -> PlaceScores:
    """Measure every candidate of a supernet that learnt from a teacher, each at its own place.

    Candidates of segments of several blocks, and layers of towers, are measured together in draws, and what each adds
    is fitted; all others are measured one by one.

    Args:
        supernet: Trained by the strategy `blockwise`, in eval mode.
        lessons: From the same teacher.
        pairs: Held-out ones.
        seed: Of the pairs and of the draws.
        progress: Told of the places done, and what they were.

    Raises:
        InputError: What stands at a place depends on more combinations of choices than can be kept.
    """
    tell = progress or (lambda _amount, _what: None)
    measure = _Measuring(supernet, lessons, _see(lessons, pairs, seed), seed)
    places = []
    for segment in lessons.segments:
        place = measure.segment(segment)
        if place is not None:
            places.append(place)
        tell(1, segment.blocks[-1] or "stem")
    fusion = measure.fusion()
    towers = measure.towers()
    provenance = {
        "teacher": lessons.teacher.record(),
        "measure": "noise-to-signal ratio",
        "pairs": _PAIRS,
        "seed": seed,
        "towers_measured": _TOWERS,
        "versions": versions(),
    }
    kept = [place for place in (*places, *fusion) if place.scores.any() or place.labels]
    fitted = [tower for tower in towers if isinstance(tower, TowerScores)]
    plain = [place for of in towers if not isinstance(of, TowerScores) for place in of]
    return PlaceScores(supernet.space, [*kept, *plain], provenance, fitted)


def _see(lessons: Lessons, pairs: PairSource, seed: int) -> list[_Seen]:
    from lighttrack_nas.trackers.training.batches import to_tensors
    from lighttrack_nas.trackers.training.pairs.pair import draw_batch

    teacher, seen = lessons.teacher, []
    teacher.to(torch.device("cpu"))  # from wherever the training was; supernets are read to the CPU
    for first in range(0, _PAIRS, _BATCH):
        batch = to_tensors(draw_batch(pairs, seed + _HELD_OUT, first, _BATCH))
        maps = teacher.maps(batch.search)
        template = teacher.network.template(batch.template)
        seen.append(_Seen(batch.search, maps, template, teacher.answers_from(template, maps[teacher.exit])))
    return seen


class _Measuring:
    """One supernet, one teacher, one set of pairs."""

    def __init__(self, supernet: Supernet, lessons: Lessons, seen: Sequence[_Seen], seed: int) -> None:
        self.supernet, self.lessons, self.seen = supernet, lessons, seen
        self.space: Space = supernet.space
        self.rng = np.random.default_rng([seed, _HELD_OUT])
        # At the last output every block runs.
        self._first = {label: values[-1 if label == OUTPUT else 0] for label, values in self.space.labels.items()}

    def _pinned(self, given: Mapping[str, str]) -> dict[str, str]:
        architecture = self.space.architecture(self._first | dict(given))
        self.supernet.pin(architecture)
        return self.space.chosen(architecture)

    def segment(self, segment: Segment) -> ScoredPlace | None:
        """What the candidates of a segment lose; None where it leaves no choice and loses nothing."""
        space, name = self.space, segment.blocks[-1]
        if name == STEM:
            return None
        own = self._labels_of(segment)
        needed = {label for block in segment.blocks for label in space.conditions.get(block, {})}
        if name in self.lessons.tasks.exits:
            needed.add(OUTPUT)
        labels = tuple(label for label in space.labels if label in own | needed)
        beside = [label for label in labels if label not in own]

        def ratio(given: Mapping[str, str], exit_: bool) -> float:
            chosen = self._pinned({**given, **({OUTPUT: name} if exit_ else {})})
            network = self.supernet.network
            if exit_:
                ratios = [self.lessons.exit_ratio(network, name, chosen, seen.maps) for seen in self.seen]
            else:
                ratios = [
                    self.lessons.segment_ratio(network, segment, chosen, seen.maps, seen.search) for seen in self.seen
                ]
            return float(torch.stack(ratios).mean())

        inner = [label for label in labels if label in own]
        usual = self._table(inner, lambda given: ratio(given, False), name)
        last = self._table(inner, lambda given: ratio(given, True), name) if name in self.lessons.tasks.exits else usual
        scores = np.zeros([len(space.labels[label]) for label in labels])
        for values in product(*(range(len(space.labels[label])) for label in beside)):
            given = {label: space.labels[label][index] for label, index in zip(beside, values, strict=True)}
            if any(self._may_run(block, given) for block in segment.blocks):
                table = last if given.get(OUTPUT) == name else usual
                for axis, label in enumerate(inner):
                    if not self._may_run(label, given):  # the features leave before it
                        table = np.broadcast_to(table.take([0], axis), table.shape)
                cells: list[int | slice] = [slice(None)] * len(labels)
                for label, index in zip(beside, values, strict=True):
                    cells[labels.index(label)] = index
                scores[tuple(cells)] = table
        return ScoredPlace("backbone", name, labels, scores) if labels or scores.any() else None

    def _may_run(self, label: str, given: Mapping[str, str]) -> bool:
        """Whether a label may have a say beside what is given."""
        needed = self.space.conditions.get(label, {})
        return all(given[other] in allowed for other, allowed in needed.items() if other in given)

    def _labels_of(self, segment: Segment) -> set[str]:
        """The choices by which a segment's candidates, and the maps around it, differ."""
        blocks = {block.name: block for block in self.space.description.blocks}
        labels: set[str] = set()
        for name in segment.blocks:
            if name != STEM:
                block = blocks[name]
                labels |= {name, expansion_label(name), stage_width_label(block.stage), stage_width_label(block.before)}
                labels.add(depth_label(block.stage))  # a block that is left out passes on what it gets
        return labels & self.space.labels.keys()

    def _table(self, labels: Sequence[str], ratio: Callable[[Mapping[str, str]], float], name: str) -> np.ndarray:
        """A ratio for every combination of values; of many a draw is measured, and what each value adds is fitted."""
        values = [self.space.labels[label] for label in labels]
        shape = [len(candidates) for candidates in values]
        cells = int(np.prod(shape))
        if cells > _MOST_CELLS:
            raise InputError(
                f"space '{self.space.name}', '{name}': what it loses depends on {len(labels)} choices with {cells:,} "
                f"combinations, at most {_MOST_CELLS:,} can be kept: give the space more blocks that are the teacher's"
            )
        if cells <= _MOST_MEASURED:
            ratios = [ratio(dict(zip(labels, chosen, strict=True))) for chosen in product(*values)]
            return np.array(ratios, float).reshape(shape)
        drawn = [tuple(int(self.rng.integers(size)) for size in shape) for _ in range(_MOST_MEASURED // 2)]
        measured = np.array(
            [
                ratio({label: of[index] for label, of, index in zip(labels, values, indices, strict=True)})
                for indices in drawn
            ]
        )
        # A label adds something where it has a say.
        says = [np.broadcast_to(self._has_say(label, labels), shape) for label in labels]
        columns = [(axis, index) for axis, size in enumerate(shape) for index in range(size)]
        design = np.array(
            [[float(cell[axis] == index and says[axis][cell]) for axis, index in columns] for cell in drawn]
        )
        weights = dict(zip(columns, ridge(design, measured), strict=True))
        table = np.zeros(shape)
        for axis, size in enumerate(shape):
            own = np.array([weights[axis, index] for index in range(size)])
            table += _along(own, axis, len(shape)) * says[axis]
        return table.clip(min=0)

    def _has_say(self, label: str, labels: Sequence[str]) -> np.ndarray:
        """Where among all combinations of values of some labels one of them has a say."""
        says = np.ones([1] * len(labels), bool)
        for given, allowed in self.space.conditions.get(label, {}).items():
            if given in labels:
                fits = np.array([value in allowed for value in self.space.labels[given]])
                says = says & _along(fits, labels.index(given), len(labels))
        return says

    def fusion(self) -> list[ScoredPlace]:
        """What necks and fusions lose, by output."""
        space, network = self.space, self.supernet
        stages = {block.name: block.stage for block in space.description.exits}
        widths = {stage_width_label(stage) for stage in stages.values()}
        labels = [label for label in space.labels if label in {OUTPUT, CORRELATION} | widths]
        if not labels:
            return []

        def ratio(given: Mapping[str, str]) -> float:
            chosen = self._pinned(given)
            teacher = self.lessons.teacher
            ratios = [
                self.lessons.fusion_ratio(
                    network.network, chosen, seen.template_features, seen.maps[teacher.exit], seen.answers.fused
                )
                for seen in self.seen
            ]
            return float(torch.stack(ratios).mean())

        return [ScoredPlace("output", OUTPUT, tuple(labels), self._table(labels, ratio, OUTPUT))]

    def towers(self) -> list[TowerScores | list[ScoredPlace]]:
        """What the layers of towers lose: whole towers are measured, and what each layer adds is fitted."""
        from lighttrack_nas.strategies.one_shot.strategies.blockwise import lesson_path
        from lighttrack_nas.strategies.one_shot.teaching.lessons import answers_ratios

        space, tasks = self.space, self.lessons.tasks
        paths = [lesson_path(self.lessons, self.rng) for _ in range(_TOWERS)]
        ratios = []
        for path in paths:
            self._pinned(path.choices)
            network = self.supernet.network
            of_pairs = [
                torch.stack(answers_ratios(network, network.raw(self.lessons.tower_input(seen.answers)), seen.answers))
                for seen in self.seen
            ]
            ratios.append(torch.stack(of_pairs).mean(dim=0).tolist())
        measured = np.array(ratios)
        branches = space.description.towers.branches
        chosen = [space.chosen(path) for path in paths]
        if space.description.towers.sharing != ("separate",):
            # One tower may give both answers.
            return [by_choice(space, branches, chosen, measured.sum(axis=1))]
        scored: list[TowerScores | list[ScoredPlace]] = []
        for column, branch in enumerate(branches):
            if branch in tasks.towers:
                scored.append(by_task(space, branch, tasks.towers[branch], chosen, measured[:, column]))
            else:
                scored.append(by_choice(space, (branch,), chosen, measured[:, column]))
        return scored


def _along(values: np.ndarray, axis: int, axes: int) -> np.ndarray:
    """Values along one of so many axes."""
    return values.reshape([-1 if position == axis else 1 for position in range(axes)])
