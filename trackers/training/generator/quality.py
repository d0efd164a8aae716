"""What cameras and files do to pictures: blur, noise, few pixels, JPEG, grey, and tones."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lighttrack_nas.trackers.training.generator.textures import limited


@dataclass(frozen=True)
class Quality:
    """How bad a scene's pictures are.

    Attributes:
        grey: Without colours.
        gamma: Exponent of the tones; above 1 is darker.
        resolution: Share of the pixels along a side that are left; 1 for all.
        noise: Amplitude of noise, grey levels.
        jpeg: JPEG's quality, 1 to 100; 0 for none.
    """

    grey: bool = False
    gamma: float = 1.0
    resolution: float = 1.0
    noise: float = 0.0
    jpeg: int = 0

    def apply(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Make a picture as bad, ``(height, width, 3)`` BGR uint8; noise comes from `rng`."""
        height, width = picture.shape[:2]
        if self.grey:
            picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        if self.gamma != 1:
            picture = cv2.LUT(picture, ((np.arange(256) / 255) ** self.gamma * 255 + 0.5).astype(np.uint8))
        if self.resolution < 1:
            small = (max(round(width * self.resolution), 1), max(round(height * self.resolution), 1))
            picture = cv2.resize(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), (width, height))
        if self.noise:
            noise = np.frombuffer(rng.bytes(picture.size), np.uint8).reshape(picture.shape)
            share = self.noise / 127.5
            picture = cv2.addWeighted(picture, 1.0, noise, share, -127.5 * share)
        if self.jpeg:
            _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])
            picture = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
        return np.asarray(picture)


def tinted(picture: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Multiply blue, green and red by factors ``(3,)``."""
    table = limited(np.arange(256)[:, None] * factors + 0.5, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(picture, table.reshape(1, 256, 3)))


def random_quality(rng: np.random.Generator, probability: float) -> Quality:
    """Draw a quality: perfect but for grey and tones unless a chance of `probability` says otherwise."""
    grey = bool(rng.random() < 0.1)
    gamma = float(np.exp(rng.uniform(-0.4, 0.5))) if rng.random() < 0.3 else 1.0
    if rng.random() >= probability:
        return Quality(grey, gamma)
    which = rng.random(3) < (0.5, 0.5, 0.2)
    return Quality(
        grey,
        gamma,
        float(rng.uniform(0.45, 0.95)) if which[0] else 1.0,
        float(rng.uniform(1, 14)) if which[1] else 0.0,
        int(rng.integers(35, 90)) if which[2] else 0,
    )
