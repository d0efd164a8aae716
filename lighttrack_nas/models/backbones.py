"""Which part of a network is its backbone, which a training may freeze and give a rate of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lighttrack_nas.search_spaces.space import Space

if TYPE_CHECKING:
    from torch import nn

    from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
    from lighttrack_nas.trackers.network.network import SiameseNetwork


def require_backbone(space: Space, settings: TrainingSettings) -> None:
    """Check that somebody's own networks say which part is the backbone, where the settings treat that apart.

    Raises:
        InputError: They do not.
    """
    apart = [name for name, usual in (("backbone_rate", 1), ("backbone_frozen", 0)) if getattr(settings, name) != usual]
    if apart and not space.is_declared and _said_backbone(_first_network(space)) is None:
        space.refuse(
            f"does not say which part is its backbone, and training has {' and '.join(apart)}: call a module of it "
            "'backbone', or leave the setting out"
        )


def backbone_of(network: SiameseNetwork) -> nn.Module:
    """The part that may be frozen and learn at a rate of its own; an empty one where nobody says which that is."""
    from torch import nn

    said = _said_backbone(network)
    return nn.Module() if said is None else said


def _said_backbone(network: SiameseNetwork) -> nn.Module | None:
    from torch import nn

    from lighttrack_nas.trackers.network.wrapped_network import WrappedNetwork

    own = network.own if isinstance(network, WrappedNetwork) else network
    backbone = getattr(own, "backbone", None)
    return backbone if isinstance(backbone, nn.Module) else None


def _first_network(space: Space) -> SiameseNetwork:
    import torch

    from lighttrack_nas.search_spaces.building.builder import build_network

    with torch.random.fork_rng(devices=[]):
        return build_network(space.architecture({label: values[0] for label, values in space.labels.items()}))
