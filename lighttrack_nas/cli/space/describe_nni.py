"""`describe`, for spaces that NNI's classes say: labels and candidates, as nothing else is known of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lighttrack_nas.cli.shared.printing import print_json, print_table
from lighttrack_nas.search_spaces.space import Architecture

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.costs.network_costs import Costs
    from lighttrack_nas.search_spaces.space import Space


def describe_nni_space(space: Space, costs: bool, as_json: bool) -> None:
    """Print a space.

    Raises:
        InputError: Costs by place were asked for.
    """
    if costs:
        space.refuse(
            "is NNI's, of whose places nobody knows the costs: see `lighttrack-nas random` and `costs --sample N`, "
            "which count whole networks"
        )
    if as_json:
        size = {"labels": space.size.labels, "networks": space.size.networks}
        print_json(space.record() | {"name": space.name, "size": size})
        return
    searched = " or ".join(map(str, space.search_sizes))
    print(f"{space.name} ({space.hash}), a model space of NNI's")
    print(f"template {space.template_size}, search {searched} pixels\n")
    print_table(("label", "candidates"), [(label, ", ".join(names)) for label, names in space.labels.items()])
    print(f"\nlabel combinations: {space.size.labels:,} ({space.size.labels:.3g}): a value for every label")


def describe_nni_architecture(architecture: Architecture, measured: Costs | None, as_json: bool) -> None:
    """Print an architecture, with its costs where they were counted."""
    space = architecture.space
    costs = {} if measured is None else {"macs": measured.macs, "params": measured.params}
    if as_json:
        print_json(json.loads(architecture.to_json()) | costs)
        return
    print(f"architecture of {space.name} ({space.hash})\n")
    print_table(("label", "value"), list(architecture.choices.items()))
    if measured is not None:
        print(f"\n{measured.macs / 1e6:,.2f} M MACs a tracked frame, {measured.params:,} parameters")
