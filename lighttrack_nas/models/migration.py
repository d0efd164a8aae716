"""Migration: a supernet of one space starts from the weights of another's, where labels and shapes match."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.benchmarks.evaluation.result_files import RECORD_NAME, read_run_record, write_run_record
from lighttrack_nas.models.migration_report import MigrationReport, TensorShape, migration_report
from lighttrack_nas.models.supernets import (
    KIND,
    SUPERNET_FILE,
    load_supernet,
    save_supernet,
    shared_weights_space,
    supernet_file,
)
from lighttrack_nas.reporting.environment import versions
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import make_folder, write_atomically

if TYPE_CHECKING:
    from lighttrack_nas.search_spaces.building.model_space import TrackerModelSpace
    from lighttrack_nas.search_spaces.building.supernet import Supernet

REPORT_FILE = "migration.json"
TABLE_FILE = "migration.txt"


def migrate_supernet(source: Supernet | str | Path, space: Space, *, seed: int = 0) -> tuple[Supernet, MigrationReport]:
    """Make a supernet of a space from another space's, larger, smaller or otherwise different.

    A tensor is taken where both spaces have it, by place and by what the operation there is, and all of its layer's
    shapes agree; the rest is drawn afresh. An architecture whose tensors are all taken gives the same outputs, bit for
    bit.

    Args:
        source: A supernet, or its file, or the folder of its training.
        space: What the new one is of.
        seed: Of what is drawn afresh.

    Returns:
        The supernet, in eval mode, and what became of every tensor.

    Raises:
        InputError: No such file, no supernet, not whole, or the spaces have nothing in common.
    """
    supernet = load_supernet(supernet_file(source)) if isinstance(source, str | Path) else source
    return _migrated(supernet, space, seed)


def migrate_to_folder(source: str | Path, space: Space, output: str | Path, *, seed: int = 0) -> MigrationReport:
    """Migrate, and write a folder as a supernet's training leaves it, with the report beside the weights.

    Args:
        source: A supernet's file, or the folder of its training.
        space: What the new supernet is of.
        output: The folder: ``supernet.safetensors``, ``migration.json``, ``migration.txt``, ``run.json``.
        seed: Of what is drawn afresh.

    Raises:
        InputError: See `migrate_supernet`; or the folder holds another run, or the source itself.
    """
    file = Path(output) / SUPERNET_FILE
    if file.resolve() == supernet_file(source).resolve():
        raise InputError(f"'{output}' holds the source itself: give another output folder")
    record = {
        "command": "migrate",
        "space": space.name,
        "space_hash": space.hash,
        "seed": seed,
        "start_from": start_record(source, space, Path(output)),
        "versions": versions(),
    }
    make_folder(Path(output))  # before the work
    supernet, report = migrate_supernet(source, space, seed=seed)
    write_run_record(Path(output), record)
    save_report(report, Path(output))
    save_supernet(supernet, file, record)
    return report


def start_record(source: str | Path, space: Space, output: Path) -> dict[str, Any]:
    """What a run's record says of the supernet that it starts from: path, digest, space, and the report's summary.

    Nothing is migrated. Where the source is gone, a run that has begun has its record's word.

    Args:
        source: A supernet's file, or the folder of its training.
        space: Of the run.
        output: The run's folder.

    Raises:
        InputError: See `migrate_supernet`.
    """
    from lighttrack_nas.trackers.weights.weights import read_header

    file = supernet_file(source)
    begun = read_run_record(output).get("start_from") if (output / RECORD_NAME).is_file() else None
    if isinstance(begun, dict) and begun.get("path") == str(source) and not file.exists():
        return begun
    origin = shared_weights_space(file, KIND)
    if read_header(file).get("tasks") is not None:
        raise _taught(origin)
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {
        "path": str(source),
        "sha256": digest,
        "space": origin.name,
        "space_hash": origin.hash,
        "migration": compare_supernets(origin, space).summary(),
    }


def compare_supernets(source: Space, target: Space) -> MigrationReport:
    """Say what a migration between two spaces' supernets takes, without any weights.

    Raises:
        InputError: They have nothing in common.
    """
    report = migration_report(source, _tensors(source), target, _tensors(target))
    if not report.taken:
        raise InputError(
            f"no tensor of space '{source.name}' ({source.hash}) fits space '{target.name}' ({target.hash}): they have "
            "no place in common, of the same name, operation and shape"
        )
    return report


def take_weights(model_space: TrackerModelSpace, source: TrackerModelSpace) -> MigrationReport:
    """Put another space's weights into a model space, in place, where they fit; the rest stays as it is.

    Raises:
        InputError: The spaces have nothing in common, or one of them has weights by task.
    """
    for shared in (source, model_space):
        if getattr(shared, "tasks", None) is not None:
            raise _taught(shared.space)
    report = compare_supernets(source.space, model_space.space)
    own, other = model_space.state_dict(), source.state_dict()
    for key, source_key in report.taken.items():
        own[key].copy_(other[source_key])
    return report


def _taught(space: Space) -> InputError:
    return InputError(
        f"the supernet of space '{space.name}' learnt from a teacher and has weights by task, which have no place in "
        "another: train one of the other space from the same teacher (strategy blockwise)"
    )


def save_report(report: MigrationReport, folder: Path) -> None:
    """Write a report beside a supernet: ``migration.json`` and ``migration.txt``."""
    write_atomically(folder / REPORT_FILE, report.to_json())
    write_atomically(folder / TABLE_FILE, f"{report}\n")


def _migrated(source: Supernet, space: Space, seed: int) -> tuple[Supernet, MigrationReport]:
    import torch

    from lighttrack_nas.search_spaces.building.model_space import build_model_space
    from lighttrack_nas.search_spaces.building.supernet import Supernet

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model_space = build_model_space(space)
    report = take_weights(model_space, source.model_space)
    return Supernet(space, model_space).eval(), report


def _tensors(space: Space) -> dict[str, TensorShape]:
    import torch

    from lighttrack_nas.search_spaces.building.model_space import build_model_space

    with torch.device("meta"):
        model_space = build_model_space(space)
    learnt = {name for name, _ in model_space.named_parameters()}
    return {key: TensorShape(tuple(value.shape), key in learnt) for key, value in model_space.state_dict().items()}
