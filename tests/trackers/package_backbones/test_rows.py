"""Rows of modules: what may be taken apart, and what has more to it than its modules."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lighttrack_nas.trackers.package_backbones.module_rows import watched


class Made(nn.Module):
    """Two convolutions, and how they are used."""

    def __init__(self, used: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.inplace, self.listed = nn.ReLU(inplace=True), nn.ModuleList([nn.Conv2d(3, 3, 1)])
        self.used = used

    def forward(self, image: Tensor) -> Tensor:
        return self.used(self, image)


ROWS: list[tuple[Callable[..., Tensor], list[str]]] = [
    (lambda m, x: m.second(m.first(x)), ["first", "second"]),
    (lambda m, x: m.listed[0](m.inplace(m.first(x))), ["first", "inplace", "listed.0"]),
    # A sum, a function between, also one that works in place, behind, and in front.
    (lambda m, x: m.second(m.first(x)) + x, []),
    (lambda m, x: m.second(functional.relu(m.first(x))), []),
    (lambda m, x: m.second(functional.relu(m.first(x), inplace=True)), []),
    (lambda m, x: functional.relu(m.second(m.first(x)), inplace=True), []),
    (lambda m, x: m.first(x.add_(1)), []),
    # A module twice; one that is run beside; one that takes something else besides.
    (lambda m, x: m.first(m.second(m.first(x))), []),
    (lambda m, x: (m.second(x), m.first(x))[1], []),
    (lambda m, x: m.first(input=x), []),
    (lambda m, x: x, []),
]


@pytest.mark.parametrize(("used", "expected"), ROWS)
def test_a_row_is_nothing_but_its_modules(used: Callable[..., Tensor], expected: list[str]) -> None:
    network = nn.Sequential(Made(used))
    with torch.no_grad():
        (call,) = watched(network, torch.zeros(1, 3, 4, 4)).calls
    assert [each.path.removeprefix("0.") for each in call.row()] == expected


def test_it_says_who_writes_to_what_it_is_given() -> None:
    network = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 3, 1), nn.ReLU())
    with torch.no_grad():
        calls = watched(network, torch.zeros(1, 3, 4, 4)).calls
    assert [call.writes_to_its_input for call in calls] == [True, False, False]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_the_leading_modules_end_where_something_else_follows() -> None:
    network = Made(lambda m, x: m.listed[0](m.second(m.first(x)).flatten(1).view(1, 3, 4, 4)))
    with torch.no_grad():
        assert [each.path for each in watched(network, torch.zeros(1, 3, 4, 4)).leading()] == ["first", "second"]
