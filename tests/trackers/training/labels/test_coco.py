"""Stills in COCO's format: where images are found, what is left out and counted, what is refused."""

import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.training.labels.coco import read_stills
from lighttrack_nas.trackers.training.pairs.pair import draw_batch
from lighttrack_nas.trackers.training.pairs.pair_settings import pair_settings
from lighttrack_nas.trackers.training.pairs.stills import StillPairs

PLAIN = replace(pair_settings("small-data", 16, 32), colour_jitter=0.0, flip=0.0, negatives=0.0)
NO_BBOX = "without a bbox of four numbers x, y, width, height in pixels left out, as annotation"
WriteCoco = Callable[..., Path]


@pytest.mark.parametrize(
    ("folder", "file"),
    [
        ("images", "annotations.json"),
        (".", "annotations.json"),
        ("train2017", "annotations/instances_train2017.json"),
        ("images/train2017", "annotations/instances_train2017.json"),
        ("images", "annotations/instances_train2017.json"),
        ("annotations/images", "annotations/instances_train2017.json"),
        ("train", "boxes_train.json"),
        (".", "mine.json"),
    ],
)
def test_images_are_found_where_people_put_them(write_coco: WriteCoco, tmp_path: Path, folder: str, file: str) -> None:
    path = write_coco(folder, file)
    for given in (path, str(path), *([path.parent] if file == "annotations.json" else [])):
        stills = read_stills(given)
        assert [still.path for still in stills] == [tmp_path / folder / "a.png", tmp_path / folder / "c.png"]
        assert stills.images[0].boxes.tolist() == [[4, 4, 20, 10], [10.5, 8, 6, 7.25]]
        assert stills.source == path
        assert stills.left_out.sentences() == ["1 image without a usable box left out"]
        assert len(stills) == 2


def test_a_file_s_bare_name(write_coco: WriteCoco, monkeypatch: pytest.MonkeyPatch) -> None:
    """From within `annotations`, whose name the file's does not tell."""
    path = write_coco("train2017", "annotations/instances_train2017.json")
    monkeypatch.chdir(path.parent)
    assert len(read_stills(path.name)) == 2


def test_images_elsewhere_are_named(write_coco: WriteCoco, tmp_path: Path) -> None:
    path = write_coco("far/away")
    with pytest.raises(InputError, match=r"the first is 'a.png'; key 'images' names another folder"):
        read_stills(path)
    assert len(read_stills(path, tmp_path / "far/away")) == 2
    with pytest.raises(InputError, match=r"none of its 2 images is in '.*/far', the first is 'a.png'"):
        read_stills(path, tmp_path / "far")


def test_images_of_several_folders(write_coco: WriteCoco, tmp_path: Path) -> None:
    """Names that hold folders, and images that lie here and there."""
    path = write_coco("x", images=[{"id": 1, "file_name": "x/a.png"}, {"id": 3, "file_name": "c.png"}])
    (tmp_path / "images").mkdir()
    (tmp_path / "x/c.png").rename(tmp_path / "images/c.png")
    assert [still.path.relative_to(tmp_path).as_posix() for still in read_stills(path)] == ["x/a.png", "images/c.png"]


GOOD = {"image_id": 1, "bbox": [4, 4, 20, 10]}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"image_id": 1}, f"1 annotation {NO_BBOX} 1, which has None"),
        ({"image_id": 1, "bbox": []}, f"1 annotation {NO_BBOX} 1, which has []"),
        ({"image_id": 1, "bbox": [1, 1, 5]}, f"1 annotation {NO_BBOX} 1, which has [1, 1, 5]"),
        ({"image_id": 1, "bbox": [1, 1, 5, "5"]}, f"1 annotation {NO_BBOX} 1, which has [1, 1, 5, '5']"),
        ({"image_id": 1, "bbox": [1, 1, 5, True]}, f"1 annotation {NO_BBOX} 1, which has [1, 1, 5, True]"),
        ({"image_id": 1, "bbox": [1, 1, 5, float("nan")]}, f"1 annotation {NO_BBOX} 1, which has [1, 1, 5, nan]"),
        ({"image_id": 1, "bbox": [1, 1, 5, 1e300]}, f"1 annotation {NO_BBOX} 1, which has [1, 1, 5, 1e+300]"),
        ({"image_id": 1, "bbox": [1, 1, 5, 10**400]}, f"1 annotation {NO_BBOX} 1, which has [1, 1, 5, 100"),
        ("no mapping", f"1 annotation {NO_BBOX} 1, which has None"),
        (
            {"image_id": 9, "bbox": [1, 1, 5, 5]},
            "1 annotation of an image that the file does not list left out, as annotation 1, whose image_id is 9",
        ),
        ({"bbox": [1, 1, 5, 5]}, "1 annotation of an image that the file does not list left out, as annotation 1"),
        ({"image_id": [], "bbox": [1, 1, 5, 5]}, "1 annotation of an image that the file does not list left out"),
        ({"image_id": 2, "bbox": [4, 4, 20, 10], "iscrowd": 1}, "1 box of crowds left out"),
        ({"image_id": 2, "bbox": [4, 4, 0, 10]}, "1 box with a side below a pixel left out"),
        ({"image_id": 2, "bbox": [4, 4, 20, 0.4]}, "1 box with a side below a pixel left out"),
        ({"image_id": 2, "bbox": [4, 4, -20, 5]}, "1 box with a side below a pixel left out"),
    ],
)
def test_what_cannot_be_used_is_left_out_and_counted(write_coco: WriteCoco, broken: object, said: str) -> None:
    path = write_coco(annotations=[GOOD, broken])
    stills = read_stills(path)
    assert [still.path.name for still in stills] == ["a.png"]
    counted, without = StillPairs(stills, PLAIN).report()
    assert counted.startswith(said)
    assert without == "2 images without a usable box left out"
    with pytest.raises(
        InputError, match="holds no usable box, so that there is nothing to make pairs of: 1 "
    ) as all_of:
        read_stills(write_coco(annotations=[broken]))
    assert said.replace("as annotation 1", "as annotation 0") in str(all_of.value)
    assert str(path) in str(all_of.value)


