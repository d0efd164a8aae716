"""The attack's own tools: its changes are functions of their seed, it knows what it attacks, and what faults may do."""

import json
from random import Random

import pytest

from .attack.disturbing import Ended
from .attack.mutations import KINDS, mutate
from .attack.readers import functions
from .attack.targets import TARGETS

CONTENTS = {
    "json": b'{"a": [1, 2.5, {"b": "c"}], "d": true}',
    "yaml": b"a: [1, 2.5]\nb: {c: d}\n",
    "text": b"1,2,3,4\n5,6,7,8\n",
    "journal": b'{"op_code":0,"values":[1]}\n{"op_code":4}\n',
    "sealed": b'{"format": "x", "files": {"a": "b"}, "seal": "c"}',
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_follows_from_its_seed(kind: str) -> None:
    content = CONTENTS.get(kind, bytes(range(256)))
    made = [mutate(content, kind, Random(seed)) for seed in range(60)]
    assert made == [mutate(content, kind, Random(seed)) for seed in range(60)]
    assert sum(each != content for each in made) > 40


def test_what_is_sealed_mostly_has_a_seal_that_fits() -> None:
    fit = 0
    for seed in range(100):
        try:
            fit += len(json.loads(mutate(CONTENTS["sealed"], "sealed", Random(seed)))["seal"]) == 64
        except (ValueError, TypeError, KeyError):
            continue
    assert fit > 40


def test_every_target_is_made_of_something_and_read_by_something() -> None:
    known = functions()
    for target in TARGETS:
        assert target.kind in KINDS
        for call in target.calls:
            assert not call[0].startswith("call:") or call[0].removeprefix("call:") in known
            assert sum(word in part for part in call for word in ("FILE", "FOLDER", "TEXT"))


@pytest.mark.parametrize(
    ("code", "said", "allowed", "problems"),
    [
        (0, "done\n", (), []),
        (1, "1/2 steps\nerror: no room\n", (1, 2), []),
        (2, "Usage: ...\n\nError: Missing option\n", (1, 2), []),
        (1, "", (1, 2), []),
        (-9, "half", (-9,), []),
        (-6, "what():  std::bad_alloc\n", (1, 2), []),
        (1, "killed\n", (1, 2), ["no sentence"]),
        (-11, "", (1, 2), ["exit code -11"]),
        (1, "error: no room\n", (), ["exit code 1"]),
        (1, "Traceback (most recent call last):\n", (1, 2), ["a traceback", "no sentence"]),
        (0, "Exception ignored in: <function f>\n", (), ["an ignored exception"]),
    ],
)
def test_a_disturbed_call_ends_well_or_in_a_sentence(
    code: int, said: str, allowed: tuple[int, ...], problems: list[str]
) -> None:
    assert Ended(code, said, frozenset(allowed)).problems == problems
