"""`doctor`."""

from __future__ import annotations

import typer

from lighttrack_nas.cli.shared.printing import print_json, print_table
from lighttrack_nas.reporting import environment
from lighttrack_nas.trackers.tracking.baselines import available_baselines


def doctor(as_json: bool) -> None:
    """Print what is installed and what is wrong; exit code 1 when something is."""
    installed = environment.versions()
    problems = [f"{name} is not installed" for name, version in installed.items() if version == "not installed"]
    trap = environment.filelock_trap(installed)
    if trap:
        problems.append(trap)
    devices: list[str] = []
    if installed["torch"] != "not installed":
        try:
            devices = environment.devices()
        except ImportError as error:
            problems.append(f"torch is installed but cannot be imported: {error}")
    record = {
        "versions": installed,
        "devices": devices,
        "runtimes": environment.runtimes(),
        "baselines": available_baselines(),
        "problems": problems,
    }
    if as_json:
        print_json(record)
    else:
        print_table(("package", "version"), list(installed.items()))
        print()
        print_table(("runtime", "version"), list(environment.runtimes().items()))
        print("\ndevices")
        for device in devices:
            print(f"  {device}")
        print("\nbaselines")
        for name, state in available_baselines().items():
            print(f"  {name}: {state}")
        print()
        print("\n".join(f"PROBLEM: {problem}" for problem in problems) or "no problem found")
    if problems:
        raise typer.Exit(1)
