"""The Siamese tracker: `init` with a box, `update` with every further frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.tracking.array_network import ArrayNetwork, check_search_sizes
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters, load_hyper_parameters
from lighttrack_nas.trackers.tracking.presence import Tracked
from lighttrack_nas.trackers.tracking.target import Target, TargetState


class SiameseTracker:
    """Tracks one target through a video, as LightTrack's released tracker does, step by step.

    Args:
        network: Anything that follows `ArrayNetwork`; `lighttrack_nas.trackers.runtimes.torch_network.TorchNetwork`
            makes one of a `SiameseNetwork`.
        hyper_parameters: A value, the name of a set ("default", "vot2019"), or a file.

    Raises:
        InputError: Unknown or impossible hyper-parameters, or a network without proper search sizes.

    Example:
        >>> tracker.init(frame, (x, y, width, height))  # doctest: +SKIP
        >>> box, score = tracker.update(next_frame)  # doctest: +SKIP
    """

    def __init__(
        self,
        network: ArrayNetwork,
        hyper_parameters: HyperParameters | str | Path | Mapping[str, Any] = "default",
    ) -> None:
        check_search_sizes(network)
        self.network = network
        self.hyper_parameters = load_hyper_parameters(hyper_parameters)
        self._target: Target | None = None

    @property
    def state(self) -> TargetState | None:
        """Where the target is; None before `init`."""
        return None if self._target is None else self._target.state

    def another(self) -> SiameseTracker:
        """Make a tracker for another target, with the same network and hyper-parameters; `MultiTracker` batches them.

        It has no target yet, and shares nothing that tracking changes.
        """
        return SiameseTracker(self.network, self.hyper_parameters)

    def init(self, frame: np.ndarray, box: Any) -> None:
        """Start on a target.

        Args:
            frame: ``(height, width, 3)`` BGR uint8.
            box: x, y, w, h of the target; it may reach outside the frame.

        Raises:
            InputError: The frame is of another type, or the box has no area or lies outside the frame.
        """
        target = Target(frame, box, self.network, self.hyper_parameters)
        self._features = self.network.template(target.template_image)
        self.search_size = target.search_size
        self._target = target

    def update(self, frame: np.ndarray) -> Tracked:
        """Find the target in the next frame.

        Args:
            frame: ``(height, width, 3)`` BGR uint8. Its size may change on the way; see `Target.search_image`.

        Returns:
            The box ``(4,)`` x, y, w, h, in this frame's pixels, and the network's score of it in [0, 1]; by name also
            whether the target counts as lost, and how likely it is there.

        Raises:
            InputError: No `init` before, or a frame of another type.
        """
        if self._target is None:
            raise InputError("the tracker has no target yet: call init(frame, box) before update(frame)")
        logits, distances = self.network.track(self._features, self._target.search_image(frame))
        return self._target.move(logits[0, 0], distances[0])
