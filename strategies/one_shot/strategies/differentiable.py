"""What the differentiable strategies share: architecture parameters that learn beside the weights.

NNI gives every choice of a supernet a parameter alpha, a number a candidate, and each strategy its way of mixing the
candidates by it. NNI's training loop is replaced: it knows neither clipping nor accumulation, counts the architecture's
steps as the training's, updates BatchNorm statistics while the weights stand still, and cannot go on where it stopped.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lighttrack_nas.search_spaces.building.model_space import TrackerModelSpace, build_model_space
from lighttrack_nas.search_spaces.distribution import Distribution
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.one_shot.strategies.paths import PATHS
from lighttrack_nas.strategies.one_shot.training.loader import Sealed
from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotProblem
from lighttrack_nas.trackers.base.errors import InputError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nni.nas.oneshot.pytorch.base_lightning import BaseOneShotLightningModule
    from nni.nas.oneshot.pytorch.differentiable import DartsLightningModule
    from nni.nas.oneshot.pytorch.strategy import DARTS
    from nni.nas.oneshot.pytorch.supermodule.differentiable import DifferentiableMixedInput, DifferentiableMixedLayer

ALPHA = "_arch_alpha"
"""NNI's name for a choice's architecture parameter."""
_CHECKPOINT_KEY = "architecture_optimizer"
Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Differentiable:
    """Settings of every differentiable strategy.

    Attributes:
        joint: Let architecture and weights learn from the same batch at once. False: in turn, as in DARTS: the
            architecture takes a step on a batch of its own, which the weights never see, then the weights take theirs.
            Batches of their own come from the same sequences.
        architecture_rate: Learning rate of the architecture's Adam, above 0. DARTS has 3e-4, for 20,000 steps.
        warm_up: Share of the steps, from the first, in which only the weights learn, 0 to 1.
    """

    _name: ClassVar[str]

    joint: bool = False
    architecture_rate: float = 3e-3
    warm_up: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.joint, bool):
            raise InputError(f"one-shot strategy '{self._name}', joint: expected true or false, got {self.joint!r}")
        self._require_number("architecture_rate", 1e-9, 10.0)
        self._require_number("warm_up", 0.0, 1.0)

    def _require_number(self, field: str, low: float, high: float) -> None:
        value = getattr(self, field)
        if type(value) not in (int, float) or not low <= value <= high:
            raise InputError(
                f"one-shot strategy '{self._name}', {field}: expected a number from {low:g} to {high:g}, got {value!r}"
            )

    def _require_layers(self, problem: OneShotProblem) -> None:
        if problem.space.value_labels:
            labels = ", ".join(problem.space.value_labels)
            problem.space.refuse(
                f"has choices of values ({labels}), which one-shot strategy '{self._name}' does not mix: take "
                "'spos', or write them as LayerChoice"
            )

    def _require_precision(self, problem: OneShotProblem, *fits: str) -> None:
        precision = problem.settings.precision
        if precision not in fits:
            raise InputError(
                f"one-shot strategy '{self._name}': precision must be {' or '.join(fits)}, got '{precision}'"
            )

    def _require_mixable(self, problem: OneShotProblem) -> None:
        space = problem.space
        sized = [label for label in space.labels if label in space.size_choices]
        if sized:
            raise InputError(
                f"one-shot strategy '{self._name}' mixes candidates, which needs maps of one size, and space "
                f"'{space.name}' chooses sizes ({', '.join(sized)}): take spos or fair"
            )


class MixedLayer(DifferentiableMixedLayer):
    """NNI's weighted sum of a choice's candidates."""


class MixedInput(DifferentiableMixedInput):
    """NNI's weighted sum of the outputs at all exits; finer maps are pooled to the coarsest one's size."""

    def _reduction(self, items: Sequence[Tensor], weights: Any) -> Any:
        return super()._reduction(to_coarsest(items), weights)


def to_coarsest(items: Sequence[Tensor]) -> list[Tensor]:
    """Pool maps ``(batch, channels, n, n)`` of several strides to the coarsest one's size.

    Position i of a map of twice the stride stands where position 2i of the finer one does: means are taken around it.
    """
    maps = [items[index] for index in range(len(items))]
    cells = min(map_.shape[-1] for map_ in maps)
    return [map_ if map_.shape[-1] == cells else _pooled(map_, round(map_.shape[-1] / cells)) for map_ in maps]


def _pooled(features: Tensor, factor: int) -> Tensor:
    return functional.avg_pool2d(features, 2 * factor - 1, factor, factor - 1, count_include_pad=False)


class SeededDarts(DARTS):
    """NNI's DARTS, whose architecture parameters start from the training's seed.

    Args:
        problem: The training.
        chosen: How the architecture learns.
    """

    def __init__(self, problem: OneShotProblem, chosen: Differentiable) -> None:
        super().__init__(arc_learning_rate=chosen.architecture_rate)
        self._problem, self._chosen = problem, chosen

    def mutate_model(self, model: Model) -> Model:
        """Make the supernet; called by NNI."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._problem.settings.seed)
            mutated: Model = super().mutate_model(model)
        return mutated

    def default_mutation_hooks(self) -> list[Any]:
        """What choices become; called by NNI."""
        return [MixedLayer.mutate, MixedInput.mutate]

    def configure_oneshot_module(self, training_module: Any) -> AlphaTraining:
        """Wrap the training step; called by NNI."""
        return AlphaTraining(training_module, self._problem, self._chosen)

    def train_dataloader(self, train_dataloader_fn: Any, val_dataloader_fn: Any) -> Any:
        """One loader for both steps: it bundles their batches."""
        return train_dataloader_fn()


