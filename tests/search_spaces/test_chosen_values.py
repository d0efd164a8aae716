"""Values that are no architecture of a space are refused wherever they come from, NNI's samples among them."""

from typing import Any

import numpy as np
import pytest

from lighttrack_nas.search_spaces.building.model_space import build_model_space, nni_sample
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.base.errors import InputError

SPACE = load_space("lighttrack-tiny")
FIRST = tuple(values[0] for values in SPACE.labels.values())
SAMPLE = nni_sample(Architecture(SPACE, FIRST))
LABEL = next(iter(SPACE.labels))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (SAMPLE, "expected a tuple of .* values.*space.from_nni a sample of NNI's"),
        (list(FIRST), "expected a tuple"),
        (FIRST[:-1], "expected a tuple"),
        ((*FIRST, FIRST[0]), "expected a tuple"),
        ((), "expected a tuple"),
        (None, "expected a tuple"),
        (("k99", *FIRST[1:]), f"label '{LABEL}': 'k99' is no candidate; known: {SPACE.labels[LABEL][0]}, "),
        ((["k3"], *FIRST[1:]), f"label '{LABEL}': \\['k3'\\] is no candidate"),
        ((*FIRST[:-1], 7), f"label '{list(SPACE.labels)[-1]}': 7 is no candidate"),
    ],
)
def test_what_is_no_architecture_of_the_space_is_refused(values: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"space 'lighttrack-tiny'.*{message}"):
        Architecture(SPACE, values)


@pytest.mark.parametrize("seed", range(5))
def test_samples_of_nni_come_back_as_their_architectures(seed: int) -> None:
    architecture = SPACE.sample(np.random.default_rng(seed))
    sample = nni_sample(architecture)
    assert SPACE.from_nni(sample) == architecture
    numbers = {label: value[0] if isinstance(value, list) else value for label, value in sample.items()}
    assert SPACE.from_nni(numbers) == architecture


def test_what_nni_draws_from_the_model_space_is_read() -> None:
    model_space = build_model_space(SPACE)
    for seed in range(3):
        drawn: dict[str, Any] = {}
        model_space.random(drawn, np.random.RandomState(seed))
        architecture = SPACE.from_nni(drawn)
        model_space.validate(nni_sample(architecture))
        assert nni_sample(architecture).items() <= drawn.items()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output": [99]}, "label 'output': expected the number of a candidate, 0 to "),
        ({"output": [0, 1]}, "expected the number of a candidate"),
        ({"output": [-1]}, "expected the number of a candidate"),
        ({"output": "stage1"}, "expected the number of a candidate"),
        ({LABEL: "k99"}, f"label '{LABEL}': 'k99' is no candidate"),
        ({LABEL: ["k3"]}, f"label '{LABEL}': \\['k3'\\] is no candidate"),
        ({"nonsense": 1}, "unknown label of space 'lighttrack-tiny', 'nonsense'"),
    ],
)
def test_samples_of_another_space_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SPACE.from_nni(SAMPLE | change)
    with pytest.raises(InputError, match=f"no value for {LABEL}"):
        SPACE.from_nni({label: value for label, value in SAMPLE.items() if label != LABEL})
