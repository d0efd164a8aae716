"""How candidates start from a teacher's blocks: what holds the block starts as it, the rest is fitted to its map."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lighttrack_nas.strategies.one_shot.teaching.least_squares import fit_last, least_squares
from lighttrack_nas.strategies.one_shot.teaching.starts import Channels, noise_to_signal, start
from lighttrack_nas.trackers.network.blocks import InvertedResidual, SeparableConvolution, Stem, TowerConvolution
from lighttrack_nas.trackers.network.norms import fold_norms

KERNELS = st.sampled_from((1, 3, 5, 7))


def taught(block: nn.Module, inputs: int) -> nn.Module:
    """A block as teachers have them: norms of some batch, folded."""
    generator = torch.Generator().manual_seed(0)
    for norm in block.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = None
            with torch.no_grad():
                norm.weight.uniform_(0.5, 1.5, generator=generator)
                norm.bias.normal_(0, 0.3, generator=generator)
    block.train()(features(inputs))
    fold_norms(block)
    return block.eval()


def features(channels: int, side: int = 12, seed: int = 1) -> Tensor:
    return torch.randn(4, channels, side, side, generator=torch.Generator().manual_seed(seed))


def mbconv(inputs: int, outputs: int, *, kernel: int = 3, expansion: float = 2, stride: int = 1, attention: str = "se"):
    return InvertedResidual(inputs, outputs, stride, kernel, expansion, 0.25, attention=attention)


BLOCKS: dict[str, tuple[Callable[[int], nn.Module], int]] = {
    "mbconv": (lambda kernel: mbconv(16, 24, kernel=kernel), 16),
    "residual": (lambda kernel: mbconv(16, 16, kernel=kernel), 16),
    "strided": (lambda kernel: mbconv(16, 24, kernel=kernel, stride=2), 16),
    "gateless": (lambda kernel: mbconv(16, 24, kernel=kernel, attention="none"), 16),
    "separable": (lambda kernel: SeparableConvolution(16, 24, 1, kernel, 0.25), 16),
    "separable residual": (lambda kernel: SeparableConvolution(16, 16, 1, kernel, 0.25), 16),
    "tower": (lambda kernel: TowerConvolution(16, 24, kernel), 16),
    "stem": (lambda kernel: Stem(16, kernel, 2), 3),
}


def outputs_of(block: nn.Module) -> int:
    return [each for each in block.modules() if isinstance(each, nn.Conv2d)][-1].out_channels


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_what_holds_the_teacher_s_block_starts_as_it(name: str, kernel: int) -> None:
    torch.manual_seed(0)
    make, inputs = BLOCKS[name]
    block, candidate = taught(make(3), inputs), make(kernel)
    assert start(candidate, block, Channels.all(inputs), Channels.all(outputs_of(block)))
    seen = features(inputs, seed=2)
    with torch.no_grad():
        torch.testing.assert_close(candidate.eval()(seen), block(seen), atol=1e-5, rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    kernels=st.tuples(KERNELS, KERNELS),
    expansions=st.tuples(st.sampled_from((1, 2, 3)), st.sampled_from((1, 1.5, 2, 4, 6))),
    widths=st.tuples(st.sampled_from((8, 16)), st.sampled_from((8, 16)), st.sampled_from((8, 16, 24))),
    attention=st.sampled_from(("se", "none")),
    stride=st.sampled_from((1, 2)),
)
def test_starts_of_any_kernel_expansion_and_width(
    kernels: tuple[int, int],
    expansions: tuple[float, float],
    widths: tuple[int, int, int],
    attention: str,
    stride: int,
) -> None:
    """Equal where the teacher's block fits into the candidate; finite, and of its own shapes, everywhere."""
    torch.manual_seed(0)
    theirs, ours, outputs = widths
    block = taught(mbconv(theirs, outputs, kernel=kernels[0], expansion=expansions[0], stride=stride), theirs)
    candidate = mbconv(ours, outputs, kernel=kernels[1], expansion=expansions[1], stride=stride, attention=attention)
    inputs = Channels.best(torch.arange(theirs).float(), ours)
    begun = start(candidate, block, inputs, Channels.all(outputs))
    assert begun == (candidate.residual == block.residual)
    seen = features(theirs, seed=2)
    candidate.eval()
    with torch.no_grad():
        found, wanted = candidate(inputs.of(seen)), block(seen)
    assert found.shape == wanted.shape
    assert found.isfinite().all()
    holds = kernels[1] >= kernels[0] and expansions[1] >= expansions[0] and ours == theirs and attention == "se"
    if begun and holds:
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("wider", [24, 32])
def test_channels_that_the_teacher_has_not_change_nothing_else(wider: int) -> None:
    torch.manual_seed(0)
    block, candidate = taught(mbconv(16, 16), 16), mbconv(wider, wider)
    channels = Channels.best(torch.rand(16), wider)
    # The candidate's expansion counts on its own, more channels.
    assert start(candidate, block, channels, channels)
    seen = features(16, seed=2)
    with torch.no_grad():
        found, wanted = candidate.eval()(channels.of(seen)), block(seen)
        torch.testing.assert_close(channels.known(found), wanted, atol=1e-5, rtol=1e-5)
        assert float(channels.ratio(found, wanted)) < 1e-9


