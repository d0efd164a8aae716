"""What the layers of towers lose, fitted to what whole towers lose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from lighttrack_nas.benchmarks.scoring.place_scores import ScoredPlace, TowerScores
from lighttrack_nas.search_spaces.base.labels import TOWERS, layer_label, width_label
from lighttrack_nas.search_spaces.building.tower_tasks import tower_task, tower_tasks

if TYPE_CHECKING:
    from lighttrack_nas.search_spaces.space import Space


def ridge(design: np.ndarray, values: np.ndarray, strength: float = 0.1) -> np.ndarray:
    """Weights, none below 0, whose sums come near to values (ridge regression).

    Args:
        design: ``(n, weights)`` How often each counts.
        values: ``(n,)``.
        strength: Of the ridge.
    """
    from scipy.optimize import nnls

    count = design.shape[1]
    augmented = np.vstack([design, np.sqrt(strength) * np.eye(count)])
    weights, _ = nnls(augmented, np.concatenate([values, np.zeros(count)]))
    return np.asarray(weights)


def by_task(
    space: Space, branch: str, layers: int, chosen: Sequence[Mapping[str, str]], measured: np.ndarray
) -> TowerScores:
    """A tower whose layers have weights by task: what a layer loses in its width, for its task.

    Args:
        space: The space.
        branch: "cls" or "reg".
        layers: How many layers the teacher's tower has.
        chosen: Towers that were measured: a value at every place.
        measured: ``(towers,)`` What each loses.
    """
    candidates, skips = space.tower(branch).candidates, space.description.skips
    names = [name for name in dict.fromkeys(n for of_layer in candidates for n in of_layer) if name not in skips]
    tasks = tower_tasks(len(candidates), layers)
    widths = space.candidates[width_label(branch)]
    # A layer's score adds up from what its task loses whatever does it, and what a width and an operation add: what was
    # in no tower that was measured has the score of its kind.
    kinds = [
        {(task,), (width, task), (name, task), (width, name, task)}
        for width, name, task in product(widths, names, tasks)
    ]
    layers_of = dict(zip(product(widths, names, tasks), kinds, strict=True))
    columns = {key: index for index, key in enumerate(sorted(set().union(*kinds)))}
    design = np.zeros((len(chosen), len(columns)))
    for row, path in zip(design, chosen, strict=True):
        word = [path[layer_label(branch, index)] for index in range(len(candidates))]
        word = [name for name in word if name not in skips]
        for number, name in enumerate(word):
            for key in layers_of[path[width_label(branch)], name, tower_task(number, len(word), layers)]:
                row[columns[key]] += 1
    weights = ridge(design, measured)

    def score(width: str, name: str, task: str) -> float:
        return float(f"{sum(weights[columns[key]] for key in layers_of[width, name, task]):.4g}")

    return TowerScores(
        branch,
        layers,
        {width: {name: {task: score(width, name, task) for task in tasks} for name in names} for width in widths},
    )


def by_choice(
    space: Space, branches: Sequence[str], chosen: Sequence[Mapping[str, str]], measured: np.ndarray
) -> list[ScoredPlace]:
    """Towers without weights by task: a place a choice, what each of its values adds where it has a say.

    Args:
        space: The space.
        branches: Those whose losses are in `measured`.
        chosen: See `by_task`.
        measured: Likewise.
    """
    part = {label: f"{branch}_head" for branch in branches for label in space.labels if label.startswith(f"{branch}-")}
    if len(branches) > 1 and TOWERS in space.labels:
        part[TOWERS] = "shared_head"
    dead = [space.labels_without_say(path) for path in chosen]
    columns = [(label, value) for label in part for value in space.labels[label]]
    design = np.array(
        [
            [float(path[label] == value and label not in without) for label, value in columns]
            for path, without in zip(chosen, dead, strict=True)
        ]
    )
    weights = dict(zip(columns, ridge(design, measured), strict=True)) if columns else {}
    places = []
    for label in (name for name in space.labels if name in part):
        needed = space.conditions.get(label, {})
        labels = tuple(name for name in space.labels if name == label or name in needed)
        scores = np.zeros([len(space.labels[name]) for name in labels])
        for index, values in zip(np.ndindex(scores.shape), product(*(space.labels[e] for e in labels)), strict=True):
            given = dict(zip(labels, values, strict=True))
            if all(given[name] in allowed for name, allowed in needed.items()):
                scores[index] = weights[label, given[label]]
        places.append(ScoredPlace(part[label], label, labels, scores))
    return places
