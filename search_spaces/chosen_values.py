"""Chosen values that are none of a space's: what to say of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short


def refuse_values(space: str, labels: Mapping[str, tuple[str, ...]], values: Any) -> NoReturn:
    """Say why these are not the values of an architecture.

    Args:
        space: The space's name.
        labels: Candidates by label.
        values: What was given.

    Raises:
        InputError: Always.
    """
    if not isinstance(values, tuple) or len(values) != len(labels):
        raise InputError(
            f"space '{space}': expected a tuple of {len(labels)} values, one for each label, got {short(values)}; "
            "space.architecture takes values by label, space.from_nni a sample of NNI's"
        )
    label, value = next(
        (label, value) for label, value in zip(labels, values, strict=True) if value not in labels[label]
    )
    raise InputError(
        f"space '{space}', label '{label}': {short(value)} is no candidate; known: {', '.join(labels[label])}"
    )


def value_of_number(space: str, label: str, candidates: tuple[str, ...], sampled: Any) -> str:
    """The candidate whose number NNI's sample holds, alone or in a list.

    Args:
        space: The space's name.
        label: Whose.
        candidates: The label's.
        sampled: What the sample holds.

    Raises:
        InputError: It is no candidate's number.
    """
    number = sampled[0] if isinstance(sampled, list) and len(sampled) == 1 else sampled
    if not isinstance(number, int | np.integer) or not 0 <= number < len(candidates):
        raise InputError(
            f"space '{space}', label '{label}': expected the number of a candidate, 0 to {len(candidates) - 1}, got "
            f"{short(sampled)}"
        )
    return candidates[number]
