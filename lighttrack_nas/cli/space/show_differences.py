"""`diff`: two spaces, or two architectures, side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lighttrack_nas.cli.shared.printing import print_json, print_table
from lighttrack_nas.drawings.differences import differences
from lighttrack_nas.models.architecture_files import find_architecture
from lighttrack_nas.models.shipped_models import SHIPPED, is_shipped
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.nni_spaces.nni_files import is_nni_source
from lighttrack_nas.search_spaces.presets import preset_names
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name

_LONGEST = 40  # of a title; a code's says nothing that the rows do not say


def show_differences(
    first: str, second: str, spaces: Sequence[str], everything: bool, costs: bool, as_json: bool
) -> None:
    """Show in what two spaces or two architectures differ.

    Args:
        first: A space or an architecture.
        second: The same kind of thing.
        spaces: Of architectures: none, one for both, or one each.
        everything: Also show what is the same.
        costs: Also compare what spaces cost; architectures' costs are always compared.
        as_json: Print JSON alone.
    """
    if len(spaces) > 2:
        raise InputError(
            f"--space was given {len(spaces)} times: expected once for both architectures, or once for each"
        )
    of = (spaces[0], spaces[-1]) if spaces else (None, None)
    one, other = _find(first, of[0]), _find(second, of[1])
    # A shipped model had the name of its space once; beside an architecture the model is meant.
    if isinstance(one, Space) and isinstance(other, Architecture) and is_shipped(first):
        one = find_architecture(first)
    if isinstance(other, Space) and isinstance(one, Architecture) and is_shipped(second):
        other = find_architecture(second)
    kinds = ["a space" if isinstance(compared, Space) else "an architecture" for compared in (one, other)]
    if kinds[0] != kinds[1]:
        raise InputError(f"'{first}' is {kinds[0]}, '{second}' {kinds[1]}: give two spaces, or two architectures")
    rows = differences(one, other, costs=costs or isinstance(one, Architecture), everything=everything)
    same = _same(one, other)
    if as_json:
        print_json({"first": first, "second": second, "same": same, "differences": [row._asdict() for row in rows]})
        return
    if rows:
        titles = (first, second) if max(len(first), len(second)) <= _LONGEST else ("first", "second")
        print_table(("", *titles), rows)
    if same:
        print("the same networks" if isinstance(one, Space) else "the same network")


def _find(source: str, space: str | None) -> Space | Architecture:
    """A space by a preset's name or a YAML file; anything else is an architecture."""
    if Path(source).suffix in (".yaml", ".yml") or is_nni_source(source):
        return load_space(source)
    if source not in SHIPPED and re.fullmatch(r"[A-Za-z0-9-]+", source):
        expected = "or give a YAML file, an official code, an architecture's JSON file, or a model file"
        return load_space(checked_name(source, preset_names(), "space or architecture", expected))
    return find_architecture(source, space)


def _same(one: Space | Architecture, other: Space | Architecture) -> bool:
    if isinstance(one, Space) or isinstance(other, Space):
        return one.hash == other.hash if isinstance(one, Space) and isinstance(other, Space) else False
    return one.canonical() == other.canonical()
