"""Splits by the data sets' own lists, and the choice of sequences before any is opened."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.readers.choosing import with_whole_frames
from lighttrack_nas.trackers.data.readers.reader_registry import choose_sequences, read_sequences

Rooted = Callable[[Path], object]


def sequence(folder: Path, frames: Path | None = None, source: Path | None = None, lines: int = 2) -> None:
    """A sequence of two frames, which no test decodes."""
    frames, source = frames or folder, source or folder / "groundtruth.txt"
    for path in (frames, source.parent):
        path.mkdir(parents=True, exist_ok=True)
    for number in (1, 2):
        (frames / f"{number:08d}.jpg").touch()
    source.write_text("1,2,30,40\n" * lines)


def got10k(root: Path) -> None:
    for split, names in {"train": ["a", "b"], "val": ["c"]}.items():
        for name in names:
            sequence(root / split / name)
        (root / split / "list.txt").write_text("\n".join(names))


def lasot(root: Path) -> None:
    for name in ("airplane-1", "airplane-9", "bear-2"):
        folder = root / name.split("-")[0] / name
        sequence(folder, folder / "img")
    (root / "testing_set.txt").write_text("bear-2\nairplane-1\n")
    (root / "training_set.txt").write_text("airplane-9\n")


def trackingnet(root: Path) -> None:
    for subset, name in (("TRAIN_0", "a"), ("TRAIN_11", "b"), ("TEST", "c")):
        sequence(root, root / subset / "frames" / name, root / subset / "anno" / f"{name}.txt")


def otb(root: Path) -> None:
    sequence(root / "Man", root / "Man" / "img", root / "Man" / "groundtruth_rect.txt")


TREES: dict[str, Rooted] = {f.__name__: f for f in (got10k, lasot, trackingnet, otb)}


def names(root: Path, layout: str, split: str) -> list[str]:
    return [each.name for each in read_sequences(root, layout, split)]


@pytest.mark.parametrize(
    ("layout", "folder", "split", "expected"),
    [
        ("got10k", ".", "train", ["a", "b"]),
        ("got10k", ".", "val", ["c"]),
        ("got10k", "val", "val", ["c"]),  # the split's own folder
        ("got10k", "train", "all", ["a", "b"]),
        ("lasot", ".", "test", ["bear-2", "airplane-1"]),  # the order of the list
        ("lasot", ".", "train", ["airplane-9"]),
        ("lasot", ".", "all", ["airplane-1", "airplane-9", "bear-2"]),
        ("trackingnet", ".", "train", ["a", "b"]),
        ("trackingnet", ".", "test", ["c"]),
        ("trackingnet", "TEST", "test", ["c"]),
        ("trackingnet", "TRAIN_0", "train", ["a"]),
        ("trackingnet", ".", "all", ["c", "a", "b"]),
        ("otb", ".", "all", ["Man"]),
    ],
)
def test_splits_are_the_data_sets_own(
    tmp_path: Path, layout: str, folder: str, split: str, expected: list[str]
) -> None:
    TREES[layout](tmp_path)
    assert names(tmp_path / folder, layout, split) == expected


@pytest.mark.parametrize(
    ("layout", "folder", "split", "expected"),
    [
        ("got10k", "val", "val", ["c"]),
        ("trackingnet", "TRAIN_0", "train", ["a"]),
        ("trackingnet", "TEST", "test", ["c"]),
    ],
)
def test_folders_of_splits_that_are_links(
    tmp_path: Path, layout: str, folder: str, split: str, expected: list[str]
) -> None:
    """Large sets lie on several disks: the link may be called as the split is, or what it leads to."""
    TREES[layout](tmp_path / "disk")
    (tmp_path / "disk" / folder).rename(tmp_path / "elsewhere")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / folder).symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "set" / folder, layout, split) == expected
    assert names(tmp_path / "set", layout, split) == expected
    (tmp_path / "elsewhere").rename(tmp_path / folder)
    (tmp_path / "mine").symlink_to(tmp_path / folder)
    assert names(tmp_path / "mine", layout, split) == expected


@pytest.mark.parametrize(
    ("layout", "folder", "split", "message"),
    [
        ("got10k", ".", "test", r"split 'test': '.*' holds no folder 'test', .*; it holds train, val$"),
        ("got10k", "train", "val", r"split 'val': '.*train' holds no folder 'val', .*; it holds no folder of a split$"),
        ("got10k", ".", "all", r"holds no got10k sequences: .*, found train, val; a split takes one of these$"),
        ("lasot", ".", "val", r"split 'val' of '.*': layout 'lasot' has the splits train and test$"),
        (
            "lasot",
            "bear",
            "test",
            r"split 'test': '.*bear' holds no 'testing_set\.txt', .* it holds no list of a split$",
        ),
        ("trackingnet", ".", "val", "layout 'trackingnet' has the splits train and test$"),
        ("trackingnet", "TEST", "train", r"split 'train': '.*TEST' holds nothing of it: its subsets are TEST$"),
        ("otb", ".", "test", "layout 'otb' has no splits: choose sequences by name$"),
        ("otb", ".", "tset", r"unknown split 'tset'; did you mean 'test'\? known: all, train, val, test"),
    ],
)
def test_a_split_that_is_not_there(tmp_path: Path, layout: str, folder: str, split: str, message: str) -> None:
    TREES[layout](tmp_path)
    with pytest.raises(InputError, match=message):
        read_sequences(tmp_path / folder, layout, split)


def test_lasot_with_one_of_its_lists(tmp_path: Path) -> None:
    lasot(tmp_path)
    (tmp_path / "training_set.txt").unlink()
    with pytest.raises(InputError, match=r"holds no 'training_set\.txt', .* it holds 'testing_set\.txt' \(test\)$"):
        read_sequences(tmp_path, "lasot", "train")


@pytest.mark.parametrize(
    ("layout", "listing", "split", "sentence"),
    [
        ("lasot", "testing_set.txt", "test", "there is no sequence 'gone-1' in"),
        ("got10k", "val/list.txt", "val", "there is no folder 'gone-1' in"),
    ],
)
def test_a_list_that_names_what_is_not_there(
    tmp_path: Path, layout: str, listing: str, split: str, sentence: str
) -> None:
    TREES[layout](tmp_path)
    before = names(tmp_path, layout, split)
    (tmp_path / listing).write_text("\n".join([*before, "gone-1"]) + "\n")
    with pytest.raises(InputError, match=rf"{listing}', line {len(before) + 1}: {sentence}"):
        read_sequences(tmp_path, layout, split)
    assert [s.name for s in read_sequences(tmp_path, layout, split, without=["gone-1"])] == before
    (tmp_path / listing).write_text("\n\n" + "\n".join(before))
    with pytest.raises(InputError, match=rf"{listing}', line 1: expected the name of a sequence, got an empty line"):
        read_sequences(tmp_path, layout, split)


def test_all_of_lasot_is_said_to_be_all(tmp_path: Path) -> None:
    lasot(tmp_path)
    said: list[str] = []
    read_sequences(tmp_path, "lasot", say=said.append)
    assert said == [
        f"'{tmp_path}': every sequence is taken; split 'train' takes what 'training_set.txt' lists or 'test' takes "
        "what 'testing_set.txt' lists"
    ]
    read_sequences(tmp_path, "lasot", "test", say=said.append)
    assert len(said) == 1


BREAK: dict[str, Rooted] = {
    "another number of lines": lambda root: (root / "walk" / "groundtruth.txt").write_text("1,2,3,4\n" * 5),
    "no number": lambda root: (root / "walk" / "groundtruth.txt").write_text("1,2,3,4\nx\n"),
    "no ground truth": lambda root: (root / "walk" / "groundtruth.txt").unlink(),
    "no frames": lambda root: shutil.rmtree(root / "walk", ignore_errors=True) or (root / "walk").mkdir(),
}


@pytest.fixture(params=sorted(BREAK))
def with_a_bad_one(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Three sequences, of which `walk` cannot be read."""
    for name in ("run", "stand", "walk"):
        sequence(tmp_path / name)
    (tmp_path / "list.txt").write_text("run\nwalk\nstand\n")
    BREAK[request.param](tmp_path)
    return tmp_path


