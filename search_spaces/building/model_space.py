"""NNI's model space of trackers: LayerChoice for operations and widths, InputChoice for output and depths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial, singledispatch
from typing import Any

import torch
from torch import Tensor, nn

from lighttrack_nas.search_spaces.base.labels import TEMPLATE_SIZE
from lighttrack_nas.search_spaces.building.builder import (
    Factories,
    build,
    build_backbone,
    build_for_width,
    build_network,
)
from lighttrack_nas.search_spaces.building.nni_adapter import InputChoice, LayerChoice, ModelSpace, current_model
from lighttrack_nas.search_spaces.building.output_layer import output_layer
from lighttrack_nas.search_spaces.building.tasks import TaskBlock, Tasks, TaskTower, give_tasks
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.network.image_classifier import classifier_head
from lighttrack_nas.trackers.network.network import SiameseNetwork


class TrackerModelSpace(ModelSpace):
    """A space as NNI sees it: its one-shot strategies, `simplify()`, `validate()` and `freeze()` work on it.

    The network is `network`, a `SiameseNetwork` whose parts are choices. Under NNI's `model_context(sample)` the
    choices are decided while building, so that nothing else is built. NNI replaces choices in place when a strategy
    mutates the model space into a supernet.

    Args:
        space: What to build.
        tasks: Where candidates have weights by task; None: nowhere.

    Raises:
        InputError: The tasks are of another space.
    """

    def __init__(self, space: Space, tasks: Tasks | None = None) -> None:
        super().__init__()
        self.space, self.tasks = space, tasks
        chooser = _NniChooser(space)
        self.network: SiameseNetwork = build(space, chooser)
        if tasks is not None:
            give_tasks(self.network, space, tasks)
        sizes = space.description.all_template_sizes
        open_size = len(sizes) > 1 and chooser.decided(TEMPLATE_SIZE) is None
        self.sizes = chooser.layer(TEMPLATE_SIZE, {str(s): partial(_Size, s) for s in sizes}) if open_size else None

    @property
    def template_size(self) -> int:
        """Side of the template crop that the path takes, pixels."""
        return self.network.template_size if self.sizes is None else int(self.sizes())

    def forward(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """Predict from both images at once; see `SiameseNetwork.forward`."""
        return self.network(template, search)

    def freeze(self, sample: dict[str, Any]) -> SiameseNetwork:
        """Build the plain network of a sample with a copy of these weights.

        NNI's own `freeze` keeps blocks behind the output, and hands out the supernet's modules themselves. This one
        shares nothing: training or recalibrating the result leaves the supernet as it was.
        """
        self.validate(sample)
        architecture = self.space.from_nni(sample)
        # On "meta" nothing is initialised, so that torch's generator is where it was.
        with torch.device("meta"):
            network = build_network(architecture)
        wanted = network.state_dict().keys()
        shared = dict(_weights(self.network, "", sample))
        network.load_state_dict({key: shared[key].clone() for key in wanted}, assign=True)
        return network.train(self.training)


class _Size(nn.Module):
    """A size, for a choice of sizes."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self) -> int:
        """The size."""
        return self.size


class ClassifierModelSpace(ModelSpace):
    """A space's backbone as a classifier of images, to train it before it tracks (LightTrack, backbone supernet).

    All blocks up to the last exit, the mean over all positions, one linear layer. Its labels are the blocks' alone, and
    its backbone's keys are those of `TrackerModelSpace.network.backbone`.

    Args:
        space: Whose backbone.
        classes: How many classes of images there are.
        head_width: Channels of a pointwise convolution before the mean; None: there is none.
        dropout: Share of the linear layer's inputs that are left out while training.
    """

    def __init__(self, space: Space, classes: int, *, head_width: int | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        self.space = space
        last = space.description.exits[-1]
        chooser = _NniChooser(space)
        self.backbone = build_backbone(space, chooser, space.blocks_up_to(last.name))

        def of_width(build: Callable[[int], nn.Module]) -> nn.Module:
            return build_for_width(space.description, last.stage, chooser, build)

        self.head: nn.Module = nn.Identity()
        if head_width is None:
            self.classifier = of_width(lambda width: nn.Linear(width, classes))
        else:
            self.head = of_width(lambda width: classifier_head(width, head_width))
            self.classifier = nn.Linear(head_width, classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(batch, 3, height, width)`` to logits ``(batch, classes)``."""
        *_, features = self.backbone.features(images)
        return self.classifier(self.dropout(self.head(features).mean(dim=(2, 3))))


@singledispatch
def build_model_space(space: Space, tasks: Tasks | None = None) -> TrackerModelSpace:
    """Build NNI's model space: LayerChoice for operations and widths, InputChoice for the output layer.

    Of an `NniSpace` it is the class, wrapped so that NNI's strategies, `freeze` and the supernet find its network.

    Args:
        space: What to build.
        tasks: Where candidates have weights by task; None: nowhere, as in an `NniSpace` always.

    Raises:
        InputError: The tasks are of another space.
    """
    return TrackerModelSpace(space, tasks)


def nni_sample(architecture: Architecture) -> dict[str, Any]:
    """The architecture as NNI's sample: names for layer choices, a list with one index for output and depths.

    `Space.from_nni` is the way back.
    """
    return sample_in(architecture.space, architecture)


@singledispatch
def sample_in(space: Space, architecture: Architecture) -> dict[str, Any]:
    """`nni_sample`, by the kind of space.

    Args:
        space: The architecture's.
        architecture: What is chosen.
    """
    return {
        label: [space.candidates[label].index(value)] if label in space.input_choices else value
        for label, value in architecture.choices.items()
    }


class _NniChooser:
    """Leaves every decision to NNI, unless a model context has made it already."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def decided(self, label: str) -> str | None:
        decided = current_model()
        if decided is None or label not in self._space.labels:
            return None
        value = decided[label]
        return str(self._space.labels[label][value[0]] if isinstance(value, list) else value)

    def layer(self, label: str, factories: Factories) -> nn.Module:
        decided = current_model()
        if decided is not None:
            return factories[decided[label]]()
        return LayerChoice({name: factory() for name, factory in factories.items()}, label=label)

    def output(self, exits: Sequence[str]) -> tuple[nn.Module, tuple[int, ...]]:
        return output_layer(len(exits))

    def depth(self, label: str, count: int) -> nn.Module:
        return InputChoice(n_candidates=count, n_chosen=1, label=label)


def _weights(module: nn.Module, prefix: str, sample: dict[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Yield parameters and buffers along a sample's path, under the plain network's names."""
    if isinstance(module, LayerChoice):
        yield from _weights(module[sample[module.label]], prefix, sample)
        return
    if isinstance(module, TaskBlock):
        yield from _weights(module.last if module.is_last_of(sample) else module.inner, prefix, sample)
        return
    if isinstance(module, TaskTower):
        for name, layer in module.weights(sample):
            yield from _weights(layer, f"{prefix}{name}.", sample)
        return
    for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
        yield prefix + name, tensor.detach()
    for name, child in module.named_children():
        yield from _weights(child, f"{prefix}{name}.", sample)
