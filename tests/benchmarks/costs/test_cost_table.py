"""The cost table: sums of parts against the count of the whole network."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lighttrack_nas.benchmarks.costs import macs_counting as counting
from lighttrack_nas.benchmarks.costs.cost_parts import COLUMNS
from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.costs.network_costs import measure_costs
from lighttrack_nas.search_spaces.base.labels import OUTPUT
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError

TABLES = {name: CostTable(load_space(name)) for name in ("lighttrack-tiny", "lighttrack", "lighttrack-12")}
TINY = TABLES["lighttrack-tiny"]


def samples(space: Space, count: int, seed: int = 0) -> list[Architecture]:
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(count)]


def every_architecture(space: Space) -> np.ndarray:
    """All label combinations as numbers of candidates."""
    return np.array(list(product(*(range(len(values)) for values in space.labels.values()))))


@pytest.mark.parametrize(
    ("name", "search_size", "count"),
    [
        ("lighttrack-tiny", None, 3),
        ("lighttrack-tiny", 101, 3),  # every map of another size than half of the one before
        pytest.param("lighttrack-12", 255, 2, marks=pytest.mark.slow),
    ],
)
def test_sums_are_the_count_to_the_last_unit(name: str, search_size: int | None, count: int) -> None:
    table = CostTable(load_space(name), search_size)
    for architecture in samples(table.space, count):
        counted = measure_costs(architecture, search_size)
        assert table.measure(architecture) == counted
        costs = table.costs(architecture)
        assert costs == {name: getattr(counted, name) for name in COLUMNS}
        assert all(type(value) is int for value in costs.values())


def covering(table: CostTable) -> list[Architecture]:
    """Networks that together meet every candidate of every place's table, under everything that it depends on there."""
    space, rng = table.space, np.random.default_rng(1)
    labels = list(space.labels)
    places = [([labels.index(label) for label in place.labels], place.costs.shape[:-1]) for place in table.places]
    counts = [len(values) for values in space.labels.values()]
    left = {(place, at) for place, (_, shape) in enumerate(places) for at in np.ndindex(shape)}
    chosen = []
    while left:
        # The first that is left, and around it the best of a few draws.
        place, at = min(left)
        drawn = rng.integers(counts, size=(100, len(counts)))
        drawn[:, places[place][0]] = at
        met = [{(i, tuple(row[axes].tolist())) for i, (axes, _) in enumerate(places)} for row in drawn]
        best = max(range(len(met)), key=lambda row: len(met[row] & left))
        left -= met[best]
        chosen.append(
            space.architecture({label: space.labels[label][i] for label, i in zip(labels, drawn[best], strict=True)})
        )
    return chosen


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "search_sizes"), [("lighttrack-tiny", (128, 160, 111, 64)), ("lighttrack", (255, 127))]
)
def test_sums_are_the_count(name: str, search_sizes: tuple[int, ...]) -> None:
    """Whole records that meet every number of the tables: both branches, every part, operators that are not counted."""
    tables = [CostTable(load_space(name), size) for size in search_sizes]
    for index, architecture in enumerate(covering(tables[0])):
        table = tables[index % len(tables)]
        assert table.measure(architecture) == measure_costs(architecture, table.search_size), architecture


@pytest.mark.parametrize("name", ["lighttrack-tiny", pytest.param("lighttrack-12", marks=pytest.mark.slow)])
def test_networks_of_every_output_cost_what_is_counted(name: str) -> None:
    """Strides, channels and kernels differ between the outputs."""
    table = TABLES[name]
    choices = dict(samples(table.space, 1)[0].choices)
    for output in table.space.candidates[OUTPUT]:
        architecture = table.space.architecture({**choices, OUTPUT: output})
        assert table.measure(architecture) == measure_costs(architecture), output


@pytest.mark.slow
def test_space_with_few_choices(few: Space, fixed: Space) -> None:
    table = CostTable(few)
    for architecture in samples(few, 8):
        assert table.measure(architecture) == measure_costs(architecture), architecture
    (only,) = samples(fixed, 1)
    table = CostTable(fixed)
    assert table.measure(only) == measure_costs(only)
    assert table.bulk([only, only])["macs"].tolist() == [table.costs(only)["macs"]] * 2
    assert table.extremes("macs") == (only, only)


@pytest.mark.slow
def test_the_published_network_costs_what_the_paper_says(mobile_code: str) -> None:
    table = TABLES["lighttrack"]
    costs = table.costs(table.space.decode(mobile_code))
    assert costs["params"] == 1_969_397
    assert round(costs["macs"] / 1e6, 2) == 530.41
    assert round(costs["macs_template"] / 1e6, 2) == 87.34