def test_what_is_not_chosen_is_not_opened(with_a_bad_one: Path) -> None:
    with pytest.raises(InputError):
        read_sequences(with_a_bad_one)
    with pytest.raises(InputError):
        read_sequences(with_a_bad_one, only=["walk"])
    assert [s.name for s in read_sequences(with_a_bad_one, without=["walk"])] == ["run", "stand"]
    assert [s.name for s in read_sequences(with_a_bad_one, only=["stand", "run"])] == ["run", "stand"]


def test_bad_sequences_are_left_out_on_demand(with_a_bad_one: Path) -> None:
    said: list[str] = []
    found = read_sequences(with_a_bad_one, on_bad="leave out", say=said.append)
    assert [s.name for s in found] == ["run", "stand"]
    assert said[0].startswith("sequence 'walk' is left out: ")
    assert said[1:] == ["1 of 3 sequences left out: walk"]
    choice = choose_sequences(with_a_bad_one, on_bad="leave out")
    assert list(choice.left_out) == ["walk"]
    assert not choice.left_out["walk"].startswith("sequence 'walk'")  # named once
    with pytest.raises(InputError, match="none of 1 sequences can be read; the first, 'walk': "):
        read_sequences(with_a_bad_one, only=["walk"], on_bad="leave out")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"only": ["wlak"]}, r"unknown sequence of '.*', 'wlak'; did you mean 'walk'\? known: run, walk, stand$"),
        ({"without": ["nobody"]}, r"unknown sequence of '.*', 'nobody'; known: run, walk, stand$"),
        ({"without": ["run", "walk", "stand"]}, "no sequence is left of 3"),
        ({"on_bad": "ignore"}, "unknown way with bad sequences 'ignore'; known: refuse, leave out"),
    ],
)
def test_impossible_choices_of_sequences_are_refused(tmp_path: Path, choice: dict[str, object], message: str) -> None:
    for name in ("run", "stand", "walk"):
        sequence(tmp_path / name)
    (tmp_path / "list.txt").write_text("run\nwalk\nstand\n")
    with pytest.raises(InputError, match=message):
        read_sequences(tmp_path, **choice)


