"""Attention: gates by hand, self-attention against torch's, what cannot work."""

import numpy as np
import pytest
import torch
from torch import nn

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.attention import (
    EfficientChannelAttention,
    NeckAttention,
    SqueezeExcitation,
    channel_gate,
)
from lighttrack_nas.trackers.network.correlation import Neck


@pytest.mark.parametrize(
    ("channels", "kernel"),
    # (log2(channels) + 1) / 2, down to a whole number, up to an odd one
    [(1, 1), (2, 1), (8, 3), (16, 3), (64, 3), (96, 3), (128, 5), (256, 5), (512, 5), (1024, 5), (2048, 7)],
)
def test_the_kernel_of_eca(channels: int, kernel: int) -> None:
    assert EfficientChannelAttention(channels).convolution.kernel_size == (kernel,)


def test_eca_by_hand() -> None:
    torch.manual_seed(0)
    gate, features = EfficientChannelAttention(16), torch.randn(2, 16, 5, 4)
    weight = gate.convolution.weight.detach().numpy()[0, 0]
    assert len(weight) == 3
    expected = np.empty(features.shape, np.float32)
    for sample in range(2):
        means = [float(features[sample, channel].mean()) for channel in range(16)]
        padded = [0.0, *means, 0.0]
        for channel in range(16):
            mixed = sum(weight[step] * padded[channel + step] for step in range(3))
            expected[sample, channel] = features[sample, channel].numpy() / (1 + np.exp(-mixed))
    torch.testing.assert_close(gate(features).detach(), torch.from_numpy(expected))


def test_gates_by_name() -> None:
    assert isinstance(channel_gate("se", 16, 0.25), SqueezeExcitation)
    assert isinstance(channel_gate("eca", 16, 0.25), EfficientChannelAttention)
    assert isinstance(channel_gate("none", 16, 0.25), nn.Identity)
    with pytest.raises(InputError, match=r"unknown attention 'cbam'.*known: se, eca, none"):
        channel_gate("cbam", 16, 0.25)


def test_a_fresh_attention_changes_nothing() -> None:
    torch.manual_seed(0)
    template, search = torch.randn(2, 12, 4, 4), torch.randn(2, 12, 7, 5)
    plain, attending = Neck(12).eval(), Neck(12, attention_heads=3).eval()
    for found, expected in zip(attending(template, search), plain(template, search), strict=True):
        assert torch.equal(found, expected)
    assert plain.state_dict().keys() < attending.state_dict().keys()


@pytest.mark.parametrize("heads", [1, 3])
def test_attention_equals_torchs(heads: int) -> None:
    torch.manual_seed(0)
    ours, theirs = NeckAttention(12, heads), nn.MultiheadAttention(12, heads, batch_first=True)
    for parameter in ours.parameters():
        nn.init.normal_(parameter)
    with torch.no_grad():
        inward = (ours.query, ours.key, ours.value)
        theirs.in_proj_weight.copy_(torch.cat([layer.weight.flatten(1) for layer in inward]))
        theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in inward if layer.bias is not None]))
        theirs.out_proj.weight.copy_(ours.projection.weight.flatten(1))
        theirs.out_proj.bias.copy_(ours.projection.bias)
        features = torch.randn(2, 12, 4, 5)
        positions = features.flatten(2).transpose(1, 2)
        expected = features + theirs(positions, positions, positions)[0].transpose(1, 2).view(features.shape)
        torch.testing.assert_close(ours(features), expected, rtol=1e-4, atol=1e-4)


def test_a_fresh_attention_learns() -> None:
    torch.manual_seed(0)
    attention = NeckAttention(8, 2)
    attention(torch.randn(2, 8, 3, 3)).square().sum().backward()
    assert attention.projection.weight.grad is not None
    assert attention.projection.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("heads", [0, -1, 5, 24])
def test_heads_that_do_not_divide(heads: int) -> None:
    with pytest.raises(InputError, match=f"{heads} heads cannot share 12 channels evenly"):
        NeckAttention(12, heads)
