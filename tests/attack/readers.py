"""What calls of targets name: readers of one file, folder or text each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

if TYPE_CHECKING:
    from lighttrack_nas.ranking.ranking_jobs import AloneJob, SupernetJob
    from lighttrack_nas.trackers.network.network import SiameseNetwork
    from lighttrack_nas.trackers.tracking.copies import ReducedVideo

TINY = "lighttrack-tiny"
TRIALS, COLUMNS = 8, ("overlap", "macs")
"""Of each run of the comparison."""

OF_TEXTS = ("call:set", "call:constraints", "call:objectives", "call:leftovers")
"""Functions of a text, and of no file."""


def _model(file: Path) -> None:
    from lighttrack_nas.models.models import load_model
    from lighttrack_nas.trackers.runtimes.torch_network import TorchNetwork

    TorchNetwork(load_model(file).network)


def _resume(file: Path) -> None:
    """Go on with the search whose journal it is."""
    from seeds import search_table

    search_table(file.parent, trials=16)


def _database(file: Path) -> None:
    """Show the search in a database, and go on with it."""
    from seeds import search_table

    from lighttrack_nas.results.results import Result
    from lighttrack_nas.strategies.search.storage.trials import load_search

    Result.from_study(load_search(f"sqlite:///{file}")).front()
    search_table(file.parent, trials=16, storage=f"sqlite:///{file}")


def _repair(file: Path) -> None:
    from lighttrack_nas.strategies.search.storage.storage import repair_journal

    repair_journal(file)
    _resume(file)


def _rows(file: Path) -> None:
    """Read what building a table has measured so far."""
    from lighttrack_nas.comparisons.benchmark_table_building import _Rows

    _Rows(file)


def _train(file: Path) -> None:
    """Go on with the training whose checkpoint it is, as if it had not come to its end."""
    from lighttrack_nas.cli.search.run_chain import train_supernet

    (file.parent / "supernet.safetensors").unlink()
    run = file.parents[1]
    data = file.parents[3] / "data"
    train_supernet(file.parents[3] / "chain.yaml", [f"output={run}", f"validation.path={data}"])


def _leftovers(text: str) -> None:
    """Write a folder beside what a killed process may have left under a name."""
    from lighttrack_nas.trackers.base.part_folders import part_folder

    left = Path(Path(text).name or "x")
    with suppress(OSError):  # what is no name of a folder is none of a leftover
        left.mkdir()
    with part_folder(Path("out").absolute()) as part:
        assert part.is_dir()


@contextmanager
def with_cache(folder: Path) -> Iterator[None]:
    """Let counts be kept in a folder."""
    with mock.patch.dict(os.environ, {"LIGHTTRACK_NAS_CACHE": str(folder)}):
        yield


@cache
def _true_costs() -> list[tuple[Any, dict[str, int]]]:
    """Two networks and what they cost, counted."""
    from lighttrack_nas.benchmarks.costs.cost_parts import COLUMNS
    from lighttrack_nas.benchmarks.costs.network_costs import measure_costs
    from lighttrack_nas.search_spaces.loading.loading import load_space

    drawn = [load_space(TINY).sample(np.random.default_rng(seed)) for seed in range(2)]
    measured = [(architecture, measure_costs(architecture)) for architecture in drawn]
    return [(one, {name: getattr(costs, name) for name in COLUMNS}) for one, costs in measured]


def _cost_parts(file: Path, trusted: bool = True) -> None:
    """Read counted parts; what is taken must be true, unless somebody has made the digest anew."""
    from lighttrack_nas.benchmarks.costs.cost_cache import _path
    from lighttrack_nas.benchmarks.costs.cost_table import CostTable

    known = _true_costs()
    table = CostTable(known[0][0].space)
    with with_cache(file.parent / "cache"):
        kept = _path(table.space, table._counted_size)
        assert kept is not None
        kept.parent.mkdir(parents=True)
        shutil.copy(file, kept)
        if not table.load():
            return
    for architecture, costs in known:
        assert table.costs(architecture) == costs or not trusted, "wrong costs"
        table.measure(architecture)
    table.bulk([architecture for architecture, _ in known])
    table.extremes("macs")


def _measured_costs(file: Path, trusted: bool = True) -> None:
    """Read counted networks; see `_cost_parts`."""
    from lighttrack_nas.benchmarks.costs.measured_costs import MeasuredCosts

    known = _true_costs()
    with with_cache(file.parent / "cache"):
        measured = MeasuredCosts(known[0][0].space)
        assert measured._path is not None
        measured._path.parent.mkdir(parents=True)
        shutil.copy(file, measured._path)
        for architecture, costs in known:
            assert measured.costs(architecture) == costs or not trusted, "wrong costs"
        measured.bulk([architecture for architecture, _ in known])


@cache
def tiny_network() -> SiameseNetwork:
    """A network of random weights, the same each time."""
    import torch

    from lighttrack_nas.search_spaces.building.builder import build_network
    from lighttrack_nas.search_spaces.loading.loading import load_space

    torch.manual_seed(0)
    return build_network(load_space(TINY).sample(np.random.default_rng(0))).eval()


def tune(journal: Path) -> None:
    """Tune on one sequence, or go on with the tuning whose journal it is."""
    from lighttrack_nas.chain.tuning import tune_tracker
    from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences

    sequences = list(read_sequences(journal.parents[3] / "data", "got10k"))[:1]
    tune_tracker(tiny_network(), sequences, n_trials=3, output=journal.parent)


def _best_snapshot(file: Path) -> None:
    from copy import deepcopy

    from lighttrack_nas.chain.trainings.best_snapshot import take_best_snapshot

    take_best_snapshot(deepcopy(tiny_network()), file.parents[1], lambda network: 0.5)


def _config(folder: Path) -> Any:
    from lighttrack_nas.config.config_files import load_config

    more = ["search.enqueue_predicted=2", "search.enqueue_from_distribution=2", "ranking.seeds=1"]
    return load_config(folder / "chain.yaml", [f"output={folder / 'run' / 'chain'}", "ranking.architectures=4", *more])


def ranking_jobs(folder: Path) -> tuple[SupernetJob, list[AloneJob]]:
    """A supernet and four networks alone, of the configuration in a folder."""
    from lighttrack_nas.ranking.ranking_jobs import AloneJob, SupernetJob

    config = _config(folder)
    supernet = SupernetJob(config, config.ranking.strategies[0], ("{}",) * 4)
    return supernet, [AloneJob(config, number, "{}", 0) for number in range(4)]


def _ranking(folder: Path) -> None:
    import pandas as pd

    from lighttrack_nas.ranking.rank_correlation import _scores
    from lighttrack_nas.ranking.ranking_result import RankingResult

    supernet, alone = ranking_jobs(folder)
    if supernet.done() and all(job.done() for job in alone):
        networks = pd.DataFrame({"macs": range(4), "network": list("abcd"), "choices": ["{}"] * 4})
        RankingResult(networks, _scores(["overlap"], [supernet], alone, 4), {}, 20, 0, ()).to_dict()


def _enqueued(folder: Path) -> None:
    """What a search starts from: the predicted front, and the learnt distribution."""
    from lighttrack_nas.chain.predicting import enqueued_likely, enqueued_predictions
    from lighttrack_nas.search_spaces.loading.loading import load_space

    config = _config(folder)
    enqueued_predictions(config, load_space(config.space), None, lambda sentence: None)
    enqueued_likely(config, load_space(config.space))


def _measured_networks(file: Path) -> None:
    from lighttrack_nas.chain.predicting import _measured

    values = np.array(list(_measured(file, "overlap", "key").values()))
    assert ((values >= 0) & (values <= 1)).all(), "no overlaps"


def copied_video(folder: Path) -> ReducedVideo:
    """The sequence in a folder in GOT-10k's layout, reduced."""
    from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences
    from lighttrack_nas.trackers.tracking.copies import ReducedVideo

    return ReducedVideo(next(iter(read_sequences(folder, "got10k"))), 0.5, folder / "copies.bin")


