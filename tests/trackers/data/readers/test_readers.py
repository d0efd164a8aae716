from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.readers.reader_registry import LAYOUTS, read_sequences

NAN = float("nan")
WriteImages = Callable[..., None]
Tree = Callable[[str], Path]


def numbered(first: int, last: int, digits: int) -> list[str]:
    return [f"{number:0{digits}d}.jpg" for number in range(first, last + 1)]


def rows(count: int, separator: str = ",", first: int = 1) -> str:
    """Boxes whose x is the number of their line."""
    return "".join(separator.join(map(str, (first + i, 20, 30, 40))) + "\n" for i in range(count))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def got10k(root: Path, images: WriteImages) -> None:
    for name in ("walk", "run"):
        images(root / name, numbered(1, 3, 8))
        write(root / name / "groundtruth.txt", rows(3))
    write(root / "list.txt", "walk\nrun\n")


def otb(root: Path, images: WriteImages) -> None:
    images(root / "Basketball" / "img", numbered(1, 3, 4))
    write(root / "Basketball" / "groundtruth_rect.txt", rows(3))
    images(root / "Jogging" / "img", numbered(1, 3, 4))
    write(root / "Jogging" / "groundtruth_rect.1.txt", rows(3, "\t"))
    write(root / "Jogging" / "groundtruth_rect.2.txt", rows(3, " ", first=50))


def lasot(root: Path, images: WriteImages) -> None:
    for name in ("airplane/airplane-1", "airplane/airplane-10", "airplane/airplane-2", "zebra/zebra-4"):
        images(root / name / "img", numbered(1, 3, 8))
        write(root / name / "groundtruth.txt", rows(3))
        write(root / name / "full_occlusion.txt", "0,0,0")
        write(root / name / "out_of_view.txt", "0,0,0\n")


def trackingnet(root: Path, images: WriteImages) -> None:
    images(root / "TRAIN_0" / "frames" / "abc_1", [f"{number}.jpg" for number in range(12)])
    write(root / "TRAIN_0" / "anno" / "abc_1.txt", rows(12, first=0))
    images(root / "TEST" / "frames" / "def_2", ["0.jpg", "1.jpg"])
    write(root / "TEST" / "anno" / "def_2.txt", "1.5,2,3,4")


def uav123(root: Path, images: WriteImages, subset: str = "UAV123", frames: str = "UAV123") -> None:
    images(root / "data_seq" / frames / "bird1", numbered(1, 9, 6))
    images(root / "data_seq" / frames / "boat1", numbered(1, 3, 6))
    write(root / "anno" / subset / "bird1_1.txt", rows(2))
    write(root / "anno" / subset / "bird1_2.txt", rows(4, first=100))
    write(root / "anno" / subset / "boat1.txt", rows(3))
    entry = "struct('name','{}','path','{}{}\\','startFrame',{},'endFrame',{},'nz',6,'ext','jpg','init_rect',[0,0,0,0])"
    own = "d:\\data_seq\\UAV123\\"
    lists = {name: [("boat1", own, "bird1", 1, 1)] for name in ("UAV123_10fps", "UAV123", "UAV20L")}
    lists[subset] = [("bird1_1", own, "bird1", 1, 2), ("bird1_2", own, "bird1", 5, 8), ("boat1", own, "boat1", 1, 3)]
    text = "function seqs=configSeqs(seqType)\n% struct('old')\n"
    for name, entries in lists.items():
        text += f"seq{name}={{" + ",...\n    ".join(entry.format(*values) for values in entries) + "};\n\n"
    write(root / "configSeqs.m", text)


def uav123_10fps(root: Path, images: WriteImages) -> None:
    uav123(root, images, "UAV123_10fps", "UAV123_10fps")


def uav20l(root: Path, images: WriteImages) -> None:
    uav123(root, images, "UAV20L")


def vot(root: Path, images: WriteImages) -> None:
    images(root / "bag" / "color", numbered(1, 2, 8))
    write(root / "bag" / "groundtruth.txt", "5,5,15,5,15,25,5,25\n" * 2)
    images(root / "ants", numbered(1, 2, 8))
    write(root / "ants" / "groundtruth.txt", rows(2))
    write(root / "list.txt", "bag\nants")


def nfs_row(number: int, lost: int = 0, label: str = "bird") -> str:
    return f'0 {number} 20 {number + 30} 60 {number} {lost} 0 1 "{label}"\n'


