"""What scenes of the generator hold, and how often."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from lighttrack_nas.trackers.base.errors import InputError

_PROBABILITIES = (
    "distractors",
    "others",
    "occluders",
    "carriers",
    "fast_motion",
    "motion_blur",
    "lighting",
    "degradation",
    "camouflage",
    "real",
)


@dataclass(frozen=True, kw_only=True)
class SceneSettings:
    """Probabilities and ranges of generated scenes.

    Lengths are in sides of the target: the geometric mean of its first width and height is 1. Amplitudes are the most
    that a value strays from its middle in the course of a scene.

    Attributes:
        distractors: Probability that one or two look-alikes of the target move close to it.
        others: Probability that one or two objects unlike the target move about.
        occluders: Probability that bars or blobs pass in front of the target.
        carriers: Probability that the target is a part of something larger, as a face is of a person.
        fast_motion: Probability of a dash: a few frames of fast motion.
        motion_blur: Probability that moving things are blurred.
        lighting: Probability that brightness and tint drift.
        degradation: Probability of noise, blur, a low resolution or JPEG's artefacts.
        camouflage: Probability that the target's colours are like the background's.
        real: Probability that the target is one of the given patches, and that the background is one of the given
            images, where there are any.
        aspect: Lowest and highest width / height of a target; drawn uniformly in the logarithm.
        speed: Lowest and highest typical speed of the target, sides a frame.
        scale: Amplitude of the logarithm of the target's size, without the camera's zoom.
        aspect_change: Amplitude of the logarithm of the target's aspect.
        rotation: Amplitude of the target's rotation in the picture, radians.
        deformation: Amplitude of the outline's deformation, as a share of its radius.
        camera_pan: Amplitude of the camera's pan, sides.
        camera_zoom: Amplitude of the logarithm of the camera's zoom.
        camera_rotation: Amplitude of the camera's rotation, radians.

    Raises:
        InputError: A probability outside [0, 1], a range that is empty or not positive, or an amplitude that is
            negative or too large to render.
    """

    distractors: float = 1 / 3
    others: float = 0.4
    occluders: float = 0.3
    carriers: float = 0.15
    fast_motion: float = 0.2
    motion_blur: float = 0.25
    lighting: float = 0.4
    degradation: float = 0.5
    camouflage: float = 0.15
    real: float = 0.7
    aspect: tuple[float, float] = (0.3, 3.0)
    speed: tuple[float, float] = (0.02, 0.1)
    scale: float = 0.25
    aspect_change: float = 0.15
    rotation: float = 0.4
    deformation: float = 0.1
    camera_pan: float = 2.5
    camera_zoom: float = 0.15
    camera_rotation: float = 0.1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("aspect", "speed"):
                _check_range(field.name, value)
            elif field.name in _PROBABILITIES:
                _check_number(field.name, value, 1.0, "a probability")
            else:
                _check_number(field.name, value, _LARGEST[field.name], "an amplitude")


_LARGEST = {
    "scale": 1.0,
    "aspect_change": 1.0,
    "rotation": math.pi,
    "deformation": 0.3,
    "camera_pan": 20.0,
    "camera_zoom": 1.0,
    "camera_rotation": math.pi,
}


def _check_number(name: str, value: object, largest: float, kind: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= largest:
        raise InputError(f"scenes: {name} must be {kind} of 0 to {largest:g}, got {value!r}")


def _check_range(name: str, value: object) -> None:
    """Refuse what is no pair of positive numbers in order, or reaches beyond what can be rendered."""
    largest = 10.0 if name == "aspect" else 0.5
    if (
        not isinstance(value, tuple)
        or len(value) != 2
        or any(isinstance(v, bool) or not isinstance(v, int | float) for v in value)
        or not 0 < value[0] <= value[1] <= largest
        or (name == "aspect" and value[0] < 1 / largest)
    ):
        lowest = 1 / largest if name == "aspect" else 0
        raise InputError(
            f"scenes: {name} must be two numbers (lowest, highest) between {lowest:g} and {largest:g}, got {value!r}"
        )
