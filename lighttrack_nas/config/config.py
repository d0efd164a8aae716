"""One typed configuration for the whole chain: data, supernet, search, retraining, tuning."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from lighttrack_nas.config.config_data import Data
from lighttrack_nas.config.config_parts import ConfigPart, Named, OutputFolder, Training
from lighttrack_nas.config.config_search import PredictorPart, RankingPart, SearchPart
from lighttrack_nas.config.config_training import Pretraining, training_settings
from lighttrack_nas.config.config_validation import Validation
from lighttrack_nas.strategies.one_shot.training.training_settings import LARGEST_SEED, TrainingSettings

if TYPE_CHECKING:
    from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotStrategy


class SupernetPart(ConfigPart):
    """The supernet's training.

    Attributes:
        strategy: By its name, such as "fair", or {name: sandwich, random_paths: 1}.
        path: A finished supernet of the same space, by its file or the folder of its training or of its chain, in place
            of one that this chain trains: many searches may share one. $NAME and ~ as below. None takes this chain's.
        training: Fields of `TrainingSettings`.
        start_from: A supernet of this or another space, by its file or the folder of its training: its weights are
            taken where places, operations and shapes match. $NAME takes an environment variable's value, and ~ is the
            home folder. None starts from random weights, or the pre-trained backbone. For `train-supernet`; rankings
            train without it.
        backbone: Weights of the network of torchvision or timm that the space's backbone is made of, under the names of
            its `state_dict`, as safetensors or .pth. $NAME and ~ as above. None starts from random ones. For
            `train-supernet`, likewise.
        teacher_architecture: Of the teacher that the chain trains itself where strategy blockwise names none: an
            official code, a JSON file or a model file. None takes the network of the most multiply-adds that keeps the
            limits of `search.constraints` on macs and params, at the space's last output.
        teacher_training: Fields of `TrainingSettings` for it.
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"path"})

    strategy: Named = "spos"
    path: str | None = None
    training: Training = {"steps": 2000}
    start_from: str | None = None
    backbone: str | None = None
    teacher_architecture: str | None = None
    teacher_training: Training = {"steps": 2000, "average": 0.99}

    def one_shot_strategy(self) -> OneShotStrategy:
        """Make the strategy.

        Raises:
            InputError: No such strategy or setting, or an impossible value.
        """
        from lighttrack_nas.strategies.one_shot.strategies.one_shot_registry import named_strategy

        return named_strategy(self.strategy, where="supernet.strategy")


class RetrainPart(ConfigPart):
    """The chosen architecture's own training.

    Attributes:
        architecture: An official code or a JSON file; None takes the front's, see `choose`.
        choose: Which point of the front: "best" (the first objective's), or "macs=30M" (the nearest), also
            "params=..." and "latency_ms=...".
        inherit: Start from the supernet's weights rather than from the teacher's, or without one from random ones.
        teacher: A network that it learns from: a model file, a model that ships, by its name, a folder of `export`, or
            a released checkpoint. $NAME takes an environment variable's value, and ~ is the home folder. None learns
            from labels alone; with one, sources without labels will do.
        code: Of a released checkpoint: its official code.
        teacher_weight: Factor on what the teacher's lessons cost.
        label_weight: Factor on what labels cost beside a teacher's lessons; 0 looks at none.
        pretraining: The chosen network's own training on images, by `pretrain-network`, from which its backbone starts;
            what else it is made of starts as `inherit` says. None: there is none.
        snapshots: How many states of the weights are kept of the last part of the training, evenly spaced, its end
            among them; the one of the best AO on the validation sequences is the result. 0 takes the end.
        snapshot_share: That last part, as a share of the training's steps.
        training: Fields of `TrainingSettings`.
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"pretraining", "snapshots", "snapshot_share"})

    architecture: str | None = None
    choose: str = "best"
    inherit: bool = True
    teacher: str | None = None
    code: str | None = None
    teacher_weight: float = Field(default=1.0, gt=0, le=100)
    label_weight: float = Field(default=1.0, ge=0, le=100)
    pretraining: Pretraining | None = None
    snapshots: int = Field(default=0, ge=0, le=1000)
    snapshot_share: float = Field(default=0.4, ge=0, le=1)
    training: Training = {"steps": 2000, "average": 0.99}


class TuningPart(ConfigPart):
    """The tracker's hyper-parameters.

    Attributes:
        trials: Sets to try.
    """

    trials: int = Field(default=60, ge=1)


class BenchmarkTablePart(ConfigPart):
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


_OF_A_SEARCH = ("search", "network-pretraining", "retrain", "tuning")
"""Steps that each search of a run folder has for itself."""


class Config(ConfigPart):
    """Everything that the commands of the chain need; each reads its part.

    Attributes:
        space: A preset's name, a YAML file, or a class of NNI's `ModelSpace` in a Python file, FILE.py:CLASS.
        output: Folder of the run; every command works in a folder of its own inside.
        seed: Of all that is random, up to 2**63 - 1.
        device: "cpu" or "cuda", for training, scoring and tuning; of several GPUs CUDA_VISIBLE_DEVICES chooses.
        threads: Torch threads; None: torch's own number.
        data: Training pairs.
        validation: Sequences on which candidates are scored and hyper-parameters are tuned. Never the test sequences.
        pretraining: The backbone's training on images; None starts the supernet from random weights.
        supernet: The supernet's training.
        predictor: What predicts whole networks from the table of places.
        search: The evolution.
        retrain: The chosen architecture's training.
        tuning: The tracker's hyper-parameters.
        table: What `build-table` measures.
        ranking: How well supernets rank networks.
    """

    space: str = "lighttrack-tiny"
    output: OutputFolder = "runs/search"
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED)
    device: Literal["cpu", "cuda"] = "cpu"
    threads: int | None = Field(default=None, ge=1, le=256)
    data: Data = Data()
    validation: Validation = Validation(path="generated-val-v1")
    pretraining: Pretraining | None = None
    supernet: SupernetPart = SupernetPart()
    predictor: PredictorPart = PredictorPart()
    search: SearchPart = SearchPart()
    retrain: RetrainPart = RetrainPart()
    tuning: TuningPart = TuningPart()
    table: BenchmarkTablePart = BenchmarkTablePart()
    ranking: RankingPart = RankingPart()

    def folder(self, step: str) -> Path:
        """Where a step of the chain works.

        Args:
            step: pretraining, teacher, supernet, predictor, search, network-pretraining, retrain, tuning, table,
                ranking, or generated for videos, copies for reduced frames of the validation's. A search with a name
                has folders of its own from the search on, such as search-NAME.
        """
        named = self.search.name is not None and step in _OF_A_SEARCH
        return Path(self.output) / (f"{step}-{self.search.name}" if named else step)

    def training(self, part: Mapping[str, Any], where: str, epoch: int | None = None) -> TrainingSettings:
        """A part's training settings; seed and device are the configuration's unless given.

        Args:
            part: What is set.
            where: Its key.
            epoch: Samples of an epoch; None: the pairs of `data.epoch`.

        Raises:
            InputError: Unknown field or impossible value.
        """
        accelerator = "cpu" if self.device == "cpu" else "gpu"
        given = {"seed": self.seed, "accelerator": accelerator} | dict(part)
        return training_settings(given, where, self.data.epoch if epoch is None else epoch)
