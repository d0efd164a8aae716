"""`migrate`."""

from __future__ import annotations

from pathlib import Path

from lighttrack_nas.cli.printing import print_json
from lighttrack_nas.migration import migrate_to_folder
from lighttrack_nas.search_spaces.loading import load_space
from lighttrack_nas.supernets import SUPERNET_FILE


def migrate(supernet: Path, space: str, output: Path, seed: int, as_json: bool) -> None:
    """Start another space's supernet, and say what was taken."""
    report = migrate_to_folder(supernet, load_space(space), output, seed=seed)
    if as_json:
        print_json(report.to_dict())
        return
    print(report)
    print(f"\n{output / SUPERNET_FILE}")
