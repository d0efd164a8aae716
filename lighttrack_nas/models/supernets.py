"""Supernet files: the shared weights with the space that they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lighttrack_nas.reporting.environment import versions
from lighttrack_nas.search_spaces.loading.loading import parse_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError

if TYPE_CHECKING:
    from torch import nn

    from lighttrack_nas.search_spaces.building.supernet import Supernet

KIND = "supernet"
BACKBONE_KIND = "backbone supernet"
SUPERNET_FILE = "supernet.safetensors"
"""The supernet in the folder of its training."""


def save_supernet(supernet: Supernet, path: str | Path, provenance: Mapping[str, Any] | None = None) -> None:
    """Write a supernet's weights (safetensors) with its whole space.

    Args:
        supernet: Whose weights.
        path: The file, replaced whole or not at all.
        provenance: JSON-able facts on where the weights come from.
    """
    tasks = supernet.model_space.tasks
    header = {} if tasks is None else {"tasks": tasks.record()}
    save_shared_weights(supernet.model_space, supernet.space, KIND, Path(path), provenance or {}, header)


def save_shared_weights(
    module: nn.Module,
    space: Space,
    kind: str,
    path: Path,
    provenance: Mapping[str, Any],
    more: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write the weights of a model space of a kind, with more in the header."""
    from lighttrack_nas.trackers.weights.weights import save_weights

    header = dict(more) | {
        "kind": kind,
        "space": space.record(),
        "space_hash": space.hash,
        "provenance": {"versions": versions()} | dict(provenance),
    }
    save_weights(module, path, header)


def load_supernet(path: str | Path, space: Space | None = None) -> Supernet:
    """Read a supernet file, in eval mode.

    Args:
        path: The file.
        space: The space that it must be of; None takes the file's.

    Raises:
        InputError: Unreadable, no supernet, of another space, or not finite.
    """
    import torch

    from lighttrack_nas.search_spaces.building.model_space import build_model_space
    from lighttrack_nas.search_spaces.building.supernet import Supernet
    from lighttrack_nas.search_spaces.building.tasks import Tasks
    from lighttrack_nas.trackers.weights.weights import load_weights, read_header

    path = Path(path)
    own = shared_weights_space(path, KIND) if space is None else require_supernet_space(path, space)
    header = read_header(path)
    tasks, provenance = header.get("tasks"), header.get("provenance")
    with torch.device("meta"):
        if not own.is_declared or tasks is None:
            model_space = build_model_space(own)
        else:
            model_space = build_model_space(own, Tasks.read(tasks, f"'{path}', header, tasks"))
    load_weights(model_space, path)
    teacher = provenance.get("teacher") if isinstance(provenance, dict) else None
    return Supernet(space or own, model_space, teacher if isinstance(teacher, dict) else None).eval()


def require_supernet_space(path: Path, space: Space) -> Space:
    """Read the space of a supernet's file, which must be a given one.

    Raises:
        InputError: Unreadable, no supernet, or of another space.
    """
    own = shared_weights_space(path, KIND)
    if own != space:
        raise InputError(
            f"supernet '{path}' is of space '{own.name}' ({own.hash}), not of '{space.name}' ({space.hash})"
        )
    return own


def supernet_file(source: str | Path) -> Path:
    """The file of a supernet: a file as it was given, or the one in the folder of its training or of a whole chain."""
    path = Path(source)
    if not path.is_dir():
        return path
    files = path / SUPERNET_FILE, path / "supernet" / SUPERNET_FILE
    return next((file for file in files if file.exists()), files[0])


def shared_weights_space(path: Path, kind: str) -> Space:
    """The space of a file of shared weights.

    Raises:
        InputError: Unreadable, or of another kind.
    """
    from lighttrack_nas.trackers.weights.weights import read_header

    header = read_header(path)
    if header.get("kind") != kind or not isinstance(header.get("space"), dict):
        raise InputError(f"'{path}' holds no {kind}, but {header.get('kind', 'one network (a model)')}")
    space = parse_space(header["space"], where=f"'{path}', header, space")
    require_same_code(space, header, path)
    return space


def require_same_code(space: Space, header: Mapping[str, Any], path: Path) -> None:
    """Check that the operations of a file's space are what they were when it was written.

    Raises:
        InputError: The code of a plugin was changed since.
    """
    if space.code_files and header.get("space_hash", space.hash) != space.hash:
        files = ", ".join(Path(file).name for file in space.code_files)
        raise InputError(
            f"'{path}' was trained with other code of its operations than stands in {files} now: put the file back as "
            "it was, or train again"
        )
