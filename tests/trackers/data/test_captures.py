"""Interlaced video, streams, numbered images: frames as they are, or a sentence."""

import functools
import http.server
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data import captures
from lighttrack_nas.trackers.data.captures import is_interlaced, stream_frames
from lighttrack_nas.trackers.data.sequence import read_image
from lighttrack_nas.trackers.data.sources import open_source


def written(path: Path, interlaced: bool, frames: int = 6) -> Path:
    """A bright video of H.264, as camcorders write it if interlaced."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 128, "yuv420p"
        stream.options = {"threads": "1"} | ({"x264-params": "interlaced=1"} if interlaced else {})
        for number in range(frames):
            picture = np.full((128, 160, 3), 90 + 10 * number % 160, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)
    return path


@pytest.mark.parametrize("interlaced", [False, True])
def test_frames_are_as_bright_as_they_were_filmed(tmp_path: Path, interlaced: bool) -> None:
    path = written(tmp_path / "video.ts", interlaced)
    assert is_interlaced(path) == interlaced
    with open_source(str(path)) as source:
        means = [float(frame.mean()) for frame in source]
    assert means == pytest.approx([90 + 10 * number for number in range(6)], abs=4)


def test_what_pyav_cannot_read_is_left_to_opencv(tmp_path: Path) -> None:
    (tmp_path / "video.ts").write_bytes(b"no video")
    assert not is_interlaced(tmp_path / "video.ts")


class Capture:
    """A stream of so many frames."""

    def __init__(self, frames: int) -> None:
        self.left, self.released = frames, False

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        return (True, np.zeros((2, 2, 3), np.uint8)) if self.left >= 0 else (False, None)

    def get(self, _: int) -> float:
        return 40.0 * -self.left

    def release(self) -> None:
        self.released = True


@pytest.mark.parametrize(
    ("script", "frames", "tries"),
    [
        ([], 2, 3),
        ([3], 5, 4),
        ([0, 0, 4], 6, 6),
        ([0, 0, 0, 4], 2, 3),
        ([None, 4], 6, 5),
        ([1, 1, 1, 1, 1], 7, 8),
    ],
    ids=str,
)
def test_a_stream_is_opened_again_until_it_fails_three_times_in_a_row(
    script: list[int | None], frames: int, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captures, "_WAIT", 0.0)
    first, left, said = Capture(2), list(script), []

    def reopened() -> Capture:
        count = left.pop(0) if left else None
        if count is None:
            raise InputError("nothing answers")
        return Capture(count)

    stamps = [milliseconds for _, milliseconds in stream_frames(first, reopened, said.append)]
    assert len(stamps) == frames
    # The time of a break is no gap between frames.
    assert stamps.count(None) == sum(1 for count in script[:tries] if count)
    assert len(said) == tries
    assert first.released


def test_a_film_that_begins_again_each_time_comes_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "_WAIT", 0.0)
    frames = list(stream_frames(Capture(2), lambda: Capture(2), lambda _: None))
    assert len(frames) == 2 * (1 + captures.MOST_BREAKS)


def test_who_leaves_a_stream_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "_WAIT", 0.0)
    second = Capture(9)
    frames = stream_frames(Capture(1), lambda: second, lambda _: None)
    assert len([next(frames) for _ in range(3)]) == 3
    assert not second.released
    frames.close()
    assert second.released


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The folder on this machine's own network."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_file_is_read_by_its_address(tmp_path: Path, served: str) -> None:
    written(tmp_path / "video.mp4", False)
    with open_source(f"{served}/video.mp4") as source:
        assert source.length == 6
        assert len(list(source)) == 6
        assert source.warning is None


@pytest.mark.parametrize("address", ["{served}/none.mp4", "rtsp://127.0.0.1:9/none", "nothing://here"])
def test_what_does_not_answer_is_said(served: str, address: str) -> None:
    with pytest.raises(InputError, match="cannot be opened: nothing answers there"):
        open_source(address.format(served=served))


def test_numbered_images_come_in_the_order_of_their_numbers(tmp_path: Path, write_images: Callable[..., None]) -> None:
    for number in (2, 10, 11):
        cv2.imwrite(str(tmp_path / f"shot{number}.png"), np.full((8, 8, 3), number, np.uint8))
        cv2.imwrite(str(tmp_path / f"shot{number:04d}.png"), np.full((8, 8, 3), 100 + number, np.uint8))
    (tmp_path / "shot.png").write_bytes(b"")

    def levels(pattern: str) -> list[int]:
        with open_source(str(tmp_path / pattern)) as source:
            return [int(frame.max()) for frame in source]

    assert levels("shot%04d.png") == [102, 110, 111]
    assert levels("shot%1d.png") == [102, 2, 110, 10, 111, 11]
    with pytest.raises(InputError, match="no image of such a name is in folder"):
        open_source(str(tmp_path / "other%d.png"))
    with pytest.raises(InputError, match="no image of such a name is in folder"):
        open_source(str(tmp_path / "none" / "%d.png"))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_of_sixteen_bits_those_are_taken_that_are_used(tmp_path: Path, suffix: str, bits: int) -> None:
    """A camera of 12 bits leaves the upper four empty: the picture is as bright as the camera saw it."""
    levels = np.linspace(0, 255, 64).astype(np.uint16)[None].repeat(64, 0)
    path = tmp_path / f"frame{suffix}"
    cv2.imwrite(str(path), levels << (bits - 8))
    assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).dtype == np.uint16
    assert np.array_equal(read_image(path), levels[:, :, None].astype(np.uint8).repeat(3, 2))


def test_a_named_pipe_is_read_once(tmp_path: Path) -> None:
    content, pipe = written(tmp_path / "video.ts", False).read_bytes(), tmp_path / "pipe.ts"
    os.mkfifo(pipe)
    threading.Thread(target=lambda: pipe.write_bytes(content), daemon=True).start()
    with open_source(str(pipe)) as source:
        assert len(list(source)) == 6


def test_a_pipe_that_holds_no_video_is_said(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.ts"
    os.mkfifo(pipe)
    threading.Thread(target=lambda: pipe.write_bytes(b"no video" * 100), daemon=True).start()
    with pytest.raises(InputError, match="cannot be opened as a video"):
        open_source(str(pipe))


def test_a_pipe_into_which_nobody_writes_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "_STALLED_MS", 50)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe' is a pipe into which nothing was written for 0 s"):
        open_source(str(tmp_path / "pipe"))


def test_a_pipe_that_falls_silent_ends_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "_STALLED_MS", 500)
    content, pipe = written(tmp_path / "video.ts", False, frames=60).read_bytes(), tmp_path / "pipe.ts"
    os.mkfifo(pipe)
    ended = threading.Event()

    def write() -> None:
        with pipe.open("wb", buffering=0) as file:
            file.write(content[: len(content) * 2 // 3])
            ended.wait()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    frames = []
    with (
        open_source(str(pipe)) as source,
        pytest.raises(InputError, match=r"pipe.ts' is a pipe into which nothing was written for 0 s"),
    ):
        frames.extend(source)
    ended.set()
    writer.join()
    assert 20 < len(frames) < 60


def test_a_short_video_in_a_pipe_that_stays_open_gives_its_frames_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it is read to see what it is, and then nothing more comes."""
    monkeypatch.setattr(captures, "_STALLED_MS", 500)
    pipe, frames = tmp_path / "pipe.ts", []
    os.mkfifo(pipe)
    writing = os.open(pipe, os.O_RDWR)
    os.write(writing, written(tmp_path / "video.ts", False).read_bytes())
    with open_source(str(pipe)) as source, pytest.raises(InputError, match="a pipe into which nothing was written"):
        frames.extend(source)
    os.close(writing)
    assert len(frames) == 6


