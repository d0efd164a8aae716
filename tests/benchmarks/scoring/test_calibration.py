"""BatchNorm statistics estimated afresh."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lighttrack_nas.benchmarks.scoring.batchnorm_calibration import recalibrate
from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.network.norms import fold_norms
from lighttrack_nas.trackers.training.batches import TensorBatch

TINY = load_space("lighttrack-tiny")


@pytest.fixture(scope="module")
def batches() -> list[TensorBatch]:
    generator = torch.Generator().manual_seed(0)

    def images(size: int) -> Tensor:
        return torch.randn(3, 3, size, size, generator=generator)

    return [TensorBatch(images(64), images(128), torch.ones(3, 4), torch.ones(3, dtype=torch.bool)) for _ in range(3)]


def fresh(seed: int = 0) -> SiameseNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_network(TINY.sample(np.random.default_rng(seed)))


def norms(network: nn.Module) -> dict[str, nn.BatchNorm2d]:
    return {name: module for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)}


def test_statistics_are_the_mean_over_the_calls(batches: list[TensorBatch]) -> None:
    network, calls = fresh(), {}

    def keep(name: str) -> Callable:
        return lambda module, inputs: calls.setdefault(name, []).append(inputs[0].clone())

    hooks = [norm.register_forward_pre_hook(keep(name)) for name, norm in norms(network).items()]
    recalibrate(network, batches)
    for hook in hooks:
        hook.remove()
    assert {len(inputs) for inputs in calls.values()} == {3, 6}  # the backbone sees templates and search crops
    for name, norm in norms(network).items():
        flat = [inputs.double().transpose(0, 1).flatten(1) for inputs in calls[name]]
        mean = torch.stack([each.mean(dim=1) for each in flat]).mean(dim=0)
        variance = torch.stack([each.var(dim=1) for each in flat]).mean(dim=0)  # unbiased, as torch keeps it
        assert torch.allclose(norm.running_mean.double(), mean, rtol=1e-4, atol=1e-5), name
        assert torch.allclose(norm.running_var.double(), variance, rtol=1e-4, atol=1e-6), name


def test_nothing_is_left_of_the_old_statistics(batches: list[TensorBatch]) -> None:
    once, again = fresh(), fresh()
    for norm in norms(again).values():
        norm.running_mean.fill_(5)
        norm.running_var.fill_(7)
    recalibrate(once, batches)
    recalibrate(again, batches)
    recalibrate(again, iter(batches))
    for (name, first), second in zip(once.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(first, second), name


def test_only_statistics_change(batches: list[TensorBatch]) -> None:
    network = fresh().train()
    weights = {name: value.detach().clone() for name, value in network.named_parameters()}
    generator = torch.get_rng_state()
    recalibrate(network, batches[:1])
    assert not any(module.training for module in network.modules())
    assert {norm.momentum for norm in norms(network).values()} == {0.1}
    assert all(torch.equal(weights[name], value) for name, value in network.named_parameters())
    assert all(value.grad is None for value in network.parameters())
    assert torch.equal(torch.get_rng_state(), generator)


def test_momentum_and_mode_come_back_after_a_failure(batches: list[TensorBatch]) -> None:
    network = fresh()
    too_small = TensorBatch(batches[0].template, batches[0].search[:, :2], batches[0].boxes, batches[0].positive)
    with pytest.raises(RuntimeError):
        recalibrate(network, [too_small])
    assert {norm.momentum for norm in norms(network).values()} == {0.1}
    assert not any(module.training for module in network.modules())


def test_calibration_without_a_batch_is_refused() -> None:
    with pytest.raises(InputError, match="no batch"):
        recalibrate(fresh(), [])


def test_folded_norms_are_refused(batches: list[TensorBatch]) -> None:
    network = fresh()
    recalibrate(network, batches)
    fold_norms(network.backbone)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(
        InputError, match=r"with folded norms \(\d+\) cannot be estimated afresh: .*; score it as it is"
    ):
        recalibrate(network, batches)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_a_supernet_is_refused(batches: list[TensorBatch]) -> None:
    supernet = Supernet(TINY)
    supernet.pin(TINY.sample(np.random.default_rng(0)))
    before = {key: value.clone() for key, value in supernet.state_dict().items()}
    with pytest.raises(TypeError, match="weight-sharing"):
        recalibrate(supernet.network, batches)
    assert all(torch.equal(before[key], value) for key, value in supernet.state_dict().items())
