"""A zero-cost proxy: what an untrained network's activations say of how good it may become.

NASWOT (Mellor et al., https://arxiv.org/abs/2006.04647): a batch of inputs goes through the network with fresh weights;
which units are active is each input's binary code; the more the codes differ, the better inputs can be told apart. The
score is the log-determinant of the matrix of agreements between codes. A unit is one output of a batch normalisation,
which has the sign that the activation behind it sees.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lighttrack_nas.benchmarks.costs.measured_costs import costing
from lighttrack_nas.search_spaces.base.labels import TEMPLATE_SIZE
from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name

_MEASURED = "proxy"


class ZeroCostEvaluator:
    """Measures "proxy" without training, data or a supernet, in the time of one pass.

    It can be the evaluator of a search, or judge draws for `strategies.search.samplers.screened.Screened`. Its ranking
    says little about networks of very different sizes: see how it correlates before you trust it.

    Args:
        space: What is measured.
        seed: Of weights and inputs, which are noise; 0 or more.
        inputs: Images of a batch: 2 or more.

    Attributes:
        measurements: "proxy", large is good, and the exact costs.
        inherits_weights: False: the score is one of the network alone.

    Raises:
        InputError: An impossible seed or batch.
    """

    measurements = (_MEASURED, "macs", "params")
    inherits_weights = False

    def __init__(self, space: Space, *, seed: int = 0, inputs: int = 8) -> None:
        if seed < 0:
            raise InputError(f"seed: expected 0 or more, got {seed}")
        if inputs < 2:
            raise InputError(f"inputs: expected 2 or more, got {inputs}")
        self.space = space
        self.cost_table = costing(space)
        self._seed = seed
        self._inputs = inputs

    def costs(self, architecture: Architecture) -> Mapping[str, float]:
        """See `Evaluator.costs`."""
        return self.cost_table.costs(architecture)

    def measure(self, architecture: Architecture, names: Collection[str]) -> Mapping[str, float]:
        """See `Evaluator.measure`.

        Raises:
            InputError: Another name than "proxy".
        """
        for name in names:
            checked_name(name, (_MEASURED,), "measurement")
        space, size, sides = self.space, self.space.template_size, self.space.search_sizes
        if TEMPLATE_SIZE in space.size_choices:
            size = int(architecture.choices[TEMPLATE_SIZE])
            sides = space.description.search_sizes_of(size)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(self._seed)
            template, search = (torch.randn(self._inputs, 3, side, side) for side in (size, sides[0]))
            # The batch's statistics normalise: fresh running ones would not.
            network = build_network(architecture).train()
            return {_MEASURED: separation(network, template, search)}

    def record(self) -> dict[str, Any]:
        """See `Evaluator.record`."""
        return {"kind": "zero-cost", "proxy": "naswot", "seed": self._seed, "inputs": self._inputs}


def separation(network: nn.Module, template: Tensor, search: Tensor) -> float:
    """NASWOT's score of a network.

    Args:
        network: A `SiameseNetwork`.
        template: ``(batch, 3, h, w)``.
        search: ``(batch, 3, h, w)``.

    Returns:
        The logarithm of the determinant of the matrix whose entry i, j is the share of units that agree for inputs i
        and j, over all units of the network; at most 0, minus infinity where two inputs have one code.
    """
    agreements = torch.zeros(len(search), len(search), dtype=torch.float64)
    units = 0

    def note(_: nn.Module, __: Any, output: Tensor) -> None:
        nonlocal units
        active = (output.flatten(1) > 0).float()
        idle = 1 - active
        agreements.add_((active @ active.T + idle @ idle.T).double())
        units += active.shape[1]

    handles = [m.register_forward_hook(note) for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    try:
        network(template, search)
    finally:
        for handle in handles:
            handle.remove()
    return float(torch.linalg.slogdet(agreements / max(units, 1)).logabsdet)
