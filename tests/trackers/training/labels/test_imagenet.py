"""ImageNet VID and DET as unpacked: tracks and stills, what is left out and counted, XML without trust."""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.training.labels.imagenet import read_det, read_vid
from lighttrack_nas.trackers.training.labels.xml_files import read_objects
from lighttrack_nas.trackers.training.pairs.pair import draw_batch
from lighttrack_nas.trackers.training.pairs.pair_settings import pair_settings
from lighttrack_nas.trackers.training.pairs.stills import StillPairs
from lighttrack_nas.trackers.training.pairs.tracks import TrackPairs

PLAIN = replace(pair_settings("small-data", 16, 32), colour_jitter=0.0, flip=0.0, negatives=0.0)
PART = "ILSVRC2015_VID_train_0000"
Objects = Iterable[tuple[str, str]]
AddFrame = Callable[..., Path]


def an_object(box: tuple[object, object, object, object], track: object = 0) -> str:
    x1, y1, x2, y2 = box
    named = "" if track is None else f"<trackid>{track}</trackid>"
    return (
        f"<object>{named}<name>n02691156</name><bndbox><xmax>{x2}</xmax><xmin>{x1}</xmin><ymax>{y2}</ymax>"
        f"<ymin>{y1}</ymin></bndbox><occluded>0</occluded><generated>0</generated></object>"
    )


@pytest.fixture
def add(tmp_path: Path) -> AddFrame:
    """Add an image and its annotations to a tree; green is what is asked for."""

    def add(name: str, *objects: str, green: int = 0, picture: bool = True, text: str | None = None) -> Path:
        label, image = tmp_path / "Annotations" / f"{name}.xml", tmp_path / "Data" / f"{name}.JPEG"
        label.parent.mkdir(parents=True, exist_ok=True)
        size = "<size><width>48</width><height>32</height></size>"
        label.write_text(text or f"<annotation><filename>x</filename>{size}{''.join(objects)}</annotation>")
        if picture:
            image.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(image), np.full((32, 48, 3), (0, green, 0), np.uint8))
        return tmp_path

    return add


BOX = (12, 8, 22, 16)


def test_vid_s_tracks(add: AddFrame, tmp_path: Path) -> None:
    """Two targets in one video, one of which is away for a while; a video of one target."""
    for number in range(6):
        inside = [an_object(BOX, 0)] + ([an_object((number, 4, number + 9, 24), 1)] if number in (0, 1, 4) else [])
        add(f"VID/train/{PART}/a/{number:06}", *inside)
    for number in range(3):
        add(f"VID/train/{PART}/b/{number:06}", an_object(BOX, 7))
    train = tmp_path / "Annotations/VID/train"
    for given in (tmp_path, str(tmp_path), train, train / PART):
        tracked = read_vid(given)
        a, b = tracked.videos.values()
        assert [len(track) for track in (*a, *b)] == [6, 3, 3]
        assert a[0].boxes.tolist() == [[12, 8, 10, 8]] * 6
        assert a[1].boxes.tolist() == [[0, 4, 9, 20], [1, 4, 9, 20], [4, 4, 9, 20]]
        folder = tmp_path / "Data/VID/train" / PART / "a"
        assert list(a[1].frames) == [folder / f"{number:06}.JPEG" for number in (0, 1, 4)]
        assert tracked.left_out.sentences() == []
    assert list(read_vid(tmp_path).videos) == [f"{PART}/a", f"{PART}/b"]
    assert draw_batch(TrackPairs(read_vid(tmp_path), PLAIN), 0, 0, 20).positives.all()