def nfs(root: Path, images: WriteImages) -> None:
    images(root / "bird_2" / "30" / "bird_2", numbered(1, 3, 5))
    write(root / "bird_2" / "30" / "bird_2.txt", "".join(nfs_row(i + 1, label="big bird") for i in range(24)))
    images(root / "cup" / "240" / "cup", numbered(1, 4, 5))
    write(root / "cup" / "240" / "cup.txt", "".join(nfs_row(i + 1, lost=int(i == 2)) for i in range(4)))


TREES = {f.__name__: f for f in (got10k, otb, lasot, trackingnet, uav123, uav123_10fps, uav20l, vot, nfs)}

NAMES = {
    "got10k": ["walk", "run"],  # the order of the list
    "otb": ["Basketball", "Jogging.1", "Jogging.2"],
    "lasot": ["airplane-1", "airplane-2", "airplane-10", "zebra-4"],
    "trackingnet": ["def_2", "abc_1"],
    "uav123": ["bird1_1", "bird1_2", "boat1"],
    "uav123_10fps": ["bird1_1", "bird1_2", "boat1"],
    "uav20l": ["bird1_1", "bird1_2", "boat1"],
    "vot": ["bag", "ants"],
    "nfs": ["bird_2", "cup"],
}


@pytest.fixture
def tree(tmp_path: Path, write_images: WriteImages) -> Tree:
    """Make the tree of a layout."""

    def make(layout: str) -> Path:
        root = tmp_path / layout
        root.mkdir()
        TREES[layout](root, write_images)
        return root

    return make


