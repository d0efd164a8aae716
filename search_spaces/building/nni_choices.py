"""NNI's choices as labels with candidates: which can be searched, and what each candidate is called."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from lighttrack_nas.trackers.base.parsing import short

Refuse = Callable[[str], NoReturn]

# What study parameters, tables and pages show as it is.
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:-]{0,99}")
_NAME = re.compile(r"[A-Za-z0-9+-][A-Za-z0-9_./:+(), -]{0,99}")


@dataclass(frozen=True)
class NniChoice:
    """One of NNI's choices.

    Attributes:
        names: What the candidates are called here.
        values: What NNI's samples hold for them.
        listed: Whether a sample holds a list of one, as for an InputChoice.
    """

    names: tuple[str, ...]
    values: tuple[Any, ...]
    listed: bool

    def sampled(self, name: str) -> Any:
        """What NNI's sample holds for a candidate."""
        value = self.values[self.names.index(name)]
        return [value] if self.listed else value

    def name_of(self, sampled: Any) -> str:
        """The candidate for which NNI's sample holds this."""
        value = sampled[0] if self.listed and isinstance(sampled, list) else sampled
        return self.names[self.values.index(value)]


def read_choice(label: str, mutable: Any, refuse: Refuse) -> NniChoice:
    """Read a choice of NNI's.

    Args:
        label: Its label.
        mutable: A leaf of `simplify()`.
        refuse: Raises what is wrong with it.

    Raises:
        InputError: Through `refuse`: it is not one of several candidates, or its label or a candidate's name has
            characters that studies and tables cannot keep.
    """
    from lighttrack_nas.search_spaces.building.nni_adapter import Categorical, CategoricalMultiple

    if not _LABEL.fullmatch(label):
        refuse(
            f"has the label {short(label)}: expected letters, digits and _./:-, 100 at most, the first a letter or "
            "digit"
        )
    if isinstance(mutable, CategoricalMultiple):
        if mutable.n_chosen != 1:
            refuse(
                f"has an InputChoice '{label}' that takes {mutable.n_chosen or 'any number'} of "
                f"{len(mutable.values)}: only n_chosen=1 can be searched here; one choice an input says the same"
            )
    elif not isinstance(mutable, Categorical):
        refuse(
            f"has '{label}', a {type(mutable).__name__}: only choices among candidates can be searched, such as "
            "LayerChoice, InputChoice and nni.choice"
        )
    values = tuple(mutable.values)
    names = _names(values)
    for name in names:
        if not _NAME.fullmatch(name):
            refuse(
                f"has at '{label}' the candidate {short(name)}: expected letters, digits, spaces and _./:+(),- in its "
                "name, 100 at most"
            )
    return NniChoice(names, values, isinstance(mutable, CategoricalMultiple))


def _names(values: tuple[Any, ...]) -> tuple[str, ...]:
    """Values as text where that tells them apart, else their numbers."""
    texts = tuple(map(str, values))
    plain = all(isinstance(value, str | int | float | bool) for value in values)
    return texts if plain and len(set(texts)) == len(texts) else tuple(map(str, range(len(values))))
