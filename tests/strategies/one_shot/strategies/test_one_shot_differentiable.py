"""DARTS, Gumbel-DARTS and ProxylessNAS: what is mixed, what learns when, what stays as it was."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lighttrack_nas.search_spaces.building.model_space import build_model_space, nni_sample
from lighttrack_nas.search_spaces.building.nni_adapter import BaseSuperNetModule
from lighttrack_nas.search_spaces.distribution import Distribution
from lighttrack_nas.search_spaces.loading.loading import load_space, parse_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.one_shot.strategies.darts import _SharedNoise
from lighttrack_nas.strategies.one_shot.strategies.differentiable import (
    ALPHA,
    learnt_distribution,
    statistics_kept,
    to_coarsest,
    without_alphas,
)
from lighttrack_nas.strategies.one_shot.strategies.one_shot_registry import one_shot_strategy
from lighttrack_nas.strategies.one_shot.training.fit import fit
from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotProblem
from lighttrack_nas.strategies.one_shot.training.task import TrackingTask
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.training.losses import LossSettings
from lighttrack_nas.trackers.training.pairs.pair import Pair
from lighttrack_nas.trackers.training.targets import TargetSettings

NAMES = ["darts", "gumbel-darts", "proxyless"]


class Squares:
    def pair(self, rng: np.random.Generator) -> Pair:
        template, search = (rng.integers(0, 255, (side, side, 3), dtype=np.uint8) for side in (32, 64))
        return Pair(template, search, np.array([20, 20, 16, 16], np.float32), True)


class Watched:
    """The tracking task; it remembers which batches it was asked to weigh, and can spoil some."""

    def __init__(self, bad: tuple[int, ...] = ()) -> None:
        self.task = TrackingTask(Squares(), 2, 0, TargetSettings(), LossSettings())
        self.bad = bad
        self.seen: list[int] = []

    def batch(self, index):
        return index, self.task.batch(index)

    def loss(self, model, batch, device):
        self.seen.append(batch[0])
        factor = math.nan if batch[0] in self.bad else 1.0
        return {name: value * factor for name, value in self.task.loss(model, batch[1], device).items()}


def small(outputs: list[str], last_stride: int) -> Space:
    content = load_space("lighttrack-tiny").description.model_dump(mode="json")
    operations = ["k3e2", "k5e2"]
    content |= {
        "name": "small",
        "template_size": 32,
        "search_sizes": [64],
        "fused_channels": 16,
        "outputs": outputs,
        "stages": [
            {"name": "stage0", "channels": 8, "blocks": 1, "stride": 1, "operations": ["separable3"]},
            {"name": "stage1", "channels": 12, "blocks": 1, "stride": 2, "operations": operations},
            {"name": "stage2", "channels": 16, "blocks": 2, "stride": 2, "operations": operations},
            {"name": "stage3", "channels": 16, "blocks": 1, "stride": last_stride, "operations": operations},
        ],
        "towers": {
            branch: {"widths": [8, 12], "layers": [{"operations": ["k3", "k5"]}, {"operations": ["k3", "skip"]}]}
            for branch in ("cls", "reg")
        },
    }
    return parse_space(content, where="test")


@pytest.fixture(scope="module")
def space() -> Space:
    return small(["stage2", "stage3"], 1)


@pytest.fixture(scope="module")
def strides() -> Space:
    """Exits of strides 8 and 16."""
    return small(["stage2", "stage3"], 2)


def train(
    space: Space, output: Path, name: str, task: Any = None, *, settings: dict[str, Any] | None = None, **chosen: Any
) -> Any:
    """Train from the same start; the supernet with its alphas."""
    given = {"steps": 1, "batch_size": 2, "workers": 0, "warmup_steps": 0, "weight_decay": 0}
    how = TrainingSettings(**(given | (settings or {})))
    torch.manual_seed(1)
    model = build_model_space(space)
    plan = one_shot_strategy(name, **chosen).plan(OneShotProblem(space=space, settings=how))
    fit(model, model.network.backbone, task or Watched(), how, output, plan=plan)
    return model


def mutated(space: Space, name: str, how: TrainingSettings | None = None) -> Any:
    """A supernet that was not trained."""
    problem = OneShotProblem(space=space, settings=how or TrainingSettings(steps=1))
    torch.manual_seed(1)
    return one_shot_strategy(name).plan(problem).nni.mutate_model(build_model_space(space))


def alphas(model: Any) -> dict[str, torch.Tensor]:
    return {key: value for key, value in model.state_dict().items() if key.endswith(ALPHA)}


@pytest.mark.parametrize("which", ["space", "strides"])
def test_a_decided_mixture_is_its_architecture_s_network(which: str, request: pytest.FixtureRequest) -> None:
    space: Space = request.getfixturevalue(which)
    model = mutated(space, "darts").eval()
    template, search = torch.randn(2, 3, 32, 32), torch.randn(2, 3, 64, 64)
    for seed in range(4):
        architecture = space.sample(np.random.default_rng(seed))
        for module in model.modules():
            if hasattr(module, ALPHA):
                index = space.labels[module.label].index(architecture.choices[module.label])
                module._arch_alpha.data.fill_(0)[index] = 1000.0
        assert learnt_distribution(space, model).mode() == architecture
        network = without_alphas(model).freeze(nni_sample(architecture)).eval()
        found, alone = model(template, search), network(template, search)
        if which == "space":
            for one, other in zip(found, alone, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        else:
            assert found[0].shape == (2, 1, 4, 4)
            if network.stride == 16:
                torch.testing.assert_close(found[0], alone[0], rtol=1e-4, atol=1e-5)


def test_an_even_mixture_is_the_mean_of_the_candidates(space: Space) -> None:
    model = mutated(space, "darts").eval()
    choice = model.network.backbone.blocks["stage1-block0"]
    choice._arch_alpha.data.zero_()
    features = torch.randn(1, 8, 16, 16)
    expected = torch.stack([choice[name](features) for name in choice.names]).mean(0)
    torch.testing.assert_close(choice(features), expected)


@pytest.mark.parametrize("name", NAMES)
def test_exits_of_several_strides_train(strides: Space, tmp_path: Path, name: str) -> None:
    model = train(strides, tmp_path, name, settings={"steps": 3})
    assert learnt_distribution(strides, model) is not None
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())


def test_pooling_keeps_what_is_coarse_already() -> None:
    fine, coarse = torch.arange(16.0).view(1, 1, 4, 4), torch.zeros(1, 1, 2, 2)
    pooled = to_coarsest([fine, coarse])
    assert pooled[0].flatten().tolist() == [2.5, 4.0, 8.5, 10.0]
    assert pooled[1] is coarse


@pytest.mark.parametrize("name", NAMES)
def test_in_turn_the_architecture_has_batches_of_its_own(space: Space, tmp_path: Path, name: str) -> None:
    task = Watched()
    start = alphas(mutated(space, name))
    model = train(space, tmp_path, name, task, settings={"steps": 2, "accumulate": 2})
    # One a step for the architecture, 0 and 4; two for the weights.
    assert task.seen == [0, 1, 3, 4, 5, 7]
    assert {key for key, alpha in alphas(model).items() if torch.equal(alpha, start[key])} == set()


@pytest.mark.parametrize("name", NAMES)
def test_jointly_both_learn_from_one_batch(space: Space, tmp_path: Path, name: str) -> None:
    task = Watched()
    start = mutated(space, name).state_dict()
    after = train(space, tmp_path, name, task, joint=True).state_dict()
    assert task.seen == [0]
    moved = {key for key in after if not torch.equal(start[key], after[key])}
    assert any(key.endswith(ALPHA) for key in moved)
    assert any(key.endswith("weight") for key in moved)


@pytest.mark.parametrize("joint", [True, False])
def test_a_warm_up_leaves_the_architecture_alone(space: Space, tmp_path: Path, joint: bool) -> None:
    start = alphas(mutated(space, "darts"))
    task = Watched()
    model = train(space, tmp_path, "darts", task, settings={"steps": 2}, warm_up=1.0, joint=joint)
    assert all(torch.equal(alpha, start[key]) for key, alpha in alphas(model).items())
    assert task.seen == ([0, 1] if joint else [1, 3])


@pytest.mark.parametrize("name", NAMES)
def test_the_architecture_s_step_leaves_statistics_alone(space: Space, tmp_path: Path, name: str) -> None:
    """With it, at next to no rate, and without it, all else is the same."""
    with_step = train(space, tmp_path / "one", name, architecture_rate=1e-9).state_dict()
    without = train(space, tmp_path / "two", name, warm_up=1.0).state_dict()
    counts = [key for key in without if key.endswith("num_batches_tracked")]
    assert counts
    assert [key for key in counts if not torch.equal(with_step[key], without[key])] == []
    for key in without:
        if "running" in key:
            torch.testing.assert_close(with_step[key], without[key], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("joint", [True, False])
def test_proxyless_trains_the_sampled_path_alone(space: Space, tmp_path: Path, joint: bool) -> None:
    start = mutated(space, "proxyless").state_dict()
    after = train(space, tmp_path, "proxyless", joint=joint).state_dict()
    for label in ("stage1-block0", "stage2-block0"):
        moved = {
            name
            for name in space.candidates[label]
            if any(f"{label}.{name}." in key and not torch.equal(start[key], after[key]) for key in after)
        }
        assert len(moved) == 1, label


@pytest.mark.parametrize("joint", [True, False])
def test_a_skipped_update_moves_nothing(space: Space, tmp_path: Path, joint: bool) -> None:
    start = mutated(space, "darts")
    model = train(space, tmp_path, "darts", Watched(bad=(0, 1)), joint=joint)
    assert all(torch.equal(alpha, alphas(start)[key]) for key, alpha in alphas(model).items())
    for key, weight in without_alphas(start).named_parameters():
        assert torch.equal(weight, dict(model.named_parameters())[key]), key


def test_alphas_find_the_better_candidate(space: Space, tmp_path: Path) -> None:
    """A task that pays for one candidate's outputs: DARTS leans to it."""

    class Paid(Watched):
        def loss(self, model, batch, device):
            choice = model.network.backbone.blocks["stage1-block0"]
            shares = torch.softmax(choice._arch_alpha, -1)
            return {"loss": super().loss(model, batch, device)["loss"] + 100 * shares[0]}

    model = train(space, tmp_path, "darts", Paid(), settings={"steps": 8}, architecture_rate=0.1)
    distribution = learnt_distribution(space, model)
    assert isinstance(distribution, Distribution)
    assert distribution.mode().choices["stage1-block0"] == "k5e2"
    assert distribution.probabilities[list(space.labels).index("stage1-block0")][1] > 0.7