def test_a_pipe_of_which_only_the_beginning_is_read_holds_nobody_up(tmp_path: Path) -> None:
    content, pipe = written(tmp_path / "video.ts", False, frames=60).read_bytes() * 50, tmp_path / "pipe.ts"
    os.mkfifo(pipe)

    def write() -> None:
        with suppress(BrokenPipeError):
            pipe.write_bytes(content)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    with open_source(str(pipe)) as source:
        next(source)
    writer.join(timeout=60)
    assert not writer.is_alive()


def test_a_pipe_beside_a_writer_that_says_nothing_is_let_go_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captures, "_STALLED_MS", 10**8)
    content, pipe = written(tmp_path / "video.ts", False, frames=60).read_bytes(), tmp_path / "pipe.ts"
    os.mkfifo(pipe)
    writing = os.open(pipe, os.O_RDWR)
    threading.Thread(target=lambda: os.write(writing, content), daemon=True).start()
    source = open_source(str(pipe))
    next(source)
    closing = threading.Thread(target=source.release, daemon=True)
    closing.start()
    closing.join(timeout=60)
    assert not closing.is_alive()
    os.close(writing)


def test_a_pipe_that_falls_silent_before_a_frame_is_no_damaged_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captures, "_STALLED_MS", 300)
    pipe = tmp_path / "pipe.ts"
    os.mkfifo(pipe)
    writing = os.open(pipe, os.O_RDWR)
    os.write(writing, written(tmp_path / "video.ts", False).read_bytes()[:100])
    with pytest.raises(InputError, match="a pipe into which nothing was written"):
        open_source(str(pipe))
    os.close(writing)


