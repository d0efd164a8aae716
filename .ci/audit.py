"""Known vulnerabilities of what is installed, by pip-audit where it reaches its data, and a bill of materials.

`check FOLDER` makes an environment of its own in the folder and looks the packages of this one up; `bill FOLDER FILE`
writes a bill of materials in CycloneDX's format, with the licences that packages declare.
"""

import json
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

KNOWN = "requests==2.19.0"
"""A package of known faults: where pip-audit knows none of it, a mirror answered that has no such data."""


def check(folder: str) -> None:
    """Look for known vulnerabilities; say so where that is not possible."""
    tool = [_tool(folder, "pip-audit"), "--progress-spinner", "off"]
    with tempfile.TemporaryDirectory() as scratch:
        trial = Path(scratch) / "requirements.txt"
        trial.write_text(f"{KNOWN}\n")
        call = [*tool, "--format", "json", "--timeout", "5", "--disable-pip", "--no-deps", "--requirement", trial]
        answer = subprocess.run(call, capture_output=True, text=True).stdout or "{}"
    if not any(package.get("vulns") for package in json.loads(answer).get("dependencies", [])):
        print(f"pip-audit is skipped: the data that it reaches from here, if any, know of no fault of {KNOWN}")
        return
    sys.exit(subprocess.run([*tool, "--path", sysconfig.get_path("purelib")]).returncode)


def bill(folder: str, file: str) -> None:
    """Write the bill of materials."""
    subprocess.run([_tool(folder, "cyclonedx-py"), "environment", "--output-file", file, sys.executable], check=True)
    print(file)


def _tool(folder: str, name: str) -> Path:
    """A tool of the group `audit`, installed where it disturbs nothing."""
    tool = Path(folder) / "bin" / name
    if not tool.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [Path(folder) / "bin" / "python", "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)
        subprocess.run([*pip, "--group", "audit"], check=True)
    return tool


if __name__ == "__main__":
    check(*sys.argv[2:]) if sys.argv[1] == "check" else bill(*sys.argv[2:])