def test_gumbel_s_noise_is_shared_and_cools(space: Space) -> None:
    softmax, rng = _SharedNoise(), np.random.default_rng(0)
    alpha = torch.nn.Parameter(torch.tensor([0.0, 1.0, 2.0]))
    counts = np.zeros(3)
    for _ in range(3000):
        softmax.draw([alpha], rng)
        softmax.tau = 0.01
        weights = softmax(alpha)
        assert torch.equal(weights, softmax(alpha))
        counts[int(weights.argmax())] += 1
    # The Gumbel-max trick: samples follow the softmax.
    expected = torch.softmax(alpha, 0).detach().numpy() * 3000
    assert np.abs(counts - expected).max() < 5 * math.sqrt(750)
    softmax.tau = 100.0
    assert softmax(alpha).max() < 0.4
    model = mutated(space, "gumbel-darts")
    assert len({id(m._softmax) for m in model.modules() if isinstance(m, BaseSuperNetModule)}) == 1


def test_statistics_are_kept_only_where_they_would_move() -> None:
    norms = torch.nn.Sequential(torch.nn.BatchNorm2d(2), torch.nn.BatchNorm2d(2))
    norms[1].eval()
    before = {key: value.clone() for key, value in norms.state_dict().items()}
    images = torch.randn(3, 2, 4, 4) * 5 + 1
    with statistics_kept(norms):
        inside = norms(images)
    assert all(torch.equal(before[key], value) for key, value in norms.state_dict().items())
    assert torch.equal(inside, norms(images))
    assert not torch.equal(before["0.running_mean"], norms[0].running_mean)
    assert torch.equal(before["1.running_mean"], norms[1].running_mean)


