"""`schema`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lighttrack_nas.search_spaces.files.editor_schema import space_schema
from lighttrack_nas.search_spaces.operations.operation_registry import known_operations
from lighttrack_nas.trackers.base.files import checked_output_file, write_atomically
from lighttrack_nas.trackers.base.names import checked_name

KINDS = ("space", "chain", "comparison")


def schema(kind: str, output: Path | None) -> None:
    """Print the JSON schema of one of `KINDS` of files, or write it."""
    checked_name(kind, KINDS, "kind of file")
    if output is not None:
        checked_output_file(output)
    text = json.dumps(_schema_of(kind), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        print(text, end="")
        return
    write_atomically(output, text)
    print(output)


def _schema_of(kind: str) -> dict[str, Any]:
    if kind == "space":
        for failure in known_operations()[1].values():
            print(f"warning: {failure}; its parameters are not checked", file=sys.stderr)
        return space_schema()
    from lighttrack_nas.config.config_schema import chain_schema, comparison_schema

    return chain_schema() if kind == "chain" else comparison_schema()
