"""Several targets in one video: a frame of all of them is one batch for the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.tracking.array_network import ArrayNetwork, check_search_sizes
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters, load_hyper_parameters
from lighttrack_nas.trackers.tracking.presence import Tracked
from lighttrack_nas.trackers.tracking.target import Target


class MultiTracker:
    """Tracks several targets through one video. Each one's boxes are those of a `SiameseTracker` of its own.

    They differ in the last digits of batched sums alone. An exported network, whose graphs are of batch 1, takes the
    targets one after the other.

    Args:
        network: As `SiameseTracker` takes it, with features that take an integer array as index.
        hyper_parameters: As `SiameseTracker` takes them.

    Raises:
        InputError: Unknown or impossible hyper-parameters, or a network without proper search sizes.

    Example:
        >>> tracker = MultiTracker(one.network, one.hyper_parameters)  # doctest: +SKIP
        >>> tracker.init(frame, [(x, y, width, height), (120, 80, 60, 40)])  # doctest: +SKIP
        >>> (box, score), (other_box, other_score) = tracker.update(next_frame)  # doctest: +SKIP
    """

    def __init__(
        self,
        network: ArrayNetwork,
        hyper_parameters: HyperParameters | str | Path | Mapping[str, Any] = "default",
    ) -> None:
        check_search_sizes(network)
        self.network = network
        self.hyper_parameters = load_hyper_parameters(hyper_parameters)
        self._targets: list[Target] = []

    def init(self, frame: np.ndarray, boxes: Sequence[Any]) -> None:
        """Start on targets, in place of those before.

        Args:
            frame: ``(height, width, 3)`` BGR uint8.
            boxes: x, y, w, h of each target, pixels; they may reach outside the frame, and overlap.

        Raises:
            InputError: No box, a frame of another type, or a box that has no area or lies outside the frame.
        """
        if not len(boxes):
            raise InputError("boxes: expected one or more targets, got none")
        targets = [Target(frame, box, self.network, self.hyper_parameters) for box in boxes]
        self._features = self.network.template(np.concatenate([target.template_image for target in targets]))
        self._targets = targets

    def update(self, frame: np.ndarray) -> list[Tracked]:
        """Find the targets in the next frame.

        Args:
            frame: ``(height, width, 3)`` BGR uint8. Its size may change on the way; see `Target.search_image`.

        Returns:
            For each target, in the order of `init`, what `SiameseTracker.update` returns: the box ``(4,)`` x, y, w, h,
            in this frame's pixels, and the network's score of it in [0, 1].

        Raises:
            InputError: No `init` before, or a frame of another type.
        """
        if not self._targets:
            raise InputError("the tracker has no targets yet: call init(frame, boxes) before update(frame)")
        images = [target.search_image(frame) for target in self._targets]
        # A network has one or two search sizes, the larger one for small targets: at most two batches.
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for row, image in enumerate(images):
            by_shape.setdefault(image.shape, []).append(row)
        tracked: dict[int, Tracked] = {}
        for rows in by_shape.values():
            features = self._features if len(rows) == len(images) else self._features[np.array(rows)]
            logits, distances = self.network.track(features, np.concatenate([images[row] for row in rows]))
            for place, row in enumerate(rows):
                tracked[row] = self._targets[row].move(logits[place, 0], distances[place])
        return [tracked[row] for row in range(len(images))]
