"""Repeated frames and gaps of time stamps are counted, whatever the source."""

import itertools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lighttrack_nas.trackers.data.continuity import Continuity
from lighttrack_nas.trackers.data.sources import open_source

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 200, 300, 3), np.uint8)


def seen(pictures: Sequence[int], times: Sequence[float | None] | None = None) -> Continuity:
    continuity = Continuity()
    for picture, time in zip(pictures, times or [None] * len(pictures), strict=True):
        continuity.see(PICTURES[picture].copy(), time)
    return continuity


@settings(deadline=None)
@given(st.lists(st.integers(0, 2), max_size=12))
def test_a_frame_repeats_the_one_before_alone(pictures: list[int]) -> None:
    continuity = seen(pictures)
    assert continuity.frames == len(pictures)
    assert continuity.repeated == sum(a == b for a, b in itertools.pairwise(pictures))
    assert continuity.missing == 0


def test_one_pixel_makes_another_picture() -> None:
    continuity, other = Continuity(), PICTURES[0].copy()
    other[7, 11, 1] ^= 1  # none of those that are compared before the whole
    continuity.see(PICTURES[0], None)
    continuity.see(other, None)
    assert continuity.repeated == 0


def test_who_draws_beside_what_is_compared_first_hides_no_repetition() -> None:
    continuity, frame = Continuity(), PICTURES[0].copy()
    continuity.see(frame, None)
    frame[7, 11] ^= 1
    continuity.see(PICTURES[0], None)
    assert continuity.repeated == 1


def test_who_draws_on_a_frame_makes_no_repetition_and_hides_none_that_is_seen() -> None:
    continuity, frame = Continuity(), PICTURES[0].copy()
    continuity.see(frame, None)
    frame[:] = PICTURES[1]
    continuity.see(PICTURES[1].copy(), None)
    assert continuity.repeated == 0


@settings(deadline=None)
@given(st.sets(st.integers(1, 58), max_size=12), st.sampled_from([8.3, 100 / 6, 33.4, 40.0, 1000.0]))
def test_frames_that_were_left_out_are_missing(left_out: set[int], interval: float) -> None:
    kept = [number for number in range(60) if number not in left_out]
    assert seen([0, 1] * 30, [*(n * interval for n in range(60))]).missing == 0
    assert seen([n % 2 for n in kept], [n * interval for n in kept]).missing == len(left_out)


@pytest.mark.parametrize(
    ("times", "missing"),
    [
        ([0, 0, 0, 0], 0),  # a source without stamps, as OpenCV reads it
        ([None] * 4, 0),
        ([0, 40, None, 400_000, 400_040], 0),  # a stream that broke off
        ([0, 40, 80, 0, 40], 0),  # that begins again
        ([0, 33, 67, 100, 133, 167], 0),  # whole milliseconds
        ([0, 50, 83, 133, 167, 217], 0),  # telecined film
        ([0, 40, 80, 160, 200, 320], 3),
    ],
    ids=str,
)
def test_only_gaps_lack_frames(times: list[float | None], missing: int) -> None:
    assert seen([n % 2 for n in range(len(times))], times).missing == missing


@pytest.mark.parametrize(
    ("pictures", "times", "sentence"),
    [
        ([0, 1, 2, 0], [0, 40, 80, 120], None),
        ([0, 0, 2, 0], [0, 40, 80, 120], "1 of 4 frames is the same picture as the one before"),
        ([0, 0, 0, 0], [0, 40, 80, 120], "3 of 4 frames are the same picture as the one before"),
        ([0, 1, 0, 1], [0, 40, 80, 160], "by the time stamps about 1 is missing, at 1 place"),
        (
            [0, 1, 1, 0, 1, 2],
            [0, 40, 80, 200, 240, 320],
            "1 of 6 frames is the same picture as the one before, and by the time stamps about 3 are missing, "
            "at 2 places",
        ),
    ],
)
def test_what_is_said(pictures: list[int], times: list[float], sentence: str | None) -> None:
    assert seen(pictures, times).sentence == sentence


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
def test_videos_say_it(tmp_path: Path, container: str) -> None:
    """As a phone writes them: a variable rate, and pictures twice where the camera was late."""
    path, written = tmp_path / f"video.{container}", [n for n in range(30) if n not in (8, 9, 20)]
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 128, "yuv420p"
        stream.options = {"threads": "1"}
        stream.codec_context.time_base = Fraction(1, 25)
        for place, number in enumerate(written):
            picture = np.full((128, 160, 3), 60 + 5 * (4 if place == 5 else place), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    with open_source(str(path)) as source:
        assert len(list(source)) == 27
    assert (source.continuity.repeated, source.continuity.missing) == (1, 3)
