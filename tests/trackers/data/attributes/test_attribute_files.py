"""Attributes in the layouts of the data sets and their toolkits."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.attributes.attribute_files import read_attributes
from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences

Images = Callable[[Path, Iterable[str]], None]
BOXES = "10,10,5,5\n" * 4


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def frames(count: int = 4, digits: int = 8) -> list[str]:
    return [f"{number:0{digits}d}.jpg" for number in range(1, count + 1)]


def attributes_of(root: Path, layout: str) -> dict[str, dict[str, list[bool]]]:
    found = read_attributes(root, layout, read_sequences(root, layout))
    return {name: {sequence: list(map(bool, each)) for sequence, each in of.items()} for name, of in found.items()}


def flags(columns: int, *which: int) -> str:
    return ",".join("1" if column in which else "0" for column in range(columns)) + "\n"


ALL = [True] * 4


def test_got10k_marks_frames_and_names_targets(tmp_path: Path, write_images: Images) -> None:
    for name in ("walk", "run"):
        write_images(tmp_path / name, frames())
        write(tmp_path / name / "groundtruth.txt", BOXES)
    write(tmp_path / "walk/cover.label", "8\n5\n0\n6\n")
    write(tmp_path / "walk/cut_by_image.label", "0\n0\n0\n1\n")
    write(
        tmp_path / "walk/meta_info.ini", "[METAINFO]\nroot_class: animal\nmotion_adverb: slowly\nresolution: (9, 9)\n"
    )
    write(tmp_path / "run/meta_info.ini", "[METAINFO]\nroot_class: animal\nchallenge: small, 100% look-alikes\n")
    assert attributes_of(tmp_path, "got10k") == {
        "target: animal": {"walk": ALL, "run": ALL},
        "100% look-alikes": {"run": ALL},
        "cut by the image": {"walk": [False, False, False, True]},
        "moves slowly": {"walk": ALL},
        "occluded by a quarter or more": {"walk": [False, True, False, False]},
        "small": {"run": ALL},
    }


@pytest.mark.parametrize("folder", ["anno/att", "att"])
def test_otb_has_a_file_for_each_sequence(tmp_path: Path, write_images: Images, folder: str) -> None:
    write_images(tmp_path / "Basketball/img", frames(digits=4))
    write(tmp_path / "Basketball/groundtruth_rect.txt", BOXES)
    write_images(tmp_path / "Jogging/img", frames(digits=4))
    write(tmp_path / "Jogging/groundtruth_rect.1.txt", BOXES)
    write(tmp_path / "Jogging/groundtruth_rect.2.txt", BOXES)
    write(tmp_path / folder / "basketball.txt", flags(11, 0, 10))
    write(tmp_path / folder / "Jogging-2.txt", flags(11, 3))
    assert attributes_of(tmp_path, "otb") == {
        "illumination variation": {"Basketball": ALL},
        "low resolution": {"Basketball": ALL},
        "occlusion": {"Jogging.2": ALL},
    }


def test_lasot_has_its_toolkits_files(tmp_path: Path, write_images: Images) -> None:
    write_images(tmp_path / "airplane/airplane-1/img", frames())
    write(tmp_path / "airplane/airplane-1/groundtruth.txt", BOXES)
    # The file as the toolkit has it: partial occlusion, rotation, scale variation, low resolution.
    write(tmp_path / "annos/att/airplane-1.txt", "0,1,0,0,0,1,0,0,1,0,0,0,1,0\n")
    assert list(attributes_of(tmp_path, "lasot")) == [
        *("low resolution", "partial occlusion", "rotation", "scale variation")
    ]


@pytest.mark.parametrize(("layout", "subset"), [("uav123", "UAV123"), ("uav20l", "UAV20L")])
def test_uav123_keeps_them_beside_the_boxes(tmp_path: Path, write_images: Images, layout: str, subset: str) -> None:
    write_images(tmp_path / "data_seq/UAV123/bike1", frames(digits=6))
    write(tmp_path / "anno" / subset / "bike1.txt", BOXES)
    write(tmp_path / "anno" / subset / "att/bike1.txt", flags(12, 0, 11))
    assert list(attributes_of(tmp_path, layout)) == ["scale variation", "similar object"]


@pytest.mark.parametrize("ending", ["tag", "label"])
def test_vot_tags_frames_and_may_end_early(tmp_path: Path, write_images: Images, ending: str) -> None:
    write_images(tmp_path / "bag/color", frames())
    write(tmp_path / "bag/groundtruth.txt", BOXES)
    write(tmp_path / f"bag/occlusion.{ending}", "0\n1\n")
    write(tmp_path / f"bag/camera_motion.{ending}", "0\n0\n0\n0\n")
    assert attributes_of(tmp_path, "vot") == {"occlusion": {"bag": [False, True, False, False]}}


def test_pysots_lists_serve_every_layout(tmp_path: Path, write_images: Images) -> None:
    write_images(tmp_path / "cup/30/cup", frames(digits=5))
    write(tmp_path / "cup/30/cup.txt", '0 10 10 15 15 1 0 0 1 "cup"\n' * 4)
    write(tmp_path / "NFS30.json", json.dumps({"cup": {"attr": ["Occlusion", "Viewpoint Change"], "init_rect": []}}))
    assert attributes_of(tmp_path, "nfs") == {"occlusion": {"cup": ALL}, "viewpoint change": {"cup": ALL}}


def test_none_is_no_mistake(tmp_path: Path, write_images: Images) -> None:
    write_images(tmp_path / "walk", frames())
    write(tmp_path / "walk/groundtruth.txt", BOXES)
    assert attributes_of(tmp_path, "got10k") == {}
    assert read_attributes(tmp_path, "trackingnet", []) == {}


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("walk/cover.label", "8\n8\n", "holds 2 labels for 4 frames"),
        ("walk/meta_info.ini", "no section\n", r"meta_info\.ini' is no INI file"),
        ("OTB100.json", "[]", r"OTB100\.json': expected pysot's list, sequences by name, got list"),
        ("OTB100.json", "{", r"OTB100\.json' is no valid JSON"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, write_images: Images, file: str, text: str, message: str) -> None:
    write_images(tmp_path / "walk", frames())
    write(tmp_path / "walk/groundtruth.txt", BOXES)
    (sequence,) = read_sequences(tmp_path, "got10k")
    write(tmp_path / file, text)
    with pytest.raises(InputError, match=message):
        read_attributes(tmp_path, "got10k", [sequence])


@pytest.mark.parametrize(
    ("layout", "file", "text", "message"),
    [
        ("otb", "att/Dog.txt", "0,1\n", "holds 2 labels for 11 attributes of layout 'otb'"),
        ("otb", "att/Dog.txt", "a,b\n", "'a' is not a number"),
        ("vot", "Dog/occlusion.tag", "0\n1\n0\n1\n0\n", "expected 0 or 1 a line, for at most 4 frames"),
        ("vot", "Dog/occlusion.tag", "yes\n", "expected 0 or 1 a line"),
    ],
)
def test_broken_files_of_other_layouts(
    tmp_path: Path, write_images: Images, layout: str, file: str, text: str, message: str
) -> None:
    write_images(tmp_path / "Dog" / {"otb": "img", "vot": "color"}[layout], frames())
    write(tmp_path / "Dog" / {"otb": "groundtruth_rect.txt", "vot": "groundtruth.txt"}[layout], BOXES)
    write(tmp_path / file, text)
    with pytest.raises(InputError, match=message):
        read_attributes(tmp_path, layout, read_sequences(tmp_path, layout))


def test_first_frames_alone_are_enough(tmp_path: Path, write_images: Images) -> None:
    """A test split gives the first box alone, and no labels."""
    write_images(tmp_path / "walk", frames())
    write(tmp_path / "walk/groundtruth.txt", "10,10,5,5\n")
    assert attributes_of(tmp_path, "got10k") == {}
    assert not np.isfinite(read_sequences(tmp_path, "got10k")[0].boxes[1:]).any()
