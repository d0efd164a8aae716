"""Weight files: safetensors with a header that says what the weights are of. Nothing is ever unpickled."""

from __future__ import annotations

import io
import json
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.base.parsing import parse_json

FORMAT = "lighttrack-nas-1"
_FORMAT_KEY, _HEADER_KEY = "format_version", "lighttrack_nas"


def save_weights(network: nn.Module, path: Path, header: Mapping[str, Any]) -> None:
    """Write a network's state as safetensors.

    Args:
        network: Any module.
        path: The file; replaced whole or not at all.
        header: JSON-able facts to keep with the weights: architecture, space, hyper-parameters ...
    """
    state = {key: tensor.detach().cpu().contiguous() for key, tensor in network.state_dict().items()}
    metadata = {_FORMAT_KEY: FORMAT, _HEADER_KEY: json.dumps(header, sort_keys=True)}
    write_atomically(path, _ordered(safetensors.torch.save(state, metadata)))


def _ordered(content: bytes) -> bytes:
    """A safetensors file with its metadata in order, so that the same weights are the same bytes.

    The library writes them in the order of a hash map, which differs from call to call. A file is a length of eight
    bytes, a JSON header padded to a multiple of eight, and the tensors, whose places count from the header's end.
    """
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[end:]


def _check_readable(path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise InputError(f"weight file '{path}' does not exist") from None
    except OSError as error:
        raise InputError(f"weight file '{path}' cannot be read: {error.strerror}") from None
    except ValueError as error:  # no name of a file: NUL, or half a character
        raise InputError(f"weight file {str(path)!r} cannot be read: {error}") from None
    if path.suffix in (".pth", ".pt"):
        raise InputError(f"'{path}' is a PyTorch file: import it first with `lighttrack-nas import-weights`")


def read_header(path: Path) -> dict[str, Any]:
    """Read a weight file's header without its tensors.

    Raises:
        InputError: No such file, truncated, no safetensors, or none of this project's.
    """
    _check_readable(path)
    try:
        with safetensors.safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(f"'{path}' is no whole safetensors file: {error}") from None
    if metadata.get(_FORMAT_KEY) != FORMAT:
        raise InputError(
            f"'{path}' is a safetensors file, but none of this project's: its header lacks {_FORMAT_KEY}={FORMAT}; "
            "official checkpoints come in by `lighttrack-nas import-weights`"
        )
    header = parse_json(metadata.get(_HEADER_KEY, "null"), f"'{path}': the header '{_HEADER_KEY}'")
    if not isinstance(header, dict):
        raise InputError(f"'{path}': the header '{_HEADER_KEY}' is no JSON object")
    return header


def load_weights(network: nn.Module, path: Path) -> None:
    """Load a safetensors file into a network, strictly.

    The network's weights become the file's, so that one built on the device "meta" costs no more memory than the file
    holds, whatever its header asked for.

    Args:
        network: On the CPU or on "meta"; on the CPU after loading.
        path: The file.

    Raises:
        InputError: Unreadable file, missing or unexpected keys, another shape or type, or values that are not finite.
    """
    state = _load_safetensors(path)
    check_state(network, state, str(path))
    own = network.state_dict()
    network.load_state_dict({key: tensor.to(own[key].dtype) for key, tensor in state.items()}, assign=True)


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    _check_readable(path)
    try:
        return safetensors.torch.load_file(str(path))
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(f"'{path}' is no whole safetensors file: {error}") from None


def check_state(network: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Check that a state fits a network key by key, shape by shape, and is finite.

    Raises:
        InputError: It does not; the message names the first keys that differ.
    """
    own = network.state_dict()
    missing, unexpected = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    if missing or unexpected:
        raise InputError(
            f"'{where}' holds weights of another architecture: {len(missing)} keys missing ({', '.join(missing[:3])}), "
            f"{len(unexpected)} unexpected ({', '.join(unexpected[:3])})"
        )
    for key, tensor in own.items():
        if state[key].shape != tensor.shape:
            raise InputError(
                f"'{where}' holds weights of another architecture: '{key}' has shape {tuple(state[key].shape)}, "
                f"expected {tuple(tensor.shape)}"
            )
        if state[key].layout != torch.strided or state[key].is_meta:
            raise InputError(f"'{where}': '{key}' is no plain tensor of numbers")
        if state[key].is_floating_point() != tensor.is_floating_point():
            raise InputError(f"'{where}': '{key}' has type {state[key].dtype}, expected {tensor.dtype}")
        if tensor.is_floating_point() and not torch.isfinite(state[key]).all():
            raise InputError(f"'{where}': '{key}' holds values that are not finite")


def load_torch_file(path: Path) -> Any:
    """Read a .pth file with `weights_only=True`: tensors and plain containers, never code.

    Raises:
        InputError: No such file, truncated, or it would need to run code.
    """
    if path.suffix == ".safetensors":
        raise InputError(f"'{path}' is a safetensors file, not a released checkpoint (.pth): it needs no import")
    try:
        with warnings.catch_warnings():
            # Torch warns of pickle protocols that it then refuses or reads; the outcome below says all a user needs.
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"weight file '{path}' does not exist") from None
    except pickle.UnpicklingError:
        raise InputError(
            f"'{path}' is refused: it holds more than tensors and plain containers, and loading it could run code"
        ) from None
    except PermissionError:
        raise InputError(f"weight file '{path}' cannot be read: permission denied") from None
    except Exception as error:
        # Broken bytes end torch's reader in any of a dozen exceptions; none of them is more than a broken file.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"'{path}' is no whole PyTorch file: {reason}") from None


def is_foreign(path: Path) -> bool:
    """Whether a file holds weights under somebody else's names: a PyTorch file, or safetensors without our header."""
    if path.suffix != ".safetensors":
        return True
    try:
        with safetensors.safe_open(str(path), framework="numpy") as file:
            return (file.metadata() or {}).get(_FORMAT_KEY) != FORMAT
    except (safetensors.SafetensorError, OSError):
        return False  # reading it as one of ours says what is wrong


def load_any_state(path: Path) -> dict[str, Tensor]:
    """Read a network's state from safetensors or a PyTorch file, whatever its keys.

    Raises:
        InputError: See `load_torch_file`; or it holds something else than tensors by name.
    """
    if path.suffix == ".safetensors":
        return _load_safetensors(path)
    state = load_torch_file(path)
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise InputError(
            f"'{path}' holds no state of a network: tensors by name, as its state_dict() gives, are expected"
        )
    return state


def save_torch_file(state: Mapping[str, Tensor], path: Path) -> None:
    """Write a state dict as a .pth file, whole or not at all."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    write_atomically(path, buffer.getvalue())
