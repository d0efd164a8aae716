"""Model files: weights with everything needed to use them, and trackers made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.models.shipped_models import is_shipped, model_file
from lighttrack_nas.models.supernets import require_same_code
from lighttrack_nas.reporting.environment import versions
from lighttrack_nas.search_spaces.loading.loading import parse_space
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters, load_hyper_parameters
from lighttrack_nas.trackers.tracking.tracker import SiameseTracker

if TYPE_CHECKING:
    from lighttrack_nas.trackers.network.network import SiameseNetwork


@dataclass(frozen=True)
class Model:
    """A network with its architecture and what its file says of it.

    Attributes:
        network: The plain network, in eval mode.
        architecture: What it was built from, in a space rebuilt from the file.
        hyper_parameters: Of the tracker, as stored with the weights; the published defaults where the file has none.
        provenance: Where the weights come from: source, versions and so on.
    """

    network: SiameseNetwork
    architecture: Architecture
    hyper_parameters: HyperParameters
    provenance: Mapping[str, Any]

    def tracker(
        self, hyper_parameters: HyperParameters | str | Path | None = None, device: str = "cpu"
    ) -> SiameseTracker:
        """Make a tracker; `SiameseTracker.another` gives more of them, for other targets.

        Args:
            hyper_parameters: A value, a set's name, or a file; None uses those stored with the weights.
            device: Torch device, such as "cpu" or "cuda"; the network is moved there.

        Raises:
            InputError: Unknown or impossible hyper-parameters, or a device that torch cannot use here.
        """
        from lighttrack_nas.trackers.network.reparameterise import reparameterise
        from lighttrack_nas.trackers.runtimes.torch_network import TorchNetwork

        chosen = self.hyper_parameters if hyper_parameters is None else load_hyper_parameters(hyper_parameters)
        return SiameseTracker(TorchNetwork(reparameterise(self.network), device), chosen)


def save_model(
    network: SiameseNetwork,
    architecture: Architecture,
    path: str | Path,
    *,
    hyper_parameters: HyperParameters | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write a model file (safetensors): weights, architecture, the whole space, hyper-parameters, versions.

    Args:
        network: The plain network of `architecture`.
        architecture: What it was built from.
        path: The file, replaced whole or not at all.
        hyper_parameters: To track with; None stores none, so that readers use the published defaults.
        provenance: JSON-able facts on where the weights come from.
    """
    from lighttrack_nas.trackers.weights.weights import save_weights

    header: dict[str, Any] = {
        "architecture": json.loads(architecture.to_json()),
        "space": architecture.space.record(),
        "space_hash": architecture.space.hash,
        "provenance": {"versions": versions()} | dict(provenance or {}),
    }
    if hyper_parameters is not None:
        header["hyper_parameters"] = hyper_parameters.to_dict()
    save_weights(network, Path(path), header)


def load_model(path: str | Path) -> Model:
    """Read a model file, or a model that ships with the package, by its name.

    Raises:
        InputError: Unreadable, truncated, of another architecture, or not finite; it names the file and the place.
    """
    import torch

    from lighttrack_nas.search_spaces.building.builder import build_network
    from lighttrack_nas.trackers.weights.weights import load_weights, read_header

    path = model_file(path)
    header = read_header(path)
    architecture = _architecture_of(header, path)
    # Without memory until the file's own shapes are known to fit: a header may ask for any size.
    with torch.device("meta"):
        network = build_network(architecture)
    load_weights(network, path)
    stored = header.get("hyper_parameters", {})
    provenance = header.get("provenance")
    return Model(
        network=network.eval(),
        architecture=architecture,
        hyper_parameters=HyperParameters.from_mapping(stored, f"'{path}', hyper_parameters"),
        provenance=provenance if isinstance(provenance, dict) else {},
    )


def load_tracker(
    path: str | Path,
    hyper_parameters: HyperParameters | str | Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
    compute_precision: str | None = None,
    runtime: str | None = None,
) -> SiameseTracker:
    """Make a tracker from a model file, or from an exported folder, which imports torch only for torch's own format.

    Args:
        path: A model file, as `save_model` or `import_weights` writes it, a shipped model's name, or a folder that
            `export_model` wrote.
        hyper_parameters: A value, a set's name, or a file; None uses those stored with the weights.
        device: Of the runtime, such as "cpu" or "cuda".
        threads: Of an exported network on the CPU; None takes one a core, four at most. A model file's network takes
            torch's, for the whole process (`torch.set_num_threads`).
        compute_precision: In which an exported network computes: "float32", which None stands for, or "bfloat16" or
            "float16" where the runtime and the processor have it. A model file's network computes in float32.
        runtime: Of an exported folder: "opencv" runs what was written for ONNX Runtime; None takes the folder's own.

    Raises:
        InputError: Unreadable, damaged, of another version, or of an architecture that its space does not have; a
            missing runtime, device or precision.
    """
    if not is_shipped(path) and Path(path).is_dir():
        precision = compute_precision or "float32"
        return _exported_tracker(Path(path), hyper_parameters, device, threads, precision, runtime)
    if runtime is not None:
        raise InputError(f"runtime '{runtime}': '{path}' is no exported folder, and runs in torch; export it first")
    if compute_precision not in (None, "float32"):
        raise InputError(
            f"compute precision '{compute_precision}': '{path}' is no exported folder, and computes in float32; export "
            "it for a runtime that has others"
        )
    return load_model(path).tracker(hyper_parameters, device)


