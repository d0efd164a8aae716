"""The parts of a configuration that say how architectures are searched, and how a supernet's ranking is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from lighttrack_nas.config.config_parts import ConfigPart, Named, Training
from lighttrack_nas.strategies.one_shot.training.training_settings import LARGEST_BATCH
from lighttrack_nas.strategies.search.goals.objectives import parse_constraints, parse_objectives

if TYPE_CHECKING:
    from lighttrack_nas.strategies.search.search_problem import SearchStrategy


class LatencyPart(ConfigPart):
    """Where "latency_ms" comes from, in a search that asks for it.

    Attributes:
        source: "table" predicts them in microseconds, from blocks that were timed once on this machine, so that
            architectures that break a limit are not evaluated at all; "measured" times every candidate, the least of
            30 frames, and one network in between, to say how noisy that is. Spaces of which no table can be made, NNI's
            and those of fewer than 100 networks, are measured unless this is set. Either way the front is measured
            again at the end.
        runtime: torch, torch-compiled, torch-export, onnxruntime, opencv, openvino or ncnn.
        threads: On the CPU.
        precision: "float32", or "float16" and "bfloat16" where the runtime offers them.
        device: "cpu", or what the runtime calls its accelerator; None takes the configuration's.
        table: A file of `lighttrack-nas latency-table --output`; None takes this machine's own, which is built where
            there is none yet.
    """

    source: Literal["table", "measured"] = "table"
    runtime: str = "torch"
    threads: int = Field(default=1, ge=1, le=256)
    precision: str = "float32"
    device: str | None = None
    table: str | None = None


class SearchPart(ConfigPart):
    """The search of architectures.

    Attributes:
        name: Of one of several searches on one supernet, beside each other in the run's folder: it works in
            search-NAME, and what is made of its networks in retrain-NAME, tuning-NAME. None works in search.
        strategy: By its name, such as "nsga2", or {name: nsga2, mutation_probability: 0.1}; its
            seed is the configuration's unless given.
        objectives: Such as "maximize ao", "minimize macs", "minimize latency_ms"; of tracks also sr50, sr75,
            success_auc, precision and normalised_precision, and "score".
        score: Weights of a sum of scores, which is then the measurement "score": LightTrack's fitness is
            {ao: 0.5, sr50: 0.5}.
        constraints: Such as "macs <= 600M", or a set: Mobile, LargeA, LargeB.
        trials: Evaluated architectures in all.
        workers: Processes that evaluate at once; the same command elsewhere, on the same storage, adds to them.
        population: Of strategies that have one, unless their settings say otherwise.
        enqueue: Architectures to try first: official codes or JSON files.
        enqueue_from_distribution: So many architectures to try after these: the most likely of the distribution that a
            differentiable one-shot strategy has learnt beside the supernet, then samples of it.
        enqueue_predicted: So many architectures to try after these: spread evenly along the exact front that the table
            of places beside the supernet predicts, and within `constraints` on costs; `train-supernet` with strategy
            blockwise leaves the table.
        storage: Any Optuna storage's URL, such as postgresql://me@host/name; None: a journal in the run's folder.
        calibration_batches: Batches for BatchNorm statistics.
        calibrate_on: Kinds of `data.sources` from which these batches come (LightTrack's come from GOT-10k alone);
            empty takes all.
        batch_size: Pairs a batch.
        quick_pairs: Pairs for "overlap" and "loss".
        latency: Where "latency_ms" comes from.
        hyper_parameters: The tracker's while candidates are scored, and of the retrained network until it is tuned.
    """

    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    strategy: Named = "nsga2"
    objectives: tuple[str, ...] = ("maximize ao", "minimize macs")
    score: dict[str, float] = {}
    constraints: tuple[str, ...] = ()
    trials: int = Field(default=200, ge=1)
    workers: int = Field(default=1, ge=1, le=256)
    population: int = Field(default=48, ge=2)
    enqueue: tuple[str, ...] = ()
    enqueue_from_distribution: int = Field(default=0, ge=0)
    enqueue_predicted: int = Field(default=0, ge=0)
    storage: str | None = None
    calibration_batches: int = Field(default=10, ge=1)
    calibrate_on: tuple[str, ...] = ()
    batch_size: int = Field(default=32, ge=1, le=LARGEST_BATCH)
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
    def wanted(self) -> frozenset[str]:
        """The measurements that objectives and constraints ask for.

        Raises:
            InputError: One of them is malformed.
        """
        goals, limits = parse_objectives(self.objectives), parse_constraints(self.constraints)
        return frozenset(goal.name for goal in goals) | frozenset(limit.name for limit in limits)

    @property
    def wants_latency(self) -> bool:
        """Whether latency is an objective or a constraint."""
        return "latency_ms" in self.wanted

    def search_strategy(self, seed: int) -> SearchStrategy:
        """Make the strategy.

        Args:
            seed: Of the strategy, unless its settings give one.

        Raises:
            InputError: No such strategy or setting, an impossible value, or fewer trials than a population needs.
        """
        from lighttrack_nas.strategies.search.search_problem import require_budget
        from lighttrack_nas.strategies.search.search_registry import named_strategy

        made = named_strategy(self.strategy, where="search.strategy", seed=seed, population_size=self.population)
        require_budget(made, self.trials)
        return made


class PredictorPart(ConfigPart):
    """What predicts whole networks from the table of places, and is fitted to some that are measured.

    Attributes:
        networks: How many are measured with the supernet's weights: half of them uniform over MACs, half over choices.
        measurement: What is measured and predicted: "overlap" on fixed pairs, which is quick, or "ao" of whole tracks.
    """

    networks: int = Field(default=30, ge=10, le=1000)
    measurement: Literal["overlap", "ao"] = "overlap"


class RankedStrategy(ConfigPart):
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


class RankingPart(ConfigPart):
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
