"""Small valid inputs of every format that the product reads, most of them made by itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
from kept_seeds import make_kept
from run_seeds import make_runs

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.latency.fingerprint import take_fingerprint
from lighttrack_nas.benchmarks.latency.latency_pieces import LATENCY_PARTS, find_pieces
from lighttrack_nas.benchmarks.latency.latency_table import Check, Correction, LatencyTable
from lighttrack_nas.cli.tracker.draw_video import VideoWriter
from lighttrack_nas.export.exporting import export_model
from lighttrack_nas.search_spaces.loading.texts import space_yaml
from lighttrack_nas.trackers.runtimes.program import Options

SPACE = "lighttrack-tiny"
BOX = "60,40,32,24"
FRAMES = 3

_SPACE = """extends: lighttrack-tiny
name: mine
summary: Another stem and a free depth
stem: {channels: 8}
stages:
  stage1: {operations: {mbconv: {kernel: [3, 5], expansion: [2, 4]}}, skip: true}
outputs: {last: 2}
"""
_CHAIN = """space: lighttrack-tiny
output: runs/chain
seed: 3
device: cpu
threads: 1
data:
  recipe: small-data
  epoch: 1000
  sources: [{kind: generated, weight: 1.0}, {kind: images, path: pictures}]
  pairs: {flip: 0.5}
validation: {path: generated-val-v1, copies: 2, memory: 1G}
pretraining: null
supernet:
  strategy: {name: sandwich, random_paths: 2}
  training: {steps: 600, learning_rate: 0.002, batch_size: 8, warmup_steps: 10}
search:
  strategy: {name: nsga2, population_size: 20}
  objectives: [maximize ao, minimize macs]
  constraints: [macs <= 50M]
  trials: 200
  hyper_parameters: default
  latency: {threads: 1}
retrain: {choose: macs=30M, training: {steps: 100}}
tuning: {trials: 10}
table: {}
"""
_COMPARISON = """table: lighttrack-table
strategies:
  random: random
  nsga2: {name: nsga2, population_size: 20}
  local-search: local-search
seeds: 2
trials: 60
objectives: [maximize overlap, minimize macs]
constraints: [macs <= 30M]
reference: {macs: 30000000.0}
output: runs/compare
"""
_PYSOT = json.dumps({"a": {"attr": ["Occlusion", "Fast Motion"], "video_dir": "a", "init_rect": [60, 40, 32, 24]}})
_ATTRIBUTES = {
    "a/cover.label": "8\n4\n8\n",
    "a/cut_by_image.label": "0\n1\n0\n",
    "a/meta_info.ini": "[METAINFO]\nroot_class: bird\nmotion_adverb: slowly\nchallenge: small target, look-alike\n",
}
_XML = """<annotation><folder>v</folder><filename>000000</filename><size><width>160</width><height>120</height></size>
<object><trackid>0</trackid><name>n1</name>
<bndbox><xmax>92</xmax><xmin>60</xmin><ymax>64</ymax><ymin>40</ymin></bndbox>
<occluded>0</occluded><generated>0</generated></object></annotation>
"""


def make_seeds(folder: Path) -> None:
    """Write all inputs into a folder, in a folder of its own for each target's `seed`."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    tiny = ltn.load_space(SPACE)
    architecture = tiny.sample(rng)
    _spaces_and_configurations(folder)
    torch.manual_seed(0)
    network = ltn.build_network(architecture)
    for name in ("model", "checkpoint", "architecture"):
        (folder / name).mkdir()
    ltn.save_model(network, architecture, folder / "model" / "model.safetensors")
    torch.save(network.state_dict(), folder / "checkpoint" / "model.pth")
    (folder / "architecture" / "architecture.json").write_text(architecture.to_json())
    export_model(folder / "model" / "model.safetensors", folder / "export")
    export_model(folder / "model" / "model.safetensors", folder / "export-raw", raw=True)
    _tables(folder, rng)
    search_table(folder / "run")
    search_table(folder / "database", storage=f"sqlite:///{folder / 'database' / 'search.db'}")
    _data(folder, rng)
    make_runs(folder, BOX, FRAMES)
    make_kept(folder)


