"""One gradient of several devices: the mean over those that ran a parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor, nn
from torch import distributed as dist


class SharedGradients(DDPStrategy):
    """Lightning's processes, one a device, without torch's `DistributedDataParallel` around the model.

    That one counts on every parameter being run by the last pass of an update, or on being told in that pass that it is
    not. Here an update may have several passes, each over another path: gradients are summed on each device as they
    come, and brought together once, after the last pass, before anybody looks at them.

    Weights and statistics start as those of the first process. Statistics then are each device's own; the result has
    the first one's.
    """

    _summing = False

    def configure_ddp(self) -> None:
        """Start from the first process's weights; called by Lightning."""
        assert self.lightning_module is not None
        share_from_first(chain(self.lightning_module.parameters(), self.lightning_module.buffers()))

    @contextmanager
    def block_backward_sync(self) -> Iterator[None]:
        """Mark a pass that is not the last of its update; called by Lightning."""
        self._summing = True
        try:
            yield
        finally:
            self._summing = False

    def post_backward(self, closure_loss: Tensor) -> None:
        """Bring gradients together after the last pass; called by Lightning, before it unscales and clips them."""
        assert self.lightning_module is not None
        if not self._summing:
            average_gradients(
                [parameter for parameter in self.lightning_module.parameters() if parameter.requires_grad]
            )


def average_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Give all processes the same gradients: the sum over the processes, divided by how many have one.

    Where none has one there is none, so that weight decay and moments leave the parameter alone.

    Args:
        parameters: The same in all processes, in the same order.
    """
    if not parameters:
        return
    ran = torch.tensor(
        [parameter.grad is not None for parameter in parameters], dtype=torch.int32, device=parameters[0].device
    )
    dist.all_reduce(ran)
    shared = [(parameter, count) for parameter, count in zip(parameters, ran.tolist(), strict=True) if count]
    for parameter, _ in shared:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter, _ in shared if parameter.grad is not None]
    _in_one_piece(gradients, dist.all_reduce)
    for gradient, (_, count) in zip(gradients, shared, strict=True):
        gradient.div_(count)


def share_from_first(tensors: Iterable[Tensor]) -> None:
    """Overwrite tensors with the first process's.

    Args:
        tensors: Of the same shapes in all processes, in the same order.
    """
    _in_one_piece([tensor.detach() for tensor in tensors], lambda flat: dist.broadcast(flat, 0))


def _in_one_piece(tensors: Sequence[Tensor], exchange: Callable[[Tensor], Any]) -> None:
    """Let processes exchange many tensors at once, whatever the order of their numbers in memory is."""
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        those = [tensor for tensor in tensors if tensor.dtype == dtype]
        flat = torch.cat([tensor.reshape(-1) for tensor in those])
        exchange(flat)
        for tensor, part in zip(those, flat.split([tensor.numel() for tensor in those]), strict=True):
            tensor.copy_(part.view(tensor.shape))
