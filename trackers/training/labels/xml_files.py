"""ImageNet's annotation files, an image each: XML, read without trust."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from lighttrack_nas.trackers.base.boxes import is_place
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import parse_number

_LARGEST_FILE = 1 << 20  # bytes; a hundred objects take 40,000


@dataclass(frozen=True)
class LabelledObject:
    """An object of an image.

    Attributes:
        track: Which target it is throughout a video; "" in still images.
        box: x, y, w, h, or None where the file gives no four numbers.
    """

    track: str
    box: tuple[float, float, float, float] | None


class _Builder(ElementTree.TreeBuilder):
    """Refuses a document type where it begins, before anything that it defines is looked at."""

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise InputError("it declares a document type, which ImageNet's files have not")


def read_objects(path: Path) -> list[LabelledObject]:
    """Read the objects of an image: elements `object` with `bndbox` and, in videos, `trackid`.

    A box goes from `xmin`, `ymin` to `xmax`, `ymax`, 0-based; its width is their difference, as trackers' scripts
    read them.

    Raises:
        InputError: The file cannot be read, is no XML, declares a document type, or is larger than a mebibyte.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise InputError(f"it is larger than {_LARGEST_FILE} bytes")
        root = ElementTree.fromstring(content, ElementTree.XMLParser(target=_Builder()))
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from None
    except InputError as error:
        raise InputError(f"'{path}' cannot be used: {error}") from None
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise InputError(f"'{path}' is no valid XML: {str(error)[:100]}") from None
    return [
        LabelledObject((element.findtext("trackid") or "").strip(), _box(element)) for element in root.iter("object")
    ]


def _box(element: ElementTree.Element) -> tuple[float, float, float, float] | None:
    bounds = element.find("bndbox")
    if bounds is None:
        return None
    try:
        x1, y1, x2, y2 = (parse_number(bounds.findtext(name) or "") for name in ("xmin", "ymin", "xmax", "ymax"))
    except ValueError:
        return None
    if not all(map(is_place, (x1, y1, x2, y2))):
        return None
    return x1, y1, x2 - x1, y2 - y1
