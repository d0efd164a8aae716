"""The environment of `make lowest`: `versions` prints what pip is to install, `link FOLDER` lends it the rest.

The lowest versions that pyproject.toml admits are installed, but for torch and torchvision, which are gigabytes: these,
and whatever else has no lower bound, are those of the environment that runs this.
"""

import re
import sys
import sysconfig
import tomllib
from itertools import chain
from pathlib import Path

LENT = {"torch", "torchvision"}


def versions() -> None:
    """A requirement a line, of the package and of all its extras."""
    project = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text())["project"]
    requirements = chain(project["dependencies"], *project["optional-dependencies"].values())
    for requirement in dict.fromkeys(requirements):
        found = re.match(r"([\w.-]+)(\[[\w,]+\])?[>=]=([^,]+)", requirement)
        if found and found[1] not in LENT:
            print(f"{found[1]}{found[2] or ''}=={found[3]}")


def link(folder: str) -> None:
    """Let an environment find what it lacks in this one."""
    (place,) = Path(folder).glob("lib/python*/site-packages")
    (place / "lent.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")


if __name__ == "__main__":
    versions() if sys.argv[1] == "versions" else link(sys.argv[2])
