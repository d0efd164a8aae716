"""Does a supernet rank right? Networks spread over MACs, trained alone, against their scores with its weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lighttrack_nas.benchmarks.costs.macs_sampler import MacsSampler
from lighttrack_nas.benchmarks.evaluation.result_files import write_run_record
from lighttrack_nas.chain.data import read_videos, require_labels, training_pairs
from lighttrack_nas.chain.evaluators import targets_and_losses
from lighttrack_nas.chain.trainings.pretraining import BACKBONE_FILE
from lighttrack_nas.chain.trainings.training_records import settings_record
from lighttrack_nas.config.config import Config
from lighttrack_nas.costing.cost_analysis import load_cost_table
from lighttrack_nas.processes.parallel_jobs import Job, run_jobs
from lighttrack_nas.processes.worker_gpus import gpus_of_workers
from lighttrack_nas.ranking.ranking_files import save_ranking
from lighttrack_nas.ranking.ranking_jobs import INHERITED, RECALIBRATED, AloneJob, SupernetJob
from lighttrack_nas.ranking.ranking_result import RankingResult, ScoreColumn, checked_result, unranked_notes
from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.reporting.progress_bar import progress
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.search.storage.trials import digest
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Say

LEAST_NETWORKS = 4
"""Fewer have so few orders that a rank correlation says nothing."""


def run_rank_correlation(config: Config, say: Say) -> RankingResult:
    """Train supernets by each strategy and networks alone, and compare how they rank; or go on where it stopped.

    The folder "ranking" of the configuration's output gets ``supernets/NAME`` and ``alone/NUMBER-seedS``, each with
    its training and ``scores.json``, and the result; see `ranking_files.save_ranking`.

    Args:
        config: Its space, data, validation, supernet, search (how scores are taken) and ranking.
        say: Told sentences for the user.

    Raises:
        InputError: A mistake in the configuration, a folder of another run, or so many failed trainings that fewer than
            `LEAST_NETWORKS` networks are left, or no supernet.
    """
    part, output = config.ranking, config.folder("ranking")
    space = load_space(config.space)
    _check_data(config, say)
    table = load_cost_table(space)
    drawn = MacsSampler(table).spread(part.architectures, np.random.default_rng(config.seed))
    drawn.sort(key=lambda architecture: table.costs(architecture)["macs"])
    write_run_record(output, _record(config, drawn))
    texts = [architecture.to_json() for architecture in drawn]
    supernets = [SupernetJob(config, ranked, tuple(texts)) for ranked in part.strategies]
    for job in supernets:
        write_run_record(job.folder, job.record())
    alone = [
        AloneJob(config, number, text, attempt) for attempt in range(part.seeds) for number, text in enumerate(texts)
    ]
    failures = _train([*supernets, *alone], part.workers, gpus_of_workers(config.device))
    notes = [f"{name}: left out, {reason}" for name, reason in failures.items()]
    kept = [job for job in supernets if job.done()]
    if not kept:
        raise InputError(f"no supernet was trained: {'; '.join(notes)}")
    costs = [table.costs(architecture) for architecture in drawn]
    networks = pd.DataFrame(
        {
            "network": [digest(architecture.canonical()) for architecture in drawn],
            "macs": [cost["macs"] for cost in costs],
            "params": [cost["params"] for cost in costs],
            "choices": [json.dumps(dict(architecture.choices)) for architecture in drawn],
        }
    )
    result = RankingResult(
        networks=networks,
        scores=_scores(part.measurements, kept, alone, len(drawn)),
        record=_record(config, drawn) | {"machine": cpu_name(), "ranking": part.model_dump(mode="json")},
        resamples=part.resamples,
        seed=config.seed,
        notes=tuple(notes),
    )
    checked_result(result, LEAST_NETWORKS)
    result = _with_notes(result, [*notes, *_unscored_notes(result, failures), *unranked_notes(result)])
    save_ranking(result, output)
    return result


def _train(jobs: Sequence[SupernetJob | AloneJob], workers: int, gpus: Sequence[str]) -> dict[str, str]:
    """Do what is not done yet; returns why jobs failed."""
    left = [job for job in jobs if not job.done()]
    if not left:
        return {}
    total = sum(job.steps for job in jobs)
    untold = {job.name: job.steps for job in left}
    with progress("rank correlation", total, "steps") as advance:
        advance(total - sum(untold.values()), "")

        def tell(job: Job, amount: int, where: str) -> None:
            untold[job.name] -= amount
            advance(amount, where)

        failures = run_jobs([Job(job.name, job) for job in left], workers, tell, gpus)
        # Of trainings that were found finished, or failed.
        advance(sum(untold.values()), f"{len(jobs) - len(failures)} of {len(jobs)} trainings")
    return failures


def _scores(
    measurements: Sequence[str], supernets: Sequence[SupernetJob], alone: Sequence[AloneJob], count: int
) -> dict[ScoreColumn, np.ndarray]:
    """The scores of all networks by where they come from, ``(count,)`` each; NaN where a training has not given one."""
    scores: dict[ScoreColumn, np.ndarray] = {}
    for measurement in measurements:
        for job in alone:
            column = scores.setdefault(
                ScoreColumn("alone", f"seed {job.settings.seed}", measurement), np.full(count, float("nan"))
            )
            column[job.number] = _number(job.scores().get(measurement))
        for supernet in supernets:
            of = supernet.scores()
            for weights in (INHERITED, RECALIBRATED):
                values = [_number(one.get(measurement)) for one in of[weights]]
                scores[ScoreColumn(supernet.ranked.name, weights, measurement)] = np.array(values)
    return scores


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _unscored_notes(result: RankingResult, failures: dict[str, str]) -> list[str]:
    """Name the networks that are left out though every training went well."""
    notes = []
    for column, values in result.scores.items():
        for number in np.flatnonzero(~np.isfinite(values)):
            if f"network {number + 1} alone, {column.weights}" not in failures:
                notes.append(f"network {number + 1} has no score in '{column}': its answers are not finite")
    if not result.whole.all():
        notes.append(f"figures are of the {int(result.whole.sum())} of {len(result.whole)} networks with all scores")
    return notes


def _with_notes(result: RankingResult, notes: Sequence[str]) -> RankingResult:
    return RankingResult(result.networks, result.scores, result.record, result.resamples, result.seed, tuple(notes))


def _check_data(config: Config, say: Say) -> None:
    """Read data once before processes do, so that mistakes are named once, and generated sets are made once."""
    require_labels(config, "training networks alone")
    read_videos(config.validation, config.folder("generated"), say)
    training_pairs(config, load_space(config.space), say)
    targets_and_losses(config)
    if config.pretraining is not None and not (file := config.folder("pretraining") / BACKBONE_FILE).exists():
        raise InputError(
            f"'{file}' does not exist: run `lighttrack-nas pretrain-backbone` with this configuration first"
        )


def _record(config: Config, drawn: Sequence[Architecture]) -> dict[str, Any]:
    """What decides the scores. More strategies, seeds and measurements may join a folder later."""
    part, search = config.ranking, config.search
    return {
        "command": "rank-correlation",
        "space": drawn[0].space.name,
        "space_hash": drawn[0].space.hash,
        "seed": config.seed,
        "device": config.device,
        "architectures": len(drawn),
        "training": settings_record(config.training(part.training, "ranking.training")),
        "supernet": settings_record(config.training(config.supernet.training, "supernet.training")),
        "pretraining": config.pretraining.model_dump(mode="json") if config.pretraining else None,
        "data": config.data.model_dump(mode="json"),
        "validation": config.validation.model_dump(mode="json"),
        "scoring": {
            "calibration_batches": search.calibration_batches,
            "batch_size": search.batch_size,
            "quick_pairs": search.quick_pairs,
            "hyper_parameters": search.hyper_parameters,
        },
        "versions": versions(),
    }
