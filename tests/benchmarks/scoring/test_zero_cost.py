"""The zero-cost proxy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.scoring.zero_cost import ZeroCostEvaluator, separation
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.base.errors import InputError


class Units(nn.Module):
    """A network whose units are its inputs' signs."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1, affine=False).eval()

    def forward(self, template: torch.Tensor, search: torch.Tensor) -> None:
        self.norm(template)
        self.norm(search)


def test_the_score_is_naswots() -> None:
    codes = np.random.default_rng(0).integers(0, 2, (4, 2, 16)) * 2.0 - 1.0
    template, search = (torch.tensor(codes[:, part, None, None, :], dtype=torch.float32) for part in (0, 1))
    flat = codes.reshape(4, -1)
    agree = np.array([[np.mean(one == other) for other in flat] for one in flat])
    assert separation(Units(), template, search) == pytest.approx(np.log(np.linalg.det(agree)), abs=1e-6)
    assert separation(Units(), template[[0, 0]], search[[0, 0]]) == -np.inf


def test_its_own_seed_decides_a_proxy_and_torch_s_is_left_alone() -> None:
    space = load_space("lighttrack-tiny")
    evaluator = ZeroCostEvaluator(space, inputs=3)
    rng = np.random.default_rng(0)
    architectures = [space.sample(rng) for _ in range(3)]
    state = torch.get_rng_state()
    found = [evaluator.measure(architecture, ["proxy"])["proxy"] for architecture in architectures]
    assert torch.equal(torch.get_rng_state(), state)
    assert found == [ZeroCostEvaluator(space, inputs=3).measure(a, ["proxy"])["proxy"] for a in architectures]
    assert len(set(found)) == 3
    assert all(np.isfinite(found))
    assert max(found) < 0
    assert found[0] != ZeroCostEvaluator(space, seed=1, inputs=3).measure(architectures[0], ["proxy"])["proxy"]
    assert evaluator.costs(architectures[0]) == CostTable(space).costs(architectures[0])
    assert evaluator.record() == {"kind": "zero-cost", "proxy": "naswot", "seed": 0, "inputs": 3}


def test_what_is_refused() -> None:
    space = load_space("lighttrack-tiny")
    with pytest.raises(InputError, match="seed: expected 0 or more, got -1"):
        ZeroCostEvaluator(space, seed=-1)
    with pytest.raises(InputError, match="inputs: expected 2 or more, got 1"):
        ZeroCostEvaluator(space, inputs=1)
    with pytest.raises(InputError, match="unknown measurement 'ao'"):
        ZeroCostEvaluator(space).measure(space.sample(np.random.default_rng(0)), ["ao"])