def test_a_folder_named_from_within(add: AddFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        add(f"VID/val/a/{number:06}", an_object(BOX))
        add(f"DET/val/{number}", an_object(BOX, None))
    monkeypatch.chdir(tmp_path / "Annotations/VID")
    assert list(read_vid("val").videos) == ["a"]
    assert len(read_det("../DET/val")) == 2
    monkeypatch.chdir(tmp_path / "Data/VID")
    with pytest.raises(InputError, match="expected the folder that holds ImageNet's 'Annotations' and 'Data'"):
        read_vid(".")


def test_one_box_of_a_track_and_frame(add: AddFrame, tmp_path: Path) -> None:
    for number in range(3):
        add(f"VID/train/a/{number:06}", an_object(BOX), *[an_object((1, 1, 9, 9))] * number)
    (track,) = (tracked := read_vid(tmp_path)).tracks
    assert track.boxes.tolist() == [[12, 8, 10, 8]] * 3
    (sentence,) = tracked.left_out.sentences()
    assert sentence.startswith("3 objects with the trackid of another in its frame left out, as in '")
    assert sentence.endswith("a/000001.xml'")


def test_negatives_never_show_the_template_s_video(add: AddFrame, tmp_path: Path) -> None:
    for number in range(3):
        add(f"VID/train/a/{number:06}", an_object(BOX, 0), an_object((1, 1, 9, 9), 1), green=100)
        add(f"VID/train/b/{number:06}", an_object(BOX, 0), green=200)
    batch = draw_batch(TrackPairs(read_vid(tmp_path), replace(PLAIN, negatives=0.5)), 0, 0, 200)
    same = np.abs(batch.templates[:, 8, 8, 1].astype(int) - batch.searches[:, 16, 16, 1]) < 20
    assert np.array_equal(same, batch.positives)
    assert 70 < same.sum() < 130


@pytest.mark.parametrize(
    ("only", "without", "left"),
    [
        ((), (), ["p/a", "p/b", "q/a"]),
        (("p",), (), ["p/a", "p/b"]),
        (("a",), (), ["p/a", "q/a"]),
        ((), ("p/a",), ["p/b", "q/a"]),
    ],
)
def test_only_and_without_choose_videos_and_images_of_imagenet(
    add: AddFrame, tmp_path: Path, only: tuple[str, ...], without: tuple[str, ...], left: list[str]
) -> None:
    for video in ("p/a", "p/b", "q/a"):
        for number in range(2):
            add(f"VID/train/{video}/{number:06}", an_object(BOX))
            add(f"DET/train/{video}{number}", an_object(BOX, None))
    assert list(read_vid(tmp_path, only, without).videos) == left
    with pytest.raises(InputError, match=r"Annotations/VID/train' holds nothing of the name 'r/a'; there is '[pq]/a'"):
        read_vid(tmp_path, only=["r/a"])
    stills = read_det(tmp_path, only=["p", "a1"])
    assert [still.path.stem for still in stills] == ["a0", "a1", "b0", "b1", "a1"]
    assert [still.path.stem for still in read_det(tmp_path, without=["p"])] == ["a0", "a1"]
    with pytest.raises(InputError, match="Annotations/DET/train' holds nothing of the name 'r/a'"):
        read_det(tmp_path, without=["r/a"])


BOMB = (
    '<!DOCTYPE annotation [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<annotation><filename>&b;</filename></annotation>"
)
OUTSIDE = '<!DOCTYPE annotation SYSTEM "file:///etc/passwd"><annotation/>'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (an_object((1, 2, 30, "x")), "1 object without a bndbox of four numbers left out, as in '"),
        (an_object((1, 2, "", 9)), "1 object without a bndbox of four numbers left out"),
        (an_object((1, 2, "nan", 9)), "1 object without a bndbox of four numbers left out"),
        (an_object((1, 2, "1e300", 9)), "1 object without a bndbox of four numbers left out"),
        ("<object><trackid>0</trackid></object>", "1 object without a bndbox of four numbers left out"),
        (an_object((1, 2, 30, 20), None), "1 object without a trackid left out, as in '"),
        (an_object((9, 2, 3, 20)), "1 box with a side below a pixel left out"),
        (an_object((9, 2, 9, 20)), "1 box with a side below a pixel left out"),
    ],
)
def test_what_cannot_be_used_is_left_out_and_counted(add: AddFrame, tmp_path: Path, content: str, said: str) -> None:
    for number in range(3):
        add(f"VID/train/a/{number:06}", an_object(BOX, 5), *([content] if number == 1 else []))
    (sentence,) = TrackPairs(read_vid(tmp_path), PLAIN).report()
    assert sentence.startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<annotation>", "is no valid XML: no element found"),
        ("text", "is no valid XML: syntax error"),
        ("\0", "is no valid XML"),
        ('<?xml version="1.0" encoding="nonsense"?><annotation/>', "is no valid XML: "),
        (BOMB, "cannot be used: it declares a document type, which ImageNet's files have not"),
        (OUTSIDE, "cannot be used: it declares a document type"),
        ("<annotation>&unknown;</annotation>", "is no valid XML: undefined entity"),
        ("<annotation>" + " " * (1 << 20) + "</annotation>", "cannot be used: it is larger than 1048576 bytes"),
    ],
)
def test_xml_that_cannot_be_used(add: AddFrame, tmp_path: Path, text: str, said: str) -> None:
    for number in range(3):
        add(f"VID/train/a/{number:06}", an_object(BOX))
        add(f"DET/train/{number:06}", an_object(BOX, None))
    bad = add("VID/train/a/000001", text=text) and add("DET/train/000001", text=text)
    for left_out in (read_vid(bad).left_out, read_det(bad).left_out):
        assert left_out.sentences()[0].startswith("1 annotation file that cannot be read left out, as '")
        assert said in str(left_out)
    with pytest.raises(InputError, match=r"000001.xml' (is no valid XML|cannot be used)"):
        read_objects(tmp_path / "Annotations/VID/train/a/000001.xml")


