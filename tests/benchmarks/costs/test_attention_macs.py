"""Attention costs the same as one operator, as a module of torch's, and written out; what is not counted is said."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from lighttrack_nas.benchmarks.costs.macs_counting import count_operations, uncounted_of

POSITIONS, KEYS, WIDTH, VALUES, HEADS = 12, 9, 8, 6, 2


class Attention(nn.Module):
    """An attention by a function of queries, keys and values."""

    def __init__(self, attend: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.attend = attend

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return self.attend(query, key, value)


def written_out(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    weights = (query @ key.transpose(-1, -2)) / query.shape[-1] ** 0.5
    return weights.softmax(-1) @ value


@pytest.mark.parametrize("heads", [(), (HEADS,), (3, HEADS)])
def test_one_operator_counts_as_the_attention_written_out(heads: tuple[int, ...]) -> None:
    shapes = ((POSITIONS, WIDTH), (KEYS, WIDTH), (KEYS, VALUES))
    inputs = tuple(torch.randn(1, *heads, *shape) for shape in shapes)
    one, other = (
        count_operations(Attention(attend), inputs) for attend in (functional.scaled_dot_product_attention, written_out)
    )
    products = torch.Size(heads).numel() * POSITIONS * KEYS * (WIDTH + VALUES)
    # Of the attention written out nothing is counted by a handle of ours, and torch's counter has never heard of it.
    with FlopCounterMode(display=False) as counter:
        written_out(*inputs)
    assert one.total() == other.total() == counter.get_total_flops() / 2 == products
    assert uncounted_of(one) == uncounted_of(other) == {}


@pytest.mark.parametrize("training", [False, True])
def test_torchs_attention_module_is_counted_in_any_mode(training: bool) -> None:
    """In eval mode torch runs it as one operator, which nobody counts."""

    class Itself(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

        def forward(self, features: Tensor) -> Tensor:
            return self.attention(features, features, features, need_weights=False)[0]

    before = torch.backends.mha.get_fastpath_enabled()
    with torch.no_grad():
        counted = count_operations(Itself().train(training), (torch.randn(1, POSITIONS, WIDTH),))
    assert counted.total() == 4 * POSITIONS * WIDTH * WIDTH + 2 * POSITIONS * POSITIONS * WIDTH
    assert uncounted_of(counted) == {}
    assert torch.backends.mha.get_fastpath_enabled() == before


def test_what_does_arithmetic_and_is_not_counted_is_reported() -> None:
    class Frequencies(nn.Module):
        def forward(self, features: Tensor) -> Tensor:
            return torch.fft.rfft2(features).abs()

    assert "aten::fft_rfft2" in uncounted_of(count_operations(Frequencies(), (torch.randn(1, 3, 8, 8),)))
