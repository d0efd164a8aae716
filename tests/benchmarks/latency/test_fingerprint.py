"""What a latency was measured on."""

import json
import os
from dataclasses import replace
from importlib.metadata import version

import pytest

from lighttrack_nas.benchmarks.latency.fingerprint import (
    Fingerprint,
    fingerprint_differences,
    take_fingerprint,
)
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import in_form
from lighttrack_nas.trackers.runtimes.program import Options

ONE = Fingerprint("openvino", {"openvino": "1"}, "a processor", 2, 1, "cpu", "float32")


def test_of_this_machine() -> None:
    found = take_fingerprint("torch", Options(threads=3))
    assert (found.runtime, found.threads, found.device, found.precision) == ("torch", 3, "cpu", "float32")
    assert found.versions == {"torch": version("torch")}
    assert found.cores == os.cpu_count()
    assert found.processor
    assert found == take_fingerprint("torch", Options(threads=3))
    assert "3 threads on cpu" in str(found)


def test_there_and_back() -> None:
    assert in_form(json.loads(json.dumps(ONE.to_dict())), Fingerprint, "here") == ONE
    for content in (None, [], {}, ONE.to_dict() | {"cores": 1.5}, ONE.to_dict() | {"versions": "1"}):
        with pytest.raises(InputError, match=r"^here"):
            in_form(content, Fingerprint, "here")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"threads": 2}, "threads 1 and 2"),
        ({"versions": {"openvino": "2"}}, "versions openvino 1 and openvino 2"),
        ({"processor": "another", "cores": 4}, "processor 'a processor' and 'another', cores 2 and 4"),
    ],
)
def test_differences_are_said_in_words(change: dict, words: str) -> None:
    assert fingerprint_differences(ONE.to_dict(), replace(ONE, **change).to_dict()) == words
