"""Learning from a teacher, block by block: every candidate learns, at its place, what a finished network does there."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.modules.batchnorm import _BatchNorm

from lighttrack_nas.search_spaces.base.labels import OUTPUT, layer_label
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.one_shot.devices.gradients import share_from_first
from lighttrack_nas.strategies.one_shot.strategies.paths import PATHS, Model, PathSampling, PathTraining
from lighttrack_nas.strategies.one_shot.teaching.lessons import Lessons, answers_loss
from lighttrack_nas.strategies.one_shot.teaching.whole_lessons import whole_losses
from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotProblem, TrainingPlan
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.network.norms import is_folded
from lighttrack_nas.trackers.training.batches import TensorBatch, to_tensors

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nni.nas.oneshot.pytorch.sampling import RandomSamplingLightningModule

_TEACHERS_EXIT = 0.5
"""Share of the paths whose features leave where the teacher's do."""


@dataclass(frozen=True)
class Blockwise:
    """Blocks that learn from a teacher's (DNA, CVPR 2020; DONNA, ICCV 2021), then whole paths that do.

    An update draws one random path. At first each of its places learns by itself: blocks from the teacher's features
    before and behind them, towers from the teacher's fused map to its answers. Then the path runs as a whole, and
    learns the teacher's maps, its fused map and its answers, so that errors of single places do not add up. No label is
    needed. Norms are affine maps all along: nothing is estimated afresh when networks are taken out.

    Attributes:
        teacher: A model file, a model that ships, by its name, a folder of `export`, or a released checkpoint. None:
            the chain trains one.
        code: Of a released checkpoint: its official code.
        blocks: Share of the steps in which places learn by themselves, 0 to 1.
        part: Side of the piece of each search crop that blocks learn from by themselves, as a share of the crop's.
        answers: Weight of the teacher's answers beside its maps, in whole paths.
    """

    teacher: str | None = None
    code: str | None = None
    blocks: float = 0.5
    part: float = 0.625
    answers: float = 1.0

    needs_labels = False

    def __post_init__(self) -> None:
        for name, low, high in (("blocks", 0, 1), ("part", 0.25, 1), ("answers", 0, 100)):
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
                raise InputError(
                    f"one-shot strategy 'blockwise', {name}: expected a number from {low} to {high}, got {value!r}"
                )
        for name in ("teacher", "code"):
            if not isinstance(getattr(self, name), str | None):
                raise InputError(f"one-shot strategy 'blockwise', {name}: expected a text, got {getattr(self, name)!r}")

    def plan(self, problem: OneShotProblem) -> TrainingPlan:
        """See `OneShotStrategy.plan`."""
        space, settings = problem.space, problem.settings
        if not space.is_declared:
            space.refuse(
                "is NNI's, and does not say which of its parts stand for which of a teacher's, so that one-shot "
                "strategy 'blockwise' cannot teach them: take 'spos'"
            )
        if self.teacher is None or problem.load_teacher is None:
            raise InputError(
                "one-shot strategy 'blockwise' learns from a teacher, and was given none: name a model, such as "
                "{name: blockwise, teacher: lighttrack-tiny-generated}"
            )
        if settings.world_size > 1 and (settings.strategy, settings.paths) != ("auto", "same"):
            raise InputError(
                "one-shot strategy 'blockwise': norms keep the statistics of their first batch, which devices share "
                "only where all train the same path, in the package's own way: leave out strategy (auto) and paths "
                f"(same), got '{settings.strategy}' and '{settings.paths}'"
            )
        lessons = Lessons(space, problem.load_teacher(self.teacher, self.code))
        if settings.channels_last:
            # Before the supernet starts from it, so that every start rounds alike.
            lessons.teacher.network.to(memory_format=torch.channels_last)
        alone = round(self.blocks * settings.steps)

        def paths(step: int, rank: int) -> list[Architecture]:
            return [lesson_path(lessons, np.random.default_rng([settings.seed, step, rank, PATHS]))]

        return TrainingPlan(_Learning(paths, lessons, self, alone), lessons=lessons)


def lesson_path(lessons: Lessons, rng: np.random.Generator) -> Architecture:
    """Draw a path: uniform, but for the output and for towers with weights by task.

    Half of the paths leave where the teacher does, since the others share most of what they need with those. All
    numbers of layers of a tower are equally likely.

    Args:
        lessons: What the paths are for.
        rng: The draw's.
    """
    space = lessons.space
    chosen, skips = dict(space.sample(rng).choices), space.description.skips
    if OUTPUT in chosen and lessons.exit is not None and rng.random() < _TEACHERS_EXIT:
        chosen[OUTPUT] = lessons.exit
    for branch in lessons.tasks.towers:
        candidates = space.tower(branch).candidates
        free = [index for index, names in enumerate(candidates) if skips & set(names) and set(names) - skips]
        left_out = set(rng.choice(free, rng.integers(len(free) + 1), replace=False).tolist()) if free else set()
        for index in free:
            names = [name for name in candidates[index] if (name in skips) == (index in left_out)]
            chosen[layer_label(branch, index)] = names[rng.integers(len(names))]
    return space.architecture({label: chosen[label] for label in space.labels})