def test_messages_do_not_list_a_thousand_names(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"video{number}").mkdir()
    (tmp_path / "list.txt").write_text("".join(f"video{number}\n" for number in range(30)))
    with pytest.raises(InputError, match=r"known: video0, .*, video19 and 10 more$"):
        read_sequences(tmp_path, only=["nobody"])


@pytest.mark.parametrize("threads", [0, 2])
def test_sequences_that_cannot_be_followed_to_the_end_are_found_before(
    threads: int, tmp_path: Path, write_images: Callable[..., None]
) -> None:
    names = [f"{number:08d}.jpg" for number in (1, 2, 3)]
    for name in ("good", "outside", "torn"):
        write_images(tmp_path / name, names)  # of 16 x 12 pixels
        (tmp_path / name / "groundtruth.txt").write_text(
            ("99,9" if name == "outside" else "1,2") + ",5,5\n" + "1,2,5,5\n" * 2
        )
    (tmp_path / "torn" / names[2]).write_bytes(b"\xff\xd8\xff")
    choice = with_whole_frames(choose_sequences(tmp_path), threads)
    assert [each.name for each in choice.sequences] == ["good"]
    assert "outside the frame of 16 x 12" in choice.left_out["outside"]
    assert "is truncated" in choice.left_out["torn"]
    with pytest.raises(InputError, match="none of 1 sequences can be tracked; the first, 'torn': image"):
        with_whole_frames(choose_sequences(tmp_path, only=["torn"]), threads)