@pytest.fixture
def stalling(tmp_path: Path) -> Iterator[Callable[[float], str]]:
    """Serves so large a share of a video by its address, and then nothing more, with the connection open."""
    content = written(tmp_path / "stream.ts", False, frames=60).read_bytes()
    server, ended = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve(share: float) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.recv(4096)
                if share:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
                    connection.sendall(content[: round(share * len(content))])
                ended.wait(20)

    def address(share: float) -> str:
        threading.Thread(target=serve, args=(share,), daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/stream.ts"

    yield address
    ended.set()
    server.close()


def test_a_stream_that_never_starts_is_given_up(
    stalling: Callable[[float], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captures, "_STALLED_MS", 1000)
    with pytest.raises(InputError, match=r"cannot be opened: nothing answers there within 1 s"):
        open_source(stalling(0.0))


@pytest.mark.slow
def test_a_stream_that_stalls_keeps_its_frames_and_is_given_up(
    stalling: Callable[[float], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captures, "_STALLED_MS", 3000)
    monkeypatch.setattr(captures, "_WAIT", 0.0)
    monkeypatch.setattr(captures, "RECONNECTS", 1)
    said: list[str] = []
    with open_source(stalling(0.7), said.append) as source:
        assert sum(1 for _ in source) > 10
    assert said
    assert source.warning is not None
    assert "gave no more frames after" in source.warning


def test_opencv_scales_a_video_whose_size_changes(tmp_path: Path) -> None:
    """To its first size, as its boxes then are."""
    first, second = written(tmp_path / "1.ts", False), tmp_path / "2.ts"
    with av.open(str(second), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 256, "yuv420p"
        stream.options = {"threads": "1"}
        for _ in range(3):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((256, 320, 3), 200, np.uint8), format="bgr24")))
        file.mux(stream.encode())
    (tmp_path / "both.ts").write_bytes(first.read_bytes() + second.read_bytes())
    with open_source(str(tmp_path / "both.ts")) as source:
        frames = list(source)
    assert [frame.shape for frame in frames] == [(128, 160, 3)] * 9
    assert frames[-1].mean() == pytest.approx(200, abs=4)


@pytest.mark.parametrize("suffix", [".tif", ".pgm", ".ppm", ".jp2", ".webp"])
def test_other_kinds_of_images_are_frames(tmp_path: Path, suffix: str) -> None:
    picture = np.full((64, 64, 3), 120, np.uint8)
    cv2.imwrite(str(tmp_path / f"1{suffix}"), picture[:, :, 0] if suffix == ".pgm" else picture)
    with open_source(str(tmp_path)) as source:
        (frame,) = list(source)
    assert frame.shape == (64, 64, 3)
    assert abs(int(frame.mean()) - 120) <= 2


def test_a_title_in_another_encoding_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "aeiou"
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 200, np.uint8), format="bgr24")
        for packet in [*stream.encode(picture), *stream.encode()]:
            container.mux(packet)
    content = path.read_bytes()
    assert b"aeiou" in content
    path.write_bytes(content.replace(b"aeiou", b"a\xf3\xe9ou"))
    assert not is_interlaced(path)


@pytest.mark.parametrize("name", [b"\xff.jpg", b"\xff.ts", b"nothing://\xff"])
def test_names_of_another_encoding_are_refused(tmp_path: Path, name: bytes) -> None:
    """OpenCV would end the process."""
    source = os.fsdecode(name) if b"//" in name else str(tmp_path / os.fsdecode(name))
    if b"//" not in name:
        Path(source).write_bytes(b"x")
    with pytest.raises(InputError, match="name that is no UTF-8, which few libraries open: rename it"):
        read_image(Path(source)) if name.endswith(b".jpg") else open_source(source)
