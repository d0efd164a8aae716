"""`import-weights` and `export-weights`."""

from __future__ import annotations

from pathlib import Path

from lighttrack_nas.cli.shared.printing import print_note
from lighttrack_nas.models import models
from lighttrack_nas.models.architecture_files import find_architecture
from lighttrack_nas.trackers.base.files import checked_output_file
from lighttrack_nas.trackers.tracking.hyper_parameters import load_hyper_parameters


def import_weights(checkpoint: Path, code: str, output: Path, space: str | None, hyper_parameters: str | None) -> None:
    """Write a model file from an official checkpoint."""
    checked_output_file(output, ".safetensors")
    architecture = find_architecture(code, space, print_note)
    chosen = load_hyper_parameters(hyper_parameters) if hyper_parameters else None
    models.import_weights(checkpoint, architecture, output, chosen)
    print(f"{output}: weights of {checkpoint}, space {architecture.space.name}")


def export_weights(model: Path, output: Path) -> None:
    """Write an official checkpoint from a model file."""
    checked_output_file(output, ".pth")
    code = models.export_weights(model, output)
    print(f"{output}: weights of {model} under the released names; code {code}")
