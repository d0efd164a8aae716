"""Saved videos: H.264 of the frames' size, whole or not there."""

from pathlib import Path

import av
import numpy as np
import pytest

from lighttrack_nas.cli.tracker.draw_video import VideoWriter, draw_boxes
from lighttrack_nas.trackers.base.errors import InputError


@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 63), (48, 63), (47, 64)])
def test_a_video_keeps_size_rate_and_frames(tmp_path: Path, height: int, width: int) -> None:
    path = tmp_path / "new" / "video.mp4"
    writer = VideoWriter(path, (height, width, 3), 29.97)
    for number in range(5):
        writer.write(np.full((height, width, 3), 50 * number, np.uint8))
    assert not path.exists()
    writer.close()
    assert [each.name for each in path.parent.iterdir()] == ["video.mp4"]
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert float(stream.average_rate) == pytest.approx(29.97, abs=0.01)
        frames = [frame.to_ndarray(format="bgr24") for frame in file.decode(stream)]
    assert [frame.shape for frame in frames] == [(height, width, 3)] * 5
    assert [float(frame.mean()) for frame in frames] == pytest.approx([0, 50, 100, 150, 200], abs=4)


def test_a_rate_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="this video cannot be written here"):
        VideoWriter(tmp_path / "video.mp4", (48, 64, 3), float("nan"))
    assert not list(tmp_path.iterdir())


def test_a_lost_target_is_grey_and_without_a_score() -> None:
    frame = np.zeros((240, 320, 3), np.uint8)
    box = np.array([40.0, 100.0, 60.0, 60.0])
    there, lost = (draw_boxes(frame, [box], [0.9], [""], [gone]) for gone in (False, True))
    assert there[100, 70].tolist() == [0, 220, 255]
    assert lost[100, 70].tolist() == [160, 160, 160]
    assert not np.array_equal(there[80:96], lost[80:96])
    assert not frame.any()
