"""The tracker's hyper-parameters, as one typed value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.parsing import parse_json, parse_yaml, read_text, short

_RANGES = {
    "penalty_k": (0, 100),
    "window_influence": (0, 1),
    "lr": (0, 1),
    "context": (0, 2),
    "small_target": (0, 1),
    "min_size": (0, 100),
    "presence_slope": (0, 100),
    "presence_offset": (-1000, 1000),
    "lost_below": (0, 1),
    "found_above": (0, 1),
}
_MOST_FRAMES = 10_000
_LATER = ("presence_slope", "presence_offset", "lost_after", "lost_below", "found_above")
"""Fields that came later: where they have their defaults, records do not say them."""


@dataclass(frozen=True, kw_only=True)
class HyperParameters:
    """How predictions become a box (LightTrack's released tracker; SiamFC and SiamRPN before it).

    Attributes:
        penalty_k: Strength of the penalty on changes of size and aspect, 0 to 100.
        window_influence: Share of the cosine window in the score, 0 to 1.
        lr: Rate at which the size follows the prediction, 0 to 1.
        context: Margin around the target in the crops, as a share of width plus height, 0 to 2.
        small_target: Below this share of the frame's area, at the first frame, the larger search size is used, 0 to 1.
        min_size: Smallest side of a box, pixels, 0 to 100.
        exact_crops: Whether positions in the search crop are mapped back through the whole pixels that it covers. The
            released tracker takes the crop as centred on the target, though it lies half a pixel off, give or take
            the rounding; networks trained with its code have learnt that. Those trained here have not.
        presence_slope: Factor on the score's logit that, with `presence_offset`, makes a probability of it that the
            target is there, 0 to 100; 0: it is not calibrated. `tune-tracker` fits both.
        presence_offset: What is added to that, -1000 to 1000.
        lost_after: Frames in a row of low presence after which the target counts as lost, 0 to 10,000; 0: never, as in
            the released tracker.
        lost_below: What low presence is, 0 to 1.
        found_above: A lost target counts as found from this presence on, `lost_below` to 1.
    """

    penalty_k: float = 0.062
    window_influence: float = 0.38
    lr: float = 0.765
    context: float = 0.5
    small_target: float = 0.004
    min_size: float = 10.0
    exact_crops: bool = False
    presence_slope: float = 0.0
    presence_offset: float = 0.0
    lost_after: int = 0
    lost_below: float = 0.3
    found_above: float = 0.6

    def __post_init__(self) -> None:
        if not isinstance(self.exact_crops, bool):
            raise InputError(f"hyper-parameter exact_crops: expected true or false, got {short(self.exact_crops)}")
        for field in fields(self):
            if field.name not in _RANGES:
                continue
            value, (smallest, largest) = getattr(self, field.name), _RANGES[field.name]
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not smallest <= value <= largest:  # NaN compares as false
                raise InputError(
                    f"hyper-parameter {field.name}: expected a number between {smallest} and {largest}, got "
                    f"{short(value)}"
                )
        frames = self.lost_after
        if isinstance(frames, bool) or not isinstance(frames, int) or not 0 <= frames <= _MOST_FRAMES:
            raise InputError(
                f"hyper-parameter lost_after: expected a whole number of 0 to {_MOST_FRAMES}, got {short(frames)}"
            )
        if self.found_above < self.lost_below:
            raise InputError(
                f"hyper-parameter found_above: expected at least lost_below ({self.lost_below}), got {self.found_above}"
            )
        if frames and not self.presence_slope:
            raise InputError(
                "hyper-parameter lost_after: there is no presence to go by: give presence_slope and presence_offset, "
                "which tune-tracker fits"
            )

    def to_dict(self) -> dict[str, float]:
        """All fields, JSON-able; without what concerns presence where it has its defaults."""
        content = asdict(self)
        usual = {field.name for field in fields(self) if field.name in _LATER and content[field.name] == field.default}
        return {name: value for name, value in content.items() if name not in usual}

    @classmethod
    def from_mapping(cls, content: object, where: str) -> HyperParameters:
        """Check a mapping that was read from somewhere; fields that it lacks keep their defaults.

        Raises:
            InputError: No mapping, an unknown name, or an impossible value.
        """
        if not isinstance(content, Mapping):
            raise InputError(f"{where}: expected a mapping such as penalty_k: 0.062, got {short(content)}")
        known = [field.name for field in fields(cls)]
        try:
            for name in content:
                checked_name(str(name), known, "hyper-parameter")
            return cls(**content)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None


HYPER_PARAMETERS: Mapping[str, HyperParameters] = {
    "default": HyperParameters(),
    "vot2019": HyperParameters(penalty_k=0.007, window_influence=0.225, lr=0.616),
}
"""The published sets: the class defaults of the released tracker, and its values for VOT2019."""


def load_hyper_parameters(source: str | Path | Mapping[str, Any] | HyperParameters) -> HyperParameters:
    """Take hyper-parameters from a set's name, a YAML or JSON file, a mapping, or a ready value.

    Raises:
        InputError: Unknown set, unreadable file, unknown name or impossible value.
    """
    if isinstance(source, HyperParameters):
        return source
    if isinstance(source, Mapping):
        return HyperParameters.from_mapping(source, "hyper-parameters")
    name = str(source)
    path = Path(name)
    if path.suffix not in (".yaml", ".yml", ".json"):
        otherwise = "or give a file that ends in .yaml or .json"
        return HYPER_PARAMETERS[checked_name(name, HYPER_PARAMETERS, "set of hyper-parameters", otherwise)]
    where = f"hyper-parameter file '{path}'"
    parse = parse_json if path.suffix == ".json" else parse_yaml
    return HyperParameters.from_mapping(parse(read_text(path, "hyper-parameter file"), where), where)
