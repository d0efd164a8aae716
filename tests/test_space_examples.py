"""The worked examples of spaces, and their variants: as short as they say, and they run."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.loading.loading import load_space

ROOT = Path(__file__).resolve().parent.parent
SPACES = ROOT / "examples/spaces"
EXAMPLES = ("kernel9", "light_head", "another_backbone", "torchvision_backbone")


def lines_of(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_takes_at_most_forty_lines(example: str) -> None:
    files = [path for path in (SPACES / example).iterdir() if path.suffix in (".py", ".yaml")]
    assert sum(len(lines_of(path)) for path in [*files, SPACES / "chain.yaml"]) <= 40


def test_lighttrack_is_forty_lines_and_nobody_knows_its_name() -> None:
    assert len((ROOT / "search_spaces/presets/lighttrack.yaml").read_text().splitlines()) <= 40
    for folder in ("trackers", "strategies", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            if "scripts" not in path.parts:
                code = re.sub(r'""".*?"""', "", path.read_text(), flags=re.DOTALL)
                assert 'load_space("lighttrack' not in code, path


@pytest.mark.slow
@pytest.mark.parametrize("name", [*(f"{each}/space.yaml" for each in EXAMPLES), "variants/without_se.yaml"])
def test_a_supernet_of_an_example_runs(name: str) -> None:
    space = load_space(SPACES / name)
    description = space.description
    template, search = (
        torch.zeros(2, 3, size, size) for size in (description.template_size, description.search_sizes[0])
    )
    supernet = Supernet(space)
    supernet.pin(space.sample(np.random.default_rng(0)))
    scores, boxes = supernet(template, search)
    (scores.sum() + boxes.sum()).backward()
    assert scores.shape[1] == 1
    assert boxes.shape[1] == 4


def test_variants_are_what_they_say() -> None:
    base = load_space("lighttrack")
    without = load_space(SPACES / "variants/without_se.yaml")
    assert without.size == base.size
    assert {getattr(op, "attention", "none") for op in without.description.operations.values()} == {"none"}
    nano = load_space(SPACES / "variants/nanotrack_like.yaml")
    assert [exit_.outputs for exit_ in nano.description.exits] == [48]