def _copies(folder: Path) -> None:
    """Read reduced copies of frames; they must be what they are copies of."""
    import cv2

    from lighttrack_nas.trackers.tracking.copies import _opened, reduced

    video = _opened(copied_video(folder))
    for index in range(len(video)):
        again = np.frombuffer(reduced(video.sequence.frame(index), video.scale), np.uint8)
        assert np.array_equal(video.frame(index), cv2.imdecode(again, cv2.IMREAD_COLOR)), "another picture"


def functions() -> dict[str, Callable[[Any], object]]:
    """What calls name: each takes the changed file, folder or text. Imports what they need."""
    from lighttrack_nas.benchmarks.latency.latency_table import LatencyTable
    from lighttrack_nas.cli.tracker.box_files import read_boxes
    from lighttrack_nas.comparisons.run_files import read_run
    from lighttrack_nas.config.comparison_config import load_comparison
    from lighttrack_nas.config.config_files import load_config, load_config_with_mistakes
    from lighttrack_nas.models.teachers import load_teacher
    from lighttrack_nas.search_spaces.distribution import Distribution
    from lighttrack_nas.search_spaces.loading.loading import load_space
    from lighttrack_nas.strategies.search.goals.objectives import parse_constraints, parse_objectives
    from lighttrack_nas.tables import load_places, load_table
    from lighttrack_nas.trackers.base.parsing import read_text
    from lighttrack_nas.trackers.tracking.hyper_parameters import load_hyper_parameters
    from lighttrack_nas.trackers.training.generator.sets import generated_sequences
    from lighttrack_nas.trackers.training.labels.coco import read_stills
    from lighttrack_nas.trackers.training.labels.crop511 import read_crop511
    from lighttrack_nas.trackers.training.labels.imagenet import read_det, read_vid
    from lighttrack_nas.trackers.training.labels.youtubebb import read_youtubebb
    from lighttrack_nas.trackers.weights.weights import load_any_state

    return {
        "config": load_config,
        "mistakes": load_config_with_mistakes,
        "comparison": load_comparison,
        "set": lambda text: load_config(None, [str(text)]),
        "hyper_parameters": load_hyper_parameters,
        "model": _model,
        "teacher": lambda file: load_teacher(str(file)),
        "state": load_any_state,
        "table": load_table,
        "places": load_places,
        "resume": _resume,
        "repair": _repair,
        "database": _database,
        "run_csv": lambda file: read_run(read_text(file, "run"), ("random", 0), TRIALS, COLUMNS),
        "rows": _rows,
        "distribution": lambda file: Distribution.from_json(read_text(file, "distribution"), load_space(TINY)),
        "leftovers": _leftovers,
        "cost_parts": _cost_parts,
        "forged_cost_parts": partial(_cost_parts, trusted=False),
        "measured_costs": _measured_costs,
        "forged_measured_costs": partial(_measured_costs, trusted=False),
        "tuning": tune,
        "snapshots": _best_snapshot,
        "ranking": _ranking,
        "enqueued": _enqueued,
        "measured_networks": _measured_networks,
        "generated": lambda folder: generated_sequences("generated-val-v1", folder),
        "copies": _copies,
        "train": _train,
        "coco": read_stills,
        "crop511": lambda folder: read_crop511(folder / "crop511", folder / "train.json"),
        "youtubebb": read_youtubebb,
        "vid": read_vid,
        "det": read_det,
        "boxes": read_boxes,
        "latency": lambda file: LatencyTable.load(file, load_space(TINY)),
        "constraints": partial(parse_constraints),
        "objectives": partial(parse_objectives),
    }
