"""How training pairs are cut and changed, as one typed value, and the recipes there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.parsing import short

_SMALLEST_SIZE, _LARGEST_SIZE = 8, 2048
# A shift of .5 puts the target's centre on the crop's edge; a stretch near 1 would leave a crop without extent.
_LARGEST = {
    "context": 2.0,
    "template_shift": 0.5,
    "template_stretch": 0.9,
    "search_shift": 0.5,
    "search_scale": 2.0,
    "search_stretch": 0.9,
    "flip": 1.0,
    "colour_jitter": 1.0,
    "negatives": 1.0,
}


@dataclass(frozen=True, kw_only=True)
class PairSettings:
    """Sizes of the two crops and strengths of the augmentation.

    Every random amount is uniform between minus and plus the given strength. Scale and stretch act on the crop's sides:
    a factor above 1 shows more of the frame, and the target smaller.

    Attributes:
        template_size: Side of the template crop, pixels, 8 to 2048.
        search_size: Side of the search crop, pixels, from `template_size` to 2048. Both crops show the target equally
            large (before augmentation), as in tracking.
        context: Margin around the target in the template crop, as a share of width plus height, 0 to 2. The tracker
            reads its own from its hyper-parameters: the two should agree.
        template_shift: Distance of the target's centre from the crop's, as a share of the crop's side and for each axis
            by itself, 0 to .5.
        template_stretch: The crop's width and height are each multiplied by ``1 + U(-s, s)``, 0 to .9.
        search_shift: As `template_shift`.
        search_scale: Width and height are both multiplied by ``exp(U(-s, s))``, 0 to 2.
        search_stretch: As `template_stretch`.
        flip: Probability that both crops are mirrored, left to right, 0 to 1.
        colour_jitter: Brightness and contrast of each crop are multiplied by ``1 + U(-s, s)``, each channel by
            ``1 + U(-s, s) / 2``, 0 to 1.
        negatives: Share of pairs whose search crop does not show the template's target, 0 to 1.
    """

    template_size: int
    search_size: int
    context: float = 0.5
    template_shift: float
    template_stretch: float
    search_shift: float
    search_scale: float
    search_stretch: float
    flip: float
    colour_jitter: float
    negatives: float

    def __post_init__(self) -> None:
        _check_size("template_size", self.template_size, _SMALLEST_SIZE)
        _check_size("search_size", self.search_size, self.template_size)
        for name, largest in _LARGEST.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 <= value <= largest:  # NaN compares as false
                raise InputError(f"pairs: {name}: expected a number between 0 and {largest:g}, got {short(value)}")


def _check_size(name: str, value: object, smallest: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not smallest <= value <= _LARGEST_SIZE:
        floor = f"template_size ({smallest})" if name == "search_size" else smallest
        raise InputError(
            f"pairs: {name}: expected a whole number of pixels between {floor} and {_LARGEST_SIZE}, got {short(value)}"
        )


PAIR_RECIPES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "lighttrack": MappingProxyType(
            {
                "template_shift": 4 / 128,
                "template_stretch": 0.05,
                "search_shift": 64 / 256,
                "search_scale": 0.0,
                "search_stretch": 0.18,
                "flip": 0.0,
                "colour_jitter": 0.05,
                "negatives": 0.0,
            }
        ),
        "small-data": MappingProxyType(
            {
                "template_shift": 4 / 64,
                "template_stretch": 0.0,
                "search_shift": 0.25,
                "search_scale": 0.25,
                "search_stretch": 0.08,
                "flip": 0.5,
                "colour_jitter": 0.2,
                "negatives": 0.07,
            }
        ),
    }
)
"""Strengths by recipe: LightTrack's own, for hundreds of thousands of sequences, and one for little data."""


def pair_settings(recipe: str, template_size: int, search_size: int, **overrides: float) -> PairSettings:
    """Take the settings of a recipe.

    Args:
        recipe: A name of `PAIR_RECIPES`.
        template_size: Side of the template crop, pixels.
        search_size: Side of the search crop, pixels.
        **overrides: Fields of `PairSettings` to set otherwise.

    Raises:
        InputError: Unknown recipe or field, or an impossible value.

    Example:
        >>> pair_settings("small-data", 64, 128, negatives=0.1).negatives
        0.1
    """
    values = dict(PAIR_RECIPES[checked_name(recipe, PAIR_RECIPES, "recipe of pairs")])
    known = [field.name for field in fields(PairSettings) if not field.name.endswith("_size")]
    for name in overrides:
        checked_name(name, known, "setting of pairs")
    return PairSettings(template_size=template_size, search_size=search_size, **(values | overrides))
