"""Training one network alone from a teacher: its maps and answers, and labels beside them where there are any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.one_shot.teaching.lessons import Lessons
from lighttrack_nas.strategies.one_shot.teaching.teacher import Teacher
from lighttrack_nas.strategies.one_shot.teaching.whole_lessons import whole_run
from lighttrack_nas.strategies.one_shot.training.task import TrackingTask
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.training.batches import to_tensors
from lighttrack_nas.trackers.training.losses import label_loss
from lighttrack_nas.trackers.training.pairs.pair import PairBatch

_ANSWERS = 1.0
"""Weight of the teacher's answers beside its maps."""


@dataclass(frozen=True, kw_only=True)
class TeacherWeights:
    """How much a teacher and labels count, as factors on their losses.

    Attributes:
        teacher: Above 0, up to 100.
        labels: 0 to 100; 0 looks at no label. Pairs without labels add nothing.
    """

    teacher: float = 1.0
    labels: float = 1.0

    def __post_init__(self) -> None:
        for name, value in (("teacher_weight", self.teacher), ("label_weight", self.labels)):
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 100:
                raise InputError(f"{name}: expected a number from 0 to 100, got {value!r}")
        if self.teacher == 0:
            raise InputError("teacher_weight: expected a number above 0, got 0; leave out the teacher to learn without")


@dataclass(frozen=True, eq=False)
class TaughtTask:
    """Training pairs, and what a teacher makes of them, for the plain network of one architecture.

    Attributes:
        task: The pairs, and what labels cost.
        lessons: What the architecture's space learns from the teacher.
        architecture: Whose network is trained.
        weights: Of teacher and labels.
        memory_format: Of the images and the teacher's weights.
    """

    task: TrackingTask
    lessons: Lessons
    architecture: Architecture
    weights: TeacherWeights
    memory_format: torch.memory_format = torch.contiguous_format

    def __getstate__(self) -> dict[str, Any]:
        """What travels to worker processes, which make batches only: the teacher stays here."""
        return {"task": self.task}

    def batch(self, index: int) -> PairBatch:
        """See `Task.batch`."""
        return self.task.batch(index)

    def loss(self, model: nn.Module, batch: PairBatch, device: torch.device) -> Mapping[str, Tensor]:
        """See `Task.loss`."""
        assert isinstance(model, SiameseNetwork)
        lessons, chosen = self.lessons, self.architecture.space.chosen(self.architecture)
        lessons.teacher.to(device, self.memory_format)
        pairs = to_tensors(batch, str(device), self.memory_format)
        run = whole_run(lessons, model, chosen, pairs, _ANSWERS)
        losses = run.losses | {"loss": self.weights.teacher * run.losses["loss"]}
        if self.weights.labels:
            of_labels = label_loss(model.answers(*run.raw), pairs, self.task.targets, self.task.losses).total
            losses |= {"loss": losses["loss"] + self.weights.labels * of_labels, "labels": of_labels}
        return losses


def taught(
    task: TrackingTask, architecture: Architecture, teacher: Teacher, weights: TeacherWeights, channels_last: bool
) -> TaughtTask:
    """Let a network learn from a teacher.

    Args:
        task: The pairs, and what labels cost.
        architecture: Whose network is trained.
        teacher: From whom.
        weights: Of teacher and labels.
        channels_last: Whether the network is in that format.

    Raises:
        InputError: The teacher has nothing in common with the architecture's space, or sees other crops.
    """
    space = architecture.space
    if not space.is_declared:
        space.refuse(
            "is NNI's, and does not say which of its parts stand for which of a teacher's, so that its networks cannot "
            "be retrained with one: leave out the teacher"
        )
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    return TaughtTask(task, Lessons(space, teacher), architecture, weights, memory_format)
