"""YouTube-BB's table and frames: tracks in shares of the frame, what is left out and refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.training.labels.youtubebb import read_youtubebb
from lighttrack_nas.trackers.training.pairs.pair import draw_batch
from lighttrack_nas.trackers.training.pairs.pair_settings import pair_settings
from lighttrack_nas.trackers.training.pairs.tracks import TrackPairs

PLAIN = replace(
    pair_settings("lighttrack", 16, 32),
    colour_jitter=0.0, search_stretch=0.0, search_shift=0.0, template_shift=0.0, template_stretch=0.0,
)  # fmt: skip
WriteTable = Callable[..., Path]


@pytest.fixture
def write_table(tmp_path: Path) -> WriteTable:
    """Write a table, and a frame of 160 x 80 for each row that says present."""

    def write(*rows: str, frames: str = "yt_bb_detection_train", leave: tuple[str, ...] = ()) -> Path:
        path = tmp_path / "yt_bb_detection_train.csv"
        path.write_text("\n".join(rows) + "\n")
        for row in rows:
            fields = row.split(",")
            if fields[5:6] == ["present"] and fields[1] not in leave:
                name = f"{fields[0]}_{fields[1]}_{fields[2]}_{fields[4]}.jpg"
                (tmp_path / frames / fields[2]).mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(tmp_path / frames / fields[2] / name), np.full((80, 160, 3), 128, np.uint8))
        return path

    return write


def a_row(video: str, time: int, target: int = 0, box: str = "0.25,0.5,0.25,0.75", presence: str = "present") -> str:
    return f"{video},{time},2,car,{target},{presence},{box}"


TWO = (a_row("AbC_1", 2000), a_row("AbC_1", 1000))
HEADING = "youtube_id,timestamp_ms,class_id,class_name,object_id,object_presence,xmin,xmax,ymin,ymax"


def test_tracks_in_order_of_time(write_table: WriteTable, tmp_path: Path) -> None:
    absent = a_row("AbC_1", 3000, box="-1,-1,-1,-1", presence="absent")
    others = (a_row("AbC_1", 10_000), a_row("AbC_1", 5000, 1), a_row("AbC_1", 6000, 1), a_row("-x", 0), a_row("-x", 1))
    for heading in ((), (HEADING,)):
        tracked = read_youtubebb(write_table(*heading, *TWO, absent, *others))
        first, second = tracked.videos["AbC_1"]
        folder = tmp_path / "yt_bb_detection_train" / "2"
        assert list(first.frames) == [folder / f"AbC_1_{time}_2_0.jpg" for time in (1000, 2000, 10_000)]
        assert first.boxes.tolist() == [[0.25, 0.25, 0.25, 0.5]] * 3
        assert first.shares
        assert len(second) == 2
        assert list(tracked.videos) == ["AbC_1", "-x"]
        assert tracked.left_out.sentences() == []


def test_boxes_are_shares_of_the_frame(write_table: WriteTable) -> None:
    """A quarter of the width and half the height of 160 x 80 are a square of 40, and so it lies in the crop."""
    batch = draw_batch(TrackPairs(read_youtubebb(write_table(*TWO)), PLAIN), 0, 0, 5)
    np.testing.assert_allclose(batch.boxes, [[12, 12, 8, 8]] * 5, atol=1e-4)


def test_frames_may_lie_elsewhere_than_beside_the_table(write_table: WriteTable, tmp_path: Path) -> None:
    path = write_table(*TWO, frames="far/frames")
    with pytest.raises(InputError, match=r"with frames in '.*/yt_bb_detection_train', holds no tracks .*: 2 frames"):
        read_youtubebb(path)
    assert len(read_youtubebb(path, tmp_path / "far/frames")) == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,b", "1 row that does not hold youtube_id, timestamp_ms, "),
        ("AbC_1,x,2,car,0,present,0.1,0.2,0.1,0.2", "1 row that does not hold youtube_id"),
        ("AbC_1,5,2,car,0,present,0.1,0.2,0.1,", "1 row that does not hold youtube_id"),
        ("AbC_1,5,2,car,0,maybe,0.1,0.2,0.1,0.2", "1 row that does not hold youtube_id"),
        ("../AbC_1,5,2,car,0,present,0.1,0.2,0.1,0.2", "1 row that does not hold youtube_id"),
        (a_row("AbC_1", 5, box="0.5,0.4,0.1,0.2"), "1 row whose box is no part of the frame left out, as line 3"),
        (a_row("AbC_1", 5, box="0.1,nan,0.1,0.2"), "1 row whose box is no part of the frame"),
        (a_row("AbC_1", 5, box="10,20,10,20"), "1 row whose box is no part of the frame"),
        (a_row("AbC_1", 5), "1 frame that is not there left out, as '"),
        (a_row("y" * 5000, 5), "1 frame that is not there left out, as '"),
        (a_row("AbC_1", 7, 3), "1 track with fewer than two annotated frames left out"),
    ],
)
def test_what_cannot_be_used_is_left_out_and_counted(write_table: WriteTable, row: str, said: str) -> None:
    path = write_table(*TWO, *([row] if ",7," in row else []))
    path.write_text("\n".join([*TWO, row]))
    (sentence,) = TrackPairs(read_youtubebb(path), PLAIN).report()
    assert sentence.startswith(said)
    path.write_text(row)
    with pytest.raises(InputError, match="holds no tracks to make pairs of: 1 "):
        read_youtubebb(path)


def test_only_and_without_choose_videos_of_youtubebb(write_table: WriteTable) -> None:
    path = write_table(*TWO, a_row("other", 1), a_row("other", 2))
    assert list(read_youtubebb(path, only=["other"]).videos) == ["other"]
    assert list(read_youtubebb(path, without=["other"]).videos) == ["AbC_1"]
    with pytest.raises(InputError, match="holds nothing of the name 'othr'; there is 'other'"):
        read_youtubebb(path, without=["othr"])


def test_what_is_no_table_of_youtubebb_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"table '.*/none.csv' cannot be read: No such file"):
        read_youtubebb(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"table '.*' cannot be read: Is a directory"):
        read_youtubebb(tmp_path)
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is no text file of comma-separated values"):
        read_youtubebb(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(InputError, match=r"holds no tracks to make pairs of$"):
        read_youtubebb(tmp_path / "a.csv")
