"""Makes the files of a version: `python make_old_files.py FOLDER`, run once with it; its number names the folder.

What is in them is never made again: `test_old_files.py` opens it with today's code.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
import yaml

import lighttrack_nas as ltn
from lighttrack_nas.search_spaces.enumeration import paths

SPACE = """\
name: old
template_size: 32
search_sizes: [64]
stem: {channels: 8, kernel: 3, stride: 2}
stages:
  - {channels: 8, blocks: 1, operations: {separable: {kernel: 3}}}
  - {channels: 12, blocks: 2, stride: 2, operations: &mbconv {mbconv: {kernel: [3, 5], expansion: 2}}, skip: true}
  - {channels: 16, blocks: 2, stride: 2, operations: {fused: {kernel: 3, expansion: [1, 2], activation: relu}}}
outputs: {last: 2}
fused_channels: 16
towers:
  cls: {widths: [8, 12], layers: 2, operations: {dsconv: {kernel: [3, 5]}}, skip: true}
  reg: {widths: [12], layers: 1, operations: {dsconv: {kernel: [3, 5]}}}
predictions: {score_scale: 0.1, box_activation: exp, box_scale: 8}
"""
COMPARISON: dict[str, Any] = {
    "table": "table.zip",
    "strategies": {"random": "random", "evolution": {"name": "nsga2", "population_size": 6}},
    "seeds": 2,
    "trials": 12,
    "objectives": ["maximize overlap", "minimize macs"],
    "under": "macs <= 500K",
    "output": "compare",
}


GOALS: dict[str, Any] = {"objectives": ["maximize overlap", "minimize macs"], "constraints": ["macs <= 700K"]}


def crops() -> list[np.ndarray]:
    """A template and a search crop."""
    rng = np.random.default_rng(0)
    return [rng.random((1, 3, side, side), dtype=np.float32) for side in (32, 64)]


def answers(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """What a network says to the crops."""
    with torch.no_grad():
        scores, distances = network.eval()(*map(torch.from_numpy, crops()))
    return {"scores": scores.numpy(), "distances": distances.numpy()}


def table(space: ltn.Space) -> ltn.BenchmarkTable:
    """Every network of the space, of which large ones are good."""
    rng = np.random.default_rng(0)
    rows = list(paths(space))
    weights = {(label, value): rng.integers(1, 100) for label, values in space.labels.items() for value in values}
    macs = np.array([1e3 * sum(weights[choice] for choice in row.choices.items()) for row in rows])
    columns = {"overlap": (macs / macs.max()) ** 0.3 * 0.6 + 0.1 * rng.random(len(rows)), "macs": macs}
    return ltn.BenchmarkTable(space, rows, columns, {"made": "up"})


def main() -> None:
    """Make them in the folder of the first argument."""
    Path("space.yaml").write_text(SPACE)
    space = ltn.load_space("space.yaml")
    table(space).save("table.zip")
    torch.manual_seed(0)
    supernet = ltn.Supernet(space)
    ltn.save_supernet(supernet, "supernet.safetensors", {"made": "up"})
    architecture = space.sample(np.random.default_rng(1))
    network = supernet.extract(architecture)
    settings = ltn.HyperParameters(penalty_k=0.2)
    ltn.save_model(network, architecture, "model.safetensors", hyper_parameters=settings, provenance={"made": "up"})
    np.savez_compressed("answers.npz", **answers(network))
    evaluator = ltn.TableEvaluator(ltn.BenchmarkTable.load("table.zip"))
    common = {
        "evaluator": evaluator,
        "objectives": ["maximize overlap", "minimize macs"],
        "constraints": ["macs <= 700K"],
    }
    ltn.search(space, strategy=ltn.NSGA2(population_size=6, seed=0), n_trials=20, output="search", **common)
    screened = ltn.Screened(inner={"name": "nsga2", "population_size": 6}, regressor="ridge", start=10)
    ltn.search(space, strategy=screened, n_trials=16, output="screened", **common)
    sampler = optuna.samplers.NSGAIISampler(population_size=6, seed=0)
    ltn.search(space, strategy=sampler, n_trials=8, output="optuna", **common)
    latency = ltn.build_latency_table(space, runtime="torch", networks=10, rounds=2)
    latency.save("latency.json")
    np.save("latency.npy", latency.latency_ms(architecture))
    ltn.export_model("model.safetensors", "export")
    Path("compare.yaml").write_text(yaml.safe_dump(COMPARISON))
    ltn.compare(ltn.load_comparison("compare.yaml"), print)
    for drawing in [*Path().rglob("*.png"), *Path().rglob("*.svg"), *Path().rglob("*.html")]:
        drawing.unlink()  # nothing reads them


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir()
    os.chdir(sys.argv[1])
    main()
