"""The steps of the chain around the table of places: the predictor's fit, and where a search may start from."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lighttrack_nas.benchmarks.costs.macs_sampler import MacsSampler
from lighttrack_nas.benchmarks.scoring.place_scores import PLACES_FILE, PlaceScores
from lighttrack_nas.benchmarks.scoring.score_predictor import PREDICTOR_FILE, ScorePredictor, fit_predictor
from lighttrack_nas.chain.evaluators import prepare_torch, supernet_evaluator, supernet_folder
from lighttrack_nas.chain.trainings.training import DISTRIBUTION_FILE
from lighttrack_nas.config.config import Config
from lighttrack_nas.costing.cost_analysis import load_cost_table
from lighttrack_nas.place_tables.predicted_fronts import evenly_along, predicted_front
from lighttrack_nas.reporting.progress_bar import progress
from lighttrack_nas.results.results import choices_json
from lighttrack_nas.search_spaces.distribution import Distribution
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.goals.objectives import parse_constraints, parse_objectives
from lighttrack_nas.strategies.search.storage.trials import digest
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.base.parsing import parse_number, read_text
from lighttrack_nas.trackers.base.progress import Say

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.costs.cost_table import CostTable
    from lighttrack_nas.benchmarks.latency.latency_table import LatencyTable

MEASURED_FILE = "measured.csv"
"""The networks that the predictor was fitted to, beside it."""
_COSTS = ("macs", "params", "latency_ms")
_TRIES = 1000
"""Draws for a network that is not drawn yet."""


def run_predictor(config: Config, say: Say) -> ScorePredictor:
    """Measure assembled networks with the supernet's own weights, and fit the predictor to them.

    What was measured before, with the same supernet and settings, is kept: after a kill the same call goes on.

    Args:
        config: Its supernet, predictor, validation and search.
        say: See `Say`.

    Returns:
        The predictor, which also stands in the folder "predictor".

    Raises:
        InputError: The supernet or its table of places is not there, data cannot be read, the space holds fewer
            networks than shall be measured, or a network tracks nothing.
    """
    prepare_torch(config)
    space, part, folder = load_space(config.space), config.predictor, config.folder("predictor")
    scores = chain_scores(config, space)
    table = load_cost_table(space)
    drawn = networks_to_measure(table, part.networks, config.seed)
    evaluator = supernet_evaluator(config, say)
    measured_with = [evaluator.record(), scores.digest, part.measurement]
    key = hashlib.sha256(json.dumps(measured_with, sort_keys=True).encode()).hexdigest()[:16]
    file = folder / MEASURED_FILE
    known = _measured(file, part.measurement, key)
    if file.exists() and not known:
        say(f"'{file}' is of another supernet or of other settings: its networks are measured again")
    macs = table.bulk(drawn)["macs"].tolist()
    with progress("measuring networks", len(drawn), "networks") as advance:
        for number, architecture in enumerate(drawn):
            path = digest(architecture)
            if path not in known:
                known[path] = evaluator.measure(architecture, (part.measurement,))[part.measurement]
                _write(file, drawn[: number + 1], macs, known, part.measurement, key)
            advance(1, f"{part.measurement} {known[path]:.3f}")
    _write(file, drawn, macs, known, part.measurement, key)
    values = [known[digest(architecture)] for architecture in drawn]
    predictor = fit_predictor(scores, drawn, values, macs, part.measurement, config.seed)
    predictor.save(folder / PREDICTOR_FILE)
    return predictor


def networks_to_measure(table: CostTable, count: int, seed: int) -> list[Architecture]:
    """Draw the paths of different networks: the first half uniform over MACs, the others uniform over architectures.

    Args:
        table: Of the space.
        count: How many.
        seed: Of the draw.

    Raises:
        InputError: The space was not seen to hold so many networks.
    """
    rng = np.random.default_rng(seed)
    sampler = MacsSampler(table)
    paths: dict[Architecture, Architecture] = {}
    tries = 0
    while len(paths) < count:
        path = (sampler.sample(rng) if len(paths) < (count + 1) // 2 else table.space.sample(rng)).path()
        paths.setdefault(path.canonical(), path)
        tries += 1
        if tries > _TRIES * count:
            raise InputError(
                f"predictor.networks: {count} different networks expected, space '{table.space.name}' was not seen to "
                f"hold more than {len(paths)}; ask for fewer"
            )
    return list(paths.values())


def chain_scores(config: Config, space: Space) -> PlaceScores:
    """Read the table of places that the supernet's training left.

    Raises:
        InputError: It is not there, or cannot be used.
    """
    file = supernet_folder(config) / PLACES_FILE
    if not file.exists():
        raise InputError(
            f"'{file}' does not exist: only the one-shot strategy blockwise leaves a table of places; train the "
            "supernet with supernet.strategy=blockwise first"
        )
    return PlaceScores.load(file, space)


def run_scores(run: str | Path) -> tuple[PlaceScores, ScorePredictor | None]:
    """Read the table of places of a run, and its predictor if there is one.

    Args:
        run: The folder of a chain, a folder with the table, or the table's file.

    Raises:
        InputError: There is no table, or a file cannot be used.
    """
    run = Path(run)
    places = (run / "supernet" / PLACES_FILE, run / PLACES_FILE) if run.is_dir() else (run,)
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise InputError(
            f"'{run}' holds no table of places ({PLACES_FILE}): expected the folder of a chain whose supernet was "
            "trained with strategy blockwise, or the table itself"
        )
    scores = PlaceScores.load(file)
    predictor = run / "predictor" / PREDICTOR_FILE
    return scores, ScorePredictor.load(predictor, scores) if predictor.is_file() else None


def enqueued_predictions(config: Config, space: Space, latency: LatencyTable | None, say: Say) -> list[Architecture]:
    """Architectures along the predicted front, if the search asks for some.

    Limits on costs are kept, and the front's other side is the search's first objective that is a cost.

    Args:
        config: Its search, and what its supernet's training and `predict` left.
        space: The configuration's.
        latency: A table that predicts "latency_ms"; None leaves latency out.
        say: See `Say`.

    Raises:
        InputError: There is no table of places, or no network keeps the limits.
    """
    count = config.search.enqueue_predicted
    if not count:
        return []
    try:
        scores = chain_scores(config, space)
    except InputError as error:
        raise InputError(f"search.enqueue_predicted: {error}; or set it to 0") from None
    file = config.folder("predictor") / PREDICTOR_FILE
    predictor = ScorePredictor.load(file, scores) if file.exists() else None
    if predictor is not None and not predictor.guides:
        say(f"'{file}' ranks no better than MACs or chance: the search starts from the plain sum over places")
        predictor = None
    costs = _COSTS if latency is not None else _COSTS[:-1]
    limits = [limit for limit in parse_constraints(config.search.constraints) if limit.name in costs]
    goals = [goal.name for goal in parse_objectives(config.search.objectives)]
    cost = next((name for name in goals if name in costs), "macs")
    quality = "nsr" if predictor is None else predictor.measurement
    front = predicted_front(scores, predictor, [quality, f"minimize {cost}"], limits, latency)
    return evenly_along(front, cost, count)


def enqueued_likely(config: Config, space: Space) -> list[Architecture]:
    """Architectures of the distribution that the supernet's training has learnt, if the search asks for some.

    Raises:
        InputError: There is no distribution.
    """
    count = config.search.enqueue_from_distribution
    if not count:
        return []
    file = supernet_folder(config) / DISTRIBUTION_FILE
    if not file.exists():
        raise InputError(
            f"search.enqueue_from_distribution: '{file}' does not exist: only the one-shot strategies darts, "
            "gumbel-darts and proxyless learn a distribution; train the supernet with one, or set it to 0"
        )
    distribution = Distribution.from_json(read_text(file, "distribution"), space, f"distribution '{file}'")
    return distribution.distinct(count, np.random.default_rng(config.seed))


def _measured(file: Path, measurement: str, key: str) -> dict[str, float]:
    """What was measured with the same supernet and settings, by the path's digest; nothing of a damaged file."""
    if not file.exists():
        return {}
    rows = csv.DictReader(io.StringIO(read_text(file, "table of measured networks")))
    try:
        known = {row["path"]: parse_number(row[measurement]) for row in rows if row["measured_with"] == key}
        return known if all(0 <= value <= 1 for value in known.values()) else {}
    except (KeyError, TypeError, AttributeError, ValueError, csv.Error):
        return {}


def _write(
    file: Path,
    architectures: list[Architecture],
    macs: list[int],
    known: Mapping[str, float],
    measurement: str,
    key: str,
) -> None:
    """Write the table of measured networks, whole."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["network", "path", "macs", measurement, "measured_with", "choices"])
    for architecture, cost in zip(architectures, macs, strict=False):
        path = digest(architecture)
        network = digest(architecture.canonical())
        writer.writerow([network, path, cost, repr(float(known[path])), key, choices_json(architecture)])
    write_atomically(file, text.getvalue())
