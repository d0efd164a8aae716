"""Where trackers part: the sequences and frames in which their overlaps differ most, as one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lighttrack_nas.benchmarks.evaluation.evaluation_result import ScoredSequence
from lighttrack_nas.benchmarks.evaluation.plots import tracker_colour, tracker_style
from lighttrack_nas.trackers.data.sequence import Sequence as Video

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patheffects import AbstractPathEffect

SEQUENCES = 3
FRAMES = 4
_FEW = 4


@dataclass(frozen=True, eq=False)
class Parting:
    """A sequence in which trackers part.

    Attributes:
        video: The sequence.
        frames: Indices, in order.
        overlaps: Name of the tracker -> ``(frames of the video,)`` overlap, NaN where not scored.
        boxes: Name of the tracker -> ``(frames of the video, 4)``.
    """

    video: Video
    frames: list[int]
    overlaps: dict[str, np.ndarray]
    boxes: dict[str, np.ndarray]


def find_partings(
    trackers: Mapping[str, Mapping[str, ScoredSequence]],
    videos: Sequence[Video],
    sequences: int = SEQUENCES,
    frames: int = FRAMES,
) -> list[Parting]:
    """Find where trackers differ most.

    Args:
        trackers: Name of the tracker -> name of the sequence -> its boxes against the truth.
        videos: The sequences.
        sequences: Take at most so many, those in which the largest and the smallest overlap lie farthest apart on the
            mean over frames.
        frames: Cut each into so many stretches of equal length, and take of each the frame in which they lie farthest
            apart, half a stretch behind the one before; of equal ones the first.

    Returns:
        The sequences, the most different first; none where all trackers agree, or there is only one.
    """
    spreads = {video.name: _spread(trackers, video.name) for video in videos}
    means = {name: float(np.nanmean(spread)) for name, spread in spreads.items() if not np.isnan(spread).all()}
    chosen = sorted((v for v in videos if means.get(v.name, 0) > 0), key=lambda v: means[v.name], reverse=True)
    return [
        Parting(
            video,
            _peaks(spreads[video.name], frames),
            {name: scored[video.name].scores.overlaps for name, scored in trackers.items()},
            {name: scored[video.name].boxes for name, scored in trackers.items()},
        )
        for video in chosen[:sequences]
    ]


def draw_partings(partings: Sequence[Parting], places: Mapping[str, int]) -> Figure:
    """Draw frames with all boxes and the truth, and below them the overlaps over the sequence.

    Args:
        partings: What `find_partings` gave; at least one.
        places: Name of the tracker -> its place, which decides its colour, as in the other plots.

    Returns:
        The figure.

    Raises:
        InputError: An image cannot be read.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import withStroke

    columns = max(len(parting.frames) for parting in partings)
    legend_rows = -(-(len(places) + 1) // 4)
    figure = Figure(figsize=(2.9 * columns, 3.5 * len(partings) + 0.5 + 0.22 * legend_rows), layout="constrained")
    grid = figure.add_gridspec(2 * len(partings), columns, height_ratios=[2.1, 1] * len(partings))
    for row, parting in enumerate(partings):
        for column, index in enumerate(parting.frames):
            _draw_frame(figure.add_subplot(grid[2 * row, column]), parting, index, places)
        _draw_overlaps(figure.add_subplot(grid[2 * row + 1, :]), parting, places)
    truth = Line2D([], [], color="white", linewidth=2.5, label="truth")
    truth.set_path_effects([withStroke(linewidth=4.5, foreground="black")])
    handles = [truth]
    handles += [
        Line2D([], [], color=tracker_colour(place), linestyle=tracker_style(place), linewidth=2.5, label=_shown(name))
        for name, place in places.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _spread(trackers: Mapping[str, Mapping[str, ScoredSequence]], name: str) -> np.ndarray:
    """``(frames,)`` largest less smallest overlap; NaN where not scored, and in the first frame."""
    overlaps = np.array([scored[name].scores.overlaps for scored in trackers.values()])
    spread = overlaps.max(axis=0) - overlaps.min(axis=0)
    spread[:1] = np.nan
    return np.asarray(spread)


def _peaks(spread: np.ndarray, count: int) -> list[int]:
    peaks: list[int] = []
    for stretch in np.array_split(np.arange(1, len(spread)), count):
        known = stretch[~np.isnan(spread[stretch])]
        # Two frames about a border would look the same.
        apart = known[known >= peaks[-1] + len(stretch) / 2] if peaks else known
        known = apart if len(apart) else known
        if len(known):
            peaks.append(int(known[np.argmax(spread[known])]))
    return peaks


def _draw_frame(axes: Axes, parting: Parting, index: int, places: Mapping[str, int]) -> None:
    from matplotlib.patheffects import withStroke

    frame = parting.video.frame(index)
    axes.imshow(frame[:, :, ::-1], zorder=0)
    truth = parting.video.boxes[index]
    boxes = {name: track[index] for name, track in parting.boxes.items()}
    # Few boxes lie on the truth, so that one that hits it shows; many would hide it, and with wide lines each other.
    few = len(boxes) <= _FEW
    width = 2.0 if few else 1.2
    for name, box in boxes.items():
        if np.isfinite(box).all():
            outline = withStroke(linewidth=width + (1.2 if few else 0), foreground="white")
            _draw_box(axes, box, tracker_colour(places[name]), tracker_style(places[name]), width, outline)
    truth_width = 3.6 if few else width
    outline = withStroke(linewidth=truth_width + 2, foreground="black")
    _draw_box(axes, truth, "white", "-", truth_width, outline, zorder=0.5 if few else 3)
    left, top, right, bottom = _view(frame.shape, [truth, *boxes.values()])
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    first = index == parting.frames[0]
    axes.set_title(f"{_shown(parting.video.name)}, frame {index + 1}" if first else f"frame {index + 1}", fontsize=9)


def _draw_box(
    axes: Axes, box: np.ndarray, colour: str, style: str, width: float, outline: AbstractPathEffect, zorder: float = 2
) -> None:
    from matplotlib.patches import Rectangle

    x, y, w, h = box
    patch = Rectangle((x, y), w, h, fill=False, edgecolor=colour, linestyle=style, linewidth=width, zorder=zorder)
    patch.set_path_effects([outline])
    axes.add_patch(patch)


def _view(shape: tuple[int, ...], boxes: Sequence[np.ndarray]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what is shown: all boxes with room around, of the frame's own proportions."""
    height, width = shape[:2]
    known = np.array([box for box in boxes if np.isfinite(box).all()])
    low = np.clip(known[:, :2].min(axis=0), 0, (width, height))
    high = np.clip((known[:, :2] + known[:, 2:]).max(axis=0), 0, (width, height))
    scale = min(1.0, max(0.25, *(1.5 * (high - low) / (width, height))))
    size = scale * np.array([width, height])
    start = np.clip((low + high) / 2 - size / 2, 0, (width, height) - size)
    return float(start[0]), float(start[1]), float(start[0] + size[0]), float(start[1] + size[1])


def _draw_overlaps(axes: Axes, parting: Parting, places: Mapping[str, int]) -> None:
    numbers = np.arange(1, len(parting.video) + 1)
    for index in parting.frames:
        axes.axvline(index + 1, color="0.75", linewidth=1)
    for name, overlaps in parting.overlaps.items():
        axes.plot(
            numbers, overlaps, color=tracker_colour(places[name]), linestyle=tracker_style(places[name]), linewidth=1.6
        )
    axes.set(xlim=(1, len(numbers)), ylim=(0, 1.02), ylabel="overlap")
    axes.set_xlabel("frame", fontsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _shown(name: str) -> str:
    """A name as matplotlib must be given it: "$" would start a formula."""
    return name.replace("$", r"\$")