def test_every_layout_has_a_tree() -> None:
    assert set(TREES) == set(LAYOUTS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_reads_the_layout(tree: Tree, layout: str) -> None:
    sequences = read_sequences(tree(layout), layout)
    assert [sequence.name for sequence in sequences] == NAMES[layout]
    for sequence in sequences:
        assert sequence.boxes.dtype == np.float64
        assert sequence.absent.dtype == bool
        assert all(path.is_file() for path in sequence.frame_paths)
        assert sequence.frame(0).shape == (12, 16, 3)
        assert sequence.source is not None
        assert sequence.source.is_file()


@pytest.mark.parametrize(
    ("layout", "folder", "name"),
    [
        ("got10k", "run", "run"),
        ("otb", "Basketball", "Basketball"),
        ("lasot", "zebra/zebra-4", "zebra-4"),
        ("lasot", "zebra", "zebra-4"),
        ("trackingnet", "TEST", "def_2"),
        ("vot", "bag", "bag"),
        ("nfs", "cup", "cup"),
    ],
)
def test_reads_a_part(tree: Tree, monkeypatch: pytest.MonkeyPatch, layout: str, folder: str, name: str) -> None:
    root = tree(layout) / folder
    assert [sequence.name for sequence in read_sequences(str(root), layout)] == [name]
    monkeypatch.chdir(root)
    assert [sequence.name for sequence in read_sequences(".", layout)] == [name]


@pytest.mark.parametrize(
    ("layout", "name", "boxes"),
    [
        ("got10k", "walk", [[1, 20, 30, 40], [2, 20, 30, 40], [3, 20, 30, 40]]),
        ("otb", "Basketball", [[0, 19, 30, 40], [1, 19, 30, 40], [2, 19, 30, 40]]),  # counted from 1
        ("otb", "Jogging.2", [[49, 19, 30, 40], [50, 19, 30, 40], [51, 19, 30, 40]]),
        ("lasot", "zebra-4", [[0, 19, 30, 40], [1, 19, 30, 40], [2, 19, 30, 40]]),  # counted from 1
        ("trackingnet", "def_2", [[1.5, 2, 3, 4], [NAN] * 4]),  # the first box only
        ("uav123", "bird1_1", [[0, 19, 30, 40], [1, 19, 30, 40]]),  # counted from 1
        ("uav123_10fps", "bird1_1", [[0, 19, 30, 40], [1, 19, 30, 40]]),
        ("uav20l", "bird1_1", [[0, 19, 30, 40], [1, 19, 30, 40]]),
        ("vot", "ants", [[1, 20, 30, 40], [2, 20, 30, 40]]),
        ("vot", "bag", [[4.5, 4.5, 11, 21]] * 2),  # of the polygon
        ("nfs", "bird_2", [[1, 20, 30, 40], [9, 20, 30, 40], [17, 20, 30, 40]]),  # corners; every eighth line
        ("nfs", "cup", [[1, 20, 30, 40], [2, 20, 30, 40], [NAN] * 4, [4, 20, 30, 40]]),  # the third is lost
    ],
)
def test_boxes_of_every_layout_are_those_written(tree: Tree, layout: str, name: str, boxes: list[list[float]]) -> None:
    (sequence,) = [s for s in read_sequences(tree(layout), layout) if s.name == name]
    np.testing.assert_allclose(sequence.boxes, boxes)


def test_got10k_without_list(tree: Tree) -> None:
    root = tree("got10k")
    (root / "list.txt").unlink()
    (root / "notes").mkdir()
    assert [sequence.name for sequence in read_sequences(root)] == ["run", "walk"]


@pytest.mark.parametrize(("layout", "name"), [("got10k", "walk"), ("vot", "bag"), ("vot", "ants")])
def test_frames_without_ground_truth_are_not_passed_over(tree: Tree, layout: str, name: str) -> None:
    root = tree(layout)
    (root / "list.txt").unlink()
    (root / name / "groundtruth.txt").unlink()
    with pytest.raises(InputError, match=rf"'{root / name}/groundtruth\.txt' does not exist"):
        read_sequences(root, layout)


@pytest.mark.parametrize("layout", ["uav123", "uav123_10fps", "uav20l"])
def test_uav123_without_an_annotation(tree: Tree, layout: str) -> None:
    root = tree(layout)
    next((root / "anno").glob("*/bird1_2.txt")).unlink()
    with pytest.raises(InputError, match=r"sequence 'bird1_2': ground truth '.*bird1_2\.txt' does not exist"):
        read_sequences(root, layout)


def test_got10k_s_labels_mark_frames_without_the_target(tree: Tree) -> None:
    root = tree("got10k")
    write(root / "walk" / "groundtruth.txt", "1,2,3,4\n5,6,7,8\n5,6,7,8\n")
    write(root / "walk" / "absence.label", "0\n1\n0\n")
    write(root / "run" / "cover.label", "8\n8\n0\n")
    walk, run = read_sequences(root)
    assert walk.absent.tolist() == [False, True, False]
    assert np.isnan(walk.boxes).all(axis=1).tolist() == [False, True, False]
    assert run.absent.tolist() == [False, False, True]


def test_first_frame_is_never_absent(tree: Tree) -> None:
    root = tree("got10k")
    write(root / "walk" / "absence.label", "1\n0\n1\n")
    walk = read_sequences(root)[0]
    assert walk.absent.tolist() == [False, False, True]
    np.testing.assert_array_equal(walk.boxes[0], [1, 20, 30, 40])


def test_got10k_test_split_gives_the_first_box(tree: Tree) -> None:
    root = tree("got10k")
    write(root / "walk" / "groundtruth.txt", "1,2,3,4\n")
    walk = read_sequences(root)[0]
    np.testing.assert_array_equal(walk.boxes, [[1, 2, 3, 4], [NAN] * 4, [NAN] * 4])
    assert not walk.absent.any()


@pytest.mark.parametrize(
    "row", ["nan,nan,nan,nan", "NaN\tNaN\tNaN\tNaN", "0,0,0,0", "5,5,0,8", "5,5,8,-1", "nan,5,5,5"]
)
@pytest.mark.parametrize("layout", ["got10k", "otb", "lasot"])
def test_rows_without_a_box_are_absent(tree: Tree, layout: str, row: str) -> None:
    root = tree(layout)
    sequence = read_sequences(root, layout)[0]
    assert sequence.source is not None
    sequence.source.write_text(f"1,20,30,40\n{row}\n3,20,30,40")
    sequence = read_sequences(root, layout)[0]
    assert sequence.absent.tolist() == [False, True, False]
    assert np.isnan(sequence.boxes).all(axis=1).tolist() == [False, True, False]


def test_lasot_absence_and_flat_folders(tree: Tree) -> None:
    root = tree("lasot")
    write(root / "zebra" / "zebra-4" / "full_occlusion.txt", "0,1,0")
    write(root / "zebra" / "zebra-4" / "out_of_view.txt", "0,0,1")
    (sequence,) = read_sequences(root / "zebra", "lasot")
    assert sequence.absent.tolist() == [False, True, True]


def test_trackingnet_order_is_numeric(tree: Tree) -> None:
    sequence = read_sequences(tree("trackingnet") / "TRAIN_0", "trackingnet")[0]
    assert [path.name for path in sequence.frame_paths] == [f"{number}.jpg" for number in range(12)]


def test_uav123_s_sequences_take_their_ranges_of_frames(tree: Tree) -> None:
    first, second, boat = read_sequences(tree("uav123"), "uav123")
    assert [path.name for path in first.frame_paths] == numbered(1, 2, 6)
    assert [path.name for path in second.frame_paths] == numbered(5, 8, 6)
    assert second.frame_paths[0].parent.name == "bird1"
    assert len(boat) == 3


@pytest.mark.parametrize("layout", ["uav123_10fps", "uav20l"])
def test_uav123_takes_the_set_that_is_there(tree: Tree, layout: str) -> None:
    said: list[str] = []
    root = tree(layout)
    found = read_sequences(root, "uav123", say=said.append)
    assert [len(sequence) for sequence in found] == [2, 4, 3]
    assert said == [f"'{root}': {found[0].source.parent.name} is taken"]
    with pytest.raises(
        InputError, match=r"holds no \w+ sequences: expected anno/\w+/SEQUENCE\.txt, found anno, configSeqs"
    ):
        read_sequences(root, "uav20l" if layout == "uav123_10fps" else "uav123_10fps")


def test_uav123_says_which_of_several_sets_is_taken(tree: Tree, write_images: WriteImages) -> None:
    root, said = tree("uav123"), list[str]()
    (root / "configSeqs.m").unlink()
    write(root / "anno" / "UAV20L" / "boat1.txt", rows(3, first=7))
    write(root / "anno" / "UAV123_10fps" / "boat1.txt", rows(2))
    write_images(root / "data_seq" / "UAV123_10fps" / "boat1", numbered(1, 2, 6))
    (taken,) = read_sequences(root, "uav123", only=["boat1"], say=said.append)
    assert (len(taken), taken.boxes[0, 0]) == (3, 0)
    names = "layout uav123_10fps takes UAV123_10fps and layout uav20l takes UAV20L"
    assert said == [f"'{root}': UAV123 is taken; {names}"]
    assert read_sequences(root, "uav20l")[0].boxes[0, 0] == 6
    assert len(read_sequences(root, "uav123_10fps")[0]) == 2


def test_uav123_without_its_configuration(tree: Tree) -> None:
    root = tree("uav123")
    (root / "configSeqs.m").unlink()
    with pytest.raises(InputError, match=r"'bird1_1': there is no folder .* no entry in '.*configSeqs\.m'"):
        read_sequences(root, "uav123")
    for name in ("bird1_1", "bird1_2"):
        (root / "anno" / "UAV123" / f"{name}.txt").unlink()
    assert [sequence.name for sequence in read_sequences(root, "uav123")] == ["boat1"]


def test_uav123_broken_configuration(tree: Tree) -> None:
    root = tree("uav123")
    write(root / "configSeqs.m", "seqUAV123={struct('name','boat1','path','boat1')};")
    with pytest.raises(InputError, match=r"configSeqs\.m': struct\('name','boat1'.* lacks one of .*'startFrame'"):
        read_sequences(root, "uav123")


@pytest.mark.parametrize(
    ("lines", "boxes"),
    [
        (["m242,164,4,3,0,12"] * 2, [[242, 164, 4, 3]] * 2),
        (["m0,0,10,10,12,3,7,3,75", "m 5,6,1,1,0,1"], [[2, 1, 3, 2], [5, 6, 1, 1]]),
        (["m10,20,6,4,4,5", "m10,20,6,4,7,0,0,1"], [[10, 20, 6, 2], [11, 21, 1, 1]]),  # over a row's end; an empty run
        (["m-3,2,5,2,0,3,2,3", "m0,0,0,0,0"], [[-3, 2, 3, 2], [NAN] * 4]),  # partly outside; an empty mask
        (["m242,164,4,3,0,12", "5,5,15,5,15,25,5,25", "1,2,3,4"], [[242, 164, 4, 3], [4.5, 4.5, 11, 21], [1, 2, 3, 4]]),
        (["1,2,3,4", "nan,nan,nan,nan", "m2,2,2,2,0,4"], [[1, 2, 3, 4], [NAN] * 4, [2, 2, 2, 2]]),
    ],
)
def test_vot_masks_become_tight_boxes(
    tmp_path: Path, write_images: WriteImages, lines: list[str], boxes: list[list[float]]
) -> None:
    write_images(tmp_path / "bag" / "color", numbered(1, len(lines), 8))
    write(tmp_path / "bag" / "groundtruth.txt", "\n".join(lines))
    (sequence,) = read_sequences(tmp_path, "vot")
    np.testing.assert_array_equal(sequence.boxes, boxes)
    assert sequence.absent.tolist() == [np.isnan(box).any() for box in boxes]
    assert sequence.polygons is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("m1,2,3", r"expected a mask 'm' and whole numbers x,y,width,height,zeros,ones,\.\.\., got 'm1,2,3'"),
        ("m1,2,3,4,x", "expected a mask"),
        ("m1,2,3,4,0.5,2", "expected a mask"),
        ("m1,2,3,4,0,13", "the mask's runs cover 13 pixels, more than its window of 3 x 4 holds"),
        ("m1,2,3,4,0,-2", "sides and runs cannot be negative"),
        ("m1,2,-3,4,0,2", "sides and runs cannot be negative"),
        ("m1,9999999,3,4,0,2", "lies beyond any frame"),
        ("1,2,3", "expected 4 or 8 numbers or a mask .*, got 3"),
    ],
)
def test_vot_broken_masks(tmp_path: Path, write_images: WriteImages, line: str, message: str) -> None:
    write_images(tmp_path / "bag" / "color", numbered(1, 2, 8))
    write(tmp_path / "bag" / "groundtruth.txt", f"m1,2,3,4,0,12\n{line}\n")
    with pytest.raises(InputError, match=rf"bag/groundtruth\.txt', line 2: .*{message}"):
        read_sequences(tmp_path, "vot")


