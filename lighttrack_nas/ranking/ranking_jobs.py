"""The trainings that a look at a supernet's ranking needs, each a job with the scores of what it trained.

A job works in a folder of its own and is done where its ``scores.json`` is whole; a training that was stopped goes on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import FiniteFloat

from lighttrack_nas.benchmarks.evaluation.result_files import to_json
from lighttrack_nas.chain.data import training_pairs
from lighttrack_nas.chain.evaluators import network_scorer, prepare_torch, supernet_evaluator, targets_and_losses
from lighttrack_nas.chain.own_teacher import (
    lacks_teacher,
    taught_by_own,
    teacher_record,
    teacher_settings,
    with_expanded_teacher,
)
from lighttrack_nas.chain.pair_sources import decoding_processes
from lighttrack_nas.chain.trainings.pretraining import BACKBONE_FILE
from lighttrack_nas.chain.trainings.training import retrain, train_supernet
from lighttrack_nas.chain.trainings.training_records import settings_record
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_search import RankedStrategy
from lighttrack_nas.config.config_training import set_otherwise
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.base.parsing import read_json
from lighttrack_nas.trackers.base.progress import Progress

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.scoring.supernet_evaluator import SupernetEvaluator
    from lighttrack_nas.search_spaces.space import Architecture
    from lighttrack_nas.strategies.one_shot.training.callbacks import AfterStep
    from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotStrategy
    from lighttrack_nas.trackers.network.network import SiameseNetwork

INHERITED, RECALIBRATED = "inherited", "recalibrated"
"""A network of a supernet with the BatchNorm statistics of all paths, or with its own."""
SCORES_FILE = "scores.json"

Scores = Mapping[str, float | None]
"""Score by measurement; None where the network could not be scored."""
_SCORES = dict[str, FiniteFloat | None]
_AGAIN = "remove it, and the same command makes it again"


@dataclass(frozen=True)
class SupernetJob:
    """Train a supernet by a strategy, and score the networks with the weights they inherit.

    Attributes:
        config: Whose data, supernet and validation.
        ranked: The strategy.
        architectures: The networks, as JSON.
    """

    config: Config
    ranked: RankedStrategy
    architectures: tuple[str, ...]

    @property
    def name(self) -> str:
        """For messages."""
        return f"supernet {self.ranked.name}"

    @property
    def folder(self) -> Path:
        """Where it works."""
        return self.config.folder("ranking") / "supernets" / self.ranked.name

    @property
    def settings(self) -> TrainingSettings:
        """How it trains."""
        training = set_otherwise(self.config.supernet.training, self.ranked.training)
        return self.config.training(training, f"ranking.strategies, {self.ranked.name}: training")

    @property
    def strategy(self) -> OneShotStrategy:
        """As the configuration names it."""
        named = self.config.supernet.model_copy(update={"strategy": self.ranked.strategy})
        return with_expanded_teacher(named.one_shot_strategy())

    @property
    def steps(self) -> int:
        """Of all its trainings; a teacher of its own is one of them."""
        return self.settings.steps + (teacher_settings(self.config).steps if lacks_teacher(self.strategy) else 0)

    def record(self) -> dict[str, Any]:
        """What decides its scores beside what all supernets share, JSON-able."""
        teacher = {"teacher": teacher_record(self.config)} if lacks_teacher(self.strategy) else {}
        return {"strategy": self.ranked.strategy, "training": settings_record(self.settings)} | teacher

    def scores(self) -> dict[str, list[Scores]]:
        """What was scored so far: by `INHERITED` and `RECALIBRATED`, a network each, in order."""
        stored: dict[str, list[Scores]] = _read(self.folder, dict[str, list[_SCORES]])
        if max(map(len, stored.values()), default=0) > len(self.architectures):
            raise InputError(f"'{self.folder / SCORES_FILE}' holds scores of more than its networks: {_AGAIN}")
        return {weights: stored.get(weights, []) for weights in (INHERITED, RECALIBRATED)}

    def done(self) -> bool:
        """Whether nothing is left to do."""
        names, scores = self.config.ranking.measurements, self.scores()
        count = len(self.architectures)
        return all(len(of) == count and all(name in one for one in of for name in names) for of in scores.values())

    def __call__(self, told: Progress) -> None:
        """Do it."""
        config = _prepared(self.config)
        space = load_space(config.space)
        targets, losses = targets_and_losses(config)
        backbone = config.folder("pretraining") / BACKBONE_FILE if config.pretraining is not None else None
        strategy = self.strategy
        if lacks_teacher(strategy):
            told_of_teacher = _steps(f"{self.name}, its teacher", told)
            folder = self.folder / "teacher"
            strategy = taught_by_own(config, strategy, self.settings, folder, lambda _: None, told_of_teacher)
        supernet = train_supernet(
            space,
            training_pairs(config, space, processes=decoding_processes(self.settings)),
            settings=self.settings,
            output=self.folder / "training",
            strategy=strategy,
            targets=targets,
            losses=losses,
            backbone=backbone,
            record=config.data.model_dump(mode="json"),
            progress=_steps(self.name, told),
        )
        evaluator = supernet_evaluator(
            config, lambda _: None, supernet=supernet, processes=decoding_processes(self.settings)
        )
        scores = self.scores()
        for number, text in enumerate(self.architectures):
            told(0, f"{self.name}: scores of network {number + 1} of {len(self.architectures)}")
            for weights, known in scores.items():
                self._score(evaluator, space.from_json(text, self.name), weights, known, number)
            write_atomically(self.folder / SCORES_FILE, to_json(scores))

    def _score(
        self, evaluator: SupernetEvaluator, architecture: Architecture, weights: str, known: list[Scores], number: int
    ) -> None:
        before = known[number] if number < len(known) else {}
        names = [name for name in self.config.ranking.measurements if name not in before]
        if not names:
            return
        network = evaluator.extract(architecture, recalibrated=weights == RECALIBRATED)
        known[number : number + 1] = [dict(before) | _scored(evaluator.scorer, network, names)]


@dataclass(frozen=True)
class AloneJob:
    """Train one network alone, from random weights, and score it.

    Attributes:
        config: Whose data, budget and validation.
        number: Of the network, from 0.
        architecture: As JSON.
        attempt: Which of the network's trainings, from 0; decides the seed.
    """

    config: Config
    number: int
    architecture: str
    attempt: int

    @property
    def name(self) -> str:
        """For messages."""
        return f"network {self.number + 1} alone, seed {self.settings.seed}"

    @property
    def folder(self) -> Path:
        """Where it works."""
        return self.config.folder("ranking") / "alone" / f"{self.number + 1:03d}-seed{self.settings.seed}"

    @property
    def steps(self) -> int:
        """Of its training."""
        return self.settings.steps

    @property
    def settings(self) -> TrainingSettings:
        """How it trains; never with the seed of the supernets, whose batches it would share."""
        settings = self.config.training(self.config.ranking.training, "ranking.training")
        return settings.model_copy(update={"seed": settings.seed + 1 + self.attempt})

    def scores(self) -> Scores:
        """What was scored so far."""
        scores: Scores = _read(self.folder, _SCORES)
        return scores

    def done(self) -> bool:
        """Whether nothing is left to do."""
        return all(name in self.scores() for name in self.config.ranking.measurements)

    def __call__(self, told: Progress) -> None:
        """Do it."""
        config = _prepared(self.config)
        space = load_space(config.space)
        targets, losses = targets_and_losses(config)
        model = retrain(
            space.from_json(self.architecture, self.name),
            training_pairs(config, space, processes=decoding_processes(self.settings)),
            settings=self.settings,
            output=self.folder / "training",
            targets=targets,
            losses=losses,
            record=config.data.model_dump(mode="json"),
            progress=_steps(self.name, told),
        )
        before = self.scores()
        names = [name for name in config.ranking.measurements if name not in before]
        scores = _scored(network_scorer(config), model.network.to(config.device), names)
        write_atomically(self.folder / SCORES_FILE, to_json(dict(before) | scores))


def _prepared(config: Config) -> Config:
    """Several processes share the cores, one thread each unless the configuration says otherwise, and the memory."""
    data = config.data.divided(config.ranking.workers)
    config = config.model_copy(update={"threads": config.threads or 1, "data": data})
    prepare_torch(config)
    return config


def _steps(name: str, told: Progress) -> AfterStep:
    return lambda steps, losses: told(steps, f"{name}: loss {losses['loss']:.3f}")


def _scored(scorer: Any, network: SiameseNetwork, names: Sequence[str]) -> dict[str, float | None]:
    """Score a network; None for what it has no score in, because its answers are not finite."""
    try:
        scores = scorer.score(network, names)
    except InputError:
        return dict.fromkeys(names)
    return {name: scores[name] if math.isfinite(scores[name]) else None for name in names}


def _read(folder: Path, form: Any) -> Any:
    """The scores in a folder, of a form; empty where there are none."""
    file = folder / SCORES_FILE
    return read_json(file, "scores", form, _AGAIN) if file.exists() else {}
