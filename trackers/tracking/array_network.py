"""A network on numpy arrays: what the tracker asks of it, torch or not."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError


class ArrayNetwork(Protocol):
    """A network on numpy arrays: whatever has these five plugs into the tracker, torch or not.

    A sixth may say what the images are: a method ``prepare(crop)`` turns a crop, ``(side, side, 3)`` BGR uint8, into
    what `template` and `track` take, with a batch of 1 in front. Where there is none, `crops.network_input` does it;
    a network that normalises for itself has `crops.raw_input`.

    The tracker asks for one target at a time. To follow many in step (`lockstep`), what `template` returns must take an
    integer array as index, ``features[np.array([0, 2])]``, and give the features of those templates of its batch, as
    numpy arrays and torch tensors do.

    Attributes:
        template_size: Side of the template crop, pixels.
        search_sizes: One or two sides of the search crop, ascending; the larger one serves small targets.
        stride: Search pixels per step of the output map.
    """

    template_size: int
    search_sizes: tuple[int, ...]
    stride: int

    def template(self, image: np.ndarray) -> Any:
        """Map ``(batch, 3, template_size, template_size)`` float32, or what `prepare` makes, to features, opaque."""

    def track(self, features: Any, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predict logits ``(batch, 1, n, n)`` and distances l, t, r, b in search pixels ``(batch, 4, n, n)``."""


def check_search_sizes(network: ArrayNetwork) -> None:
    """Raise InputError for a network without proper search sizes."""
    if not isinstance(network.search_sizes, tuple) or not 1 <= len(network.search_sizes) <= 2:
        raise InputError(f"network.search_sizes: expected a tuple of one or two sizes, got {network.search_sizes!r}")
