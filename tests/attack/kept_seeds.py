"""Small examples of what runs and caches keep: predictors, rankings, snapshots, tunings, counts, copies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from jobs import prepare
from readers import TINY, copied_video, ranking_jobs, tiny_network, tune, with_cache

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.costs.cost_cache import _path
from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.costs.measured_costs import MeasuredCosts
from lighttrack_nas.benchmarks.evaluation.result_files import to_json
from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores, ScoredPlace
from lighttrack_nas.benchmarks.scoring.score_predictor import PREDICTOR_FILE, fit_predictor
from lighttrack_nas.chain.predicting import MEASURED_FILE, _write, networks_to_measure
from lighttrack_nas.export.exporting import export_model
from lighttrack_nas.strategies.search.storage.trials import digest
from lighttrack_nas.trackers.tracking.copies import _packed
from lighttrack_nas.trackers.training.generator.sets import GENERATED_SETS
from lighttrack_nas.trackers.weights.weights import save_weights

_RANKING = {
    "correlations": [
        {"measurement": "overlap", "ranking": "spos", "weights": "inherited", "statistic": "kendall"}
        | {"against": "each seed", "value": 0.5, "low": 0.2, "high": 0.7, "networks": 4}
    ]
}
_SUMMARY = {
    "ao": {"found tracker": 0.5, "never-moves": 0.2},
    "costs": {"found tracker": {"macs": 3e7, "latency_ms": 2.5}},
    "test": "generated-test-v1",
}


def make_kept(folder: Path) -> None:
    """Write what runs and caches keep.

    Args:
        folder: Of all inputs; it has a video, a model, a chain and data in GOT-10k's layout.
    """
    prepare(folder / "kept")
    table = _costs(folder / "costs")
    _chain(folder / "kept" / "run" / "chain", table)
    shutil.copytree(folder / "chained/run/chain/supernet/tensorboard", folder / "kept/run/chain/retrain/tensorboard")
    for file in (folder / "kept/run/chain/retrain/tensorboard").iterdir():
        file.rename(file.with_name("events.out.tfevents.0"))
    (folder / "kept/run/chain/video").mkdir()
    shutil.copy(folder / "video" / "video.mp4", folder / "kept/run/chain/video/video.mp4")
    _sequences(folder)
    model = folder / "model" / "model.safetensors"
    for runtime in ("openvino", "ncnn"):
        export_model(model, folder / f"export-{runtime}", format=runtime)


def _chain(chain: Path, table: CostTable) -> None:
    space, rng = table.space, np.random.default_rng(0)
    places = [
        ScoredPlace(place.part, place.label, place.labels, rng.uniform(0, 0.1, place.costs.shape[:-1]))
        for place in table.places
        if place.label in space.candidates
    ]
    scores = PlaceScores(space, places, {"teacher": "made up"})
    scores.save(chain / "supernet")
    labels = space.labels.items()
    learnt = {label: dict.fromkeys(values, 1 / len(values)) for label, values in labels}
    learnt_text = json.dumps({"space": space.name, "space_hash": space.hash, "probabilities": learnt})
    drawn = networks_to_measure(table, 10, 0)
    macs = table.bulk(drawn)["macs"].tolist()
    known = {digest(architecture): 0.6 - 0.3 * scores.score(architecture) for architecture in drawn}
    _write(chain / "predictor" / MEASURED_FILE, drawn, macs, known, "overlap", "key")
    fit_predictor(scores, drawn, list(known.values()), macs).save(chain / "predictor" / PREDICTOR_FILE)
    supernet, alone = ranking_jobs(chain.parents[1])
    texts = {
        chain / "supernet" / "distribution.json": learnt_text,
        chain / "ranking" / "rank_correlation.json": to_json(_RANKING),
        chain / "summary.json": to_json(_SUMMARY),
        supernet.folder / "scores.json": to_json(
            {weights: [{"overlap": 0.1 * i} for i in range(4)] for weights in ("inherited", "recalibrated")}
        ),
        chain / "retrain" / "snapshots" / "scores.json": to_json({"2": 0.5, "4": 0.25}),
    } | {job.folder / "scores.json": to_json({"overlap": 0.1 * job.number}) for job in alone}
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for step in (2, 4):
        save_weights(tiny_network(), chain / "retrain" / "snapshots" / f"step-{step:09d}.safetensors", {"step": step})
    tune(chain / "tuning" / "journal.log")


def _costs(folder: Path) -> CostTable:
    """Count parts, and networks, with what is kept of that."""
    table = CostTable(ltn.load_space(TINY))
    with with_cache(folder):
        table.build()
        measured = MeasuredCosts(table.space)
        for seed in range(2):
            measured.costs(table.space.sample(np.random.default_rng(seed)))
        parts, one = _path(table.space, table._counted_size), measured._path
        assert parts is not None
        assert one is not None
        parts.rename(folder / "parts.json")
        one.rename(folder / "measured.json")
    shutil.rmtree(folder / "cost-tables")
    return table


def _sequences(folder: Path) -> None:
    """A generated set's stamp on other frames, and reduced copies of a sequence's frames."""
    for name in ("stamped", "copied"):
        shutil.copytree(folder / "got10k", folder / name)
    stamp = GENERATED_SETS["generated-val-v1"].stamp()
    (folder / "stamped" / "meta.json").write_text(json.dumps(stamp))
    (folder / "copied" / "copies.bin").write_bytes(_packed(copied_video(folder / "copied"), 1))