def test_vot_s_polygons_are_kept_beside_the_boxes(tree: Tree) -> None:
    root = tree("vot")
    write(root / "bag" / "groundtruth.txt", "5,5,15,5,15,25,5,25\n" + ",".join(["nan"] * 8))
    bag, ants = read_sequences(root, "vot")
    assert ants.polygons is None
    assert bag.polygons is not None
    np.testing.assert_array_equal(bag.polygons, [[5, 5, 15, 5, 15, 25, 5, 25], [NAN] * 8])
    assert bag.absent.tolist() == [False, True]


@pytest.mark.parametrize(
    ("lines", "frames", "expected"),
    [
        (24, 3, [1, 9, 17]),  # the annotation at 240 fps of 3 frames at 30
        (17, 3, [1, 9, 17]),  # ... that ends with the last frame
        (16, 3, [1, 9]),  # one frame more than annotated
        (25, 3, [1, 9, 17]),  # one annotated frame more
        (3, 3, [1, 2, 3]),  # an annotation of its own
    ],
)
def test_nfs_frame_rates(
    tmp_path: Path, write_images: WriteImages, lines: int, frames: int, expected: list[int]
) -> None:
    write_images(tmp_path / "cat" / "30" / "cat", numbered(1, frames, 5))
    write(tmp_path / "cat" / "30" / "cat.txt", "".join(nfs_row(i + 1) for i in range(lines)))
    (sequence,) = read_sequences(tmp_path, "nfs")
    assert sequence.boxes[:, 0].tolist() == expected
    assert len(sequence) == len(expected)