def test_uncounted_operators_are_listed(few: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that we use are known or free; as if none were free, each stands in the list with its number."""
    monkeypatch.setattr(counting, "_FREE", frozenset())
    monkeypatch.setenv("LIGHTTRACK_NAS_CACHE", "off")
    table = CostTable(few)
    for architecture in samples(few, 6):
        measured = table.measure(architecture)
        assert measured == measure_costs(architecture)
        assert {"aten::silu_", "aten::exp", "aten::sigmoid"} <= measured.uncounted.keys()


def test_the_same_network_costs_the_same() -> None:
    for architecture in samples(TINY.space, 50):
        assert TINY.costs(architecture) == TINY.costs(architecture.canonical()) == TINY.costs(architecture.path())


def test_bulk_is_each_one() -> None:
    drawn = samples(TINY.space, 300)
    bulk = TINY.bulk(drawn)
    one_by_one = [TINY.costs(architecture) for architecture in drawn]
    for column, values in bulk.items():
        assert values.dtype == np.int64
        assert values.tolist() == [costs[column] for costs in one_by_one]
    assert TINY.bulk(iter(drawn[:3]))["macs"].tolist() == bulk["macs"][:3].tolist()
    assert {column: values.shape for column, values in TINY.bulk([]).items()} == dict.fromkeys(COLUMNS, (0,))


@given(st.data())
def test_indices_are_the_candidates(data: st.DataObject) -> None:
    labels = TINY.space.labels
    numbers = [data.draw(st.integers(0, len(values) - 1)) for values in labels.values()]
    architecture = TINY.space.architecture(
        {label: values[number] for (label, values), number in zip(labels.items(), numbers, strict=True)}
    )
    assert TINY.indices([architecture]).tolist() == [numbers]
    found = TINY.bulk_indices(np.array([numbers], np.int8))
    assert {column: int(values[0]) for column, values in found.items()} == TINY.costs(architecture)


@pytest.mark.parametrize(
    ("indices", "said"),
    [
        (np.zeros(17, int), "integers of shape"),
        (np.zeros((2, 3), int), r"shape \(N, 17\) expected"),
        (np.zeros((2, 17)), "float64"),
        (np.zeros((2, 17), int) - 1, "row 0, label 'stage1-block0': 0 to 5 expected, got -1"),
        (np.eye(17, dtype=int)[6:] * 4, "row 0, label 'output': 0 to 3 expected, got 4"),
    ],
)
def test_impossible_indices_are_refused(indices: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        TINY.bulk_indices(indices)


@pytest.mark.parametrize("column", COLUMNS)
def test_extremes_are_those_of_all_architectures(few: Space, column: str) -> None:
    table = CostTable(few)
    numbers = every_architecture(few)
    assert len(numbers) == few.size.labels == 512
    every = table.bulk_indices(numbers)[column]
    ends = table.extremes(column)
    assert [table.costs(end)[column] for end in ends] == [every.min(), every.max()]


@pytest.mark.slow
def test_nothing_lies_beyond_the_extremes() -> None:
    table = TABLES["lighttrack-12"]
    counts = [len(values) for values in table.space.labels.values()]
    drawn = table.bulk_indices(np.random.default_rng(0).integers(counts, size=(20_000, len(counts))))
    for column in COLUMNS:
        ends = table.extremes(column)
        low, high = (table.costs(end)[column] for end in ends)
        assert low <= drawn[column].min() < drawn[column].max() <= high
        # A step from an end in any one choice leads inwards.
        for end, sign in zip(ends, (1, -1), strict=True):
            for label, values in table.space.labels.items():
                for value in values:
                    neighbour = table.space.architecture({**end.choices, label: value})
                    assert sign * (table.costs(neighbour)[column] - table.costs(end)[column]) >= 0


def test_unknown_extremes_are_refused() -> None:
    with pytest.raises(InputError, match="unknown cost 'mac'; did you mean 'macs'"):
        TINY.extremes("mac")


def test_another_space_is_refused() -> None:
    table, foreign = TABLES["lighttrack"], samples(load_space("lighttrack-12"), 1)[0]
    for ask in (table.costs, table.measure, lambda architecture: table.bulk([architecture])):
        with pytest.raises(InputError, match="lighttrack-12"):
            ask(foreign)


@pytest.mark.parametrize("size", [15, 2049, 0, -256, 256.0, True, "256"])
def test_impossible_search_sizes_are_refused(size: Any) -> None:
    with pytest.raises(InputError, match="16 to 2048"):
        CostTable(TINY.space, size)
    with pytest.raises(InputError, match="16 to 2048"):
        measure_costs(samples(TINY.space, 1)[0], size)


def test_progress_reaches_its_end(few: Space) -> None:
    told: list[str] = []
    table = CostTable(few)
    table.build(lambda amount, where: told.extend([where] * amount))
    assert len(told) == table.steps
    assert all(told)


def test_counting_leaves_torchs_generator_alone() -> None:
    before = torch.get_rng_state()
    CostTable(load_space("lighttrack-tiny")).build()
    assert torch.equal(torch.get_rng_state(), before)
