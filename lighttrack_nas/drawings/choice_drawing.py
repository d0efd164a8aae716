"""The drawing of a space that declares no stages: a row for each choice, its candidates side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lighttrack_nas.drawings.shapes import Box, Drawing, Shape, Text, fill_of, text_colour_of, text_width
from lighttrack_nas.drawings.sheets import sheet
from lighttrack_nas.search_spaces.space import Space

_CELL, _STEP, _SIZE, _LABEL = 0.22, 0.3, 7.0, 8.0
_DARK = 7  # the colour of large kernels, which no candidate here is known to have


def choices_drawing(space: Space, subtitles: Sequence[str], chosen: Mapping[str, str] | None = None) -> Drawing:
    """Lay out the choices of a space, or of one of its architectures.

    Args:
        space: What to draw.
        subtitles: Lines beneath its name.
        chosen: The architecture's candidate of every label; these are dark. None draws the space.
    """
    right = max(text_width(label, _LABEL) for label in space.labels) + 0.12
    shapes: list[Shape] = []
    for row, (label, names) in enumerate(space.labels.items()):
        y, x = -_STEP * row, right
        shapes.append(Text(right - 0.12, y, label, _LABEL, align="right"))
        for name in names:
            kernel = _DARK if chosen is not None and chosen[label] == name else 1
            width = max(0.42, text_width(name, _SIZE) + 0.1)
            shapes.append(
                Box(
                    x,
                    y - _CELL / 2,
                    width,
                    _CELL,
                    name,
                    fill_of(kernel, False),
                    size=_SIZE,
                    colour=text_colour_of(kernel, False),
                )
            )
            x += width
    searched = " or ".join(map(str, space.search_sizes))
    sizes = f"template {space.template_size}, search {searched} pixels"
    notes = ["A row for each choice." if chosen is None else "A row for each choice; what this network has is dark."]
    return sheet(space.name, [*subtitles, sizes], shapes, set(), notes, fixed=False, output=False)
