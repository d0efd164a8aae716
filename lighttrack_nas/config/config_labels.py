"""Sources of pairs from annotation files of the sets that people train on."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from lighttrack_nas.config.config_parts import ConfigPart, Weight


class StillsSource(ConfigPart):
    """Pairs from still images with boxes, in COCO's format.

    Attributes:
        path: The annotation file, such as "coco/annotations/instances_train2017.json", or a folder with
            ``annotations.json``.
        images: The folder that the file's names of images start from. None looks beside the file, in ``images`` there,
            and for COCO's ``annotations`` in ``train2017`` and ``images/train2017`` beside that folder.
        weight: Share of the mixture.
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"images"})

    kind: Literal["stills"]
    path: str
    images: str | None = None
    weight: Weight = 1.0


class VidSource(ConfigPart):
    """Pairs from ImageNet VID.

    Attributes:
        path: The folder that holds ``Annotations`` and ``Data``, for the training split, or a folder below
            ``Annotations``.
        only: Videos to take, or folders of them; empty takes all.
        without: Videos to leave out, or folders of them.
        weight: Share of the mixture.
        frame_range: Largest distance of the two frames, in frames in which the target is annotated.
    """

    kind: Literal["vid"]
    path: str
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    weight: Weight = 1.0
    frame_range: int = Field(default=100, ge=1)


class DetSource(ConfigPart):
    """Pairs from ImageNet DET, still images.

    Attributes:
        path: The folder that holds ``Annotations`` and ``Data``, for the training split, or a folder below
            ``Annotations``.
        only: Images to take, or folders of them; empty takes all.
        without: Images to leave out, or folders of them.
        weight: Share of the mixture.
    """

    kind: Literal["det"]
    path: str
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    weight: Weight = 1.0


class YoutubeBBSource(ConfigPart):
    """Pairs from YouTube-BoundingBoxes.

    Attributes:
        path: The table, such as "yt_bb_detection_train.csv".
        frames: The folder of frames, ``CLASS_ID/YOUTUBE_ID_TIMESTAMP_CLASS_ID_OBJECT_ID.jpg``; None takes the table's
            path without its ending.
        only: Videos to take, by youtube_id; empty takes all.
        without: Videos to leave out.
        weight: Share of the mixture.
        frame_range: Largest distance of the two frames, in annotated frames, of which there is one a second.
    """

    kind: Literal["youtubebb"]
    path: str
    frames: str | None = None
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    weight: Weight = 1.0
    frame_range: int = Field(default=3, ge=1)


class Crop511Source(ConfigPart):
    """Pairs from pysot's training crops of 511 pixels, of whichever set they were cut.

    Attributes:
        path: The folder of crops, ``VIDEO/FRAME.TRACK.x.jpg``.
        annotations: The boxes, JSON ``{VIDEO: {TRACK: {FRAME: BOX}}}``; None takes ``train.json`` in the folder or
            beside it.
        aspect: Width over height of the frames, such as 1.778, where the boxes are shares of these, as pysot's script
            writes them for YouTube-BB; None where they are pixels.
        only: Videos to take, or folders of them; empty takes all.
        without: Videos to leave out, or folders of them.
        weight: Share of the mixture.
        frame_range: Largest distance of the two frames, in annotated frames.
    """

    kind: Literal["crop511"]
    path: str
    annotations: str | None = None
    aspect: float | None = Field(default=None, ge=0.1, le=10)
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    weight: Weight = 1.0
    frame_range: int = Field(default=100, ge=1)
