"""The VOT toolkit's protocol, spoken with a client of the trax package over a socket and over pipes."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.evaluation.one_pass import run_sequence
from lighttrack_nas.integrations.trax_server import box_of
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.tracking.baselines import NeverMoves

trax = pytest.importorskip("trax", reason="there is no client to speak with: pip install vot-trax")
pytest.importorskip("trax.client")


@pytest.fixture
def sequence(write_sequences: Callable[..., Path], tmp_path: Path) -> Any:
    return ltn.read_sequences(write_sequences(tmp_path / "sequences", 1), "got10k")[0]


class Seen(NeverMoves):
    """Answers with the first box; it keeps the frames that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[np.ndarray] = []

    def init(self, frame: np.ndarray, box: Any) -> None:
        self.frames.append(frame)
        super().init(frame, box)


def ignored(line: str) -> None:
    """Take what the client logs, which it cannot do without."""


class Session:
    """A tracker that serves in a thread, and a client beside it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tracker = Seen()
        self.ended: list[Any] = []
        self._listening = socket.socket()
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen(1)
        monkeypatch.setenv("TRAX_SOCKET", str(self._listening.getsockname()[1]))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self.client = trax.client.Client(stream=self._listening.fileno(), timeout=30, log=ignored)

    def _serve(self) -> None:
        try:
            self.ended.append(ltn.integrations.serve_trax(self.tracker))
        except InputError as error:
            self.ended.append(error)

    def close(self) -> Any:
        """What `serve_trax` returned or raised."""
        if self._thread.is_alive() and not self.ended:
            self.client.quit()
        self._thread.join(30)
        self._listening.close()
        return self.ended[0]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    made = Session(monkeypatch)
    yield made
    made.close()


FRAME = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
PICTURE = {"color": trax.MemoryImage.create(FRAME)}
RECTANGLE = trax.Rectangle.create(10, 20, 8.5, 6)


def bounds(objects: Any) -> list[float]:
    ((region, _),) = objects
    return list(region.bounds())


def mask(x: int = 0, y: int = 0) -> Any:
    pixels = np.zeros((30, 40), np.uint8)
    pixels[5:12, 20:33] = 1
    return trax.Mask.create(pixels, x, y)


REGIONS = {
    "rectangle": (RECTANGLE, [10, 20, 8.5, 6]),
    "triangle": (trax.Polygon.create([(10.0, 20.0), (20.0, 15.0), (25.0, 30.0)]), [10, 15, 15, 15]),
    "quadrilateral": (trax.Polygon.create([(1.0, 2.0), (5.0, 2.0), (5.0, 9.0), (1.0, 9.0)]), [1, 2, 4, 7]),
    "mask": (mask(), [20, 5, 13, 7]),
    "mask beside the corner": (mask(3, 4), [23, 9, 13, 7]),
}


@pytest.mark.parametrize("kind", REGIONS)
def test_any_region_s_box_is_taken(session: Session, kind: str) -> None:
    region, box = REGIONS[kind]
    started, _ = session.client.initialize(PICTURE, [(region, {})], {})
    assert np.allclose(bounds(started), box, atol=1e-4)
    found, _ = session.client.frame(PICTURE, {}, [])
    assert np.allclose(bounds(found), box, atol=1e-4)
    assert float(found[0][1]["confidence"]) == 1.0
    assert session.close() == 1


@pytest.mark.parametrize("kind", REGIONS)
def test_a_region_s_box_is_the_one_around_it(kind: str) -> None:
    region, box = REGIONS[kind]  # this client makes rectangles itself; others may not
    assert np.allclose(box_of(region), box)


def test_the_client_is_told_name_and_rectangles(session: Session) -> None:
    assert session.client.tracker_name == "LightTrack-NAS"
    assert session.client.region_formats == ["rectangle"]
    assert set(session.client.image_formats) == {"path", "memory", "buffer"}
    assert session.close() == 0


def test_images_come_as_files_encoded_and_as_they_are(session: Session, tmp_path: Path) -> None:
    bgr = FRAME[:, :, ::-1]
    cv2.imwrite(str(tmp_path / "a.png"), bgr)
    encoded = (tmp_path / "a.png").read_bytes()
    sent = [trax.FileImage.create(str(tmp_path / "a.png")), trax.BufferImage.create(encoded), PICTURE["color"]]
    sent.append(trax.MemoryImage.create(FRAME[:, :, 0]))
    sent.append(trax.MemoryImage.create(FRAME[:, :, 0].astype(np.uint16) * 256))
    for image in sent:
        session.client.initialize({"color": image}, [(RECTANGLE, {})], {})
    *coloured, grey, deep = session.tracker.frames
    assert all(np.array_equal(frame, bgr) for frame in coloured)
    assert all(np.array_equal(frame, np.repeat(FRAME[:, :, :1], 3, axis=2)) for frame in (grey, deep))
    assert session.close() == len(sent)


@pytest.mark.parametrize(
    ("image", "region", "said"),
    [
        (PICTURE["color"], trax.Rectangle.create(1, 2, 0, 4), "width and height must be positive"),
        (PICTURE["color"], trax.Rectangle.create(500, 2, 5, 4), "lies outside the frame of 64 x 48 pixels"),
        (trax.FileImage.create("/none.png"), RECTANGLE, "image '/none.png' does not exist"),
        (trax.BufferImage.create(b"\x89PNG\r\n\x1a\n no more"), RECTANGLE, "OpenCV cannot decode"),
    ],
    ids=["no area", "outside", "no file", "no image"],
)
def test_what_cannot_be_tracked_ends_the_session_with_a_sentence(
    session: Session, image: Any, region: Any, said: str
) -> None:
    with pytest.raises(trax.TraxException, match=said):
        session.client.initialize({"color": image}, [(region, {})], {})
    ended = session.close()
    assert isinstance(ended, InputError)
    assert said in str(ended)


@pytest.mark.parametrize(
    ("region", "said"),
    [
        (trax.Special.create(0), "sent a 'special' region as the target: expected a rectangle"),
        (trax.Mask.create(np.zeros((4, 4), np.uint8)), "a mask without a pixel"),
    ],
)
def test_a_region_without_a_place_is_refused(region: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        box_of(region)


@pytest.mark.slow
def test_the_command_s_boxes_are_those_of_evaluate(sequence: Any, tmp_path: Path) -> None:
    model = "lighttrack-tiny-generated"
    command = [sys.executable, "-m", "lighttrack_nas", "trax", model, "--name", "mine"]
    environment = {key: value for key, value in os.environ.items() if key != "TRAX_SOCKET"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=tmp_path
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        client = trax.client.Client(stream=(process.stdin.fileno(), process.stdout.fileno()), timeout=120, log=ignored)
        assert client.tracker_name == "mine"
        images = [{"color": trax.FileImage.create(str(path))} for path in sequence.frame_paths]
        start = [(trax.Rectangle.create(*sequence.boxes[0]), {})]
        found = [bounds(client.initialize(images[0], start, {})[0])]
        found += [bounds(client.frame(image, {}, [])[0]) for image in images[1:]]
        client.quit()
        assert process.wait(60) == 0
        assert b"the client quit after 1 targets" in process.stderr.read()
    expected = run_sequence(ltn.load_tracker(model), sequence).boxes
    assert np.allclose(found, expected, atol=1e-3)  # TraX writes four decimals


def test_a_client_that_goes_without_a_word_ends_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lighttrack_nas", "trax", "never-moves"]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: the TraX client has gone")
    assert len(ended.stderr.strip().splitlines()) == 1
