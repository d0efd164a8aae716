"""A regressor over the choices of architectures, and how well it ranks."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.storage.trials import Key
from lighttrack_nas.trackers.base.errors import InputError

Regressor = Literal["random-forest", "gradient-boosting", "ridge"]

FOLDS = 5
"""Parts of the cross-validation."""


@dataclass(frozen=True)
class Surrogate:
    """A fitted regressor.

    Attributes:
        tau: Kendall's rank correlation between what was measured and what the regressor said of it when it was fitted
            without; NaN where all are equal.
    """

    tau: float
    _model: Any

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict values.

        Args:
            features: (architectures, features) From `one_hot`.

        Returns:
            (architectures,)
        """
        return np.asarray(self._model.predict(features), float)


def fit_surrogate(features: np.ndarray, values: np.ndarray, kind: Regressor, seed: int) -> Surrogate:
    """Fit a regressor, and measure its ranking by cross-validation.

    Args:
        features: (architectures, features) From `one_hot`; `FOLDS` architectures or more.
        values: (architectures,) What was measured.
        kind: Which regressor.
        seed: From 0 to 2**32 - 1, of the regressor and of the folds.

    Raises:
        InputError: scikit-learn is missing.
    """
    require_sklearn()
    from scipy.stats import kendalltau
    from sklearn.model_selection import KFold, cross_val_predict

    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    left_out = cross_val_predict(_regressor(kind, seed), features, values, cv=folds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tau = float(kendalltau(values, left_out).statistic)
    return Surrogate(tau, _regressor(kind, seed).fit(features, values))


def one_hot(space: Space, architectures: Sequence[Architecture], known_by: Key) -> np.ndarray:
    """Write architectures as numbers: a column for every candidate of every label, 1.0 where it is chosen.

    Args:
        space: Of all of them.
        architectures: What to write.
        known_by: "path" or "network": what of an architecture decides its values.

    Returns:
        (architectures, candidates of all labels)
    """
    columns: dict[tuple[int, str], int] = {}
    for place, values in enumerate(space.labels.values()):
        for value in values:
            columns[place, value] = len(columns)
    features = np.zeros((len(architectures), len(columns)), np.float32)
    for row, architecture in enumerate(architectures):
        form = architecture.path() if known_by == "path" else architecture.canonical()
        features[row, [columns[item] for item in enumerate(form.values)]] = 1.0
    return features


def require_sklearn() -> None:
    """Check that scikit-learn can be imported.

    Raises:
        InputError: It cannot.
    """
    if find_spec("sklearn") is None:
        raise InputError(
            'a surrogate needs scikit-learn, which is not installed: pip install "lighttrack-nas[surrogate]"'
        )


def _regressor(kind: Regressor, seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
    from sklearn.linear_model import RidgeCV

    if kind == "random-forest":
        return RandomForestRegressor(n_estimators=50, max_features=0.5, n_jobs=1, random_state=seed)
    if kind == "gradient-boosting":
        return GradientBoostingRegressor(n_estimators=100, max_depth=3, subsample=0.7, random_state=seed)
    return RidgeCV(alphas=(0.1, 1.0, 10.0))
