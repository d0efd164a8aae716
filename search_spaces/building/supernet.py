"""The weight-sharing network of a space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from lighttrack_nas.search_spaces.building.model_space import TrackerModelSpace, build_model_space, nni_sample
from lighttrack_nas.search_spaces.building.nni_adapter import BaseSuperNetModule, RandomOneShot, is_supernet
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.network import SiameseNetwork


class Supernet(nn.Module):
    """All networks of a space at once, sharing weights; NNI's path sampling decides which one runs.

    Pin an architecture, then use it as a network. Pinning, and running in eval mode, change no weight and no statistic.

    Args:
        space: The space.
        model_space: A model space of that space, mutated by a one-shot strategy or fresh; None builds a fresh one.
        teacher: What is known of the teacher that it learnt from; None where it learnt from labels.
    """

    def __init__(
        self,
        space: Space,
        model_space: TrackerModelSpace | None = None,
        teacher: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.space, self.teacher = space, teacher
        fresh = model_space or build_model_space(space)
        self.model_space: TrackerModelSpace = fresh if is_supernet(fresh) else RandomOneShot().mutate_model(fresh)
        self._pinned: Architecture | None = None

    @property
    def network(self) -> SiameseNetwork:
        """The network of choices; runs the pinned path."""
        _ = self.pinned
        return self.model_space.network

    def pin(self, architecture: Architecture) -> None:
        """Let the next passes run one architecture's path.

        Raises:
            InputError: The architecture is of another space.
        """
        self.space.require(architecture)
        sample = nni_sample(architecture)
        for module in self.model_space.modules():
            if isinstance(module, BaseSuperNetModule):
                module.resample(memo=sample)
        self._pinned = architecture

    @property
    def pinned(self) -> Architecture:
        """The architecture that runs.

        Raises:
            InputError: None was pinned yet.
        """
        if self._pinned is None:
            raise InputError("the supernet has no path yet: call pin(architecture) before it runs")
        return self._pinned

    def extract(self, architecture: Architecture) -> SiameseNetwork:
        """Build an architecture's plain network with a copy of its path's weights; the supernet stays untouched."""
        return self.model_space.freeze(nni_sample(architecture))

    def template(self, image: Tensor) -> Tensor:
        """`SiameseNetwork.template` of the pinned path."""
        return self.network.template(image)

    def track(self, template_features: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """`SiameseNetwork.track` of the pinned path."""
        return self.network.track(template_features, image)

    def forward(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """`SiameseNetwork.forward` of the pinned path."""
        return self.network(template, search)
