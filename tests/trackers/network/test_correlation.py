"""The depthwise correlation against a naive loop, its fusion in batches, and where it finds the target."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lighttrack_nas.benchmarks.costs.macs_counting import count_operations, uncounted_of
from lighttrack_nas.trackers.network.correlation import DepthwiseFusion, Neck, depthwise_correlation


def by_loop(template: Tensor, search: Tensor) -> Tensor:
    """Every position of every channel of every sample for itself; the template's middle lies on the position."""
    found = torch.zeros_like(search)
    rows, columns = template.shape[2:]
    height, width = search.shape[2:]
    for y in range(height):
        for x in range(width):
            for row in range(rows):
                for column in range(columns):
                    below, right = y + row - rows // 2, x + column - columns // 2
                    if 0 <= below < height and 0 <= right < width:
                        found[:, :, y, x] += template[:, :, row, column] * search[:, :, below, right]
    return found


@settings(deadline=None, max_examples=30)
@given(
    shape=st.tuples(*[st.integers(1, high) for high in (3, 4, 4, 4, 6, 6)]),
    seed=st.integers(0, 1000),
)
def test_depthwise_correlation_by_a_naive_loop(shape: tuple[int, ...], seed: int) -> None:
    batch, channels, rows, columns, height, width = shape
    generator = torch.Generator().manual_seed(seed)
    template = torch.randn(batch, channels, rows, columns, generator=generator)
    search = torch.randn(batch, channels, height, width, generator=generator)
    torch.testing.assert_close(depthwise_correlation(template, search), by_loop(template, search), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize("place", [(8, 8), (5, 10)])
def test_the_peak_is_where_the_target_is(size: int, place: tuple[int, int]) -> None:
    """In the middle of the template's map, `size // 2`, as the tracker's grid has it in the middle of the search's."""
    torch.manual_seed(0)
    template, search = torch.zeros(1, 3, size, size), torch.zeros(1, 3, 16, 16)
    pattern = torch.randn(3, 3, 3)
    middle = size // 2
    template[0, :, middle - 1 : middle + 2, middle - 1 : middle + 2] = pattern
    y, x = place
    search[0, :, y - 1 : y + 2, x - 1 : x + 2] = pattern
    peak = int(depthwise_correlation(template, search).sum(1).argmax())
    assert divmod(peak, 16) == place


def test_a_batch_equals_its_samples() -> None:
    torch.manual_seed(0)
    fusion, template, search = DepthwiseFusion(6, 4), torch.randn(3, 6, 4, 4), torch.randn(3, 6, 9, 8)
    together = fusion(template, search)
    assert together.shape == (3, 4, 9, 8)
    for index in range(3):
        alone = fusion(template[index : index + 1], search[index : index + 1])
        torch.testing.assert_close(together[index : index + 1], alone, rtol=1e-4, atol=1e-5)


def test_both_branches_learn() -> None:
    template, search = (torch.randn(2, 6, n, n, requires_grad=True) for n in (4, 8))
    DepthwiseFusion(6, 4)(template, search).square().sum().backward()
    assert template.grad is not None
    assert template.grad.abs().sum() > 0
    assert search.grad is not None
    assert search.grad.abs().sum() > 0


def test_what_is_counted() -> None:
    maps = (torch.randn(1, 16, 8, 8), torch.randn(1, 16, 10, 12))
    counted = count_operations(DepthwiseFusion(16, 32), maps)
    positions, pooled, gate = 10 * 12, 16 * 10 * 12, 2 * 16 * 16
    assert counted.total() == 16 * 64 * positions + pooled + gate + 16 * 32 * positions
    assert uncounted_of(counted) == {}
    attending = count_operations(Neck(16, attention_heads=2).eval(), maps)
    norms = 2 * 16 * (64 + positions)
    attention = sum(4 * 16 * 16 * n + 2 * 16 * n * n for n in (64, positions))
    assert attending.total() == norms + attention
    assert uncounted_of(attending) == {}  # its softmax is an activation
