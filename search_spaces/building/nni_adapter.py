"""What the project takes from NNI 3.0, imported in one place.

NNI dates from 2023: while it is imported it warns that it does not know some of torch's newer classes. None of them is
used here, so those warnings are kept from the user.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nni.mutable import Categorical, CategoricalMultiple
    from nni.nas.nn.pytorch import InputChoice, LayerChoice, ModelSpace, MutableModule
    from nni.nas.oneshot.pytorch.strategy import RandomOneShot, is_supernet
    from nni.nas.oneshot.pytorch.supermodule.base import BaseSuperNetModule
    from nni.nas.space import current_model, model_context

__all__ = [
    "BaseSuperNetModule",
    "Categorical",
    "CategoricalMultiple",
    "InputChoice",
    "LayerChoice",
    "ModelSpace",
    "MutableModule",
    "RandomOneShot",
    "current_model",
    "is_supernet",
    "model_context",
]