def test_nfs_one_frame_without_annotation(tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path / "cat" / "30" / "cat", numbered(1, 1, 5))
    write(tmp_path / "cat" / "30" / "cat.txt", "")
    with pytest.raises(InputError, match="has 0 lines for 1 frames"):
        read_sequences(tmp_path, "nfs")


@pytest.mark.parametrize(
    ("name", "images", "lines", "first"),
    [
        ("David", 770, 471, "0300.jpg"),  # annotated from frame 300
        ("Football1", 81, 74, "0001.jpg"),  # annotated to frame 74
        ("David", 471, 471, "0001.jpg"),  # a copy without the other frames
    ],
)
def test_otb_partly_annotated(tmp_path: Path, name: str, images: int, lines: int, first: str) -> None:
    (tmp_path / name / "img").mkdir(parents=True)
    for image in numbered(1, images, 4):
        (tmp_path / name / "img" / image).touch()
    write(tmp_path / name / "groundtruth_rect.txt", rows(lines))
    (sequence,) = read_sequences(tmp_path, "otb")
    assert len(sequence) == lines
    assert sequence.frame_paths[0].name == first


def test_otb_empty_file_of_human4(tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path / "Human4" / "img", numbered(1, 2, 4))
    write(tmp_path / "Human4" / "groundtruth_rect.1.txt", "\n")
    write(tmp_path / "Human4" / "groundtruth_rect.2.txt", rows(2))
    assert [sequence.name for sequence in read_sequences(tmp_path, "otb")] == ["Human4.2"]