def build_tracker(
    architecture: Architecture,
    weights: str | Path,
    hyper_parameters: HyperParameters | str | Path | None = None,
    device: str = "cpu",
) -> SiameseTracker:
    """Make a tracker from an architecture and a model file, which must be of the same network.

    Args:
        architecture: What the weights must be of.
        weights: A model file.
        hyper_parameters: A value, a set's name, or a file; None uses those stored with the weights.
        device: Torch device, such as "cpu" or "cuda".

    Raises:
        InputError: The file is unreadable, or holds weights of another architecture.
    """
    model = load_model(weights)
    difference = _difference(architecture, model.architecture)
    if difference:
        raise InputError(f"'{weights}' holds weights of another architecture: {difference}")
    return model.tracker(hyper_parameters, device)


def import_weights(
    checkpoint: str | Path,
    architecture: Architecture,
    output: str | Path,
    hyper_parameters: HyperParameters | None = None,
) -> None:
    """Turn a released LightTrack checkpoint (.pth) into a model file.

    Args:
        checkpoint: The official file; read with `weights_only=True`, its keys must match strictly.
        architecture: Decoded from the checkpoint's code.
        output: The model file to write.
        hyper_parameters: To store with the weights.

    Raises:
        InputError: The checkpoint is unreadable or does not fit; the message lists missing and unexpected keys.
    """
    from lighttrack_nas.search_spaces.building.builder import build_network
    from lighttrack_nas.trackers.weights.official_weights import load_official

    network = build_network(architecture)
    load_official(network, Path(checkpoint))
    source = {"source": f"official checkpoint {Path(checkpoint).name}"}
    save_model(network, architecture, output, hyper_parameters=hyper_parameters, provenance=source)


def export_weights(model: str | Path, output: str | Path) -> str:
    """Write a model file's weights as a checkpoint with the released key names (.pth), the way back.

    Returns:
        The architecture's official code, which the released code needs beside the checkpoint.

    Raises:
        InputError: The model is unreadable, or of a space that has no official codes.
    """
    from lighttrack_nas.trackers.weights.official_weights import save_official

    loaded = load_model(model)
    code = loaded.architecture.space.encode(loaded.architecture)
    save_official(loaded.network, Path(output))
    return code


def _difference(wanted: Architecture, given: Architecture) -> str | None:
    """Where two architectures build different networks, by the chosen places; None where they are one network."""
    chosen = [a.space.chosen(a.path()) for a in (wanted, given)]
    alive = [set(a.space.chosen(a)) - a.space.dead_labels(a) for a in (wanted, given)]
    for label in sorted(alive[0] | alive[1]):
        values = [c[label] if label in a else "nothing" for c, a in zip(chosen, alive, strict=True)]
        if values[0] != values[1]:
            return f"at '{label}' it has {values[1]}, expected {values[0]}"
    if wanted.space.hash == given.space.hash:
        return None
    one, other = (
        {key: getattr(a.space.description, key) for key in type(a.space.description).model_fields}
        for a in (wanted, given)
    )
    decisive = [key for key in one if key not in ("name", "summary", "outputs")]
    return next((f"the spaces differ in {key}" for key in decisive if one[key] != other[key]), None)


def _exported_tracker(
    folder: Path,
    hyper_parameters: HyperParameters | str | Path | None,
    device: str,
    threads: int | None,
    compute_precision: str,
    runtime: str | None,
) -> SiameseTracker:
    from lighttrack_nas.trackers.runtimes.exported import MANIFEST, ExportedNetwork

    network = ExportedNetwork(folder, threads, device, compute_precision, runtime)
    _architecture_of(network.manifest.content, folder / MANIFEST)
    stored = network.manifest.hyper_parameters if hyper_parameters is None else hyper_parameters
    return SiameseTracker(network, stored)


def _architecture_of(header: Mapping[str, Any], path: Path) -> Architecture:
    for key in ("space", "architecture"):
        if not isinstance(header.get(key), dict):
            raise InputError(f"'{path}': the header has no '{key}', so the network cannot be rebuilt")
    space = parse_space(header["space"], where=f"'{path}', header, space")
    require_same_code(space, header, path)
    return space.from_json(json.dumps(header["architecture"]), where=f"'{path}', header, architecture")
