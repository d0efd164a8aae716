"""Imports that fail, in a sentence that names the package."""

import re
from pathlib import Path

import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.packages import naming_packages

MODULES = {
    "torn": 'raise ImportError("libtorn.so.1: cannot open shared object file\\nmore")\n',
    "lame": "import nothing_of_that_name\n",
    "large": 'raise ImportError("liblarge.so: failed to map segment from shared object")\n',
    "late": "def work():\n    import torn\n",
}


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)


def run(code: str) -> None:
    with naming_packages():
        exec(code, {"__name__": "lighttrack_nas.somewhere"})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "import torn",
            "package 'torn' is installed but cannot be imported (libtorn.so.1: cannot open shared object file): "
            "pip install --force-reinstall torn",
        ),
        (
            "import lame",
            "package 'lame' is installed but cannot be imported (No module named 'nothing_of_that_name'): "
            "pip install --force-reinstall lame",
        ),
        ("import large", "out of memory: package 'large' cannot be loaded (liblarge.so: failed to map segment"),
        # The one that failed, not the one that was called; and what pip calls it.
        ("import late; late.work()", "package 'torn' is installed but cannot be imported (libtorn"),
        ("import yaml.nothing", "pip install --force-reinstall PyYAML"),
        ("from yaml import nothing", "package 'yaml' is installed but cannot be imported (cannot import name"),
        (
            "import nothing_of_that_name",
            "package 'nothing_of_that_name' is not installed here: pip install nothing_of_that_name",
        ),
    ],
)
def test_the_package_is_named(code: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        run(code)


@pytest.mark.parametrize("module", ["lighttrack_nas.nothing", "json.nothing"])
def test_our_own_faults_stay_as_they_are(module: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=f"No module named '{module}'"):
        run(f"import {module}")
