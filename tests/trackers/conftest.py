"""Tiny pictures and data set trees, made on the spot."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    from torch import nn

WriteImages = Callable[[Path, Iterable[str]], None]
WriteVideo = Callable[..., Path]


@pytest.fixture
def write_images() -> WriteImages:
    """Write small images of the given names into a folder; the picture's grey value tells its place in the list."""

    def write(folder: Path, names: Iterable[str], size: tuple[int, int] = (16, 12)) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for place, name in enumerate(names):
            cv2.imwrite(str(folder / name), np.full((size[1], size[0], 3), place * 10 % 256, np.uint8))

    return write


@pytest.fixture
def write_video() -> WriteVideo:
    """Write a video of a few grey frames."""

    def write(path: Path, frames: int = 10, size: tuple[int, int] = (64, 48), fps: float = 25.0) -> Path:
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, size)
        for place in range(frames):
            writer.write(np.full((size[1], size[0], 3), place * 10 % 256, np.uint8))
        writer.release()
        return path

    return write


@pytest.fixture
def moving_square() -> list[np.ndarray]:
    """Frames 160 x 120 in which a patterned square of 24 x 20 pixels moves right from (40, 40), two pixels a frame."""
    rng = np.random.default_rng(0)
    background = cv2.GaussianBlur(rng.integers(0, 255, (120, 160, 3), dtype=np.uint8), (0, 0), 5)
    frames = []
    for place in range(8):
        frame = background.copy()
        x = 40 + 2 * place
        frame[40:60, x : x + 24] = (0, 0, 255)
        cv2.circle(frame, (x + 12, 50), 6, (0, 255, 0), -1)
        frames.append(frame)
    return frames


@pytest.fixture(scope="session")
def unsettled() -> "Callable[[nn.Module], nn.Module]":
    """Gives norms statistics and weights as training leaves them; the module is in eval mode then."""
    import torch
    from torch import nn

    def give(module: nn.Module) -> nn.Module:
        generator = torch.Generator().manual_seed(0)
        for norm in module.modules():
            if isinstance(norm, nn.BatchNorm2d):
                for values, low, high in (
                    (norm.running_mean, -0.3, 0.3),
                    (norm.running_var, 0.3, 1.5),
                    (norm.weight.data, 0.5, 1.5),
                    (norm.bias.data, -0.3, 0.3),
                ):
                    assert values is not None
                    values.uniform_(low, high, generator=generator)
        return module.eval()

    return give
