"""The part of a configuration that says where training pairs and videos come from."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_serializer

from lighttrack_nas.config.config_parts import ConfigPart

Weight = Annotated[float, Field(gt=0)]


class Videos(ConfigPart):
    """Sequences of a data set.

    Attributes:
        path: The data set's folder, or the name of a generated set such as "generated-val-v1". Here as in the other
            paths to data, $NAME takes an environment variable's value.
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
    """Keys that came after records of runs had been written: their defaults are not written, so that runs go on."""

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: Any) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        usual = {name for name in self.LATER if getattr(self, name) == fields[name].default}
        return {name: value for name, value in content.items() if name not in usual}


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


class StillsSource(ConfigPart):
    """Pairs from still images with boxes, in COCO's format.

    Attributes:
        path: The annotation file, or a folder with ``annotations.json``.
        weight: Share of the mixture.
    """

    kind: Literal["stills"]
    path: str
    weight: Weight = 1.0


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
    GeneratedSource | SequencesSource | StillsSource | ImagesSource | VideosSource, Field(discriminator="kind")
]


class Data(ConfigPart):
    """Training pairs.

    Attributes:
        recipe: How pairs are cut and changed: "small-data" or "lighttrack".
        pairs: Fields of `PairSettings` to set otherwise.
        sources: Where pairs come from.
        targets: Fields of `TargetSettings`.
        losses: Fields of `LossSettings`.
    """

    recipe: str = "small-data"
    pairs: dict[str, float] = {}
    sources: tuple[Source, ...] = Field(default=(GeneratedSource(kind="generated"),), min_length=1)
    targets: dict[str, Any] = {}
    losses: dict[str, Any] = {}
