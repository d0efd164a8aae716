"""Drawings as small SVG, for pages: text stays text, and lines and paper take the page's colours."""

from __future__ import annotations

from html import escape

from lighttrack_nas.drawings.shapes import Box, Drawing, Line, Shape

_POINTS = 72  # an inch
_INK = {"0.15": "t", "0.35": "e", "0.45": "f"}
"""Colours that a page may set otherwise, by class: `t` text, `e` edges, `f` faint."""


def svg_text(drawing: Drawing, title: str) -> str:
    """Write a drawing as SVG, about 100 bytes a shape.

    Args:
        drawing: What to write.
        title: For those who hear the page.

    Returns:
        An `svg` element. Classes `t`, `e` and `f` stand for text, edges and faint lines, `p` for the paper.
    """
    width, height = drawing.width * _POINTS, drawing.height * _POINTS
    body = "".join(_shape(shape, height) for shape in drawing.shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {_n(width)} {_n(height)}" '
        f'width="{_n(width)}" height="{_n(height)}"><title>{escape(title)}</title>{body}</svg>'
    )


def _shape(shape: Shape, height: float) -> str:
    if isinstance(shape, Line):
        points = [(x * _POINTS, height - y * _POINTS) for x, y in shape.points]
        listed = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        drawn = f'<polyline points="{listed}" fill="none" {_ink("stroke", shape.colour)} stroke-width="{shape.width}"/>'
        return drawn + (_head(points, shape.colour) if shape.head else "")
    if isinstance(shape, Box):
        x, y = shape.x * _POINTS, height - (shape.y + shape.height) * _POINTS
        paper = shape.fill == "white"
        dashes = ' stroke-dasharray="3 2"' if shape.dashed else ""
        style = f'class="p" {_ink("stroke", shape.edge, False)}' if paper else _paint(shape)
        box = (
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(shape.width * _POINTS)}" height="{_n(shape.height * _POINTS)}" '
            f'{style} stroke-width="{shape.line_width}"{dashes}/>'
        )
        # On a box that is filled text keeps its colour, as the fill does.
        colour = _ink("fill", shape.colour) if paper else f'fill="{_css(shape.colour)}"'
        middle = x + shape.width * _POINTS / 2, y + shape.height * _POINTS / 2
        return box + _lines(shape.text, middle, shape.size, colour, "middle", shape.upright)
    anchor = {"left": "start", "center": "middle", "right": "end"}[shape.align]
    weight = ' font-weight="bold"' if shape.bold else ""
    place = shape.x * _POINTS, height - shape.y * _POINTS
    return _lines(shape.text, place, shape.size, _ink("fill", shape.colour) + weight, anchor, False)


def _paint(box: Box) -> str:
    return f'fill="{_css(box.fill)}" {_ink("stroke", box.edge, False)}'


def _lines(text: str, place: tuple[float, float], size: float, style: str, anchor: str, upright: bool) -> str:
    if not text:
        return ""
    x, y = place
    lines = text.split("\n")
    turned = f' transform="rotate(-90 {_n(x)} {_n(y)})"' if upright else ""
    first = y + size * 0.35 - size * 0.6 * (len(lines) - 1)
    return "".join(
        f'<text x="{_n(x)}" y="{_n(first + 1.2 * size * row)}" font-size="{size:g}" text-anchor="{anchor}" {style}'
        f"{turned}>{escape(line)}</text>"
        for row, line in enumerate(lines)
    )


def _head(points: list[tuple[float, float]], colour: str) -> str:
    (x0, y0), (x, y) = points[-2:]
    length = max(((x - x0) ** 2 + (y - y0) ** 2) ** 0.5, 1e-9)
    across, up = (x - x0) / length, (y - y0) / length
    back = x - 4 * across, y - 4 * up
    sides = [(back[0] - 1.6 * up * side, back[1] + 1.6 * across * side) for side in (1, -1)]
    listed = " ".join(f"{_n(a)},{_n(b)}" for a, b in [(x, y), *sides])
    return f'<polygon points="{listed}" {_ink("fill", colour)}/>'


def _ink(attribute: str, colour: str, themed: bool = True) -> str:
    kind = _INK.get(colour) if themed else None
    return f'class="{kind}{"s" if attribute == "stroke" else ""}"' if kind else f'{attribute}="{_css(colour)}"'


def _css(colour: str) -> str:
    """A colour of matplotlib's as CSS: a share of white becomes a grey."""
    try:
        grey = round(255 * float(colour))
    except ValueError:
        return colour
    return f"#{grey:02x}{grey:02x}{grey:02x}"


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
