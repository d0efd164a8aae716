"""A model space of NNI's that somebody wrote against NNI alone, as a space."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lighttrack_nas.search_spaces.base.plugins import is_plugin, load_plugin
from lighttrack_nas.search_spaces.nni_spaces.class_space import ClassSpace

_KNOWN: dict[tuple[str, str], NniSpace] = {}
"""The spaces made in this process, by name and hash: by them files that name one are read."""


class NniSpace(ClassSpace):
    """A space whose networks a class of `nni.nas.nn.pytorch.ModelSpace` builds, without a description of ours.

    The class is built without arguments and has, beside NNI's choices, two methods: ``template(image)`` gives features
    ``(batch, channels, h, w)``, and ``track(features, search)`` gives logits ``(batch, 1, n, n)`` and distances
    ``(batch, 4, n, n)`` in search pixels, never negative; see `SiameseNetwork`. ``forward(template, search)`` may be
    left out. Sizes stand in attributes of the class, or are given here.

    Candidates are called by the names of a LayerChoice, by the numbers of a list or an InputChoice, and by the values
    of `nni.choice`. Every architecture is a network of its own, as nobody knows which choices lie on no path: `path`
    and `canonical` leave it as it is.

    Building one runs a few of its networks, each candidate once, so that what cannot work is found here.

    Args:
        model_space: The class.
        template_size: Side of the template crop, pixels, 16 to 2048; None takes the class's `template_size`.
        search_sizes: Sides of the search crops; None takes the class's `search_sizes`.
        stride: Search pixels per step of the output map; None takes the class's `stride`, or finds it by running.

    Raises:
        InputError: No such class, a size that is missing or impossible, choices that cannot be searched, or a network
            that cannot be built or run, or answers in another shape.
    """

    def __init__(
        self,
        model_space: type[Any],
        *,
        template_size: int | None = None,
        search_sizes: Sequence[int] | None = None,
        stride: int | None = None,
    ) -> None:
        from lighttrack_nas.search_spaces.nni_spaces.nni_checks import check_networks

        super().__init__(model_space, template_size=template_size, search_sizes=search_sizes, stride=stride)
        self.value_labels = check_networks(self)
        _KNOWN[self.name, self.hash] = self

    def __reduce__(self) -> tuple[Any, ...]:
        sizes = {"template_size": self.template_size, "search_sizes": self.search_sizes, "stride": self.stride}
        if is_plugin(self.model_space_class.__module__):
            # Another process has no such module: it runs the file.
            return _from_file, (inspect.getfile(self.model_space_class), self.name, sizes)
        return _from_class, (self.model_space_class, sizes)


def space_known(name: str, wanted: str) -> NniSpace | None:
    """The space of this name and hash, if this process has made it."""
    return _KNOWN.get((name, wanted))


def run_file(file: Path, where: str) -> Any:
    """Run a Python file of model spaces; its module.

    Args:
        file: The file.
        where: What to call it in an error message.
    """
    import lighttrack_nas.search_spaces.building.nni_adapter  # noqa: F401  # imports NNI without its warnings

    return load_plugin(file, where)


def _from_file(file: str, name: str, sizes: dict[str, Any]) -> NniSpace:
    return NniSpace(vars(run_file(Path(file), "space"))[name], **sizes)


def _from_class(model_space: type[Any], sizes: dict[str, Any]) -> NniSpace:
    return NniSpace(model_space, **sizes)
