"""Plain tables and JSON on standard output."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def print_json(content: Any) -> None:
    """Print JSON, indented; integers of any size stay exact."""
    print(json.dumps(content, indent=2, allow_nan=False))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """Print columns aligned by spaces, without wrapping, so that pipes and narrow terminals get whole rows.

    Args:
        header: Titles.
        rows: Cells, a row as long as the header.
        right: Columns to align at the right.
    """
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        aligned = (c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True)))
        return "  ".join(aligned).rstrip()

    print(line(header))
    print("  ".join("-" * width for width in widths))
    for row in rows:
        print(line(row))
