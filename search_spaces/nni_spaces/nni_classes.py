"""What must hold of a class of NNI's `ModelSpace`: that it can be built, and its choices searched."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from lighttrack_nas.search_spaces.building.nni_adapter import ModelSpace
from lighttrack_nas.search_spaces.building.nni_choices import NniChoice, Refuse, read_choice
from lighttrack_nas.trackers.base.errors import InputError


def checked_choices(model_space: Any, refuse: Refuse) -> Mapping[str, NniChoice]:
    """Check a class, build it, and read its choices.

    Args:
        model_space: The class.
        refuse: Raises what is wrong with it.

    Raises:
        InputError: It is no ModelSpace, lacks a method, cannot be built, or has a choice that cannot be searched.
    """
    if not isinstance(model_space, type) or not issubclass(model_space, ModelSpace):
        refuse("is no subclass of nni.nas.nn.pytorch.ModelSpace")
    for method, answer in (("template(image)", "features"), ("track(features, search)", "logits and distances")):
        if not callable(getattr(model_space, method.partition("(")[0], None)):
            refuse(f"has no method {method}, which gives {answer}: a tracker calls template once, then track")
    with failures(refuse, "cannot be built without arguments"):
        model = model_space()
        leaves = dict(model.simplify())
    return {str(label): read_choice(str(label), mutable, refuse) for label, mutable in leaves.items()}


@contextmanager
def failures(refuse: Refuse, what: str) -> Iterator[None]:
    """Say in a sentence what somebody's class raises; leave torch's generator and warnings as they are."""
    try:
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.device("cpu"):
            warnings.simplefilter("ignore")  # of NNI, about newer torch
            torch.manual_seed(0)
            yield
    except InputError:
        raise
    except Exception as error:  # whatever somebody's class raises
        lines = str(error).splitlines()
        refuse(f"{what}: {type(error).__name__}{': ' if lines else ''}{' '.join(lines)[:300]}")