def test_channels_are_the_best_in_their_order() -> None:
    importance = torch.tensor([0.1, 3.0, 0.2, 2.0])
    assert Channels.best(importance, 2).index.tolist() == [1, 3]
    assert Channels.best(importance, 6).index.tolist() == [0, 1, 2, 3, -1, -1]
    assert Channels.all(4).is_all
    assert not Channels.best(importance, 2).is_all
    assert Channels.best(importance, 6).of(features(4))[:, 4:].abs().max() == 0


@pytest.mark.parametrize(
    ("candidate", "block"),
    [
        (TowerConvolution(8, 8, 3), nn.Conv2d(8, 8, 3)),
        (nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 5)),
        (mbconv(8, 8), SeparableConvolution(8, 8, 1, 3, 0.25)),
        (mbconv(8, 8), mbconv(8, 16)),
    ],
    ids=["other class", "other kernel", "other block", "no residual"],
)
def test_what_cannot_start_from_a_block_is_left_alone(candidate: nn.Module, block: nn.Module) -> None:
    before = {key: tensor.clone() for key, tensor in candidate.state_dict().items()}
    assert not start(candidate, block, Channels.all(8), Channels.all(8))
    assert all(torch.equal(before[key], tensor) for key, tensor in candidate.state_dict().items())


def test_modules_of_any_class_take_weights_of_their_own_shapes() -> None:
    one, other = nn.Conv2d(8, 4, 3), nn.Conv2d(8, 4, 3)
    assert start(one, other, Channels.all(8), Channels.all(4))
    assert torch.equal(one.weight, other.weight)


@pytest.mark.parametrize("candidate", [mbconv(8, 8), SeparableConvolution(8, 8, 1, 3, 0.25)], ids=["mbconv", "sep"])
def test_a_block_behind_the_teacher_s_exit_adds_nothing(candidate: nn.Module) -> None:
    assert start(candidate, nn.Identity(), Channels.all(8), Channels.all(8))
    seen = features(8)
    with torch.no_grad():
        assert torch.equal(candidate.eval()(seen), seen)
    assert not start(mbconv(8, 16), nn.Identity(), Channels.all(8), Channels.all(16))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), rows=st.integers(40, 400), inputs=st.integers(1, 12), outputs=st.integers(1, 4))
def test_least_squares_against_numpy(seed: int, rows: int, inputs: int, outputs: int) -> None:
    rng = np.random.default_rng(seed)
    given_, wanted = rng.normal(1, 2, (rows, inputs)), rng.normal(3, 1, (rows, outputs))
    weights, offset = least_squares(torch.from_numpy(given_).float(), torch.from_numpy(wanted).float())
    assert weights.shape == (outputs, inputs)
    best, *_ = np.linalg.lstsq(np.column_stack([given_, np.ones(rows)]), wanted, rcond=None)

    def error(found: np.ndarray) -> float:
        return float(np.square(np.column_stack([given_, np.ones(rows)]) @ found - wanted).mean())

    own = np.column_stack([weights.numpy(), offset.numpy()]).T
    assert error(best) <= error(own) + 1e-9
    assert error(own) <= 1.02 * error(best) + 1e-6  # the ridge


@pytest.mark.parametrize("name", [name for name in BLOCKS if name != "stem"])
@pytest.mark.parametrize("begins", [True, False], ids=["started", "fresh"])
def test_fitting_is_never_worse(name: str, begins: bool) -> None:
    """A candidate of a smaller kernel, on the features that it is fitted on."""
    torch.manual_seed(0)
    make, inputs = BLOCKS[name]
    block, candidate = taught(make(5), inputs), make(3)
    outputs = Channels.all(outputs_of(block))
    seen = features(inputs, seed=2)
    if begins:
        assert start(candidate, block, Channels.all(inputs), outputs)
    with torch.no_grad():
        wanted = block(seen)
        before = float(noise_to_signal(candidate.eval()(seen), wanted))
        fit_last(candidate, seen, outputs, wanted)
        after = float(noise_to_signal(candidate.eval()(seen), wanted))
    assert after <= before + 1e-6
    assert after < 1
    assert all(int(each.num_batches_tracked) == 1 for each in candidate.modules() if isinstance(each, nn.BatchNorm2d))


def test_the_teacher_s_own_block_stays_as_it_is() -> None:
    torch.manual_seed(0)
    block, candidate = taught(mbconv(16, 24), 16), mbconv(16, 24)
    start(candidate, block, Channels.all(16), Channels.all(24))
    before = {key: tensor.clone() for key, tensor in candidate.state_dict().items()}
    seen = features(16)
    fit_last(candidate, seen, Channels.all(24), block(seen))
    assert all(torch.equal(before[key], tensor) for key, tensor in candidate.state_dict().items())


def test_noise_to_signal_by_hand() -> None:
    wanted = torch.tensor([[-1.0, 1.0], [-2.0, 2.0]]).view(1, 2, 1, 2)
    assert float(noise_to_signal(wanted, wanted)) == 0
    assert float(noise_to_signal(torch.zeros_like(wanted), wanted)) == pytest.approx(1)  # the mean
    found = wanted.clone()
    found[:, 0] += 1
    assert float(noise_to_signal(found, wanted)) == pytest.approx(0.5)
    # A channel without a signal counts as if it had a hundredth of the mean one's.
    wanted[:, 0] = 0
    assert float(noise_to_signal(torch.zeros_like(wanted), wanted)) == pytest.approx(0.5)
