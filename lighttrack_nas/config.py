"""One typed configuration for the whole chain: data, supernet, search, retraining, tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lighttrack_nas.search_spaces.loading import describe_mistakes
from lighttrack_nas.strategies.one_shot.settings import TrainingSettings
from lighttrack_nas.strategies.search.objectives import Constraint, parse_constraints, parse_objectives
from lighttrack_nas.trackers.errors import InputError
from lighttrack_nas.trackers.generator.sets import GENERATED_SETS
from lighttrack_nas.trackers.hyper_parameters import load_hyper_parameters
from lighttrack_nas.trackers.names import checked_name
from lighttrack_nas.trackers.parsing import parse_yaml, read_text, short
from lighttrack_nas.trackers.runtimes.program import Options, checked_runtime

Weight = Annotated[float, Field(gt=0)]
Training = dict[str, Any]
"""Fields of `TrainingSettings`; the seed is the configuration's unless given."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Videos(_Part):
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


class GeneratedSource(_Part):
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


class StillsSource(_Part):
    """Pairs from still images with boxes, in COCO's format.

    Attributes:
        path: The annotation file, or a folder with ``annotations.json``.
        weight: Share of the mixture.
    """

    kind: Literal["stills"]
    path: str
    weight: Weight = 1.0


Source = Annotated[GeneratedSource | SequencesSource | StillsSource, Field(discriminator="kind")]


class Data(_Part):
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


class Pretraining(_Part):
    """The backbone's training on images.

    Attributes:
        images: A folder with one folder of images a class.
        image_size: Side of the crops, pixels.
        training: Fields of `TrainingSettings`.
    """

    images: str
    image_size: int = Field(default=128, ge=16, le=1024)
    training: Training = {"steps": 1000, "batch_size": 32}


class SupernetPart(_Part):
    """The supernet's training.

    Attributes:
        training: Fields of `TrainingSettings`.
    """

    training: Training = {"steps": 2000}


class LatencyPart(_Part):
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


class SearchPart(_Part):
    """The evolution.

    Attributes:
        objectives: Such as "maximize ao", "minimize macs", "minimize latency_ms".
        constraints: Such as "macs <= 600M", or a set: Mobile, LargeA, LargeB.
        trials: Evaluated architectures in all.
        population: Of NSGA-II.
        enqueue: Architectures to try first: official codes or JSON files.
        storage: Any Optuna storage's URL; None keeps a journal in the run's folder.
        calibration_batches: Batches for BatchNorm statistics.
        batch_size: Pairs a batch.
        quick_pairs: Pairs for the objective "loss".
        latency: Where "latency_ms" comes from.
        hyper_parameters: The tracker's while candidates are scored, and of the retrained network until it is tuned.
    """

    objectives: tuple[str, ...] = ("maximize ao", "minimize macs")
    constraints: tuple[str, ...] = ()
    trials: int = Field(default=200, ge=1)
    population: int = Field(default=48, ge=2)
    enqueue: tuple[str, ...] = ()
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


class RetrainPart(_Part):
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


class TuningPart(_Part):
    """The tracker's hyper-parameters.

    Attributes:
        trials: Sets to try.
    """

    trials: int = Field(default=60, ge=1)


class Config(_Part):
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

    def folder(self, step: str) -> Path:
        """Where a step of the chain works: "pretraining", "supernet", "search", "retrain", "tuning", "generated"."""
        return Path(self.output) / step

    def training(self, part: Mapping[str, Any], where: str) -> TrainingSettings:
        """A part's training settings; seed and device are the configuration's unless given.

        Raises:
            InputError: Unknown field or impossible value.
        """
        accelerator = "cpu" if self.device == "cpu" else "gpu"
        given = {"seed": self.seed, "accelerator": accelerator} | dict(part)
        return checked(TrainingSettings, given, where)


def checked(model: type[Any], content: object, where: str) -> Any:
    """Build a typed value from what a person wrote.

    Raises:
        InputError: Unknown key, missing key or impossible value; it says at which key.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{where}: {describe_mistakes(error, model)}") from None


def load_config(path: str | Path | None, overrides: Sequence[str] = ()) -> Config:
    """Read a configuration file, and set single values otherwise.

    Args:
        path: A YAML file; None starts from the defaults.
        overrides: Such as "supernet.training.steps=500" or "search.constraints=[macs<=40M]": a path of keys, and a
            value as YAML.

    Raises:
        InputError: Unreadable file, unknown key, or impossible value; it says where.
    """
    where = "configuration" if path is None else f"configuration '{path}'"
    content: Any = {} if path is None else parse_yaml(read_text(Path(path), "configuration"), where) or {}
    if not isinstance(content, dict):
        raise InputError(f"{where}: expected a mapping of keys such as space, data, search; got {short(content)}")
    for override in overrides:
        _set(content, override)
    space = content.get("space")
    if path is not None and isinstance(space, str) and space.endswith((".yaml", ".yml")):
        # A space beside the configuration is found wherever the command is called from.
        content["space"] = str(Path(path).parent / space)
    config: Config = checked(Config, content, where)
    for name in ("supernet", "retrain", "pretraining"):
        part = getattr(config, name)
        if part is not None:
            config.training(part.training, f"{where}: {name}.training")
    _check_later_steps(config, where)
    return config


def _check_later_steps(config: Config, where: str) -> None:
    """Find now what would stop a step that comes after hours of training."""
    try:
        parse_objectives(config.search.objectives)
        parse_constraints(config.search.constraints)
        load_hyper_parameters(config.search.hyper_parameters)
        if config.search.wants_latency:
            part = config.search.latency
            Options(part.threads, precision=part.precision)
            checked_runtime(part.runtime, writing=True)
        if config.retrain.choose != "best":
            parse_point(config.retrain.choose)
        for videos in (config.validation, *(s for s in config.data.sources if isinstance(s, Videos))):
            if videos.path.startswith("generated-"):
                checked_name(videos.path, GENERATED_SETS, "generated set")
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def parse_point(text: str) -> Constraint:
    """Read which point of a front is meant: a measurement and the value to be near to, such as "macs=30M".

    Raises:
        InputError: Malformed, or no measurement.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"retrain.choose: expected 'best' or a measurement such as 'macs=30M', got '{text}'")
    return Constraint.parse(f"{name}<={value}")


def _set(content: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise InputError(f"'{override}': expected KEY=VALUE, such as supernet.training.steps=500")
    value = parse_yaml(text, f"the value of '{path.strip()}'")
    for number, key in enumerate(keys[:-1]):
        content = content.setdefault(key, {})
        if not isinstance(content, dict):
            raise InputError(f"'{override}': '{'.'.join(keys[: number + 1])}' is no mapping of keys")
    content[keys[-1]] = value