def _spaces_and_configurations(folder: Path) -> None:
    files = {
        "space/space.yaml": _SPACE,
        "whole-space/space.yaml": space_yaml(ltn.load_space(SPACE)),
        "chain/chain.yaml": _CHAIN,
        "comparison/compare.yaml": _COMPARISON,
        "hyper/hyper.yaml": "penalty_k: 0.06\nwindow_influence: 0.4\nlr: 0.5\nlost_after: 0\nexact_crops: false\n",
        "hyper-json/hyper.json": json.dumps(asdict(ltn.HyperParameters())),
        "boxes/boxes.txt": "dog,60,40,32,24\ncat,10,10,20.5,30\n",
        "words/words.txt": "x",
        "included/base.yaml": space_yaml(ltn.load_space(SPACE)),
        "included/space.yaml": "extends: base.yaml\nname: mine\nstem: {channels: 8}\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _tables(folder: Path, rng: np.random.Generator) -> None:
    whole = ltn.load_table("lighttrack-table")
    rows = slice(0, 40)
    columns = {name: values[rows] for name, values in whole.columns.items()}
    (folder / "table").mkdir()
    few = ltn.BenchmarkTable(whole.space, whole.architectures[rows], columns, {"seed": 0})
    few.save(folder / "table" / "table.zip")
    (folder / "places").mkdir()
    shipped = Path(ltn.__file__).parent / "tables" / "lighttrack-places.json"
    (folder / "places" / "places.json").write_bytes(shipped.read_bytes())
    pieces = find_pieces(ltn.load_space(SPACE))
    latency = LatencyTable(
        pieces,
        take_fingerprint("torch", Options(threads=1)),
        {name: len(name) / 1000 for name in pieces.pieces},
        Correction(0.1, dict.fromkeys(LATENCY_PARTS, 1.0), dict.fromkeys(LATENCY_PARTS, 0.0)),
        Check(10, 0.012, 0.1, 0.9, 0.01, 0.99, (1.0,)),
        {},
    )
    (folder / "latency").mkdir()
    latency.save(folder / "latency" / "latency.json")


def search_table(folder: Path, trials: int = 14, storage: str | None = None) -> None:
    """Search a table that ships into a folder, or go on with the search there."""
    table = ltn.load_table("lighttrack-table")
    ltn.search(
        table.space,
        evaluator=ltn.TableEvaluator(table),
        strategy=ltn.NSGA2(population_size=6, seed=0),
        objectives=["maximize overlap", "minimize macs"],
        constraints=["macs <= 100M"],
        n_trials=trials,
        output=folder,
        storage=storage,
    )


def _data(folder: Path, rng: np.random.Generator) -> None:
    """Sequences in every layout, annotations of every kind, pictures, a video, and results on one of the sequences."""
    frames = [rng.integers(0, 255, (120, 160, 3), dtype=np.uint8) for _ in range(FRAMES)]
    rows, late = f"{BOX}\n" * FRAMES, "61,41,32,24\n" * FRAMES
    corners = "60,40,92,40,92,64,60,64\n" * FRAMES
    layouts = {
        "got10k": ("a/{:08d}.jpg", {"a/groundtruth.txt": rows, "a/absence.label": "0\n" * FRAMES, "list.txt": "a\n"}),
        "attributes": ("a/{:08d}.jpg", {"a/groundtruth.txt": rows, **_ATTRIBUTES}),
        "otb": (
            "a/img/{:04d}.jpg",
            {"a/groundtruth_rect.txt": late, "anno/att/a.txt": "1,0,0,1,0,0,0,0,0,0,0\n", "OTB100.json": _PYSOT},
        ),
        "lasot": (
            "c/c-1/img/{:08d}.jpg",
            {"c/c-1/groundtruth.txt": late, "c/c-1/full_occlusion.txt": "0,0,0\n", "c/c-1/out_of_view.txt": "0,0,0\n"},
        ),
        "trackingnet": ("TRAIN_0/frames/a/{}.jpg", {"TRAIN_0/anno/a.txt": rows}),
        "uav123": ("data_seq/UAV123/bike1/{:06d}.jpg", {"anno/UAV123/bike1.txt": late}),
        "vot": ("a/color/{:08d}.jpg", {"a/groundtruth.txt": corners, "list.txt": "a\n", "a/occlusion.tag": "1\n0\n"}),
        "vot-masks": ("a/color/{:08d}.jpg", {"a/groundtruth.txt": "m60,40,32,24,8,10,22,700,28\n" * FRAMES}),
        "nfs": ("a/30/a/{:05d}.jpg", {"a/30/a.txt": "".join(f'0 60 40 92 64 {i} 0 0 0 "x"\n' for i in range(FRAMES))}),
    }
    for layout, (pattern, files) in layouts.items():
        for index, frame in enumerate(frames):
            _picture(folder / layout / pattern.format(index if layout == "trackingnet" else index + 1), frame)
        for name, text in files.items():
            (folder / layout / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / layout / name).write_text(text)
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 160, "height": 120} for i in range(FRAMES)]
    boxes = [{"id": i, "image_id": i, "bbox": [60, 40, 32, 24], "iscrowd": 0} for i in range(FRAMES)]
    texts = {
        "coco/annotations.json": json.dumps({"images": images, "annotations": boxes}),
        "crop511/train.json": json.dumps({"v": {"00": {f"{i:06d}": [60, 40, 92, 64] for i in range(FRAMES)}}}),
        "youtubebb/table.csv": "".join(f"AbC_1,{i}000,2,car,0,present,0.25,0.5,0.25,0.75\n" for i in range(FRAMES)),
        **{f"vid/Annotations/VID/train/v/{i:06d}.xml": _XML for i in range(FRAMES)},
        "det/Annotations/DET/train/n/a.xml": _XML.replace("<trackid>0</trackid>", ""),
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for index, frame in enumerate(frames):
        _picture(folder / "coco" / f"{index}.jpg", frame)
        _picture(folder / "crop511" / "crop511" / "v" / f"{index:06d}.00.x.jpg", cv2.resize(frame, (511, 511)))
        _picture(folder / "youtubebb" / "table" / "2" / f"AbC_1_{index}000_2_0.jpg", frame)
        _picture(folder / "vid" / "Data" / "VID" / "train" / "v" / f"{index:06d}.JPEG", frame)
        for kind in ("jpg", "png", "bmp", "tif"):
            _picture(folder / kind / f"{index + 1}.{kind}", frame[:60, :80])
    _picture(folder / "det" / "Data" / "DET" / "train" / "n" / "a.JPEG", frames[0])
    (folder / "video").mkdir()
    writer = VideoWriter(folder / "video" / "video.mp4", frames[0].shape, 25.0)
    for frame in frames:
        writer.write(frame)
    writer.close()
    shutil.copytree(folder / "got10k", folder / "evaluated" / "data")
    command = [sys.executable, "-m", "lighttrack_nas", "evaluate", "never-moves", "data", "--output", "out"]
    subprocess.run(command, cwd=folder / "evaluated", check=True, capture_output=True)


def _picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _, content = cv2.imencode(path.suffix.lower().replace("jpeg", "jpg"), pixels)
    path.write_bytes(content.tobytes())