@pytest.mark.parametrize(
    ("name", "chosen", "message"),
    [
        ("darts", {"joint": 1}, "'darts', joint: expected true or false, got 1"),
        ("darts", {"architecture_rate": 0}, "'darts', architecture_rate: expected a number from 1e-09 to 10, got 0"),
        ("proxyless", {"warm_up": 1.5}, "'proxyless', warm_up: expected a number from 0 to 1, got 1.5"),
        ("gumbel-darts", {"temperature": "hot"}, "temperature: expected a number from 0.01 to 100, got 'hot'"),
        ("gumbel-darts", {"temperature": 0.2}, r"final_temperature must be at most temperature \(0.2\), got 0.33"),
        ("darts", {"jiont": True}, "unknown setting of one-shot strategy 'darts', 'jiont'; did you mean 'joint'"),
    ],
)
def test_impossible_settings_are_refused(name: str, chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        one_shot_strategy(name, **chosen)


@pytest.mark.parametrize(("name", "precision"), [("darts", "16"), ("gumbel-darts", "16"), ("proxyless", "bf16")])
def test_precisions_that_do_not_fit_are_refused(space: Space, name: str, precision: str) -> None:
    problem = OneShotProblem(space=space, settings=TrainingSettings(steps=1, precision=precision))
    with pytest.raises(InputError, match=f"'{name}': precision must be 32.*, got '{precision}'"):
        one_shot_strategy(name).plan(problem)


def test_training_in_bfloat16_stays_finite(space: Space, tmp_path: Path) -> None:
    model = train(space, tmp_path, "darts", settings={"precision": "bf16", "steps": 2})
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())
