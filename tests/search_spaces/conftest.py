"""Spaces that several tests use."""

import pytest

from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.presets import preset_names
from lighttrack_nas.search_spaces.space import Space


@pytest.fixture(scope="session", params=preset_names())
def space(request: pytest.FixtureRequest) -> Space:
    """Every preset."""
    return load_space(request.param)


@pytest.fixture(scope="session")
def lighttrack() -> Space:
    return load_space("lighttrack")


@pytest.fixture(scope="session")
def tiny() -> Space:
    return load_space("lighttrack-tiny")
