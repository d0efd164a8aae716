"""What a result was made with, and what this machine offers."""

from __future__ import annotations

import os
import platform
from importlib import metadata

PACKAGES = (
    "lighttrack-nas",
    "torch",
    "torchvision",
    "nni",
    "optuna",
    "pytorch-lightning",
    "filelock",
    "fvcore",
    "numpy",
    "opencv",
    "pandas",
    "safetensors",
)
_OPENCV = ("opencv-python", "opencv-contrib-python", "opencv-python-headless", "opencv-contrib-python-headless")
RUNTIMES = ("onnxruntime", "openvino", "ncnn")
"""Optional packages that run exported models."""


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide results, without importing them."""
    by_package = {"python": platform.python_version()}
    for package in PACKAGES:
        # OpenCV comes under four names, any of which serves.
        by_package[package] = _version(_OPENCV if package == "opencv" else (package,))
    return by_package


def _version(names: tuple[str, ...]) -> str:
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "not installed"


def filelock_trap(installed: dict[str, str]) -> str | None:
    """Say what is wrong when NNI 3.0 meets a filelock that makes it hang; None when all is well."""
    version = installed["filelock"]
    if version == "not installed":
        return None
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers >= (3, 12):
        return (
            f"filelock {version} is installed: with 3.12 or newer, NNI 3.0's NasExperiment.run() waits for ever and "
            'says nothing; run: pip install "filelock<3.12"'
        )
    return None


def runtimes() -> dict[str, str]:
    """The optional runtimes with their versions, or "not installed"."""
    return {package: _version((package,)) for package in RUNTIMES}


def devices() -> list[str]:
    """The devices that torch sees, the CPU first with its thread count. Imports torch."""
    import torch

    names = [f"cpu: {cpu_name()}, {torch.get_num_threads()} threads"]
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        names.append(f"cuda:{index}: {properties.name}, {properties.total_memory / 2**30:.0f} GiB")
    return names


def cpu_name() -> str:
    """The processor's name and the number of its logical cores."""
    from lighttrack_nas.benchmarks.latency import fingerprint

    return f"{fingerprint.processor_name()}, {os.cpu_count()} logical cores"
