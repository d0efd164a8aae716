"""What a one-shot strategy is told of the supernet that it shall train, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.trackers.base.errors import InputError

if TYPE_CHECKING:
    from nni.nas.oneshot.pytorch.strategy import OneShotStrategy as NniStrategy

    from lighttrack_nas.strategies.one_shot.teaching.lessons import Lessons
    from lighttrack_nas.strategies.one_shot.teaching.teacher import Teacher


@dataclass(frozen=True)
class MacsPaths:
    """What is known of a space's MACs, for the strategies that look at them.

    Attributes:
        sample: Draws an architecture, uniform over MACs.
        cheapest: The architecture of the fewest MACs.
        dearest: That of the most.
    """

    sample: Callable[[np.random.Generator], Architecture]
    cheapest: Architecture
    dearest: Architecture


@dataclass(frozen=True, kw_only=True)
class OneShotProblem:
    """A supernet's training, as a strategy sees it.

    Attributes:
        space: Whose supernet.
        settings: How it is trained; its seed is that of the paths too.
        macs: Counts the space's MACs, which takes seconds, when a strategy asks; None where nobody knows them.
        load_teacher: Reads the network that a strategy names as its teacher; None where nobody can.
    """

    space: Space
    settings: TrainingSettings
    macs: Callable[[], MacsPaths] | None = None
    load_teacher: Callable[[str, str | None], Teacher] | None = None

    def known_macs(self, strategy: str) -> MacsPaths:
        """Ask for the MACs.

        Args:
            strategy: Who asks.

        Raises:
            InputError: Nobody knows them.
        """
        if self.macs is None:
            raise InputError(f"one-shot strategy '{strategy}' looks at MACs, and was given none: give `macs`")
        return self.macs()

    def require_own_gradients(self, strategy: str) -> None:
        """Refuse Lightning's ways of bringing gradients together, which count on all passes being alike.

        Args:
            strategy: Who trains several passes an update.

        Raises:
            InputError: The settings ask for one of them, on several devices.
        """
        if self.settings.world_size > 1 and self.settings.strategy != "auto":
            raise InputError(
                f"one-shot strategy '{strategy}' trains several paths an update, whose gradients Lightning's "
                f"'{self.settings.strategy}' loses on several devices: leave out `strategy` ('auto'), or set devices=1"
            )


@dataclass(frozen=True)
class TrainingPlan:
    """How `lighttrack_nas.strategies.one_shot.training.fit.fit` trains by a strategy.

    Attributes:
        nni: NNI's one-shot strategy, which turns a model space into a supernet and wraps the training step.
        passes: Forward and backward passes over each batch; their gradients are averaged into the same update.
        batches: The task's batches that go into one pass.
        lessons: What the space learns from a teacher; None where it learns from labels.
    """

    nni: NniStrategy
    passes: int = 1
    batches: int = 1
    lessons: Lessons | None = None


class OneShotStrategy(Protocol):
    """A way of training a supernet: a frozen dataclass of settings, which a run keeps as its record.

    `lighttrack_nas.strategies.one_shot.strategies.one_shot_registry` knows them by name.
    """

    def plan(self, problem: OneShotProblem) -> TrainingPlan:
        """Say how to train a supernet.

        Raises:
            InputError: The strategy does not fit the problem, such as one that cannot use several devices.
        """
        ...
