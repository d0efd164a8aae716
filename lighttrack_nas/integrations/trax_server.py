"""A tracker that speaks TraX, the protocol of the VOT toolkit.

In TraX's words the tracker is the server, and the toolkit that sends it frames is the client.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.packages import naming_packages
from lighttrack_nas.trackers.data.frames import eight_bits, quiet_opencv
from lighttrack_nas.trackers.data.sequence import read_image
from lighttrack_nas.trackers.tracking.protocol import Tracker

if TYPE_CHECKING:
    import trax


def serve_trax(tracker: Tracker, name: str = "LightTrack-NAS") -> int:
    """Track for a TraX client until it quits.

    They talk over the socket that the variable ``TRAX_SOCKET`` names, otherwise over standard input and output. A
    client is told that targets are rectangles. Of one that sends a polygon or a mask all the same, the box around it is
    taken; rectangles go back. With each goes a property `confidence`, the score.

    Args:
        tracker: Any; one target at a time.
        name: What the client is told.

    Returns:
        How many targets were given.

    Raises:
        InputError: The package is missing, the client sent what cannot be tracked (it is told, too), or the
            connection broke.
    """
    with naming_packages():
        import trax
        from trax import Image, Region, Server

    images = [Image.PATH, Image.MEMORY, Image.BUFFER]
    targets = 0
    try:
        server = Server([Region.RECTANGLE], images, tracker_name=name, tracker_family="Siamese")
        try:
            while (request := server.wait()).type != trax.TraxStatus.QUIT:
                frame = frame_of(request.image)
                if request.type == trax.TraxStatus.INITIALIZE:
                    box, properties = _only_box(request.objects), {}
                    tracker.init(frame, box)
                    targets += 1
                else:
                    box, score = tracker.update(frame)
                    properties = {"confidence": float(score)}
                server.status([(trax.Rectangle.create(*map(float, box)), properties)])
        except InputError as error:
            server.quit(str(error))
            raise
    except trax.TraxException as error:
        raise InputError(f"the TraX client has gone, or speaks something else ({error})") from None
    return targets


def frame_of(images: dict[str, trax.Image]) -> np.ndarray:
    """Read the frame that a client sent.

    Args:
        images: By channel; that of colour is taken.

    Returns:
        ``(height, width, 3)`` BGR uint8.

    Raises:
        InputError: There is none, it cannot be read, or it is of another kind.
    """
    from trax import Image

    if "color" not in images:
        raise InputError("the TraX client sent no image in colour")
    image = images["color"]
    kind = image.type()
    if kind == Image.PATH:
        return read_image(Path(image.path()))
    if kind == Image.MEMORY:
        return _bgr(image.array())
    if kind == Image.BUFFER:
        with quiet_opencv():
            frame = cv2.imdecode(np.frombuffer(image.buffer(), np.uint8), cv2.IMREAD_COLOR)
        if frame is None:
            raise InputError("the TraX client sent an encoded image that OpenCV cannot decode")
        return frame
    raise InputError(f"the TraX client sent an image as '{kind}': expected a path, or the image itself")


def box_of(region: trax.Region) -> np.ndarray:
    """The box around a region.

    Args:
        region: A rectangle, a polygon or a mask.

    Returns:
        ``(4,)`` x, y, w, h, pixels.

    Raises:
        InputError: It is of another kind, or a mask without a pixel.
    """
    from trax import Region

    if region.type == Region.RECTANGLE:
        return np.array(region.bounds())
    if region.type == Region.POLYGON:
        points = np.array(list(region))
        return np.concatenate([points.min(axis=0), np.ptp(points, axis=0)])
    if region.type == Region.MASK:
        rows, columns = np.nonzero(region.array())
        if not len(rows):
            raise InputError("the TraX client sent a mask without a pixel as the target")
        x, y = region.offset()
        size = [np.ptp(columns) + 1, np.ptp(rows) + 1]
        return np.array([x + columns.min(), y + rows.min(), *size], float)
    raise InputError(f"the TraX client sent a '{region.type}' region as the target: expected a rectangle")


def _only_box(objects: list[tuple[Any, Any]]) -> np.ndarray:
    if len(objects) != 1:
        raise InputError(f"the TraX client gave {len(objects)} targets: this tracker follows one")
    return box_of(objects[0][0])


def _bgr(pixels: np.ndarray) -> np.ndarray:
    """RGB ``(height, width, 3)`` or grey ``(height, width, 1)``, of 8 or 16 bits, as BGR uint8."""
    pixels = eight_bits(pixels)
    return np.ascontiguousarray(pixels[:, :, ::-1] if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2))
