"""The sampler that is uniform over MACs: against enumeration, and flat on the presets."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import chisquare

from lighttrack_nas.benchmarks.costs import macs_sampler
from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.costs.macs_sampler import MacsSampler
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError


def draw(sampler: MacsSampler, count: int, seed: int = 0) -> list:
    rng = np.random.default_rng(seed)
    return [sampler.sample(rng) for _ in range(count)]


# Bins of nearly every sum alone, and bins that many architectures share.
@pytest.mark.slow
@pytest.mark.parametrize("units", [300, 20_000])
def test_odds_of_every_architecture(few: Space, monkeypatch: pytest.MonkeyPatch, units: int) -> None:
    """Where nothing is rounded: a bin as likely as another, an architecture as likely as another of its bin."""
    monkeypatch.setattr(macs_sampler, "_UNITS", units)
    table = CostTable(few, 16)
    sampler = MacsSampler(table, bins=10_000)
    assert sampler.resolution == units
    assert sampler.tolerance == 0
    numbers = np.array(list(product(*(range(len(values)) for values in few.labels.values()))))
    macs = table.bulk_indices(numbers)["macs"]
    _, bins, members = np.unique((macs - macs.min()) // units, return_inverse=True, return_counts=True)
    odds = 1 / len(members) / members[bins]
    assert odds.sum() == pytest.approx(1)
    assert len(members) > 5
    assert members.max() > 1
    count = 8_000
    places = np.ravel_multi_index(table.indices(draw(sampler, count)).T, [len(v) for v in few.labels.values()])
    found = np.bincount(places, minlength=len(numbers))
    assert chisquare(found, odds * count).pvalue > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lighttrack-tiny", "lighttrack"])
def test_flat_over_macs(name: str) -> None:
    table = CostTable(load_space(name))
    sampler = MacsSampler(table)
    drawn = draw(sampler, 4_000)
    ends = [table.costs(end)["macs"] for end in table.extremes("macs")]
    found, _ = np.histogram(table.bulk(drawn)["macs"], 40, range=tuple(ends))
    assert found.sum() == len(drawn)
    assert chisquare(found).pvalue > 0.01
    assert sampler.tolerance < sampler.resolution / 2 < (ends[1] - ends[0]) / 1000


@pytest.mark.slow
def test_within_a_bin_as_the_space_samples() -> None:
    """One bin holds the whole space: the draws are those of `Space.sample`, also behind the output."""
    space = load_space("lighttrack-tiny")
    table = CostTable(space)
    numbers = table.indices(draw(MacsSampler(table, bins=1), 4_000))
    for column, values in enumerate(space.labels.values()):
        assert chisquare(np.bincount(numbers[:, column], minlength=len(values))).pvalue > 0.001


def test_the_same_seed_draws_the_same_networks() -> None:
    table = CostTable(load_space("lighttrack-tiny"))
    assert draw(MacsSampler(table), 20, seed=7) == draw(MacsSampler(table), 20, seed=7)
    assert draw(MacsSampler(table), 20, seed=7) != draw(MacsSampler(table), 20, seed=8)


def test_draws_are_architectures_of_the_space() -> None:
    space = load_space("lighttrack-tiny")
    for architecture in draw(MacsSampler(CostTable(space)), 50):
        assert space.architecture(architecture.choices) == architecture


def test_another_search_size_counts() -> None:
    space = load_space("lighttrack-tiny")
    small, large = (MacsSampler(CostTable(space, size)).resolution for size in (128, 160))
    assert small < large


def test_a_space_without_a_choice(fixed: Space) -> None:
    sampler = MacsSampler(CostTable(fixed))
    assert set(draw(sampler, 5)) == {fixed.architecture({})}


def test_a_spread_has_one_network_in_every_part_of_the_range() -> None:
    table = CostTable(load_space("lighttrack-tiny"))
    sampler = MacsSampler(table)
    spread = sampler.spread(20, np.random.default_rng(0))
    assert len({drawn.canonical() for drawn in spread}) == 20
    low, high = (table.costs(end)["macs"] for end in table.extremes("macs"))
    parts = (table.bulk(spread)["macs"] - low) * 20 / (high - low)
    # A network may lie beyond its part's ends by the sampler's tolerance, and the parts' ends are those of bins.
    reach = 20 * (sampler.resolution + sampler.tolerance) / (high - low)
    assert all(number - reach <= part <= number + 1 + reach for number, part in enumerate(parts))
    assert spread == sampler.spread(20, np.random.default_rng(0))
    assert spread != sampler.spread(20, np.random.default_rng(1))


@pytest.mark.slow
def test_a_spread_over_a_small_space_takes_what_there_is(few: Space, fixed: Space) -> None:
    """Empty parts are filled from the others, never with a network twice."""
    sampler = MacsSampler(CostTable(few, 16))
    networks = len(
        {
            few.architecture(dict(zip(few.labels, values, strict=True))).canonical()
            for values in product(*few.labels.values())
        }
    )
    spread = sampler.spread(networks, np.random.default_rng(0))
    assert len({drawn.canonical() for drawn in spread}) == networks
    assert all(drawn == drawn.path() for drawn in spread)
    with pytest.raises(InputError, match=f"was not seen to hold more than {networks}; ask for fewer"):
        sampler.spread(networks + 1, np.random.default_rng(0))
    assert MacsSampler(CostTable(fixed)).spread(1, np.random.default_rng(0)) == [fixed.architecture({})]


@pytest.mark.parametrize("bins", [0, -1, 10_001])
def test_impossible_bins_are_refused(bins: int) -> None:
    with pytest.raises(InputError, match="bins: 1 to 10,000 expected"):
        MacsSampler(CostTable(load_space("lighttrack-tiny")), bins)
