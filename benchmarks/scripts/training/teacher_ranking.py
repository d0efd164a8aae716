"""How well networks are ranked before they are trained: by the predictor, by weights shared by teaching and by spos.

    python benchmarks/scripts/training/teacher_ranking.py --output runs/teacher_ranking [--space lighttrack-tiny]
        [--teacher lighttrack-tiny-generated] [--networks 20] [--steps 250] [--seeds 2] [--supernet 350] [--threads 1]

Networks spread over MACs, distinct, are each trained alone from random weights, with the teacher, all for the same few
steps, once a seed; what they reach, the overlap on 400 pairs of the validation videos, is to be foretold. A supernet by
`blockwise` and one by `spos`, which trains as many steps as it can in the same seconds, score the same networks with
shared weights; the predictor is fitted to 24 other networks of the first, and asked for 40 more. Printed are Kendall's
taus with bootstrap intervals over the networks, beside MACs alone and the ceiling: how one seed's training alone
foretells the other's.
A stopped run goes on.
"""

import argparse
import json
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
from lighttrack_nas.benchmarks.scoring.rank_intervals import Resamples, agreement
from lighttrack_nas.benchmarks.scoring.score_predictor import fit_predictor
from lighttrack_nas.benchmarks.scoring.supernet_evaluator import SupernetEvaluator
from lighttrack_nas.chain.data import validation_pairs
from lighttrack_nas.chain.predicting import networks_to_measure
from lighttrack_nas.chain.trainings.training import retrain, train_supernet
from lighttrack_nas.costing.cost_analysis import load_cost_table
from lighttrack_nas.processes.memory import keep_freed_memory
from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.one_shot.strategies.blockwise import Blockwise
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.training.generator.generated_pairs import GeneratedPairs
from lighttrack_nas.trackers.training.generator.sets import generated_sequences
from lighttrack_nas.trackers.training.pairs.pair_settings import pair_settings

FITTED = 24
ASSEMBLED = 40
VALIDATION = "generated-val-v1"


def main() -> None:
    """Train, score, compare."""
    options = _options()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    output: Path = options.output
    space = load_space(options.space)
    pairs = GeneratedPairs(
        pair_settings("small-data", template_size=space.template_size, search_size=space.search_sizes[0])
    )
    videos = generated_sequences(VALIDATION, output / VALIDATION)
    held_out = validation_pairs(space, videos)
    table = load_cost_table(space)
    networks = networks_to_measure(table, options.networks, 1)
    common: dict[str, Any] = {"batch_size": 16, "average": 0.99, "workers": 1}

    supernets: dict[str, SupernetEvaluator] = {}
    seconds = 0.0
    for name, strategy in (("blockwise", Blockwise(teacher=options.teacher)), ("spos", "spos")):
        rate = 0.002 if name == "blockwise" else 0.005
        steps = options.supernet if name == "blockwise" else _steps_of_spos(output, seconds, space, pairs, common)
        note = output / name / "seconds.json"
        start = perf_counter()
        supernet = train_supernet(
            space,
            pairs,
            settings=TrainingSettings(steps=steps, learning_rate=rate, **common),
            output=output / name,
            strategy=strategy,
            held_out=held_out,
        )
        if not note.exists():
            write_atomically(note, json.dumps({"seconds": perf_counter() - start, "steps": steps}))
        training = json.loads(note.read_text())
        seconds = training["seconds"]
        print(f"{name}: {training['steps']} steps, {seconds:.0f} s", flush=True)
        supernets[name] = SupernetEvaluator(supernet, quick_pairs=held_out, calibration_pairs=pairs)

    alone = np.full((options.seeds, len(networks)), np.nan)
    scorer = supernets["blockwise"].scorer
    for seed in range(options.seeds):
        for number, architecture in enumerate(networks):
            model = retrain(
                architecture,
                pairs,
                settings=TrainingSettings(steps=options.steps, learning_rate=0.004, seed=seed, **common),
                output=output / "alone" / f"{number}-{seed}",
                teacher=options.teacher,
            )
            alone[seed, number] = scorer.score(model.network, ["overlap"])["overlap"]
            print(f"alone, seed {seed}, network {number}: {alone[seed, number]:.3f}", flush=True)

    def shared(name: str, architectures: list[Architecture]) -> np.ndarray:
        return np.array(
            [supernets[name].measure(architecture, ["overlap"])["overlap"] for architecture in architectures]
        )

    places = PlaceScores.load(output / "blockwise", space)
    others = [
        architecture
        for architecture in networks_to_measure(table, FITTED + len(networks), 2)
        if architecture not in networks
    ][:FITTED]
    predictor = fit_predictor(places, others, shared("blockwise", others), table.bulk(others)["macs"], "overlap", 0)
    unseen = [
        architecture for architecture in networks_to_measure(table, ASSEMBLED + FITTED, 3) if architecture not in others
    ][:ASSEMBLED]
    scores = {
        "predictor": np.array([predictor.predict(architecture) for architecture in networks]),
        "sum over places": -np.array([places.score(architecture) for architecture in networks]),
        "blockwise": shared("blockwise", networks),
        "spos": shared("spos", networks),
        "MACs": table.bulk(networks)["macs"].astype(float),
    }
    resamples = Resamples(len(networks), 2000, 0)
    taus = {
        name: agreement("kendall", [(of, overlaps) for overlaps in alone], resamples) for name, of in scores.items()
    }
    if options.seeds > 1:
        taus["ceiling"] = agreement("kendall", [(alone[0], alone[1])], resamples)
    foretold = np.array([predictor.predict(architecture) for architecture in unseen])
    taus["predictor of assembled networks"] = agreement(
        "kendall", [(foretold, shared("blockwise", unseen))], Resamples(len(unseen), 2000, 0)
    )
    rows = {name: of.estimate._asdict() for name, of in taus.items()}
    for name, row in rows.items():
        print(f"{name:34s} {row}")
    for name in ("predictor", "blockwise"):
        print(f"{name} less spos: {taus[name].minus(taus['spos'])}")
    record = {
        "options": {key: str(value) for key, value in vars(options).items()},
        "taus": rows,
        "alone": alone.tolist(),
        "scores": {name: of.tolist() for name, of in scores.items()},
        "processor": cpu_name(),
        "versions": versions(),
    }
    write_atomically(output / "ranking.json", json.dumps(record, indent=1) + "\n")


def _steps_of_spos(output: Path, seconds: float, space: Space, pairs: GeneratedPairs, common: dict[str, Any]) -> int:
    """How many updates spos trains: decided once, for a stopped run to go on with."""
    note = output / "spos_steps.json"
    if not note.exists():
        write_atomically(note, json.dumps(_steps_in(seconds, space, pairs, common)))
    return int(json.loads(note.read_text()))


def _steps_in(seconds: float, space: Space, pairs: GeneratedPairs, common: dict[str, Any]) -> int:
    """How many updates of spos fit into so many seconds, from the time of some."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        start = perf_counter()
        times: list[float] = []
        train_supernet(
            space,
            pairs,
            settings=TrainingSettings(steps=40, **common),
            output=folder,
            progress=lambda count, losses: times.append(perf_counter() - start),
        )
    return max(40, int(seconds * 30 / (times[-1] - times[9])))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--space", default="lighttrack-tiny")
    parser.add_argument("--teacher", default="lighttrack-tiny-generated")
    for name, value in (("networks", 20), ("steps", 250), ("seeds", 2), ("supernet", 350), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


if __name__ == "__main__":
    main()
