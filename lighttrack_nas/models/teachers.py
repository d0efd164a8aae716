"""Teachers by their names: model files, shipped models, exported folders, released checkpoints."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from lighttrack_nas.models.models import Model, load_model
from lighttrack_nas.models.shipped_models import SHIPPED, is_shipped, model_file
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.runtimes.exported import read_manifest

if TYPE_CHECKING:
    from lighttrack_nas.strategies.one_shot.teaching.teacher import Teacher


def load_teacher(source: str, code: str | None = None) -> Teacher:
    """Read a network that others shall learn from.

    Args:
        source: A model file, the name of a model that ships, a folder that `export_model` wrote (its original is read),
            or a released checkpoint (.pth).
        code: Of a released checkpoint: its official code, in the space `lighttrack`.

    Raises:
        InputError: Unreadable, of another kind, or its answers are no finite numbers.
    """
    from lighttrack_nas.benchmarks.scoring.supernet_evaluator import fingerprint
    from lighttrack_nas.search_spaces.building.builder import build_network
    from lighttrack_nas.strategies.one_shot.teaching.teacher import Teacher
    from lighttrack_nas.trackers.weights.official_weights import load_official

    path = Path(source)
    if not is_shipped(source) and path.is_dir():
        path = _original(path)
    if path.suffix in (".pth", ".pt"):
        if code is None:
            raise InputError(
                f"teacher '{source}' is a released checkpoint: give its official code beside it, {{teacher: {source}, "
                "code: back_...}"
            )
        architecture = load_space("lighttrack").decode(code)
        network = build_network(architecture)
        load_official(network, path)
    else:
        if code is not None:
            raise InputError(
                f"teacher '{source}': only a released checkpoint (.pth) has a code beside it: leave it out"
            )
        model = _model(source, path)
        network, architecture = model.network, model.architecture
    return Teacher.of(network, architecture, source, fingerprint(network))


def _model(source: str, path: Path) -> Model:
    """The model of a file, or of a name that ships.

    Raises:
        InputError: See `load_model`; it says what a teacher may be.
    """
    from lighttrack_nas.trackers.weights.weights import read_header

    try:
        kind = read_header(model_file(path)).get("kind")
        if kind is not None:
            raise InputError(f"teacher '{source}' holds a {kind}, not one network")
        return load_model(path)
    except InputError as error:
        raise InputError(
            f"{error}; a teacher is a model file, as `lighttrack-nas retrain` leaves it (model.safetensors), a folder "
            f"of `lighttrack-nas export`, a released checkpoint (.pth), or a model that ships ({', '.join(SHIPPED)})"
        ) from None


def _original(folder: Path) -> Path:
    """The model file of which an exported folder was made.

    Raises:
        InputError: No such folder, or its original is gone or another by now.
    """
    source = read_manifest(folder).content["source"]
    path = model_file(source["model"])
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        raise InputError(
            f"teacher '{folder}': it is an exported folder, and its original, '{path}', cannot be read: name the model "
            "file itself"
        ) from None
    if digest != source["sha256"]:
        raise InputError(f"teacher '{folder}': its original, '{path}', is another by now: name the model file itself")
    return path
