"""The training step as NNI and Lightning want it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lighttrack_nas.strategies.one_shot.training.loader import Sealed
from lighttrack_nas.strategies.one_shot.training.task import Task
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # NNI of 2023 warns about parts of newer torch that are not used here
    from nni.nas.evaluator.pytorch import LightningModule

_MEMORY = 0.9
_EPSILON = 0.0316
"""Of RMSprop; torchvision trains MobileNets with it, the root of TensorFlow's .001, which stands inside the root."""


class TrainingModule(LightningModule):
    """A task's loss on a model, with its optimiser. The model is set by NNI, or by `set_model`.

    Args:
        task: Batches and loss.
        settings: The optimiser's.
        backbone: Parameters that learn at `backbone_rate`.
    """

    def __init__(self, task: Task, settings: TrainingSettings, backbone: nn.Module) -> None:
        super().__init__()
        self.task, self.settings = task, settings
        # In a tuple, so that its parameters are not counted twice.
        self._rated = (backbone,)
        self.latest: Mapping[str, Tensor] = {}

    def forward(self, *inputs: Tensor) -> Any:
        """Run the model."""
        return self.model(*inputs)

    def training_step(self, batch: Sealed, batch_idx: int) -> Tensor:
        """Compute the loss."""
        losses = self.task.loss(self.model, batch.content, self.device)
        self.latest = {name: value.detach() for name, value in losses.items()}
        return losses["loss"]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Group the parameters by rate and decay."""
        slow = {id(p) for p in self._rated[0].parameters()}
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for parameter in self.model.parameters():
            rate = self.settings.backbone_rate if id(parameter) in slow else 1.0
            decay = self.settings.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
        described = [
            {"params": parameters, "rate": rate, "weight_decay": decay, "lr": self.settings.learning_rate * rate}
            for (rate, decay), parameters in groups.items()
        ]
        settings = self.settings
        rate, momentum = settings.learning_rate, settings.momentum
        if settings.optimizer == "sgd":
            # Torch knows no Nesterov momentum of 0.
            return torch.optim.SGD(described, lr=rate, momentum=momentum, nesterov=settings.nesterov and momentum > 0)
        if settings.optimizer == "rmsprop":
            return torch.optim.RMSprop(described, lr=rate, momentum=momentum, alpha=_MEMORY, eps=_EPSILON)
        return torch.optim.AdamW(described, lr=rate)