def test_kinds_are_counted_by_themselves(write_coco: WriteCoco) -> None:
    flat = {"image_id": 2, "bbox": [4, 4, 0, 10]}
    stills = read_stills(write_coco(annotations=[GOOD, flat, {"image_id": 1}, flat, {"image_id": 1, "bbox": 3}]))
    assert stills.left_out.sentences() == [
        "2 boxes with a side below a pixel left out",
        f"2 annotations {NO_BBOX} 2, which has None",
        "2 images without a usable box left out",
    ]
    assert StillPairs(stills, PLAIN).unusable_boxes == 2


@pytest.mark.parametrize("name", ["z.png", "x" * 5000 + ".jpg", "a\0b.png", "a\ud800b.png", "no/" * 2000])
def test_images_that_are_not_there_are_left_out(write_coco: WriteCoco, name: str) -> None:
    images = [{"id": 1, "file_name": "a.png"}, {"id": 3, "file_name": name}]
    stills = read_stills(write_coco(images=images))
    assert [still.path.name for still in stills] == ["a.png"]
    (sentence,) = stills.left_out.sentences()
    assert sentence.startswith("1 image that could not be found left out, as '")
    assert len(sentence) < 100
    with pytest.raises(InputError, match=r"none of its 1 images is in '.*', the first is '") as caught:
        read_stills(write_coco(images=images[1:]))
    assert "\n" not in str(caught.value)


IMAGE = {"id": 1, "file_name": "a.png"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"images": 3}, "expected COCO's format, a mapping with lists 'images' and 'annotations'"),
        ({"annotations": None}, "expected COCO's format"),
        ({"images": ["a.png"]}, "images 0: expected a mapping, got 'a.png'"),
        ({"images": [{"id": 1}]}, "image 0: expected an id and a file_name, got {'id': 1}"),
        ({"images": [{"id": [], "file_name": "a.png"}]}, "image 0: expected an id and a file_name"),
        ({"images": [IMAGE, IMAGE]}, "image 1: id 1 is that of 'a.png' too"),
        ({"annotations": []}, "holds no usable box, .*: 3 images without a usable box left out$"),
        ({"images": [], "annotations": []}, "holds no usable box, so that there is nothing to make pairs of$"),
        (
            {"images": [{"id": 1, "file_name": "x/z.png"}], "annotations": [GOOD]},
            "none of its 1 images is in '.*' or '.*/images' or .*, the first is 'x/z.png'",
        ),
    ],
)
def test_a_malformed_annotation_file_is_refused_by_name(
    write_coco: WriteCoco, changes: dict[str, object], said: str
) -> None:
    path = write_coco(**changes)
    with pytest.raises(InputError, match=said) as caught:
        read_stills(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, r"annotation file '.*annotations.json' cannot be read: No such file"),
        ("{", r"annotation file '.*annotations.json' is no valid JSON at line 1"),
        ("[]", "expected COCO's format"),
        ("[" * 100_000, "is no valid JSON"),
    ],
)
def test_what_is_no_annotation_file_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "annotations.json").write_text(text)
    with pytest.raises(InputError, match=said):
        read_stills(tmp_path)


def test_a_folder_with_several_files_asks_which(write_coco: WriteCoco, tmp_path: Path) -> None:
    write_coco("train2017", "annotations/instances_train2017.json")
    with pytest.raises(InputError, match=r"name the annotation file, one of '.*/annotations/instances_train2017.json'"):
        read_stills(tmp_path)


def test_a_target_that_is_missing_shows_when_drawn(write_coco: WriteCoco) -> None:
    path = write_coco()
    source = StillPairs(read_stills(path), PLAIN)
    (path.parent / "images" / "c.png").unlink()
    assert (draw_batch(source, 0, 0, 50).templates[:, 8, 8, 0] == 0).all()


@pytest.mark.slow
def test_the_work_of_reading_grows_with_the_annotations_alone(tmp_path: Path) -> None:
    """Ten times the annotations make no more than ten times the calls."""
    (tmp_path / "images").mkdir()
    names = [f"{number}.jpg" for number in range(200)]
    for name in names:
        (tmp_path / "images" / name).touch()

    def calls(annotations: int) -> int:
        content: dict[str, Any] = {
            "images": [{"id": place, "file_name": name} for place, name in enumerate(names)],
            "annotations": [{"image_id": n % 200, "bbox": [1, 2, 3 + n % 7, 4.5]} for n in range(annotations)],
        }
        (tmp_path / "annotations.json").write_text(json.dumps(content))
        counted = Counter[str]()
        before = sys.getprofile()
        sys.setprofile(lambda _, event, __: counted.update([event]))
        try:
            stills = read_stills(tmp_path)
        finally:
            sys.setprofile(before)
        assert sum(len(still.boxes) for still in stills) == annotations
        return counted["call"] + counted["c_call"]

    assert calls(10_000) <= 10 * calls(1_000)
