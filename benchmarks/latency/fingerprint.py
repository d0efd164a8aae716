"""What a latency was measured on: two that differ in any of it cannot be compared."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lighttrack_nas.trackers.runtimes.program import Options
from lighttrack_nas.trackers.runtimes.runtime_registry import runtime_versions


@dataclass(frozen=True)
class Fingerprint:
    """A device with what runs on it.

    Attributes:
        runtime: Of `trackers.runtimes.program.RUNTIMES`.
        versions: Of the packages that run a program, by package.
        processor: The device's name as the system tells it.
        cores: The machine's logical cores.
        threads: On the CPU.
        device: "cpu", "cuda" ...
        precision: In which the program computes.
    """

    runtime: str
    versions: Mapping[str, str]
    processor: str
    cores: int
    threads: int
    device: str
    precision: str

    def to_dict(self) -> dict[str, Any]:
        """All fields, JSON-able."""
        return asdict(self) | {"versions": dict(self.versions)}

    def __str__(self) -> str:
        versions = ", ".join(f"{package} {version}" for package, version in self.versions.items())
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return (
            f"{self.runtime} ({versions}), {self.precision}, {threads} on {self.device}: {self.processor}, "
            f"{self.cores} logical cores"
        )


def take_fingerprint(runtime: str, options: Options) -> Fingerprint:
    """The fingerprint of this machine with a runtime.

    Args:
        runtime: A runtime that is installed.
        options: How it runs.

    Raises:
        InputError: An unknown runtime, or one that is not installed.
    """
    return Fingerprint(
        runtime=runtime,
        versions=runtime_versions(runtime),
        processor=device_name(options.device),
        cores=os.cpu_count() or 1,
        threads=options.threads,
        device=options.device,
        precision=options.precision,
    )


def fingerprint_differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """In what two fingerprints, or other records of what a latency was measured on, differ; "" if in nothing."""
    keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    return ", ".join(f"{key} {_short(one.get(key))} and {_short(other.get(key))}" for key in keys)


def device_name(device: str) -> str:
    """What a device is called, as far as the system tells it; the device's own word where nobody knows."""
    if device == "cpu":
        return processor_name()
    if device.startswith("cuda"):
        import torch

        if torch.cuda.is_available():
            return torch.cuda.get_device_name(torch.device(device))
    return device


def processor_name() -> str:
    """The processor's name."""
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key} {entry}" for key, entry in value.items())
    return repr(value)
