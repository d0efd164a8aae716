"""`track` shows what it does, keeps what it has, deletes nothing, and says what the source left out."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from lighttrack_nas.cli.shared import screen
from lighttrack_nas.cli.shared.screen import LiveWindow, screen_problem
from lighttrack_nas.cli.tracker import track, track_files
from lighttrack_nas.cli.tracker.track_files import TrackFiles, set_aside
from lighttrack_nas.trackers.tracking.presence import Tracked

BOX = ("--box", "40,30,24,30")


@pytest.fixture
def video(write_sequences: Callable[..., Path], tmp_path: Path) -> Path:
    return write_sequences(tmp_path / "sequences", 1) / "video0"


class Window:
    """OpenCV's, as far as it is used: it keeps what is shown, and a key is pressed, or it is closed, at some frame."""

    def __init__(self, key: int = -1, at: int = 10**9, closed_at: int = 10**9) -> None:
        self.shown: list[np.ndarray] = []
        self.key, self.at, self.closed_at, self.open = key, at, closed_at, 0

    def install(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(track, "screen_problem", lambda: None)
        patch.setattr(cv2, "namedWindow", lambda *_: setattr(self, "open", 1))
        patch.setattr(cv2, "resizeWindow", lambda _, width, height: setattr(self, "size", (width, height)))
        patch.setattr(cv2, "imshow", lambda _, frame: self.shown.append(frame))
        patch.setattr(cv2, "waitKey", lambda _: self.key if len(self.shown) >= self.at else -1)
        patch.setattr(cv2, "getWindowProperty", lambda *_: float(len(self.shown) < self.closed_at))
        patch.setattr(cv2, "destroyAllWindows", lambda: setattr(self, "open", 0))


@pytest.mark.parametrize(
    ("window", "frames", "state"),
    [
        (Window(), 6, "finished"),
        (Window(ord("q"), 3), 3, "stopped"),
        (Window(27, 1), 1, "stopped"),
        (Window(ord("x"), 2), 6, "finished"),
        (Window(closed_at=4), 4, "stopped"),
    ],
    ids=["no key", "q", "Escape", "another key", "closed"],
)
def test_a_window_shows_the_frames_until_a_key_ends_it(
    run: Callable[..., Any],
    video: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    window: Window,
    frames: int,
    state: str,
) -> None:
    window.install(monkeypatch)
    outcome = run("track", "never-moves", video, *BOX, "-o", "out", "--show")
    assert outcome.code == 0, outcome.err
    assert f"{frames} frames" in outcome.out
    assert len(window.shown) == frames
    assert window.shown[0].shape == (120, 160, 3)
    assert window.shown[0][30, 52].tolist() == [0, 220, 255]  # the box's upper edge
    assert window.open == 0
    assert len((tmp_path / "out/boxes.txt").read_text().splitlines()) == frames
    assert json.loads((tmp_path / "out/track.json").read_text())["state"] == state


@pytest.mark.parametrize(
    ("shape", "size"), [((120, 160), (160, 120)), ((2160, 3840), (1280, 720)), ((4000, 1000), (180, 720))]
)
def test_windows_fit_on_a_screen(
    shape: tuple[int, int], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    window = Window()
    window.install(monkeypatch)
    LiveWindow("video", (*shape, 3))
    assert window.size == size


def test_no_screen_is_a_sentence_before_anything_is_opened(run: Callable[..., Any]) -> None:
    outcome = run("track", "nothing", "nowhere", *BOX, "-o", "out", "--show")
    assert outcome.code == 1
    assert outcome.err.startswith("error: --show: there is no screen (neither DISPLAY nor WAYLAND_DISPLAY is set)")


@pytest.mark.parametrize(
    ("returncode", "said", "problem"),
    [
        (0, b"", None),
        (-6, b"could not connect to display :5", "OpenCV cannot open a window on screen :5"),
        (1, b"cv2.error: The function is not implemented. Rebuild", "this OpenCV has no windows"),
    ],
)
def test_a_window_is_tried_in_another_process(
    returncode: int, said: bytes, problem: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":5")
    done = SimpleNamespace(returncode=returncode, stderr=said)
    monkeypatch.setattr(screen.subprocess, "run", lambda *_, **__: done)
    assert (screen_problem() or "").startswith(problem or "")
    assert (screen_problem() is None) == (problem is None)

    def never(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("python", 60)

    monkeypatch.setattr(screen.subprocess, "run", never)
    assert screen_problem() == "the screen :5 does not answer"


def test_what_was_tracked_survives_a_kill(video: Path, tmp_path: Path) -> None:
    """Of six frames the fifth kills the process; four are on the disk."""
    code = (
        "import os, signal, sys\n"
        "from lighttrack_nas.cli.tracker import track_files\n"
        "from lighttrack_nas.trackers.tracking.baselines import NeverMoves\n"
        "from lighttrack_nas.cli import main\n"
        "track_files._SECONDS_BETWEEN_WRITES = 0\n"
        "seen, update = [], NeverMoves.update\n"
        "def deadly(self, frame):\n"
        "    seen.append(frame)\n"
        "    return os.kill(os.getpid(), signal.SIGKILL) if len(seen) == 4 else update(self, frame)\n"
        "NeverMoves.update = deadly\n"
        f"sys.argv = ['lighttrack-nas', 'track', 'never-moves', {str(video)!r}, *{BOX!r}, '-o', 'out']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    for name in ("boxes", "scores", "times"):
        assert len((tmp_path / f"out/{name}.txt").read_text().splitlines()) == 4
    record = json.loads((tmp_path / "out/track.json").read_text())
    assert (record["frames"], record["state"]) == (4, "running")


def answers(count: int, presence: float | None = None) -> list[Tracked]:
    return [Tracked(np.array([float(n), 2, 3, 4]), 0.5, False, presence) for n in range(count)]


def test_lines_come_as_frames_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track_files, "_SECONDS_BETWEEN_WRITES", 0)
    files = TrackFiles(tmp_path, {"tracker": "mine"}, ["a", "b"])
    files.add(answers(2), 9.0)
    for number in range(2, 5):
        files.add(answers(2, 0.25), 0.5)
        for name in ("a", "b"):
            lines = (tmp_path / f"presence/{name}.txt").read_text().splitlines()
            assert lines == ["nan,0"] + ["0.250000,0"] * (number - 1)
        assert (tmp_path / "boxes/b.txt").read_text() == "1.0000,2.0000,3.0000,4.0000\n" * number
        assert json.loads((tmp_path / "track.json").read_text()) == {
            "tracker": "mine",
            "frames": number,
            "state": "running",
        }
    assert files.seconds == 1.5


@pytest.mark.parametrize("frames", [1, 3])
def test_trackers_that_state_no_presence_have_no_file_of_it(tmp_path: Path, frames: int) -> None:
    files = TrackFiles(tmp_path, {}, [""])
    for _ in range(frames):
        files.add(answers(1), 0.5)
    files.write("finished", repeated_frames=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["boxes.txt", "scores.txt", "times.txt", "track.json"]
    assert json.loads((tmp_path / "track.json").read_text())["repeated_frames"] == 2


def test_lines_that_a_full_disk_cut_are_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track_files, "_SECONDS_BETWEEN_WRITES", 10**6)
    files = TrackFiles(tmp_path, {}, [""])
    for _ in range(3):
        files.add(answers(1), 0.5)
    with monkeypatch.context() as patch:

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(track_files.os, "fsync", full)
        with pytest.raises(OSError, match=r"No space left on device.*boxes\.txt"):
            files.write("finished")
    files.write("finished")
    assert len((tmp_path / "boxes.txt").read_text().splitlines()) == 3


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("there", "names", "moved"),
    [
        ([], [""], []),
        (["notes.txt", "scores/mine.txt"], [""], []),
        (["notes.txt", "boxes.txt"], [""], ["boxes.txt"]),  # no run of ours, but in the way
        (["boxes/a.txt", "boxes/b.txt"], ["a"], ["boxes/a.txt"]),
        (["boxes.txt", "times.txt", "track.json", "notes.txt"], ["a"], ["boxes.txt", "times.txt", "track.json"]),
        (
            ["boxes/a.txt", "scores/a.txt", "track.json", "video.mp4"],
            [""],
            ["boxes/a.txt", "scores/a.txt", "track.json", "video.mp4"],
        ),
        (["track.json", "targets.txt"], [""], ["track.json"]),
    ],
    ids=str,
)
def test_results_of_earlier_runs_are_set_aside_and_nothing_else(
    tmp_path: Path, there: Sequence[str], names: Sequence[str], moved: Sequence[str]
) -> None:
    for place in there:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(place)
    folder = set_aside(tmp_path, names, None)
    assert folder == (tmp_path / "earlier-1" if moved else None)
    assert tree(tmp_path) == sorted([p for p in there if p not in moved] + [f"earlier-1/{p}" for p in moved])
    for place in moved:
        assert (tmp_path / "earlier-1" / place).read_text() == place
    assert set_aside(tmp_path, names, None) is None


def test_the_file_of_boxes_stays_where_it_is(tmp_path: Path) -> None:
    for place in ("boxes.txt", "track.json"):
        (tmp_path / place).write_text(place)
    set_aside(tmp_path, ["a"], tmp_path / "boxes.txt")
    assert tree(tmp_path) == ["boxes.txt", "earlier-1/track.json"]


def test_every_run_into_a_folder_is_kept(run: Callable[..., Any], video: Path, tmp_path: Path) -> None:
    (tmp_path / "targets.txt").write_text("left,40,30,24,30\nright,80,20,30,30\n")
    several = ("track", "lighttrack-tiny-generated", video, "--boxes", "targets.txt", "-o", "out")
    assert run(*several).code == 0
    done = run("track", "never-moves", video, *BOX, "-o", "out", "--max-frames", 3)
    assert done.err.startswith("'out' held results of an earlier run: they are in 'out/earlier-1' now\n")
    assert run("track", "never-moves", video, *BOX, "-o", "out").code == 0
    assert tree(tmp_path / "out") == sorted(
        ["boxes.txt", "scores.txt", "times.txt", "track.json"]
        + [f"earlier-2/{name}" for name in ("boxes.txt", "scores.txt", "times.txt", "track.json")]
        + [f"earlier-1/{kind}/{name}.txt" for kind in ("boxes", "scores", "presence") for name in ("left", "right")]
        + ["earlier-1/times.txt", "earlier-1/track.json"]
    )
    assert len((tmp_path / "out/earlier-1/boxes/left.txt").read_text().splitlines()) == 6
    assert len((tmp_path / "out/earlier-2/boxes.txt").read_text().splitlines()) == 3


def test_repeated_frames_are_said(run: Callable[..., Any], video: Path, tmp_path: Path) -> None:
    for copy in (5, 6):
        (video / f"{copy:08d}.png").write_bytes((video / "00000004.png").read_bytes())
    outcome = run("track", "never-moves", video, *BOX, "-o", "out")
    assert "warning: 'video0': 2 of 6 frames are the same picture as the one before\n" in outcome.err
    record = json.loads((tmp_path / "out/track.json").read_text())
    assert (record["repeated_frames"], record["missing_frames"]) == (2, 0)
