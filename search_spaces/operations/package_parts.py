"""Parts of other packages' networks as operations, and the short form of a whole backbone of them.

``backbone: {torchvision: mobilenet_v3_small, parts: 4}`` stands for no stem and a stage of one fixed block for each of
the network's first parts, whose channels and strides are found from the network itself. Only this imports torch while
a space is read.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from lighttrack_nas.search_spaces.base.mistakes import Mistake
from lighttrack_nas.search_spaces.operations.operations import Operation
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short

if TYPE_CHECKING:
    from torch import nn

NetworkName = Annotated[str, Field(min_length=1, max_length=100, description="The network's name in the package.")]


class PackagePart(Operation):
    """A part of another package's network; the kind is the package's name."""

    model: NetworkName
    part: int = Field(ge=0, le=15, description="Which part, from 0 at the image; each halves the map.")

    def refusal(self, inputs: int, outputs: int, stride: int) -> str:
        """A part has its own channels, and halves the map."""
        from lighttrack_nas.trackers.package_backbones.cut_backbones import find_part

        try:
            part = find_part(self.kind, self.model, self.part)
        except InputError as error:
            return str(error)
        if (inputs, outputs, stride) == (part.inputs, part.outputs, 2):
            return ""
        return f"part {self.part} of {self.model} turns {part.inputs} into {part.outputs} with stride 2"

    def build(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        """Build the part with fresh weights."""
        from lighttrack_nas.trackers.package_backbones.cut_backbones import build_part

        return build_part(self.kind, self.model, self.part)


class TorchvisionPart(PackagePart):
    """`torchvision`: a part of a network of torchvision, cut where its stride doubles; as a fixed block."""

    kind: Literal["torchvision"] = "torchvision"

    PREFIX: ClassVar = "torchvision-"


class TimmPart(PackagePart):
    """`timm`: a part of a network of timm, which must be installed, cut where its stride doubles; as a fixed block."""

    kind: Literal["timm"] = "timm"

    PREFIX: ClassVar = "timm-"


PACKAGE_PARTS: tuple[type[Operation], ...] = (TorchvisionPart, TimmPart)
"""The operations that are parts of other packages' networks."""
PACKAGES = tuple(str(cls.model_fields["kind"].default) for cls in PACKAGE_PARTS)


def backbone_content(given: object) -> tuple[dict[str, Any], list[Mistake]]:
    """What `backbone` of a space file stands for.

    Args:
        given: What stands there.

    Returns:
        The keys `stem` and `stages`, none where something is wrong, and what is.
    """
    place = ("backbone",)
    if not isinstance(given, Mapping):
        return {}, [Mistake(place, f"expected {{PACKAGE: NETWORK, parts: N}}, got {short(given)}")]
    unknown = [key for key in given if key not in (*PACKAGES, "parts")]
    mistakes = [_unknown_key(key) for key in unknown]
    packages = [package for package in PACKAGES if package in given]
    if len(packages) != 1 and not unknown:
        mistakes.append(Mistake(place, f"expected a network of either {' or '.join(PACKAGES)}"))
    parts = given.get("parts")
    if "parts" not in given and not unknown:
        mistakes.append(Mistake(place, "expected also parts, how many of the network's parts, from the image on"))
    elif "parts" in given and (isinstance(parts, bool) or not isinstance(parts, int) or parts < 1):
        mistakes.append(Mistake((*place, "parts"), f"expected how many parts, 1 or more, got {short(parts)}"))
    if mistakes:
        return {}, mistakes
    return _stages(packages[0], given[packages[0]], int(given["parts"]))


def _stages(package: str, model: Any, parts: int) -> tuple[dict[str, Any], list[Mistake]]:
    from lighttrack_nas.trackers.package_backbones.cut_backbones import cut_network

    if not isinstance(model, str):
        return {}, [Mistake(("backbone", package), f"expected a network's name, got {short(model)}")]
    try:
        network = cut_network(package, model)
    except InputError as error:
        return {}, [Mistake(("backbone", package), str(error))]
    if parts > len(network.parts):
        text = f"'{model}' has {len(network.parts)} parts, got {parts}: {network.end}"
        return {}, [Mistake(("backbone", "parts"), text)]
    stages = [
        {
            "channels": part.outputs,
            "blocks": 1,
            "stride": 2,
            "operations": {package: {"model": model, "part": number}},
        }
        for number, part in enumerate(network.parts[:parts])
    ]
    return {"stem": "none", "stages": stages}, []


def _unknown_key(key: object) -> Mistake:
    close = difflib.get_close_matches(str(key), (*PACKAGES, "parts"), n=1)
    hint = f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join((*PACKAGES, 'parts'))}"
    return Mistake(("backbone", str(key)), f"unknown key 'backbone.{key}'{hint}", named=True)
