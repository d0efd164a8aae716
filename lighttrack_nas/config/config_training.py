"""The parts of a configuration that say how networks are trained: steps or epochs, and backbones on images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from lighttrack_nas.config.config_parts import ConfigPart, Training, checked
from lighttrack_nas.strategies.one_shot.images.image_recipe import ImageRecipe
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.trackers.base.errors import InputError

Epochs = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
_IN_EPOCHS = {"epochs": "steps", "warmup_epochs": "warmup_steps", "schedule_epochs": "schedule_steps"}


class TrainingLengths(ConfigPart):
    """Lengths of a training in epochs, each in place of one in steps.

    Attributes:
        epochs: In place of `steps`.
        warmup_epochs: In place of `warmup_steps`.
        schedule_epochs: In place of `schedule_steps`.
    """

    epochs: Epochs | None = None
    warmup_epochs: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] | None = None
    schedule_epochs: Epochs | None = None


def training_settings(given: Mapping[str, Any], where: str, epoch: int) -> TrainingSettings:
    """Make settings of a training, whose lengths are given in steps or in epochs.

    Args:
        given: Fields of `TrainingSettings`, and of `TrainingLengths`.
        where: What to call them in an error message.
        epoch: Pairs, or images, of an epoch.

    Raises:
        InputError: Unknown field or impossible value, or a length that is given twice.
    """
    for name, steps in _IN_EPOCHS.items():
        if name in given and steps in given:
            raise InputError(f"{where}: {name} and {steps} say the same: give one of them")
    in_epochs = {name: given[name] for name in _IN_EPOCHS if name in given}
    rest = {name: value for name, value in given.items() if name not in _IN_EPOCHS}
    if not in_epochs:
        return _checked(rest, where)
    lengths = checked(TrainingLengths, in_epochs, where).model_dump(exclude_none=True)
    # What else is wrong is said before steps are reckoned with it.
    an_epoch = epoch / _checked({"steps": 1} | rest, where).samples_per_step
    reckoned = {_IN_EPOCHS[name]: round(epochs * an_epoch) for name, epochs in lengths.items()}
    if "steps" in reckoned:
        reckoned["steps"] = max(reckoned["steps"], 1)
    return _checked(rest | reckoned, where)


def set_otherwise(training: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a training with some set otherwise: a length in steps replaces the one in epochs, or the reverse."""
    pairs = [*_IN_EPOCHS.items(), *((steps, epochs) for epochs, steps in _IN_EPOCHS.items())]
    replaced = {old for new, old in pairs if new in changes}
    return {name: value for name, value in training.items() if name not in replaced} | dict(changes)


def _checked(given: Mapping[str, Any], where: str) -> TrainingSettings:
    settings: TrainingSettings = checked(TrainingSettings, dict(given), where)
    return settings


class Pretraining(ImageRecipe, ConfigPart):
    """A backbone's training on images.

    Attributes:
        images: A folder with one folder of images a class.
        held_out: Another of the same classes, of which the share of right answers is kept with the result; for
            `pretrain-network`.
        image_size: Side of the crops, pixels.
        training: Fields of `TrainingSettings`.
    """

    images: str
    held_out: str | None = None
    image_size: int = Field(default=128, ge=16, le=1024)
    training: Training = {"steps": 1000, "batch_size": 32}

    LATER: ClassVar[frozenset[str]] = ImageRecipe.LATER | {"held_out"}

    def recipe(self) -> ImageRecipe:
        """How images are changed, and what the classifier is like."""
        return ImageRecipe(**{name: getattr(self, name) for name in ImageRecipe.model_fields})
