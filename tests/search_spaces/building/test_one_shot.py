"""NNI's one-shot strategies take the model space: path sampling and the differentiable ones."""

import warnings

import pytest
import torch

from lighttrack_nas.search_spaces.building.model_space import build_model_space
from lighttrack_nas.search_spaces.space import Space

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nni.nas.oneshot.pytorch.strategy import DARTS, GumbelDARTS, Proxyless, RandomOneShot
    from nni.nas.oneshot.pytorch.supermodule.base import BaseSuperNetModule


@pytest.mark.parametrize("strategy", [RandomOneShot, DARTS, GumbelDARTS, Proxyless])
def test_a_strategy_s_supernet_trains(tiny: Space, strategy: type) -> None:
    torch.manual_seed(0)
    supernet = strategy().mutate_model(build_model_space(tiny))
    modules = [module for module in supernet.modules() if isinstance(module, BaseSuperNetModule)]
    memo: dict = {}
    for module in modules:
        memo |= module.resample(memo=memo)
    logits, distances = supernet(torch.randn(2, 3, 64, 64), torch.randn(2, 3, 128, 128))
    assert logits.shape == (2, 1, 16, 16)
    assert distances.shape == (2, 4, 16, 16)
    (logits.mean() + distances.mean()).backward()
    assert supernet.network.backbone.stem.convolution.weight.grad.abs().sum() > 0
    architecture = {name: p.grad for name, p in supernet.named_parameters() if "arch_alpha" in name}
    if strategy is RandomOneShot:
        assert architecture == {}
    else:
        assert sum(name.startswith("network.output.") for name in architecture) == 1
        assert architecture["network.output._arch_alpha"].abs().sum() > 0
    assert set(supernet.simplify()) == set(tiny.labels)
