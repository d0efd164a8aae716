"""Names of videos and images, and folders of them."""

import sys
from collections.abc import Callable

import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.readers.choosing import choose
from lighttrack_nas.trackers.data.readers.common import listed_broken
from lighttrack_nas.trackers.training.labels.chosen import Chosen

NAMES = ("train/a/x", "train/ab/x", "train/b/a", "a")


@pytest.mark.parametrize(
    ("only", "without", "left"),
    [
        ((), (), NAMES),
        (("a",), (), ("train/a/x", "train/b/a", "a")),
        (("a/x",), (), ("train/a/x",)),
        (("/train/a/",), (), ("train/a/x",)),
        (("train", "a"), ("b", "x"), ("a",)),
        ((), ("train/b/a",), ("train/a/x", "train/ab/x", "a")),
    ],
)
def test_whole_names_ends_and_folders(only: tuple[str, ...], without: tuple[str, ...], left: tuple[str, ...]) -> None:
    chosen = Chosen(only, without)
    assert tuple(name for name in NAMES if chosen(name)) == left
    chosen.check("the folder", NAMES)


@pytest.mark.parametrize("name", ["", "x/a", "rain", "train/a/x/y"])
def test_names_of_nothing(name: str) -> None:
    for chosen in (Chosen([name]), Chosen((), ["a", name])):
        for known in NAMES:
            chosen(known)
        with pytest.raises(InputError, match=f"^the folder holds nothing of the name '{name}'; there is '"):
            chosen.check("the folder", NAMES)


class Compared(str):
    """A name whose comparisons are calls."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other)


def of_sequences(names: list[str], some: list[str]) -> None:
    listed = [listed_broken(name, "") for name in names]
    assert len(choose(listed, "x", some, ())) == len(choose(listed, "x", (), some)) == len(some)


def of_labels(names: list[str], some: list[str]) -> None:
    for chosen in (Chosen(some), Chosen((), some)):
        assert sum(map(chosen, names)) == len(some)


@pytest.mark.parametrize("choosing", [of_sequences, of_labels])
def test_long_lists_of_names(choosing: Callable[[list[str], list[str]], None]) -> None:
    """No name is compared with every other: the sets of the field have 10,000 to 400,000."""
    names: list[str] = [Compared(f"video{number}") for number in range(1000)]
    calls = 0

    def count(*event: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        choosing(names, [str(name) for name in names[::2]])
    finally:
        sys.setprofile(None)
    assert calls < 100 * len(names)
