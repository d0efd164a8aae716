"""Known vulnerabilities of what is installed, by pip-audit where its data can be reached, and a bill of materials.

`check FOLDER` makes an environment of its own in the folder and looks the packages of this one up; `bill FOLDER FILE`
writes a bill of materials in CycloneDX's format, with the licences that packages declare.
"""

import json
import subprocess
import sys
import sysconfig
import urllib.request
from pathlib import Path

DATA = "https://pypi.org/pypi/pip/23.0/json"
"""What the service that pip-audit asks knows of a package of known faults; a mirror may answer, and know of none."""


def check(folder: str) -> None:
    """Look for known vulnerabilities; say so where that is not possible."""
    try:
        with urllib.request.urlopen(DATA, timeout=5) as answer:
            known = json.load(answer).get("vulnerabilities")
    except (OSError, ValueError) as error:
        print(f"pip-audit is skipped: its data, {DATA}, cannot be reached from here ({error})")
        return
    if not known:
        print(f"pip-audit is skipped: what answers here as {DATA} knows of no vulnerabilities")
        return
    packages = sysconfig.get_path("purelib")
    sys.exit(subprocess.run([_tool(folder, "pip-audit"), "--progress-spinner", "off", "--path", packages]).returncode)


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
