"""Plain tables and JSON on standard output, notes on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from lighttrack_nas.reporting.text_tables import text_table

_LONGEST_LINE = 1600


def print_json(content: Any) -> None:
    """Print JSON, indented; integers of any size stay exact."""
    print(json.dumps(content, indent=2, allow_nan=False))


def cut_lines(text: str) -> str:
    """A text whose lines a person can read: of longer ones, such as a path of thousands of letters, both ends."""
    half = _LONGEST_LINE // 2
    lines = text.split("\n")
    return "\n".join(line if len(line) <= 2 * half else f"{line[:half]} ... {line[-half:]}" for line in lines)


def print_note(sentence: str) -> None:
    """Tell the user something beside the output, on standard error."""
    print(cut_lines(sentence), file=sys.stderr)


def print_warning(sentence: str) -> None:
    """Tell the user of something that went otherwise than asked for, on standard error."""
    print_note(f"warning: {sentence}")


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """Print a table; see `text_table`."""
    print(text_table(header, rows, right))
