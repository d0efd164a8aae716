"""The modules of an `NniSpace`: one network, or all of them with open choices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from lighttrack_nas.search_spaces.building.builder import network_in
from lighttrack_nas.search_spaces.building.model_space import (
    TrackerModelSpace,
    build_model_space,
    nni_sample,
    sample_in,
)
from lighttrack_nas.search_spaces.building.nni_adapter import (
    BaseSuperNetModule,
    InputChoice,
    LayerChoice,
    ModelSpace,
    MutableModule,
    RandomOneShot,
    model_context,
)
from lighttrack_nas.search_spaces.building.tasks import Tasks
from lighttrack_nas.search_spaces.nni_spaces.class_space import ClassSpace
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.network.wrapped_network import WrappedNetwork


class NniModelSpace(TrackerModelSpace):
    """A model space of somebody's own, as the supernet and the strategies know model spaces.

    Args:
        space: What to build.
    """

    def __init__(self, space: ClassSpace) -> None:
        ModelSpace.__init__(self)
        self.space = self.own_space = space
        self.tasks = None
        own = _built(space)
        self.value_choices = value_choices(own)
        """Labels of `nni.choice` and Repeat, which only path sampling trains."""
        own.mutables.clear()  # NNI refuses choices of a whole model space, also where its layers hold them
        self.network: SiameseNetwork = WrappedNetwork(own, space.template_size, space.search_sizes, shared=True)
        if self.value_choices:
            # NNI makes layers of value choices anew, with weights of torch's generator: now, while that is seeded.
            RandomOneShot().mutate_model(self)

    def freeze(self, sample: dict[str, Any]) -> SiameseNetwork:
        """See `TrackerModelSpace.freeze`."""
        self.validate(sample)
        network = plain_network(self.own_space, self.own_space.from_nni(sample), initialised=False)
        with torch.random.fork_rng(devices=[]):  # NNI initialises the layers into which it cuts weights
            shared = dict(_weights(self.network, "", sample))
        network.load_state_dict({key: shared[key].clone() for key in network.state_dict()}, assign=True)
        return network.train(self.training)


def value_choices(model: nn.Module) -> list[str]:
    """Labels of a model space's choices that are no LayerChoice and no InputChoice."""
    modules = [module for module in model.modules() if isinstance(module, MutableModule)]
    valued = [module for module in modules if not isinstance(module, LayerChoice | InputChoice)]
    return sorted({str(label) for module in valued for mutable in module.mutables for label in mutable.simplify()})


def plain_network(space: ClassSpace, architecture: Architecture, *, initialised: bool = True) -> SiameseNetwork:
    """Build an architecture's network.

    Args:
        space: Its space.
        architecture: What is chosen.
        initialised: Whether somebody wants its fresh weights; otherwise torch's generator stays where it is.
    """
    with model_context(nni_sample(architecture)):
        own = _built(space, initialised)
    return WrappedNetwork(own, space.template_size, space.search_sizes)


@network_in.register
def _(space: ClassSpace, architecture: Architecture) -> SiameseNetwork:
    return plain_network(space, architecture)


@build_model_space.register
def _(space: ClassSpace, tasks: Tasks | None = None) -> TrackerModelSpace:
    return NniModelSpace(space)


@sample_in.register
def _(space: ClassSpace, architecture: Architecture) -> dict[str, Any]:
    chosen = space.chosen(architecture)
    return {label: choice.sampled(chosen[label]) for label, choice in space.choices.items()}


def _built(space: ClassSpace, initialised: bool = True) -> Any:
    """The class, built on a real device: its author may compute with tensors while building, which "meta" cannot."""
    if initialised and torch.get_default_device().type != "meta":
        return space.model_space_class()
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        return space.model_space_class()


def _weights(module: nn.Module, prefix: str, sample: dict[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Yield parameters and buffers along a sample's path, under the plain network's names."""
    if isinstance(module, LayerChoice):
        yield from _weights(module[sample[module.label]], prefix, sample)
        return
    if isinstance(module, BaseSuperNetModule):
        # A part of the weights, which NNI cuts out, or a choice without any.
        for name, tensor in module.freeze(sample).state_dict().items():
            yield prefix + name, tensor.detach()
        return
    for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
        yield prefix + name, tensor.detach()
    for name, child in module.named_children():
        yield from _weights(child, f"{prefix}{name}.", sample)