class _Learning(PathSampling):
    """Path sampling whose paths learn from a teacher."""

    def __init__(self, paths: Any, lessons: Lessons, strategy: Blockwise, alone: int) -> None:
        super().__init__(paths)
        self._lessons, self._strategy, self._alone = lessons, strategy, alone
        self._fresh: list[_BatchNorm] = []

    def mutate_model(self, model: Model) -> Model:
        made = super().mutate_model(model)
        for module in made.modules():
            if isinstance(module, _BatchNorm):
                module.momentum = None  # its first batch gives its statistics
                module.register_forward_pre_hook(partial(_keep_statistics, self._fresh))
        return made

    def configure_oneshot_module(self, training_module: Any) -> RandomSamplingLightningModule:
        return _LessonTraining(training_module, self._paths, self._lessons, self._strategy, self._alone, self._fresh)


def _keep_statistics(fresh: list[_BatchNorm], norm: nn.Module, inputs: Any) -> None:
    """Let a norm be an affine map, whatever mode the network is in; a fresh one takes its first batch's statistics."""
    assert isinstance(norm, _BatchNorm)
    assert norm.num_batches_tracked is not None
    norm.train(int(norm.num_batches_tracked) == 0 and not is_folded(norm))
    if norm.training and dist.is_available() and dist.is_initialized():
        fresh.append(norm)


class _LessonTraining(PathTraining):
    """The training step: places by themselves at first, then whole paths."""

    def __init__(
        self,
        module: Any,
        paths: Any,
        lessons: Lessons,
        strategy: Blockwise,
        alone: int,
        fresh: list[_BatchNorm],
    ) -> None:
        super().__init__(module, paths)
        self._lessons, self._strategy, self._alone, self._fresh = lessons, strategy, alone, fresh

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        number = self.pin(batch_idx)
        inner, lessons = self.training_module, self._lessons
        lessons.teacher.to(inner.device)
        chosen = lessons.space.chosen(self._drawn[number])
        tensors = to_tensors(
            batch.content,
            str(inner.device),
            torch.channels_last if inner.settings.channels_last else torch.contiguous_format,
        )
        network: SiameseNetwork = inner.model.network
        if self._step < self._alone:
            losses = self._alone_losses(network, chosen, tensors)
        else:
            losses = whole_losses(lessons, network, chosen, tensors, self._strategy.answers)
        inner.latest = {name: value.detach() for name, value in losses.items()}
        return losses["loss"]

    def on_after_backward(self) -> None:
        """Let norms be the same affine maps on all devices from now on; they have run the same ones."""
        super().on_after_backward()
        if self._fresh:
            share_from_first(buffer for norm in self._fresh for buffer in norm.buffers())
            self._fresh.clear()

    def _alone_losses(self, network: SiameseNetwork, chosen: dict[str, str], batch: TensorBatch) -> dict[str, Tensor]:
        lessons, teacher = self._lessons, self._lessons.teacher
        piece = self._piece(batch.search)
        maps = teacher.maps(piece)
        running = [segment for segment in lessons.segments if lessons.running(segment, chosen)]
        ratios = [lessons.segment_ratio(network, segment, chosen, maps, piece) for segment in running]
        output = chosen[OUTPUT]
        if output in lessons.tasks.exits:
            ratios.append(lessons.exit_ratio(network, output, chosen, maps))
        with torch.no_grad():
            features = teacher.network.template(batch.template), teacher.network.template(batch.search)
            answers = teacher.answers_from(*features)
        fusion = lessons.fusion_ratio(network, chosen, *features, answers.fused)
        of_answers = answers_loss(network, network.raw(lessons.tower_input(answers)), answers)
        blocks = torch.stack(ratios).sum() if ratios else fusion.detach() * 0
        return {
            "loss": blocks + fusion + self._strategy.answers * of_answers,
            "blocks": blocks / max(len(ratios), 1),
            "fusion": fusion,
            "answers": of_answers,
        }

    def _piece(self, search: Tensor) -> Tensor:
        """A piece of every search crop, at a random place: on whole steps of the map, so that maps fit."""
        stride = self._lessons.teacher.network.exit.stride
        side = search.shape[-1]
        length = min(side, max(stride, round(self._strategy.part * side / stride) * stride))
        rng = np.random.default_rng([self.training_module.settings.seed, self._step, 1, PATHS])
        top, left = rng.integers((side - length) // stride + 1, size=2) * stride
        return search[:, :, top : top + length, left : left + length].contiguous(
            memory_format=torch.channels_last
            if search.is_contiguous(memory_format=torch.channels_last)
            else torch.contiguous_format
        )
