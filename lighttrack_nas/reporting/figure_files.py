"""Figures as files."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """A figure as a file; it has no date and no random names inside: the same figure gives the same file.

    Args:
        figure: What to write.
        kind: "png" or "svg".
    """
    import matplotlib

    content = BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "front"}):
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(content, format=kind, dpi=150, metadata=metadata)
    return content.getvalue()
