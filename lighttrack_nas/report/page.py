"""The page itself: its parts, put into the template with style and scripts, so that it needs nothing else."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

_SCRIPTS = ("shared.js", "plots.js", "explorer.js")


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        header: Titles.
        rows: Cells, a row as long as the header.
        right: Columns that are aligned at the right.
        picks: Of each row the run and the network that its first cell leads to; empty for none.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: frozenset[int] = frozenset()
    picks: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Picture:
    """A picture of the page.

    Attributes:
        source: A data URI.
        text: What it shows.
    """

    source: str
    text: str


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading; what is empty is not shown.

    Attributes:
        key: Its anchor.
        title: Its heading, and what the list of parts calls it.
        sentences: Paragraphs above everything else.
        plots: Names of plots that the script draws here.
        tables: Each with a title, or "".
        folded: Tables that are opened by a click, likewise.
        pictures: Side by side, or below each other on a phone.
        wide: Whether pictures take the whole width each.
    """

    key: str
    title: str
    sentences: Sequence[str] = ()
    plots: Sequence[str] = ()
    tables: Sequence[tuple[str, Table]] = ()
    folded: Sequence[tuple[str, Table]] = ()
    pictures: Sequence[Picture] = ()
    wide: bool = False


@dataclass(frozen=True)
class Page:
    """What a page shows.

    Attributes:
        title: Its first line.
        lead: A sentence below it.
        warnings: What a reader must know first.
        sections: In their order.
        data: What the script draws from, JSON-able.
        missing: Sentences on parts that these runs do not have.
        footer: The last line.
    """

    title: str
    lead: str
    warnings: Sequence[str]
    sections: Sequence[Section]
    data: dict[str, Any] = field(default_factory=dict)
    missing: Sequence[str] = ()
    footer: str = ""


def render(page: Page) -> str:
    """Write a page as HTML.

    Names in it may be anybody's: the template escapes them, and the script's data travel as base64.

    Args:
        page: What to show.

    Returns:
        HTML, about 5 MB: the plotting script is in it.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_part("template.html"))
    return template.render(
        page=page,
        style=Markup(_part("style.css")),
        script=Markup("\n".join(_part(name) for name in _SCRIPTS)),
        plotly=Markup(get_plotlyjs()),
        data=_packed(page.data),
    )


def unpacked(text: str) -> dict[str, Any]:
    """The data of a page, from its HTML; the other way round of what `render` does."""
    packed = text.partition('id="data">')[2].partition("<")[0]
    return dict(json.loads(zlib.decompress(base64.b64decode(packed))))


def _packed(data: dict[str, Any]) -> str:
    """Data as base64 of deflated JSON: drawings repeat themselves, and shrink to a tenth."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _part(name: str) -> str:
    return resources.files("lighttrack_nas.report").joinpath("parts", name).read_text(encoding="utf-8")
