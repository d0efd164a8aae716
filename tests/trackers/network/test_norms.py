"""Folded BatchNorms: found, made and kept."""

import pytest
import torch
from torch import nn

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.norms import fold_norms, folded_norms, has_folded_norms, is_folded


def changed(**values: float) -> nn.BatchNorm2d:
    """A fresh norm with one channel of some of its tensors changed."""
    norm = nn.BatchNorm2d(4)
    with torch.no_grad():
        for name, value in values.items():
            getattr(norm, name)[1] = value
    return norm


def filled(weight: float, bias: float = 0.0) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(4)
    nn.init.constant_(norm.weight, weight)
    nn.init.constant_(norm.bias, bias)
    return norm


def trained() -> nn.Sequential:
    """Norms of several kinds with statistics and weights of their own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.SiLU(), nn.Conv2d(4, 5, 1), nn.BatchNorm2d(5))
        network.append(nn.Sequential(nn.Flatten(2), nn.BatchNorm1d(5, eps=1e-3)))
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
                nn.init.normal_(module.weight, 1, 0.3)
                nn.init.normal_(module.bias)
                module.running_mean.normal_(0, 30)
                module.running_var.uniform_(1e-4, 100)
                module.num_batches_tracked.fill_(7)
    return network.eval()


@pytest.mark.parametrize(
    ("norm", "expected"),
    [
        (nn.BatchNorm2d(4), False),  # fresh
        (filled(0.0), False),  # fresh, the last of a residual block
        (changed(weight=0.5), True),
        (changed(bias=0.1), True),
        (changed(weight=0.5, bias=0.1), True),
        (filled(1.000005, 0.1), True),  # as exports write them
        (filled(0.0, 0.1), True),
        (changed(weight=0.5, running_mean=1e-30), False),
        (changed(weight=0.5, running_var=1 + 1e-6), False),
        (changed(weight=0.5, running_mean=float("nan")), False),
        (nn.BatchNorm2d(4, affine=False), False),
        (nn.BatchNorm2d(4, track_running_stats=False), False),
        (nn.SyncBatchNorm(4), False),
    ],
)
def test_which_norms_are_folded(norm: nn.BatchNorm2d, expected: bool) -> None:
    assert is_folded(norm) is expected
    assert has_folded_norms(nn.Sequential(nn.BatchNorm2d(4), norm)) is expected
    assert folded_norms(nn.Sequential(nn.BatchNorm2d(4), norm)) == ((norm,) if expected else ())


def test_folding_leaves_the_outputs() -> None:
    network, images = trained(), torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(1))
    convolutions = [m.weight.detach().clone() for m in network if isinstance(m, nn.Conv2d)]
    before = network(images)
    assert not has_folded_norms(network)
    fold_norms(network)
    torch.testing.assert_close(network(images), before, rtol=1e-5, atol=1e-5 * float(before.detach().abs().max()))
    norms = folded_norms(network)
    assert len(norms) == 3
    for norm in norms:
        assert torch.equal(norm.running_mean, torch.zeros_like(norm.running_mean))
        assert torch.equal(norm.running_var, torch.ones_like(norm.running_var))
        assert int(norm.num_batches_tracked) == 7
        assert norm.weight.requires_grad
    assert all(torch.equal(a, m.weight) for a, m in zip(convolutions, (network[0], network[3]), strict=True))


def test_folding_twice_changes_nothing_but_rounding() -> None:
    network = trained()
    fold_norms(network)
    once = {key: value.clone() for key, value in network.state_dict().items()}
    fold_norms(network)
    torch.testing.assert_close(dict(network.state_dict()), once, rtol=1e-6, atol=0)


def test_a_fresh_norm_stays_fresh() -> None:
    norm = nn.BatchNorm2d(4)
    fold_norms(norm)
    assert not is_folded(norm)
    assert torch.equal(norm.weight, torch.ones(4))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"affine": False}, "'1' has no weight and bias"), ({"track_running_stats": False}, "'1' has no running")],
)
def test_what_cannot_be_folded_is_named_and_nothing_changed(options: dict[str, bool], message: str) -> None:
    network = nn.Sequential(trained(), nn.BatchNorm2d(5, **options))
    with pytest.raises(InputError, match=message):
        fold_norms(network)
    assert not has_folded_norms(network)


@pytest.mark.parametrize(("folded", "expected"), [(1, False), (2, True), (3, True)])
def test_a_network_has_folded_norms_where_most_are(folded: int, expected: bool) -> None:
    """As after a training on several devices: a norm that only another device ran has the statistics of a fresh one."""
    norms = [changed(weight=0.5) for _ in range(folded)]
    norms += [changed(weight=0.5, running_mean=0.1) for _ in range(3 - folded)]
    assert has_folded_norms(nn.Sequential(*norms, nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.BatchNorm2d(4))) is expected