class AlphaTraining(DartsLightningModule):
    """The training step: the architecture's, where it is its turn, then the weights'.

    Args:
        training_module: What it wraps.
        problem: The training.
        chosen: How the architecture learns.
    """

    def __init__(self, training_module: Any, problem: OneShotProblem, chosen: Differentiable) -> None:
        super().__init__(training_module, arc_learning_rate=chosen.architecture_rate)
        self._problem, self._chosen = problem, chosen
        self._alphas: list[nn.Parameter] = []
        self._optimizer: torch.optim.Optimizer | None = None
        self._restored: dict[str, Any] | None = None

    @property
    def automatic_optimization(self) -> bool:
        """Lightning steps the weights."""
        return True

    def arch_parameters(self) -> list[nn.Parameter]:
        """Every alpha once, in the same order in every process: NNI's set has none, and moments would go astray."""
        return list(dict.fromkeys(alpha for module in self.supernet_modules() for alpha in module.arch_parameters()))

    def configure_optimizers(self) -> Any:
        """Make NNI's optimiser of the architecture, which Lightning never sees, and the weights'."""
        self._alphas = self.arch_parameters()
        self._optimizer = self.configure_architecture_optimizers()
        if self._restored is not None:
            self._optimizer.load_state_dict(self._restored)
            self._restored = None
        return self.postprocess_weight_optimizers(self.training_module.configure_optimizers())

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the architecture's moments."""
        if self._optimizer is not None:
            checkpoint[_CHECKPOINT_KEY] = self._optimizer.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take them up; the optimiser is made later."""
        self._restored = checkpoint[_CHECKPOINT_KEY]

    def on_train_epoch_start(self) -> None:
        """Nothing of NNI's schedules, which count epochs; there is one."""
        BaseOneShotLightningModule.on_train_epoch_start(self)

    def draw(self, step: int, rng: np.random.Generator) -> None:
        """Prepare a pass; for the strategies that sample.

        Args:
            step: Optimiser step, from 0.
            rng: The only source of chance: a function of seed, step, device, and of whose turn it is.
        """

    def training_step(self, batch: Sealed, batch_idx: int) -> Tensor:
        """Take the architecture's step if it has one of its own, and compute the weights' loss."""
        step = self.trainer.global_step
        learns = step >= round(self._chosen.warm_up * self._problem.settings.steps)
        if not self._chosen.joint:
            for_architecture, for_weights = batch.content
            # Once an update, however many batches the weights accumulate.
            if learns and batch_idx % self.trainer.accumulate_grad_batches == 0:
                self._architecture_step(Sealed(for_architecture), step)
            batch = Sealed(for_weights)
        self._prepare(step, learns and self._chosen.joint, turn=0)
        loss: Tensor = self.training_module.training_step(batch, batch_idx)
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Take the architecture's joint step, unless the update is skipped: then its gradients were dropped before."""
        if not self._chosen.joint:
            return
        if any(p.grad is not None for group in optimizer.param_groups for p in group["params"]):
            self._step([alpha.grad for alpha in self._alphas])
        for alpha in self._alphas:
            alpha.grad = None

    def _architecture_step(self, batch: Sealed, step: int) -> None:
        self._prepare(step, True, turn=1)
        with statistics_kept(self.model):
            loss = self.training_module.training_step(batch, 0)
            gradients = torch.autograd.grad(loss, self._alphas, allow_unused=True)
        # A choice that the sampled path passes by has none.
        whole = [torch.zeros_like(a) if g is None else g for a, g in zip(self._alphas, gradients, strict=True)]
        self._step([self.trainer.strategy.reduce(gradient, reduce_op="mean") for gradient in whole])

    def _prepare(self, step: int, learns: bool, turn: int) -> None:
        for alpha in self._alphas:
            alpha.requires_grad_(learns)
        settings = self._problem.settings
        device = settings.path_of(self.trainer.global_rank)
        self.draw(step, np.random.default_rng([settings.seed, step, device, turn, PATHS]))

    def _step(self, gradients: Sequence[Tensor | None]) -> None:
        assert self._optimizer is not None
        # What broke these breaks the weights' pass too, which is counted.
        if all(gradient is None or torch.isfinite(gradient).all() for gradient in gradients):
            for alpha, gradient in zip(self._alphas, gradients, strict=True):
                alpha.grad = gradient
            self._optimizer.step()
        self._optimizer.zero_grad()


@contextmanager
def statistics_kept(model: nn.Module) -> Iterator[None]:
    """Let BatchNorm normalise by the batch, as in training, and leave its running statistics alone."""
    norms = [
        module
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training and module.track_running_stats
    ]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def learnt_distribution(space: Space, model: nn.Module) -> Distribution | None:
    """The distribution that a supernet's architecture parameters stand for: the softmax of every alpha.

    Returns:
        None where the supernet has none, because it was trained by sampled paths.
    """
    probabilities = {}
    for module in model.modules():
        alpha = getattr(module, ALPHA, None)
        if alpha is not None and str(module.label) in space.labels:
            shares = torch.softmax(alpha.detach().double().cpu(), dim=-1).tolist()
            label = str(module.label)
            probabilities[label] = dict(zip(space.labels[label], shares, strict=True))
    return Distribution.of(space, probabilities) if probabilities else None


def without_alphas(model: TrackerModelSpace) -> TrackerModelSpace:
    """A fresh model space with the weights of a trained one, and without its architecture parameters."""
    with torch.device("meta"):
        fresh = build_model_space(model.space) if model.tasks is None else build_model_space(model.space, model.tasks)
    weights = {key: tensor for key, tensor in model.state_dict().items() if key.rpartition(".")[2] != ALPHA}
    fresh.load_state_dict(weights, assign=True)
    return fresh
