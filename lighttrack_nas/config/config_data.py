"""The part of a configuration that says where training pairs and videos come from."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from lighttrack_nas.config.config_labels import Crop511Source, DetSource, StillsSource, VidSource, YoutubeBBSource
from lighttrack_nas.config.config_parts import ConfigPart, Weight

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_MEMORY = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*([KMGT])(?:i?B)?\s*", re.IGNORECASE)
_LARGEST_MEMORY = 1 << 50  # bytes
GIBIBYTE = 1 << 30


def memory_bytes(amount: str | int) -> int:
    """Bytes of an amount of memory: text such as "512M" or "1.5G" (powers of 1,024), or a number of MiB.

    Raises:
        ValueError: Something else, or more than a pebibyte.
    """
    if isinstance(amount, int):
        size = float(amount * _UNITS["M"]) if abs(amount) < _LARGEST_MEMORY else -1.0
    else:
        written = _MEMORY.fullmatch(amount) if isinstance(amount, str) else None
        size = float(written[1]) * _UNITS[written[2].upper()] if written else -1.0
    if not 0 <= size <= _LARGEST_MEMORY:
        raise ValueError("expected an amount of memory such as 512M or 2G, or a number of MiB")
    return int(size)


def _checked_memory(amount: Any) -> Any:
    memory_bytes(amount)
    return amount


Memory = Annotated[str | int, BeforeValidator(_checked_memory)]
"""An amount of memory as a person writes it, see `memory_bytes`."""


class Videos(ConfigPart):
    """Sequences of a data set.

    Attributes:
        path: The data set's folder, or the name of a generated set such as "generated-val-v1". Here as in the other
            paths to data, $NAME takes an environment variable's value, and ~ is the home folder.
        layout: How it lies on disk: got10k, otb, lasot, trackingnet, uav123, uav123_10fps, uav20l, vot or nfs.
        split: train, val or test, by the data set's own lists or folders (got10k, lasot and trackingnet have them); all
            takes what lies in the folder.
        only: Names to take; empty takes all. Sequences that are not taken are not opened.
        without: Names to leave out.
        on_bad: What to do with a sequence that cannot be read: refuse the data set, or leave out the sequence, which is
            then said.
    """

    path: str
    layout: str = "got10k"
    split: Literal["all", "train", "val", "test"] = "all"
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    on_bad: Literal["refuse", "leave out"] = "refuse"

    LATER: ClassVar[frozenset[str]] = frozenset({"split", "on_bad"})


class GeneratedSource(ConfigPart):
    """Pairs from generated scenes.

    Attributes:
        weight: Share of the mixture, relative to the other sources'.
        scenes: Fields of `SceneSettings` to set otherwise.
        real: Whether targets and backgrounds may be cut from the pictures of the other sources.
    """

    kind: Literal["generated"]
    weight: Weight = 1.0
    scenes: dict[str, Any] = {}
    real: bool = True


class SequencesSource(Videos):
    """Pairs from sequences.

    Attributes:
        weight: Share of the mixture.
        frame_range: Largest distance of the two frames, in annotated frames.
    """

    kind: Literal["sequences"]
    weight: Weight = 1.0
    frame_range: int = Field(default=100, ge=1)


class ImagesSource(ConfigPart):
    """Pairs from pictures without labels, around random boxes, for learning from a teacher.

    Attributes:
        path: A folder, searched with its subfolders.
        weight: Share of the mixture.
    """

    kind: Literal["images"]
    path: str
    weight: Weight = 1.0


class VideosSource(ConfigPart):
    """Pairs from videos without labels, around random boxes, for learning from a teacher.

    Attributes:
        path: A folder, searched with its subfolders, of video files and folders of frames; it may be one of these.
        weight: Share of the mixture.
        frame_range: Largest distance of the two frames.
    """

    kind: Literal["videos"]
    path: str
    weight: Weight = 1.0
    frame_range: int = Field(default=40, ge=1)


UNLABELLED = ("images", "videos")
"""Kinds of sources whose pairs have no labels."""

Source = Annotated[
    GeneratedSource
    | SequencesSource
    | StillsSource
    | VidSource
    | DetSource
    | YoutubeBBSource
    | Crop511Source
    | ImagesSource
    | VideosSource,
    Field(discriminator="kind"),
]


class Data(ConfigPart):
    """Training pairs.

    Attributes:
        recipe: How pairs are cut and changed: "small-data" or "lighttrack".
        pairs: Fields of `PairSettings` to set otherwise.
        sources: Where pairs come from.
        targets: Fields of `TargetSettings`.
        losses: Fields of `LossSettings`.
        epoch: Pairs of an epoch, for trainings whose lengths are given in epochs; LightTrack's is 600,000.
        cache: Memory for decoded frames, of all sources and processes together: text such as "512M" or "2G", or a
            number of MiB; 0 keeps none. It is divided evenly between the processes and, in each, between the sources
            that read files, among which the validation sequences count as one. Frames of video files that are kept as
            JPEG are apart. None takes a GiB for each source in each process.
    """

    recipe: str = "small-data"
    pairs: dict[str, float] = {}
    sources: tuple[Source, ...] = Field(default=(GeneratedSource(kind="generated"),), min_length=1)
    targets: dict[str, Any] = {}
    losses: dict[str, Any] = {}
    # A training's record has its steps.
    epoch: int = Field(default=600_000, ge=1, le=10**9, exclude=True)
    # Changes no pair, and so belongs to no record of a run.
    cache: Memory | None = Field(default=None, exclude=True)

    def cache_share(self, processes: int) -> int:
        """Bytes of decoded frames that a source may keep in a process.

        Args:
            processes: That decode frames at the same time.
        """
        if self.cache is None:
            return GIBIBYTE
        # The validation sequences' frames are kept too.
        sources = 1 + sum(source.kind != "generated" for source in self.sources)
        return memory_bytes(self.cache) // (processes * sources)

    def divided(self, processes: int) -> Data:
        """The same for one of several processes, with its part of the memory."""
        if self.cache is None:
            return self
        return self.model_copy(update={"cache": f"{memory_bytes(self.cache) // processes >> 10}K"})
