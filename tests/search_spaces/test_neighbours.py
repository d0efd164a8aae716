"""What is one choice away."""

import numpy as np
import pytest

from lighttrack_nas.search_spaces.base.labels import OUTPUT
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.neighbours import neighbours, one_choice_away
from lighttrack_nas.search_spaces.space import Space


@pytest.fixture(scope="module")
def tiny() -> Space:
    return load_space("lighttrack-tiny")


def test_neighbours_differ_in_one_choice(tiny: Space) -> None:
    for seed in range(5):
        architecture = tiny.sample(np.random.default_rng(seed))
        around = list(one_choice_away(architecture))
        dead = tiny.dead_labels(architecture)
        alive = [values for label, values in tiny.labels.items() if label not in dead]
        assert len(set(around)) == len(around) == sum(len(values) - 1 for values in alive)
        for neighbour in around:
            assert sum(a != b for a, b in zip(neighbour.values, architecture.values, strict=True)) == 1


def test_neighbours_are_different_networks(tiny: Space) -> None:
    for seed in range(20):
        architecture = tiny.sample(np.random.default_rng(seed))
        listed = neighbours(architecture)
        networks = {neighbour.architecture.canonical() for neighbour in listed}
        assert len(networks) == len(listed)
        assert networks == {other.canonical() for other in one_choice_away(architecture)} - {architecture.canonical()}
        for label, before, after, neighbour in listed:
            assert architecture.choices[label] == before != after == neighbour.choices[label]
            assert neighbour == neighbour.path()


def test_skips_that_trade_places_are_one_neighbour(tiny: Space) -> None:
    choices = {label: values[0] for label, values in tiny.labels.items()} | {OUTPUT: "stage3-block1"}
    plain = tiny.architecture(choices)
    skipping = [n for n in neighbours(plain) if n.after == "skip"]
    # Whichever of the three layers is left out, the two others stay.
    assert [neighbour.label for neighbour in skipping] == ["cls-layer1", "reg-layer1"]


def test_a_later_output_brings_the_genes_behind_the_old_one(tiny: Space) -> None:
    choices = {label: values[-1] for label, values in tiny.labels.items()} | {OUTPUT: "stage2-block0"}
    later = [n for n in neighbours(tiny.architecture(choices)) if n.label == OUTPUT]
    assert [n.after for n in later] == ["stage2-block1", "stage3-block0", "stage3-block1"]
    assert [n.architecture.choices["stage2-block1"] for n in later] == ["k7e4"] * 3
