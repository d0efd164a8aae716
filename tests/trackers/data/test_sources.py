import errno
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data import sources
from lighttrack_nas.trackers.data.sequence import read_image
from lighttrack_nas.trackers.data.sources import FrameSource, open_source

FRAMES = [np.full((12, 16, 3), value, np.uint8) for value in (10, 20, 30)]


def stamped(frames: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, None]]:
    return ((frame, None) for frame in frames)


def test_folder_in_natural_order(tmp_path: Path, write_images: Callable[..., None]) -> None:
    write_images(tmp_path / "frames", ["1.png", "2.png", "10.png"])
    (tmp_path / "frames" / "notes.txt").write_text("no image")
    (tmp_path / "frames" / "._1.png").write_bytes(b"hidden")
    with open_source(str(tmp_path / "frames")) as source:
        assert (source.name, source.length, source.fps) == ("frames", 3, None)
        frames = list(source)
    assert [int(frame[0, 0, 0]) for frame in frames] == [0, 10, 20]
    assert frames[0].shape == (12, 16, 3)
    assert frames[0].dtype == np.uint8
    assert source.warning is None


def test_a_video_gives_its_frames_and_its_rate(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    with open_source(str(write_video(tmp_path / "clip.avi", frames=10))) as source:
        assert (source.name, source.length, source.fps) == ("clip.avi", 10, 25.0)
        frames = list(source)
    assert len(frames) == 10
    assert frames[0].shape == (48, 64, 3)
    np.testing.assert_allclose([frame.mean() for frame in frames], np.arange(10) * 10, atol=3)
    assert source.warning is None


def test_video_that_ends_early_keeps_its_frames(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    path = write_video(tmp_path / "clip.avi", frames=90)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with open_source(str(path)) as source:
        seen = sum(1 for _ in source)
    assert 0 < seen < 90
    assert source.warning is not None
    assert f"'clip.avi' ended after {seen} of 90 frames" in source.warning


def test_warning_only_when_frames_are_missing() -> None:
    for length, warned in ((None, False), (2, False), (3, False), (4, True)):
        source = FrameSource("clip", stamped(FRAMES), length=length)
        assert len(list(source)) == 3
        assert (source.warning is not None) == warned


def test_leaving_early_is_no_damage() -> None:
    source = FrameSource("clip", stamped(FRAMES), length=3)
    with source:
        next(source)
    assert source.warning is None
    assert list(source) == []


def test_release_is_called_once() -> None:
    released: list[int] = []
    source = FrameSource("clip", stamped(FRAMES), on_release=lambda: released.append(1))
    with source:
        list(source)
    source.release()
    assert released == [1]


def test_camera_that_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    class Camera:
        def __init__(self, number: int) -> None:
            assert number == 7
            self.frames = list(FRAMES)

        def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
            return True

        def get(self, _: int) -> float:
            return 0.0

        def read(self) -> tuple[bool, np.ndarray | None]:
            return (True, self.frames.pop(0)) if self.frames else (False, None)

        def release(self) -> None:
            self.frames = []

    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    with open_source("7") as source:
        assert (source.name, source.length, source.fps) == ("camera 7", None, None)
        assert len(list(source)) == 3
    assert source.warning == "'camera 7' gave no more frames after 3"


def test_other_size_names_the_frame() -> None:
    source = FrameSource("clip", stamped([*FRAMES, np.zeros((16, 12, 3), np.uint8)]))
    for _ in FRAMES:
        next(source)
    with pytest.raises(InputError, match="'clip': frame 4 has 12 x 16 pixels, expected 16 x 12"):
        next(source)


def test_unreadable_frame_names_the_file(tmp_path: Path, write_images: Callable[..., None]) -> None:
    write_images(tmp_path, ["1.png", "2.png", "3.png"])
    (tmp_path / "2.png").write_bytes(b"broken")
    with open_source(str(tmp_path)) as source:
        next(source)
        with pytest.raises(InputError, match=r"2\.png' cannot be decoded"):
            next(source)


def test_image_with_an_absurd_header(tmp_path: Path) -> None:
    """A PNG that says it has 100000 x 100000 pixels, which OpenCV answers with an exception."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    with pytest.raises(InputError, match=r"1\.png' cannot be decoded: .*PIXELS"):
        read_image(tmp_path / "1.png")


def test_image_that_may_not_be_read(
    tmp_path: Path, write_images: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    write_images(tmp_path, ["1.png"])
    # Who runs this may read everything, whatever the file's mode.
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"1\.png' cannot be read: Permission denied"):
        read_image(tmp_path / "1.png")


@pytest.mark.parametrize("digits", ["99999999999999999999", "2147483648", "9" * 5000])
def test_camera_numbers_beyond_all_cameras(digits: str) -> None:
    with pytest.raises(InputError, match=r"camera \d+ cannot be opened: there is no camera of such a number"):
        open_source(digits)


def test_no_frame_at_all() -> None:
    with pytest.raises(InputError, match="'clip' gives no frame"):
        next(FrameSource("clip", iter([]), length=5))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.mp4", b"not a video", "text.mp4' cannot be opened as a video"),
        ("empty.avi", b"", "empty.avi' cannot be opened as a video"),
        ("0001.jpg", b"", "is a single image"),
    ],
)
def test_files_that_are_no_video(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        open_source(str(tmp_path / name))


def test_missing_path_empty_folder_no_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="nowhere' does not exist: expected a video file, a folder of images"):
        open_source(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"holds no frames: expected images \(\.jpg"):
        open_source(str(tmp_path))
    # A capture of no file: the machine that runs this may have a camera.
    monkeypatch.setattr(sources.cv2, "VideoCapture", lambda _, create=cv2.VideoCapture: create())
    with pytest.raises(InputError, match="camera 3 cannot be opened"):
        open_source("3")


def test_log_level_is_put_back(tmp_path: Path) -> None:
    before = cv2.utils.logging.getLogLevel()
    (tmp_path / "text.mp4").write_text("not a video")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        with pytest.raises(InputError):
            open_source(str(tmp_path / "text.mp4"))
        assert cv2.utils.logging.getLogLevel() == cv2.utils.logging.LOG_LEVEL_ERROR
    finally:
        cv2.utils.logging.setLogLevel(before)


def jpeg(noise: int = 40) -> bytes:
    frame = np.random.default_rng(0).integers(0, noise, (48, 64, 3), np.uint8)
    return bytes(cv2.imencode(".jpg", frame)[1].tobytes())


def with_preview(content: bytes, preview: bytes) -> bytes:
    """An application's segment behind the start, that holds another JPEG."""
    return content[:2] + b"\xff\xe1" + (len(preview) + 2).to_bytes(2) + preview + content[2:]


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (jpeg(), True),
        (jpeg() + bytes(100), True),  # what some cameras append
        (with_preview(jpeg(), jpeg(2)) + b"\0", True),
        (with_preview(jpeg(), jpeg(2))[:-1], False),
        (jpeg()[:-2], False),
        (jpeg()[: len(jpeg()) // 2], False),
        (jpeg()[: len(jpeg()) // 2] + b"\n", False),
    ],
)
def test_truncated_jpeg_files(tmp_path: Path, content: bytes, whole: bool) -> None:
    (tmp_path / "1.jpg").write_bytes(content)
    assert cv2.imread(str(tmp_path / "1.jpg")) is not None  # OpenCV fills with grey what is missing
    if whole:
        assert read_image(tmp_path / "1.jpg").shape == (48, 64, 3)
        return
    with pytest.raises(InputError, match=r"image '.*1\.jpg' is truncated: a JPEG file without its end"):
        read_image(tmp_path / "1.jpg")


@pytest.mark.parametrize("width", ["99999999999999", "0" * 200 + "8", "4294967296"])
def test_a_pattern_of_absurd_width(tmp_path: Path, width: str) -> None:
    (tmp_path / "1.jpg").touch()
    with pytest.raises(InputError, match=r"no image of such a name|does not exist"):
        open_source(str(tmp_path / f"%{width}d.jpg"))
