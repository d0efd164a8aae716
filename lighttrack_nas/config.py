"""One typed configuration for the whole chain: data, supernet, search, retraining, tuning."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from lighttrack_nas.search_spaces.loading import describe_mistakes
from lighttrack_nas.strategies.one_shot.settings import TrainingSettings
from lighttrack_nas.strategies.search.objectives import parse_constraints, parse_objectives
from lighttrack_nas.trackers.errors import InputError

if TYPE_CHECKING:
    from lighttrack_nas.strategies.one_shot.problem import OneShotStrategy
    from lighttrack_nas.strategies.search.problem import SearchStrategy

Weight = Annotated[float, Field(gt=0)]
Training = dict[str, Any]
"""Fields of `TrainingSettings`; the seed is the configuration's unless given."""
Named = str | dict[str, Any]
"""A strategy: its name, or a mapping of `name` and settings."""


class Part(BaseModel):
    """A part of a configuration: frozen, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Videos(Part):
    """Sequences of a data set.

    Attributes:
        path: The data set's folder, or the name of a generated set such as "generated-val-v1". Here as in the other
            paths to data, $NAME takes an environment variable's value.
        layout: How it lies on disk: got10k, otb, lasot, trackingnet, uav123, vot or nfs.
        only: Names to take; empty takes all.
        without: Names to leave out.
    """

    path: str
    layout: str = "got10k"
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


class GeneratedSource(Part):
    """Pairs from generated scenes.

    Attributes:
        weight: Share of the mixture, relative to the other sources'.
        scenes: Fields of `SceneSettings` to set otherwise.
        real: Whether targets and backgrounds may be cut from the pictures of the other sources.
    """

    kind: Literal["generated"]
    weight: Weight = 1.0
    scenes: dict[str, Any] = {}
    real: bool = True


class SequencesSource(Videos):
    """Pairs from sequences.

    Attributes:
        weight: Share of the mixture.
        frame_range: Largest distance of the two frames, in annotated frames.
    """

    kind: Literal["sequences"]
    weight: Weight = 1.0
    frame_range: int = Field(default=100, ge=1)


class StillsSource(Part):
    """Pairs from still images with boxes, in COCO's format.

    Attributes:
        path: The annotation file, or a folder with ``annotations.json``.
        weight: Share of the mixture.
    """

    kind: Literal["stills"]
    path: str
    weight: Weight = 1.0


Source = Annotated[GeneratedSource | SequencesSource | StillsSource, Field(discriminator="kind")]


class Data(Part):
    """Training pairs.

    Attributes:
        recipe: How pairs are cut and changed: "small-data" or "lighttrack".
        pairs: Fields of `PairSettings` to set otherwise.
        sources: Where pairs come from.
        targets: Fields of `TargetSettings`.
        losses: Fields of `LossSettings`.
    """

    recipe: str = "small-data"
    pairs: dict[str, float] = {}
    sources: tuple[Source, ...] = Field(default=(GeneratedSource(kind="generated"),), min_length=1)
    targets: dict[str, Any] = {}
    losses: dict[str, Any] = {}


class Pretraining(Part):
    """The backbone's training on images.

    Attributes:
        images: A folder with one folder of images a class.
        image_size: Side of the crops, pixels.
        training: Fields of `TrainingSettings`.
    """

    images: str
    image_size: int = Field(default=128, ge=16, le=1024)
    training: Training = {"steps": 1000, "batch_size": 32}


class SupernetPart(Part):
    """The supernet's training.

    Attributes:
        strategy: Of `strategies.one_shot.registry`, such as "fair", or {name: sandwich, random_paths: 1}.
        training: Fields of `TrainingSettings`.
    """

    strategy: Named = "spos"
    training: Training = {"steps": 2000}

    def one_shot_strategy(self) -> OneShotStrategy:
        """Make the strategy.

        Raises:
            InputError: No such strategy or setting, or an impossible value.
        """
        from lighttrack_nas.strategies.one_shot.registry import one_shot_strategy

        name, settings = _named(self.strategy, "supernet.strategy")
        return one_shot_strategy(name, **settings)


class LatencyPart(Part):
    """Where "latency_ms" comes from, in a search that asks for it.

    Attributes:
        source: "measured" times every candidate; "table" predicts in microseconds, so that architectures that break a
            limit are not evaluated at all. Either way the front is measured again at the end.
        runtime: torch, torch-compiled, torch-export, onnxruntime, openvino or ncnn.
        threads: On the CPU.
        precision: "float32", or "float16" and "bfloat16" where the runtime offers them.
        device: "cpu", or what the runtime calls its accelerator; None takes the configuration's.
        table: A file of `lighttrack-nas latency-table --output`; None takes this machine's own, which is built where
            there is none yet.
    """

    source: Literal["measured", "table"] = "measured"
    runtime: str = "torch"
    threads: int = Field(default=1, ge=1, le=256)
    precision: str = "float32"
    device: str | None = None
    table: str | None = None


class SearchPart(Part):
    """The search of architectures.

    Attributes:
        strategy: Of `strategies.search.registry`, such as "nsga2", or {name: nsga2, mutation_probability: 0.1}; its
            seed is the configuration's unless given.
        objectives: Such as "maximize ao", "minimize macs", "minimize latency_ms".
        constraints: Such as "macs <= 600M", or a set: Mobile, LargeA, LargeB.
        trials: Evaluated architectures in all.
        workers: Processes that evaluate at once; the same command elsewhere, on the same storage, adds to them.
        population: Of strategies that have one, unless their settings say otherwise.
        enqueue: Architectures to try first: official codes or JSON files.
        enqueue_from_distribution: So many architectures to try after these: the most likely of the distribution that a
            differentiable one-shot strategy has learnt beside the supernet, then samples of it.
        storage: Any Optuna storage's URL, such as postgresql://me@host/name; None: a journal in the run's folder.
        calibration_batches: Batches for BatchNorm statistics.
        batch_size: Pairs a batch.
        quick_pairs: Pairs for "overlap" and "loss".
        latency: Where "latency_ms" comes from.
        hyper_parameters: The tracker's while candidates are scored, and of the retrained network until it is tuned.
    """

    strategy: Named = "nsga2"
    objectives: tuple[str, ...] = ("maximize ao", "minimize macs")
    constraints: tuple[str, ...] = ()
    trials: int = Field(default=200, ge=1)
    workers: int = Field(default=1, ge=1, le=256)
    population: int = Field(default=48, ge=2)
    enqueue: tuple[str, ...] = ()
    enqueue_from_distribution: int = Field(default=0, ge=0)
    storage: str | None = None
    calibration_batches: int = Field(default=10, ge=1)
    batch_size: int = Field(default=32, ge=1)
    quick_pairs: int = Field(default=400, ge=1)
    latency: LatencyPart = LatencyPart()
    hyper_parameters: str | dict[str, float | bool] = {"penalty_k": 0.06, "window_influence": 0.35, "exact_crops": True}

    @model_validator(mode="before")
    @classmethod
    def _older_name(cls, content: Any) -> Any:
        """Version 0.2 had `latency_threads` alone."""
        if isinstance(content, dict) and "latency_threads" in content and "latency" not in content:
            content = dict(content)
            content["latency"] = {"threads": content.pop("latency_threads")}
        return content

    @property
    def wants_latency(self) -> bool:
        """Whether latency is an objective or a constraint."""
        names = [goal.name for goal in parse_objectives(self.objectives)]
        return "latency_ms" in names + [limit.name for limit in parse_constraints(self.constraints)]

    def search_strategy(self, seed: int) -> SearchStrategy:
        """Make the strategy.

        Args:
            seed: Of the strategy, unless its settings give one.

        Raises:
            InputError: No such strategy or setting, an impossible value, or fewer trials than a population needs.
        """
        from lighttrack_nas.strategies.search.problem import require_budget
        from lighttrack_nas.strategies.search.registry import named_strategy

        made = named_strategy(self.strategy, where="search.strategy", seed=seed, population_size=self.population)
        require_budget(made, self.trials)
        return made


class RetrainPart(Part):
    """The chosen architecture's own training.

    Attributes:
        architecture: An official code or a JSON file; None takes the front's, see `choose`.
        choose: Which point of the front: "best" (the first objective's), or "macs=30M" (the nearest), also
            "params=..." and "latency_ms=...".
        inherit: Start from the supernet's weights rather than from random ones.
        training: Fields of `TrainingSettings`.
    """

    architecture: str | None = None
    choose: str = "best"
    inherit: bool = True
    training: Training = {"steps": 2000, "average": 0.99}


class TuningPart(Part):
    """The tracker's hyper-parameters.

    Attributes:
        trials: Sets to try.
    """

    trials: int = Field(default=60, ge=1)


class TablePart(Part):
    """A tabular benchmark.

    Attributes:
        measurements: What is measured of every architecture: scores and costs.
        largest: Most paths of a space that is measured completely.
        sample: Measure so many random paths only; None measures all.
        workers: Processes, each with one torch thread.
    """

    measurements: tuple[str, ...] = ("ao", "overlap", "loss", "macs", "params")
    largest: int = Field(default=10_000, ge=1)
    sample: int | None = Field(default=None, ge=2)
    workers: int = Field(default=2, ge=1, le=256)


class RankedStrategy(Part):
    """A way to train a supernet whose ranking is looked at.

    Attributes:
        strategy: A one-shot strategy: its name, or a mapping of `name` and settings.
        label: What it is called in tables, figures and folders; None takes the name.
        training: Fields of `TrainingSettings` to set otherwise than `supernet.training` does.
    """

    strategy: Named = "spos"
    label: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$")
    training: Training = {}

    @property
    def name(self) -> str:
        """The label, or the strategy's name."""
        named = self.strategy if isinstance(self.strategy, str) else self.strategy.get("name")
        return self.label or str(named)


class RankingPart(Part):
    """How well supernets rank networks, against training each alone.

    Attributes:
        strategies: One-shot strategies, by name or as `RankedStrategy`; each trains a supernet of its own with
            `supernet.training`. A step of strict fairness trains several paths: give it fewer for equal work.
        architectures: Networks that are trained alone, spread over MACs.
        training: Fields of `TrainingSettings`: one network's budget, from random weights.
        seeds: Trainings alone of each network; their agreement, of two or more, is the ceiling of what can be asked of
            a supernet.
        measurements: The scores to rank by, on the validation sequences: overlap, loss, ao.
        resamples: Of the bootstrap.
        workers: Processes that train at the same time, with `threads` torch threads each, or one.
    """

    strategies: tuple[RankedStrategy, ...] = Field(default=(RankedStrategy(),), min_length=1)
    architectures: int = Field(default=20, ge=4)
    training: Training = {"steps": 1000, "average": 0.99}
    seeds: int = Field(default=2, ge=1)
    measurements: tuple[Literal["overlap", "loss", "ao"], ...] = Field(default=("overlap",), min_length=1)
    resamples: int = Field(default=2000, ge=100, le=100_000)
    workers: int = Field(default=2, ge=1, le=256)

    @field_validator("strategies", mode="before")
    @classmethod
    def _names(cls, content: Any) -> Any:
        """A name alone stands for a strategy as it is."""
        if not isinstance(content, list | tuple):
            return content
        return [{"strategy": entry} if isinstance(entry, str) else entry for entry in content]

    @field_validator("strategies")
    @classmethod
    def _told_apart(cls, strategies: tuple[RankedStrategy, ...]) -> tuple[RankedStrategy, ...]:
        names = [ranked.name for ranked in strategies]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two are called '{name}'; give each a label of its own")
        return strategies


class Config(Part):
    """Everything that the commands of the chain need; each reads its part.

    Attributes:
        space: A preset's name or a YAML file.
        output: Folder of the run; every command works in a folder of its own inside.
        seed: Of all that is random.
        device: "cpu" or "cuda", for training, scoring and tuning; of several GPUs CUDA_VISIBLE_DEVICES chooses.
        threads: Torch threads; None: torch's own number.
        data: Training pairs.
        validation: Sequences on which candidates are scored and hyper-parameters are tuned. Never the test sequences.
        pretraining: The backbone's training on images; None starts the supernet from random weights.
        supernet: The supernet's training.
        search: The evolution.
        retrain: The chosen architecture's training.
        tuning: The tracker's hyper-parameters.
        table: What `build-table` measures.
        ranking: How well supernets rank networks.
    """

    space: str = "lighttrack-tiny"
    output: str = "runs/search"
    seed: int = Field(default=0, ge=0)
    device: Literal["cpu", "cuda"] = "cpu"
    threads: int | None = Field(default=None, ge=1, le=256)
    data: Data = Data()
    validation: Videos = Videos(path="generated-val-v1")
    pretraining: Pretraining | None = None
    supernet: SupernetPart = SupernetPart()
    search: SearchPart = SearchPart()
    retrain: RetrainPart = RetrainPart()
    tuning: TuningPart = TuningPart()
    table: TablePart = TablePart()
    ranking: RankingPart = RankingPart()

    def folder(self, step: str) -> Path:
        """Where a step of the chain works.

        Args:
            step: pretraining, supernet, search, retrain, tuning, table, ranking, or generated for videos.
        """
        return Path(self.output) / step

    def training(self, part: Mapping[str, Any], where: str) -> TrainingSettings:
        """A part's training settings; seed and device are the configuration's unless given.

        Raises:
            InputError: Unknown field or impossible value.
        """
        accelerator = "cpu" if self.device == "cpu" else "gpu"
        given = {"seed": self.seed, "accelerator": accelerator} | dict(part)
        return checked(TrainingSettings, given, where)


def _named(strategy: Named, where: str) -> tuple[str, dict[str, Any]]:
    """A strategy's name and settings."""
    settings = dict(strategy) if isinstance(strategy, dict) else {"name": strategy}
    name = settings.pop("name", None)
    if not isinstance(name, str):
        raise InputError(f"{where}: expected a name, or a mapping with a name, got {strategy!r}")
    return name, settings


def checked(model: type[Any], content: object, where: str) -> Any:
    """Build a typed value from what a person wrote.

    Raises:
        InputError: Unknown key, missing key or impossible value; it says at which key.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{where}: {describe_mistakes(error, model)}") from None
