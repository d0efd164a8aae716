"""Weights of torchvision's or timm's networks, under their own names, for a backbone that is made of their parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from lighttrack_nas.search_spaces.operations.package_parts import PackagePart
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.network import Backbone
from lighttrack_nas.trackers.weights.weights import check_state, load_any_state

_COUNTER = "num_batches_tracked"


def package_parts(space: Space) -> dict[str, PackagePart]:
    """The fixed blocks of a space that are parts of other packages' networks, by the blocks' names."""
    single = {block.name: block.operations[0] for block in space.description.blocks if len(block.operations) == 1}
    made = {block: space.description.operations[name] for block, name in single.items()}
    return {block: operation for block, operation in made.items() if isinstance(operation, PackagePart)}


def take_package_weights(backbone: Backbone, space: Space, file: Path) -> None:
    """Put a network's weights into the fixed blocks that are parts of it; the rest stays as it is.

    Args:
        backbone: Of a network or supernet of the space.
        space: The space.
        file: What `state_dict` of the whole network gave, as safetensors or a PyTorch file.

    Raises:
        InputError: The space has no such block, the file cannot be read, or it is of another network.
    """
    parts = package_parts(space)
    if not parts:
        raise InputError(
            f"'{file}' holds weights under another package's names, but no block of space '{space.name}' is a part of "
            "a network of torchvision or timm"
        )
    state = load_any_state(file)
    for block, operation in parts.items():
        if block in backbone.blocks:
            _take(backbone.blocks[block], state, f"{operation.kind}'s {operation.model}", file)


def _take(part: nn.Module, state: Mapping[str, Tensor], network: str, file: Path) -> None:
    own = part.state_dict()
    names = {key: _package_name(key) for key in own}
    # Files of early versions of torch do not count batches.
    missing = [name for name in names.values() if name not in state and not name.endswith(_COUNTER)]
    if missing:
        raise InputError(
            f"'{file}' holds weights of another network than {network}: {len(missing)} keys missing, such as "
            f"{', '.join(missing[:3])}"
        )
    weights = {key: state.get(name, own[key]) for key, name in names.items()}
    check_state(part, weights, str(file))
    part.load_state_dict({key: tensor.to(own[key].dtype) for key, tensor in weights.items()})


def _package_name(key: str) -> str:
    """The package's name of a part's tensor; see `trackers.package_backbones.cut_backbones.build_part`."""
    module, _, rest = key.partition(".")
    return f"{module.replace('-', '.')}.{rest}"