def first_source(root: Path, layout: str) -> Path:
    source = read_sequences(root, layout)[0].source
    assert source is not None
    return source


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_malformed_line_is_named_with_file_and_number(tree: Tree, layout: str) -> None:
    root = tree(layout)
    source = first_source(root, layout)
    lines = source.read_text().splitlines()
    source.write_text("\n".join([*lines, "1,2,x"]))
    with pytest.raises(InputError) as caught:
        read_sequences(root, layout)
    assert f"'{source}', line {len(lines) + 1}: expected" in str(caught.value)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("value", ["1e300", "-1000001", "3e6"])
def test_boxes_beyond_any_picture(tree: Tree, layout: str, value: str) -> None:
    root = tree(layout)
    source = first_source(root, layout)
    first, *rest = source.read_text().splitlines()
    fields = first.replace(" ", ",").replace("\t", ",").split(",")
    source.write_text("\n".join([first, ",".join([*fields[:2], value, *fields[3:]]), *rest[1:]]))
    with pytest.raises(InputError, match=rf"'{source}', line 2: .* lies more than 1000000 pixels out"):
        read_sequences(root, layout)


@pytest.mark.parametrize("count", [1, 11, 13])
def test_trackingnet_with_other_lines_than_frames(tree: Tree, count: int) -> None:
    """Only the test split publishes the first box alone."""
    root = tree("trackingnet")
    write(root / "TRAIN_0" / "anno" / "abc_1.txt", rows(count, first=0))
    with pytest.raises(InputError, match=f"sequence 'abc_1': ground truth '.*' has {count} lines for 12 frames in"):
        read_sequences(root, "trackingnet")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_more_lines_than_frames(tree: Tree, layout: str) -> None:
    root = tree(layout)
    source = first_source(root, layout)
    lines = source.read_text().splitlines()
    source.write_text("\n".join(lines * 3))
    with pytest.raises(InputError, match=r"sequence '.+': ground truth '.+' has \d+ lines for \d+ frames"):
        read_sequences(root, layout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_sequence_without_frames_is_named(tree: Tree, layout: str) -> None:
    root = tree(layout)
    sequence = read_sequences(root, layout)[0]
    folder = sequence.frame_paths[0].parent
    for path in folder.glob("*.jpg"):
        path.unlink()
    with pytest.raises(InputError, match=f"sequence '{sequence.name}': folder '{folder}' holds no frames"):
        read_sequences(root, layout)


@pytest.mark.parametrize("layout", ["otb", "lasot", "trackingnet", "got10k", "vot", "nfs"])
def test_no_ground_truth(tree: Tree, layout: str) -> None:
    root = tree(layout)
    source = first_source(root, layout)
    source.unlink()
    with pytest.raises(InputError, match=rf"{source.name}' does not exist"):
        read_sequences(root, layout)


@pytest.mark.parametrize("layout", ["got10k", "otb", "lasot", "trackingnet", "uav123", "vot"])
@pytest.mark.parametrize(("row", "message"), [("nan,nan,nan,nan", "not finite"), ("5,5,0,8", "positive, got 0 x 8")])
def test_a_first_box_that_is_none_is_refused(tree: Tree, layout: str, row: str, message: str) -> None:
    root = tree(layout)
    sequence = read_sequences(root, layout)[0]
    assert sequence.source is not None
    sequence.source.write_text("\n".join([row] * len(sequence)))
    with pytest.raises(InputError, match=f"sequence '{sequence.name}': first box in '{sequence.source}': .*{message}"):
        read_sequences(root, layout)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("content", ["", "\n\n"])
def test_empty_ground_truth(tree: Tree, layout: str, content: str) -> None:
    root = tree(layout)
    sequence = read_sequences(root, layout)[0]
    assert sequence.source is not None
    sequence.source.write_text(content)
    with pytest.raises(
        InputError, match=f"sequence '{sequence.name}': ground truth '{sequence.source}' (has 0|is empty)"
    ):
        read_sequences(root, layout)


@pytest.mark.parametrize("layout", ["otb", "lasot", "uav123", "vot"])
def test_one_line_is_enough_only_where_the_data_set_does_so(tree: Tree, layout: str) -> None:
    root = tree(layout)
    first_source(root, layout).write_text("1,2,3,4")
    with pytest.raises(InputError, match=r"has 1 lines for [23] frames"):
        read_sequences(root, layout)


@pytest.mark.parametrize(
    ("label", "content", "message"),
    [
        ("absence.label", "0\n1\n", "holds 2 labels for 3 frames"),
        ("cover.label", "8\nx\n8\n", r"cover\.label', line 2: 'x' is not a number"),
    ],
)
def test_broken_label_files_are_refused(tree: Tree, label: str, content: str, message: str) -> None:
    root = tree("got10k")
    write(root / "run" / label, content)
    with pytest.raises(InputError, match=message):
        read_sequences(root)


def test_list_names_a_missing_folder(tree: Tree) -> None:
    root = tree("got10k")
    write(root / "list.txt", "walk\nfly\n")
    with pytest.raises(InputError, match=r"list\.txt', line 2: there is no folder 'fly'"):
        read_sequences(root)


def test_two_sequences_of_one_name_are_refused(tree: Tree) -> None:
    root = tree("got10k")
    write(root / "list.txt", "walk\nrun\nwalk\n")
    with pytest.raises(InputError, match="holds 2 sequences named 'walk'"):
        read_sequences(root)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_of_the_layout(tmp_path: Path, layout: str) -> None:
    with pytest.raises(InputError, match=rf"no {layout} sequences: expected .*, found nothing"):
        read_sequences(tmp_path, layout)
    for name in ("test", "train", "val"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="found test, train, val" + ("; a split" if layout == "got10k" else "$")):
        read_sequences(tmp_path, layout)
    with pytest.raises(InputError, match=f"there is no folder '.*nowhere' to read {layout} sequences from"):
        read_sequences(tmp_path / "nowhere", layout)


def test_an_unknown_layout_is_refused_with_the_near_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown layout 'got-10k'; did you mean 'got10k'\? known: got10k, otb"):
        read_sequences(tmp_path, "got-10k")


def as_got10k_package_reads(layout: str, root: Path) -> dict[str, tuple[list[str], np.ndarray]]:
    from got10k import datasets

    if layout == "got10k":
        dataset = datasets.GOT10k(str(root.parent), subset=root.name)
    elif layout == "otb":
        dataset = datasets.OTB(str(root), version=2015, download=False)
    elif layout == "vot":
        dataset = datasets.VOT(str(root), version=2018, download=False)
    else:
        dataset = datasets.NfS(str(root), fps=30)
    return {name: dataset[index] for index, name in enumerate(dataset.seq_names)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")
@pytest.mark.parametrize(("layout", "offset"), [("got10k", 0), ("otb", 1), ("vot", 0), ("nfs", 0)])
def test_equals_the_got10k_package(
    tmp_path: Path, tree: Tree, layout: str, offset: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The package leaves OTB's boxes counted from 1."""
    root = tree(layout)
    if layout == "got10k":
        root = root.rename(tmp_path / "val")
    if layout == "vot":
        # It knows only frames beside the ground truth.
        for path in (root / "bag" / "color").iterdir():
            path.rename(root / "bag" / path.name)
        (root / "bag" / "color").rmdir()
    theirs = as_got10k_package_reads(layout, root)
    ours = {sequence.name: sequence for sequence in read_sequences(root, layout)}
    assert theirs
    for name, (files, boxes) in theirs.items():
        assert [str(path) for path in ours[name].frame_paths] == files
        np.testing.assert_allclose(ours[name].boxes + np.array([offset, offset, 0, 0]), boxes)
    capsys.readouterr()


@pytest.mark.data
@pytest.mark.parametrize(("split", "count", "frames"), [("train", 22, 1726), ("val", 12, 1230)])
def test_the_real_sequences_are_read_whole(data: Path, split: str, count: int, frames: int) -> None:
    sequences = read_sequences(data / "sequences" / split)
    assert len(sequences) == count
    assert sum(len(sequence) for sequence in sequences) == frames
    for sequence in sequences:
        assert np.isfinite(sequence.boxes[~sequence.absent]).all()
        assert np.isnan(sequence.boxes[sequence.absent]).all()
