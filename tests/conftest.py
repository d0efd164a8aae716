"""Fixtures that every test may use."""

import os
from collections.abc import Iterator
from pathlib import Path

# Read when torch's OpenMP starts: test workers share the cores between them, and threads that spin while they wait for
# each other are many times slower beside another busy process.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

DATA_VARIABLE = "LIGHTTRACK_NAS_DATA"
MOBILE = "back_04502514044521042540+cls_211000022+reg_100000111_ops_32"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept between runs goes to a temporary folder, never to the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTTRACK_NAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real sequences and published weights; tests that need it are marked `data`."""
    value = os.environ.get(DATA_VARIABLE)
    if not value:
        pytest.skip(f"{DATA_VARIABLE} is not set: it names the folder of the real sequences and the published weights")
    folder = Path(value)
    if not (folder / "lighttrack_mobile").is_dir():
        pytest.fail(f"{DATA_VARIABLE}={value} has no folder lighttrack_mobile")
    return folder


@pytest.fixture(scope="session")
def mobile_code() -> str:
    """The published LightTrack-Mobile."""
    return MOBILE
