"""`migrate`."""

from __future__ import annotations

from pathlib import Path

from lighttrack_nas.cli.shared.printing import print_json
from lighttrack_nas.models.migration import migrate_to_folder
from lighttrack_nas.models.supernets import SUPERNET_FILE
from lighttrack_nas.search_spaces.loading.loading import load_space


def migrate(supernet: Path, space: str, output: Path, seed: int, as_json: bool) -> None:
    """Start another space's supernet, and say what was taken."""
    report = migrate_to_folder(supernet, load_space(space), output, seed=seed)
    if as_json:
        print_json(report.to_dict())
        return
    print(report)
    print(f"\n{output / SUPERNET_FILE}")
