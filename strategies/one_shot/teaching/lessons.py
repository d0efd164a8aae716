"""What the places of a space learn from a teacher, and how far each is from it.

Between two of the teacher's maps a segment of blocks learns to do what the teacher does there; an output before the
teacher's has a last block of its own, which learns to give what the teacher's exit gives; the towers learn from the
teacher's fused map to give its answers (DNA, CVPR 2020; DONNA, ICCV 2021, section 3.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from lighttrack_nas.search_spaces.base.labels import OUTPUT, stage_width_label
from lighttrack_nas.search_spaces.building.tasks import TaskBlock, Tasks, can_have_tasks
from lighttrack_nas.search_spaces.description.space_parts import BackboneBlock
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.one_shot.teaching.correspondence import STEM, Segment, segments
from lighttrack_nas.strategies.one_shot.teaching.starts import Channels
from lighttrack_nas.strategies.one_shot.teaching.teacher import Answers, Teacher
from lighttrack_nas.strategies.one_shot.teaching.teacher_channels import fused_channels, stage_channels, tower_layers
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.network import SiameseNetwork

Chosen = Mapping[str, str]
"""A value at every place, as `Space.chosen` gives it."""


class Lessons:
    """What a space learns from a teacher.

    Args:
        space: Who learns.
        teacher: From whom.

    Attributes:
        space: As given.
        teacher: As given.
        segments: The parts of the backbone that learn together, those behind the teacher's exit among them.
        tasks: Where the supernet needs weights by task.
        exit: The output that corresponds to the teacher's; None where features cannot leave there.

    Raises:
        InputError: They have nothing in common, or see other crops; see `Teacher.require_for`.
    """

    def __init__(self, space: Space, teacher: Teacher) -> None:
        teacher.require_for(space)
        self.space, self.teacher = space, teacher
        blocks = {block.name: block for block in space.description.blocks}
        self._blocks: Mapping[str, BackboneBlock] = blocks
        before = segments(space, teacher.architecture)
        exit_name = teacher.exit
        if before[-1].target[1] != exit_name:
            raise InputError(
                f"teacher '{teacher.name}': no output of space '{space.name}' corresponds to its own, '{exit_name}': "
                "give the space a block of that name or stride among its outputs"
            )
        reached = before[-1].target[0]
        self.exit = reached if reached in space.candidates[OUTPUT] else None
        order = list(blocks)
        later = [
            name
            for name in space.blocks_up_to(space.description.exits[-1].name)
            if order.index(name) > order.index(reached)
        ]
        self.segments = (*before, *_behind(reached, exit_name, later))
        outputs = space.labels.get(OUTPUT, ())
        early = tuple(name for name in outputs if order.index(name) < order.index(reached))
        single = {segment.blocks[0] for segment in before if len(segment.blocks) == 1}
        towers = {
            branch: len(tower_layers(teacher, branch))
            for branch in space.description.towers.branches
            if can_have_tasks(space, branch) and tower_layers(teacher, branch)
        }
        # Behind a stage of free depth the last block is another one, path by path.
        free = {stage.name for stage in space.description.stages if stage.depths}
        exits = tuple(name for name in early if name in single and blocks[name].stage not in free)
        self.tasks = Tasks(exits, towers)
        self._channels: dict[tuple[str, int], Channels] = {}
        self._fused_channels = fused_channels(teacher, space.description.fused_channels)
        self._starts = {segment.blocks[-1]: segment for segment in before if segment.blocks[-1] in self.tasks.exits}

    def channels(self, ours: str, theirs: str, chosen: Chosen) -> Channels:
        """Which of the teacher's channels stand where in a map of a path.

        Args:
            ours: The map's name in the space.
            theirs: Its name in the teacher.
            chosen: The path.
        """
        key = theirs, self.width(ours, chosen)
        if key not in self._channels:
            self._channels[key] = stage_channels(self.teacher, *key)
        return self._channels[key]

    def width(self, name: str, chosen: Chosen) -> int:
        """Channels of a map on a path."""
        if name == STEM:
            return self.space.description.stem_channels
        block = self._blocks[name]
        return int(chosen.get(stage_width_label(block.stage), block.outputs))

    def running(self, segment: Segment, chosen: Chosen) -> tuple[str, ...]:
        """The blocks of a segment that a path runs; none where its features leave before the segment's end.

        Blocks that a stage of free depth leaves out pass on what they get.
        """
        last = segment.blocks[-1]
        if last != STEM and last not in self.space.blocks_up_to(chosen[OUTPUT]):
            return ()
        dead = self.space.labels_without_say(chosen)
        return tuple(name for name in segment.blocks if name not in dead)

    def targets(self, chosen: Chosen) -> dict[str, tuple[str, str]]:
        """The maps of a path that correspond to one of the teacher's, the stem's left out.

        Args:
            chosen: The path.

        Returns:
            By the block's name: the map's name in the space, and the teacher's.
        """
        targets = {
            segment.target[0]: segment.target
            for segment in self.segments
            if segment.target[0] in self.running(segment, chosen) and segment.blocks != (STEM,)
        }
        if chosen[OUTPUT] in self.tasks.exits:
            targets[chosen[OUTPUT]] = (chosen[OUTPUT], self.teacher.exit)
        return targets

    def segment_ratio(
        self, network: SiameseNetwork, segment: Segment, chosen: Chosen, maps: Mapping[str, Tensor], image: Tensor
    ) -> Tensor:
        """How far a segment of the pinned path is from the teacher, on the teacher's own features.

        Args:
            network: Of choices, a path pinned.
            segment: Of `segments`.
            chosen: The path.
            maps: The teacher's, of `image`.
            image: ``(B, 3, side, side)``.

        Returns:
            A scalar, see `starts.noise_to_signal`.
        """
        features = self._source(segment, chosen, maps, image)
        for name in self.running(segment, chosen):
            features = self._module(network, name)(features)
        return self.channels(*segment.target, chosen).ratio(features, maps[segment.target[1]])

    def exit_ratio(self, network: SiameseNetwork, output: str, chosen: Chosen, maps: Mapping[str, Tensor]) -> Tensor:
        """How far the last block of an early output is from the teacher's exit, likewise.

        Args:
            network: Of choices, a path with this output pinned.
            output: Of `tasks.exits`.
            chosen: The path.
            maps: The teacher's.
        """
        features = self._source(self._starts[output], chosen, maps, None)
        answer = network.backbone.blocks[output](features)
        return self.channels(output, self.teacher.exit, chosen).ratio(answer, maps[self.teacher.exit])

    def _source(self, segment: Segment, chosen: Chosen, maps: Mapping[str, Tensor], image: Tensor | None) -> Tensor:
        if segment.source is None:
            assert image is not None
            return image
        return self.channels(*segment.source, chosen).of(maps[segment.source[1]])

    @staticmethod
    def _module(network: SiameseNetwork, name: str) -> nn.Module:
        if name == STEM:
            return network.backbone.stem
        block = network.backbone.blocks[name]
        return block.inner if isinstance(block, TaskBlock) else block

    def tower_input(self, answers: Answers) -> Tensor:
        """The teacher's fused map as the space's towers read it."""
        return self._fused_channels.of(answers.fused)

    def fusion_ratio(
        self, network: SiameseNetwork, chosen: Chosen, template: Tensor, search: Tensor, fused: Tensor
    ) -> Tensor:
        """How far neck and fusion of the pinned path's output are from the teacher's, on its own exit's features.

        Args:
            network: Of choices, a path pinned.
            chosen: The path.
            template: The teacher's features of the template at its exit.
            search: Those of the search crop.
            fused: What its towers read.
        """
        channels = self.channels(chosen[OUTPUT], self.teacher.exit, chosen)
        exit_ = next(leaving for leaving in network.exits if leaving.block == chosen[OUTPUT])
        answer = network.fuse(exit_, channels.of(template), channels.of(search))
        return self.fused_ratio(answer, fused)

    def fused_ratio(self, answer: Tensor, fused: Tensor) -> Tensor:
        """How far a fused map is from the teacher's."""
        return self._fused_channels.ratio(answer, fused)


