"""What must hold of the networks of somebody's model space, found before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.building.model_space import nni_sample
from lighttrack_nas.search_spaces.building.nni_adapter import BaseSuperNetModule
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.nni_spaces.class_space import ClassSpace
from lighttrack_nas.search_spaces.nni_spaces.nni_classes import failures
from lighttrack_nas.search_spaces.nni_spaces.nni_model_space import NniModelSpace
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.base.parsing import short
from lighttrack_nas.trackers.network.wrapped_network import stride_of

_MOST_NETWORKS = 16
_BATCH = 2


def check_networks(space: ClassSpace) -> tuple[str, ...]:
    """Build the supernet and a few networks, in which every candidate stands once, and run them.

    Returns:
        Labels of choices that are no LayerChoice and no InputChoice.

    Raises:
        InputError: NNI cannot make the supernet, a network cannot be built or run, answers in another shape, or not as
            the supernet does on its path.
    """
    with failures(space.refuse, "cannot be made a supernet by NNI"):
        supernet = Supernet(space).eval()
    _check_labels(space, supernet.model_space)
    for architecture in _covering(space):
        which = f"with {short(', '.join(f'{label}={value}' for label, value in architecture.choices.items()))}"
        with failures(space.refuse, f"{which}: its network cannot be built"):
            plain = build_network(architecture)
        with failures(space.refuse, f"{which}: the supernet has not the weights of its network"):
            network = supernet.extract(architecture)
        with failures(space.refuse, f"{which}: the network has other weights than its part of the supernet"):
            plain.load_state_dict(network.state_dict())
        if not any(parameter.requires_grad for parameter in plain.parameters()):
            space.refuse(f"{which}: its network has no weights to train")
        supernet.pin(architecture)
        _check_answers(space, which, network, supernet.network)
    model = supernet.model_space
    return tuple(model.value_choices) if isinstance(model, NniModelSpace) else ()


def _check_labels(space: ClassSpace, model: torch.nn.Module) -> None:
    """Refuse choices that are made while the class is built: a supernet holds one value of them."""
    first = space.architecture({label: values[0] for label, values in space.labels.items()})
    memo = nni_sample(first)
    held: set[str] = set()
    for module in model.modules():
        if isinstance(module, BaseSuperNetModule):
            held |= {str(label) for label in module.resample(memo)}
    absent = [label for label in space.labels if label not in held]
    if absent:
        space.refuse(
            f"decides {', '.join(absent)} while it is built, where one supernet cannot hold all candidates: let a "
            "LayerChoice, an InputChoice, a Repeat or an argument of a Mutable layer take the choice"
        )


def _covering(space: ClassSpace) -> Iterator[Architecture]:
    """Architectures in which every candidate of every label stands, of labels that are not too long."""
    longest = max(map(len, space.labels.values()))
    for number in range(min(longest, _MOST_NETWORKS)):
        yield space.architecture({label: values[number % len(values)] for label, values in space.labels.items()})


def _check_answers(space: ClassSpace, which: str, network: Any, shared: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    strides: dict[int, int] = {}
    with torch.no_grad():
        template = torch.randn(_BATCH, 3, space.template_size, space.template_size, generator=generator)
        features = _called(space, which, "template", network.template, template)
        if not isinstance(features, Tensor) or features.ndim != 4 or len(features) != _BATCH:
            space.refuse(
                f"{which}: template gives {_shape(features)} for a batch of {_BATCH}, expected features "
                f"({_BATCH}, channels, h, w)"
            )
        for side in space.search_sizes:
            search = torch.randn(_BATCH, 3, side, side, generator=generator)
            answers = _called(space, which, "track", network.own.track, features, search)
            strides[side] = _checked_stride(space, which, side, answers)
            if network.has_forward:
                _compare(space, which, "forward", _called(space, which, "forward", network, template, search), answers)
            path = "the supernet's path"
            whole = _called(space, which, path, lambda t, s: shared.track(shared.template(t), s), template, search)
            _compare(space, which, path, whole, answers)
    if len(set(strides.values())) > 1:
        space.refuse(f"{which}: its stride differs with the search size: {strides}; expected one for all")
    stride = strides[space.search_sizes[0]]
    if space.stride not in (None, stride):
        space.refuse(f"{which}: has stride {stride}, and says {space.stride}")


def _checked_stride(space: ClassSpace, which: str, side: int, answers: Any) -> int:
    """The stride of a network's answers to a search crop, whose shapes must be right."""
    shapes = [answer.shape for answer in answers] if _tensors(answers) else []
    cells = shapes[0][-1] if shapes and len(shapes[0]) == 4 else 0
    if not cells or [*map(tuple, shapes)] != [(_BATCH, 1, cells, cells), (_BATCH, 4, cells, cells)]:
        space.refuse(
            f"{which}: track gives {_shape(answers)} for search crops of {side} pixels, expected logits "
            f"({_BATCH}, 1, n, n) and distances ({_BATCH}, 4, n, n)"
        )
    stride = stride_of(side, cells)
    if not stride:
        space.refuse(f"{which}: track gives {cells} x {cells} positions for {side} pixels, which no whole stride does")
    if not all(torch.isfinite(answer).all() for answer in answers):
        space.refuse(f"{which}: track gives values that are not finite, with fresh weights")
    if (answers[1] < 0).any():
        space.refuse(f"{which}: track gives distances below 0: end the regression in exp, relu or softplus")
    return stride


def _compare(space: ClassSpace, which: str, what: str, other_answers: Any, answers: tuple[Tensor, Tensor]) -> None:
    same = _tensors(other_answers) and all(
        one.shape == other.shape and torch.allclose(one, other, rtol=1e-3, atol=1e-3 * float(other.abs().max()) + 1e-6)
        for one, other in zip(other_answers, answers, strict=True)
    )
    if not same:
        space.refuse(f"{which}: {what} answers otherwise than template and track of the network alone")


def _called(space: ClassSpace, which: str, what: str, method: Callable[..., Any], *inputs: Tensor) -> Any:
    shapes = " and ".join(str(tuple(tensor.shape)) for tensor in inputs)
    with failures(space.refuse, f"{which}: {what} fails on {shapes}"):
        return method(*inputs)


def _tensors(answers: Any) -> bool:
    return isinstance(answers, tuple | list) and len(answers) == 2 and all(isinstance(a, Tensor) for a in answers)


def _shape(answers: Any) -> str:
    if isinstance(answers, tuple | list):
        return f"{len(answers)} values ({', '.join(map(_shape, answers[:4]))})"
    return str(tuple(answers.shape)) if isinstance(answers, Tensor) else f"a {type(answers).__name__}"