def test_a_document_type_is_seen_in_every_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(BOMB.encode("utf-16"))
    with pytest.raises(InputError, match="declares a document type"):
        read_objects(path)


def test_nesting_without_end(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<a>" * 100_000 + "</a>" * 100_000)
    assert read_objects(path) == []
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_objects(tmp_path / "b.xml")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_objects(tmp_path)


def test_images_that_are_missing(add: AddFrame, tmp_path: Path) -> None:
    for number in range(4):
        add(f"VID/train/a/{number:06}", an_object(BOX), picture=number != 2)
        add(f"DET/train/{number:06}", an_object(BOX, None), picture=number != 2)
    for left_out in (read_vid(tmp_path).left_out, read_det(tmp_path).left_out):
        (sentence,) = left_out.sentences()
        assert sentence.startswith("1 image that is not there left out, as '")
        assert sentence.endswith("000002.JPEG'")


@pytest.mark.parametrize("read", [read_vid, read_det])
def test_nothing_usable_is_refused_with_the_counts(add: AddFrame, tmp_path: Path, read: Callable[..., object]) -> None:
    for number in range(3):
        add(f"VID/train/a/{number:06}", an_object(BOX), picture=False)
        add(f"DET/train/{number:06}", an_object(BOX), picture=False)
    with pytest.raises(InputError, match=r"/Annotations/(VID|DET)/train', with images in '.*/Data/.*: 3 images that"):
        read(tmp_path)
    for wrong in (tmp_path / "Data", tmp_path / "nowhere"):
        with pytest.raises(InputError, match=r"expected the folder that holds ImageNet's 'Annotations' and 'Data'"):
            read(wrong)


def test_a_target_seen_once_is_no_track(add: AddFrame, tmp_path: Path) -> None:
    add("VID/train/a/000000", an_object(BOX, 0), an_object(BOX, 1))
    add("VID/train/a/000001", an_object(BOX, 0))
    assert read_vid(tmp_path).left_out.sentences() == ["1 track with fewer than two annotated frames left out"]


def test_links_are_not_read_twice(add: AddFrame, tmp_path: Path) -> None:
    """pysot has people link the parts of VID as a to e."""
    for number in range(2):
        add(f"VID/train/{PART}/a/{number:06}", an_object(BOX))
    os.symlink(tmp_path / "Annotations/VID/train" / PART, tmp_path / "Annotations/VID/train/a")
    assert list(read_vid(tmp_path).videos) == [f"{PART}/a"]


def test_det_s_stills(add: AddFrame, tmp_path: Path) -> None:
    add("DET/train/ILSVRC2014_train_0000/x1", an_object(BOX, None), an_object((2, 2, 30, 25), None))
    add("DET/train/ILSVRC2013_train/n01440764/y1", an_object((5, 6, 25, 26), None))
    add("DET/train/ILSVRC2013_train/n01440764/y2")
    stills = read_det(tmp_path)
    assert [(still.path.name, still.boxes.tolist()) for still in stills] == [
        ("y1.JPEG", [[5, 6, 20, 20]]),
        ("x1.JPEG", [[12, 8, 10, 8], [2, 2, 28, 23]]),
    ]
    assert stills.left_out.sentences() == ["1 image without a usable box left out"]
    assert draw_batch(StillPairs(stills, PLAIN), 0, 0, 20).positives.all()
