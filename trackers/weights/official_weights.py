"""The released LightTrack checkpoints' key names, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network import blocks
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.weights.weights import check_state, load_torch_file, save_torch_file

_SQUEEZE = {"squeeze.reduce": "se.conv_reduce", "squeeze.expand": "se.conv_expand"}
_BLOCK_PARTS: dict[type[nn.Module], dict[str, str]] = {
    blocks.SeparableConvolution: {
        "depthwise": "conv_dw",
        "depthwise_norm": "bn1",
        "pointwise": "conv_pw",
        "pointwise_norm": "bn2",
        **_SQUEEZE,
    },
    blocks.InvertedResidual: {
        "expand": "conv_pw",
        "expand_norm": "bn1",
        "depthwise": "conv_dw",
        "depthwise_norm": "bn2",
        "project": "conv_pwl",
        "project_norm": "bn3",
        **_SQUEEZE,
    },
}
_LAYER_PARTS = {"depthwise": "conv1", "pointwise": "pointwise", "norm": "BN"}
# "perd" is the released code's spelling.
_PREDICTIONS = {"cls": "head.cls_perd.cls_pred", "reg": "head.reg_pred.bbox_pred"}


@dataclass(frozen=True)
class KeyReport:
    """What a checkpoint holds besides, or lacks of, what a network needs.

    Attributes:
        missing: Keys of the network that the file lacks.
        unexpected: Keys of the file that the network lacks.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]

    def __str__(self) -> str:
        parts = []
        for title, keys in (("missing", self.missing), ("unexpected", self.unexpected)):
            if keys:
                more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
                parts.append(f"{len(keys)} {title}: {', '.join(keys[:5])}{more}")
        return "; ".join(parts) or "every key has its place"


def official_keys(network: SiameseNetwork) -> dict[str, str]:
    """Map every key of a plain network's state to the released checkpoint's name for it.

    Args:
        network: A network whose blocks are named "stageN-blockM", as in the presets `lighttrack` and `lighttrack-12`.

    Raises:
        InputError: The network has a part that the released code does not know.
    """
    prefixes = {"backbone.stem.convolution": "features.conv_stem", "backbone.stem.norm": "features.bn1"}
    for name, block in network.backbone.blocks.items():
        stage, _, number = name.removeprefix("stage").partition("-block")
        for ours, theirs in _parts_of(name, block).items():
            prefixes[f"backbone.blocks.{name}.{ours}"] = f"features.blocks.{stage}.{number}.{theirs}"
    for key in network.necks:
        prefixes[f"necks.{key}.template_norm"] = "neck.BN_z"
        prefixes[f"necks.{key}.search_norm"] = "neck.BN_x"
    for key in network.fusions:
        prefixes[f"fusions.{key}.attention.first"] = "feature_fusor.pw_corr.CA_layer.fc1"
        prefixes[f"fusions.{key}.attention.second"] = "feature_fusor.pw_corr.CA_layer.fc2"
        prefixes[f"fusions.{key}.adapter"] = "feature_fusor.adj_layer"
    for branch, head in (("cls", network.cls_head), ("reg", network.reg_head)):
        if head is None:
            raise InputError("the released checkpoints have no name for a tower that both heads may share")
        # The released code lists only the layers that are no skip.
        layers = [
            i for i, layer in enumerate(head.get_submodule("layers").children()) if not isinstance(layer, nn.Identity)
        ]
        for theirs_index, index in enumerate(layers):
            for ours, theirs in _LAYER_PARTS.items():
                prefixes[f"{branch}_head.layers.{index}.{ours}"] = f"head.{branch}_tower.{theirs_index}.{theirs}"
        prefixes[f"{branch}_head.prediction"] = _PREDICTIONS[branch]
    keys = {}
    for key in network.state_dict():
        prefix, _, leaf = key.rpartition(".")
        if prefix not in prefixes:
            raise InputError(f"'{key}' has no name in the released checkpoints")
        keys[key] = f"{prefixes[prefix]}.{leaf}"
    return keys


def compare_keys(network: SiameseNetwork, state: Mapping[str, Tensor]) -> KeyReport:
    """Compare an official state's keys with what the network needs, in official names."""
    needed = set(official_keys(network).values())
    return KeyReport(tuple(sorted(needed - state.keys())), tuple(sorted(state.keys() - needed)))


def load_official(network: SiameseNetwork, path: Path) -> None:
    """Load a released checkpoint (.pth) into a plain network, strictly.

    The file is read with `weights_only=True`. A "state_dict" entry and a "module." prefix, as training scripts write
    them, are taken off.

    Args:
        network: Built from the checkpoint's code; its weights are replaced.
        path: The checkpoint.

    Raises:
        InputError: The file cannot be read safely, a key is missing or unexpected, or a shape differs; it says which.
    """
    content = load_torch_file(path)
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"'{path}': expected a state dict (names to tensors), as the released checkpoints hold")
    state = {str(key).removeprefix("module."): value for key, value in content.items()}
    report = compare_keys(network, state)
    if report.missing or report.unexpected:
        raise InputError(f"'{path}' does not fit the architecture: {report}")
    ours = {key: state[theirs] for key, theirs in official_keys(network).items()}
    check_state(network, ours, str(path))
    network.load_state_dict(ours)


def save_official(network: SiameseNetwork, path: Path) -> None:
    """Write a plain network's weights under the released names, as a state dict in a .pth file."""
    keys = official_keys(network)
    state = {keys[key]: tensor.detach().cpu() for key, tensor in network.state_dict().items()}
    save_torch_file(state, path)


def _parts_of(name: str, block: nn.Module) -> dict[str, str]:
    parts = _BLOCK_PARTS.get(type(block))
    if parts is None or not name.startswith("stage"):
        raise InputError(f"block '{name}' ({type(block).__name__}) has no name in the released checkpoints")
    return parts