def _behind(reached: str, exit_name: str, later: list[str]) -> Iterator[Segment]:
    """Blocks behind the teacher's exit: each passes on what the teacher's exit gives."""
    before = reached
    for name in later:
        yield Segment((name,), (before, exit_name), (name, exit_name))
        before = name


def answers_ratios(network: SiameseNetwork, raw: tuple[Tensor, Tensor], teacher: Answers) -> tuple[Tensor, Tensor]:
    """How far answers are from a teacher's: noise to signal of the scores, and of the distances.

    Scores count half where the teacher sees its target and half elsewhere, distances where it sees it. Distances are
    compared before their activation, behind which those that are too small would be lost.

    Args:
        network: Of choices or plain; says what its raw outputs mean.
        raw: What its `raw` gave.
        teacher: The answers to compare with.

    Returns:
        Two scalars.
    """
    scores, boxes = raw
    shares, of_target = _shares(teacher.logits)
    ratio = _weighted(scores * network.geometry.score_scale, teacher.logits, shares)
    wanted = network.raw_boxes(teacher.distances)
    return ratio, _weighted(boxes, wanted, of_target.expand_as(boxes) / boxes.shape[1])


def answers_loss(network: SiameseNetwork, raw: tuple[Tensor, Tensor], teacher: Answers) -> Tensor:
    """What pupils descend: the cross entropy to the teacher's scores, and the ratio of the distances.

    Args:
        network: See `answers_ratios`, as of the others.
        raw: What its `raw` gave.
        teacher: The answers to learn.
    """
    shares, _ = _shares(teacher.logits)
    logits = raw[0] * network.geometry.score_scale
    by_position = functional.binary_cross_entropy_with_logits(logits, torch.sigmoid(teacher.logits), reduction="none")
    return (shares * by_position).sum() + answers_ratios(network, raw, teacher)[1]


def _shares(logits: Tensor) -> tuple[Tensor, Tensor]:
    """How much each position counts: half where the target is, half elsewhere; and the first half alone, as 1."""
    positive = torch.sigmoid(logits)
    here, elsewhere = positive / positive.sum(), (1 - positive) / (1 - positive).sum()
    return 0.5 * here + 0.5 * elsewhere, here


def _weighted(answer: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    mean = (weights * wanted).sum(dim=(0, 2, 3), keepdim=True) / weights.sum(dim=(0, 2, 3), keepdim=True)
    signal = (weights * (wanted - mean).square()).sum()
    return (weights * (answer - wanted).square()).sum() / signal.clamp(min=1e-12)
