"""`schema`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lighttrack_nas.search_spaces.files.schema import space_schema
from lighttrack_nas.search_spaces.operations.operation_registry import known_operations
from lighttrack_nas.trackers.base.files import checked_output_file, write_atomically


def schema(output: Path | None) -> None:
    """Print the JSON schema of space files, or write it."""
    if output is not None:
        checked_output_file(output)
    for failure in known_operations()[1].values():
        print(f"warning: {failure}; its parameters are not checked", file=sys.stderr)
    text = json.dumps(space_schema(), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        print(text, end="")
        return
    write_atomically(output, text)
    print(output)
