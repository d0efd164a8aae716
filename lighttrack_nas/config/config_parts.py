"""What all configurations are made of: typed parts, checked with words for people."""

from __future__ import annotations

import os
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from lighttrack_nas.search_spaces.base.careful_models import CarefulModel
from lighttrack_nas.search_spaces.base.mistakes import describe_mistakes
from lighttrack_nas.search_spaces.base.parts import WithLaterKeys
from lighttrack_nas.trackers.base.errors import InputError

Training = dict[str, Any]
"""Fields of `TrainingSettings`, the seed is the configuration's unless given; lengths may be in epochs instead."""
Named = str | dict[str, Any]
"""A strategy: its name, or a mapping of `name` and settings."""


OutputFolder = Annotated[str, AfterValidator(os.path.expanduser)]
"""A folder for results; ``~`` is the home folder, which no shell puts there in a file."""
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""Share of a mixture, relative to the others'."""


class ConfigPart(CarefulModel, WithLaterKeys):
    """A part of a configuration: frozen, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def checked(model: type[Any], content: object, where: str) -> Any:
    """Build a typed value from what a person wrote.

    Raises:
        InputError: Unknown key, missing key or impossible value; it says at which key.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{where}: {describe_mistakes(error, model)}") from None
