"""What differs between two spaces, or between two architectures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from lighttrack_nas.places.place_costs import place_costs, span_text, whole_costs
from lighttrack_nas.places.shown_places import other_choices
from lighttrack_nas.search_spaces.base.labels import CORRELATION
from lighttrack_nas.search_spaces.description.space_parts import BRANCHES
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError

ABSENT = "-"
_SEVERAL = {"channels": "widths", "blocks": "depths", "template_size": "template_sizes"}
"""Keys of a stage and of a space by which they say one number, with those of the numbers to choose from."""
_APART = ("name", "summary", "operations", "stages", "outputs", "towers")


class Difference(NamedTuple):
    """One line of a comparison.

    Attributes:
        name: What is compared: a key of the description such as "stages.stage1.channels", a label, or a measurement.
        first: As text; "-" where the first has none.
        second: Of the second.
    """

    name: str
    first: str
    second: str


def differences(
    first: Space | Architecture, second: Space | Architecture, *, costs: bool = False, everything: bool = False
) -> list[Difference]:
    """Compare two spaces, or two architectures, which may be of different spaces.

    Spaces are compared by their descriptions as built (`extends` and short forms written out), the candidates of every
    choice, the outputs and the sizes; architectures by the value at every place, "-" where their networks have none.

    Args:
        first: A space or an architecture.
        second: The same kind of thing.
        costs: Also compare MACs (of a tracked frame, at each space's smaller search size) and parameters: of an
            architecture its own; of a space the range over all networks and over the candidates of every place.
        everything: Also give what is the same.

    Raises:
        InputError: A space against an architecture.
    """
    if isinstance(first, Space) and isinstance(second, Space):
        described = [_of_space(space, costs) for space in (first, second)]
    elif isinstance(first, Architecture) and isinstance(second, Architecture):
        declared = first.space.is_declared and second.space.is_declared
        told = _redefined(first.space, second.space) if declared else set()
        described = [_of_architecture(architecture, costs, told) for architecture in (first, second)]
    else:
        raise InputError("a space cannot be compared with an architecture: give two spaces, or two architectures")
    one, other = described
    rows = [
        Difference(name, one.get(name, ABSENT), other.get(name, ABSENT)) for name in _merged(list(one), list(other))
    ]
    return [row for row in rows if everything or row.first != row.second]


def _of_space(space: Space, costs: bool) -> dict[str, str]:
    description = space.description
    content = {"correlation": list(description.correlation)} | description.model_dump(mode="json")
    texts = dict(_flat({key: value for key, value in _with_lists(content).items() if key not in _APART}))
    for stage in content["stages"]:
        name = stage.pop("name")
        texts |= _flat(_with_lists(stage), f"stages.{name}")
    for stage, exits in groupby(description.exits, key=lambda exit_: exit_.stage):
        texts[f"outputs.{stage}"] = " ".join(exit_.name.removeprefix(f"{stage}-") for exit_ in exits)
    texts["towers"] = " ".join(description.towers.sharing)
    for branch in BRANCHES:
        tower, layers = content["towers"][branch], space.tower(branch).candidates
        texts |= _flat({key: value for key, value in tower.items() if key != "layers"}, f"towers.{branch}")
        texts |= {f"towers.{branch}.layer{index}": " ".join(names) for index, names in enumerate(layers)}
    texts |= {f"operations.{name}": _operation(space, name) for name in description.operations}
    texts |= {f"choices.{label}": " ".join(values) for label, values in other_choices(space).items()}
    texts.pop(f"choices.{CORRELATION}", None)  # it stands at the top
    texts["label combinations"] = f"{space.size.labels:,}"
    texts["distinct networks"] = f"{space.size.networks:,}"
    return texts | (_space_costs(space) if costs else {})


def _with_lists(content: Mapping[str, Any]) -> dict[str, Any]:
    """A space's or a stage's content with every number that it may have under the key of one."""
    return {
        key: content.get(_SEVERAL.get(key, "")) or value
        for key, value in content.items()
        if key not in _SEVERAL.values()
    }


def _space_costs(space: Space) -> dict[str, str]:
    from lighttrack_nas.costing.cost_analysis import load_cost_table

    table = load_cost_table(space)
    texts = {f"{name} (M)": span_text(span, 1e6) for name, span in whole_costs(table).items()}
    for place in place_costs(table):
        texts[f"{place.name} macs (M)"] = span_text(place.macs, 1e6)
        texts[f"{place.name} params (K)"] = span_text(place.params, 1e3)
    return texts


def _of_architecture(architecture: Architecture, costs: bool, told: set[str]) -> dict[str, str]:
    space = architecture.space
    dead = space.dead_labels(architecture)
    texts = {"space": f"{space.name} ({space.hash})"}
    for label, value in space.chosen(architecture).items():
        known = f"{value}: {_operation(space, value)}" if value in told else value
        texts[label] = ABSENT if label in dead else known
    if costs:
        from lighttrack_nas.benchmarks.costs.network_costs import measure_costs

        measured = measure_costs(architecture)
        texts |= {"macs": f"{measured.macs:,}", "params": f"{measured.params:,}"}
    return texts


def _redefined(first: Space, second: Space) -> set[str]:
    """Operations that mean one thing in one space and another in the other."""
    one, other = first.description.operations, second.description.operations
    return {name for name in one.keys() & other.keys() if one[name] != other[name]}


def _operation(space: Space, name: str) -> str:
    content = space.description.operations[name].model_dump(mode="json")
    return " ".join([str(content.pop("kind")), *(f"{key} {_text(value)}" for key, value in content.items())])


def _flat(content: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, str]]:
    """A description's keys and values, nested ones joined by dots; lists stand as one text, items of mappings apart."""
    for key, value in content.items():
        name = f"{where}.{key}" if where else str(key)
        if isinstance(value, Mapping):
            yield from _flat(value, name)
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            yield from _flat({str(number): item for number, item in enumerate(value)}, name)
        else:
            yield name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return ABSENT if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _merged(first: list[str], second: list[str]) -> list[str]:
    """Every name once, each list in its own order: what the second alone has stands behind what precedes it there."""
    merged, place = list(first), 0
    for name in second:
        if name in merged:
            place = merged.index(name) + 1
        else:
            merged.insert(place, name)
            place += 1
    return merged
