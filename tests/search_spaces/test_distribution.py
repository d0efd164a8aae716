"""Distributions of architectures: the mode, samples, files."""

import json
from collections import Counter

import numpy as np
import pytest

from lighttrack_nas.search_spaces.distribution import Distribution
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError


@pytest.fixture(scope="module")
def tiny() -> Space:
    return load_space("lighttrack-tiny")


def leaning(space: Space, share: float = 0.7) -> dict[str, dict[str, float]]:
    """The last candidate is this likely, the others share the rest."""
    return {
        label: {name: share if name == values[-1] else (1 - share) / (len(values) - 1) for name in values}
        for label, values in space.labels.items()
    }


def test_mode_and_samples_follow_the_probabilities(tiny: Space) -> None:
    distribution = Distribution.of(tiny, leaning(tiny))
    assert dict(distribution.mode().choices) == {label: values[-1] for label, values in tiny.labels.items()}
    rng = np.random.default_rng(0)
    drawn = [distribution.sample(rng).choices for _ in range(2000)]
    for label, row in leaning(tiny).items():
        counts = Counter(choices[label] for choices in drawn)
        for name, share in row.items():
            # Five standard deviations of a binomial count.
            assert abs(counts[name] - 2000 * share) < 5 * np.sqrt(2000 * share * (1 - share)), (label, name)


def test_distinct_starts_with_the_mode_and_ends_where_nothing_new_comes(tiny: Space) -> None:
    rng = np.random.default_rng(0)
    found = Distribution.of(tiny, leaning(tiny)).distinct(20, rng)
    assert len(set(found)) == 20
    assert found[0] == Distribution.of(tiny, leaning(tiny)).mode().path()
    decided = Distribution.of(tiny, leaning(tiny, 1.0))
    assert decided.distinct(20, rng) == [decided.mode().path()]
    assert decided.distinct(0, rng) == []


def test_json_round_trip(tiny: Space) -> None:
    distribution = Distribution.of(tiny, leaning(tiny, 0.613))
    again = Distribution.from_json(distribution.to_json(), tiny)
    for row, other in zip(again.probabilities, distribution.probabilities, strict=True):
        assert row == pytest.approx(other, abs=1e-15)
    assert again.mode() == distribution.mode()


def changed(space: Space, change) -> str:
    content = json.loads(Distribution.of(space, leaning(space)).to_json())
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("probabilities"), "expected an object with the keys space, space_hash and probabilities"),
        (lambda c: c.update(space_hash="0"), r"belongs to space 'lighttrack-tiny' \(0\), not to 'lighttrack-tiny'"),
        (lambda c: c["probabilities"].pop("output"), "labels: missing output"),
        (lambda c: c["probabilities"].update(x={}), "labels: unknown x"),
        (lambda c: c["probabilities"].update(output=3), "label 'output': expected a probability by candidate, got 3"),
        (lambda c: c["probabilities"]["output"].pop("stage3-block1"), "candidates: missing stage3-block1"),
        (lambda c: c["probabilities"]["output"].update({"stage3-block1": 0.5}), "add up to 0.8, not to 1"),
        (lambda c: c["probabilities"]["output"].update({"stage3-block1": None}), "expected probabilities from 0 to 1"),
        (lambda c: c["probabilities"]["output"].update({"stage3-block1": -0.2}), "expected probabilities from 0 to 1"),
        (lambda c: c["probabilities"]["output"].update({"stage3-block1": 10**400}), "expected probabilities from 0"),
    ],
)
def test_mistakes_are_said(tiny: Space, change, message: str) -> None:
    with pytest.raises(InputError, match=rf"^file: .*{message}"):
        Distribution.from_json(changed(tiny, change), tiny, where="file")


def test_no_json_is_said(tiny: Space) -> None:
    with pytest.raises(InputError, match="file is no valid JSON"):
        Distribution.from_json("{", tiny, where="file")
