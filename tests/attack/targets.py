"""What is attacked: an input, what it is made of, and everything of the product that reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

Call = tuple[str, ...]

TINY = "lighttrack-tiny"
CODE = "back_04502514044521042540+cls_211000022+reg_100000111_ops_32"
BOX = "60,40,32,24"


@dataclass(frozen=True)
class Target:
    """One format.

    Attributes:
        name: Of its class, for counts.
        file: That is changed, in the folder of seeds; of an argument, its valid text.
        kind: Of `mutations.KINDS`.
        calls: Of which each attack makes one: a command's arguments, or "call:" and a name of `FUNCTIONS` first. The
            changed file stands as FILE, its folder as FOLDER, a changed argument as TEXT.
        weight: How often, against the others.
    """

    name: str
    file: str
    kind: str
    calls: Sequence[Call]
    weight: int = 1

    @property
    def is_argument(self) -> bool:
        """Whether a text on the command line is changed, and no file."""
        return any("TEXT" in argument for call in self.calls for argument in call)


TRIALS, COLUMNS = 8, ("overlap", "macs")
"""Of each run of the comparison."""


def _argument(name: str, text: str, *calls: Call) -> Target:
    return Target(name, text, "text", calls)


_OUT = ("-o", "out")
_TRACK = ("track", "never-moves")
_EVALUATE = ("evaluate", "never-moves")
_FIRST = ("--box", BOX, *_OUT)
_VIDEO = "SEEDS/got10k/a"


def _layout(name: str, file: str, folder: str = "", kind: str = "text", what: str = "annotations") -> Target:
    call = (*_EVALUATE, "FOLDER", "--layout", name, *_OUT)
    return Target(f"{what} {name}", f"{folder or name}/{file}", kind, [call])


def _image(kind: str) -> Target:
    return Target("image", f"{kind}/2.{kind}", "raw", [(*_TRACK, "FOLDER", "--box", "10,10,20,20", *_OUT)])


_SPACES = [("describe", "FILE"), ("describe", "FILE", "--costs"), ("random", "FILE", "--number", "3")]
_CONFIGS = [("call:config", "FILE"), ("call:mistakes", "FILE")]
_MODELS = [("costs", "FILE"), ("call:model", "FILE"), ("describe", "--architecture", "FILE"), ("call:teacher", "FILE")]
_CHECKPOINTS = [("import-weights", "FILE", "--code", CODE, "--output", "out.safetensors"), ("call:state", "FILE")]
_RUNS = [
    *(("front", "FOLDER"), ("findings", "FOLDER"), ("call:resume", "FILE"), ("report", "FOLDER", *_OUT)),
    *(("front", "FOLDER", "SEEDS/run"), ("front", "FOLDER", "SEEDS/run", "--overlay"), ("call:repair", "FILE")),
]
_EXPORTS = [("track", "FOLDER", _VIDEO, *_FIRST)]
_COMPARED = ("--set", "output=FOLDER/out")
_VOT = (*_EVALUATE, "FOLDER", "--layout", "vot", "--protocol", "vot", "-o", "FOLDER/out")
_RESULTS = [(*_EVALUATE, "FOLDER/data", "-o", "FOLDER/out")]
_REPORT = ("report", "FOLDER", *_OUT)
_CHAINED = "FOLDER/run/chain"
_HERE = ("--set", f"output={_CHAINED}", "--set", "validation.path=FOLDER/data")
_TRAIN = ("train-supernet", "FOLDER/chain.yaml", *_HERE)
_OF_CHAIN = [("report", _CHAINED, *_OUT), ("front", f"{_CHAINED}/search"), ("findings", _CHAINED)]
_OTHERS = [("evaluate", "SEEDS/got10k", "--results", "FOLDER", *_OUT)]
_BOUND = ("random", TINY, "--number", "2", "--constraint", "TEXT")

TARGETS: Sequence[Target] = (
    Target("space", "space/space.yaml", "yaml", [*_SPACES, ("diff", TINY, "FILE")], 6),
    Target("space", "whole-space/space.yaml", "yaml", _SPACES, 4),
    Target("space that is extended", "included/base.yaml", "yaml", [("describe", "FOLDER/space.yaml")], 2),
    Target("space that is extended", "included/space.yaml", "yaml", [("describe", "FILE")]),
    Target("chain configuration", "chain/chain.yaml", "yaml", _CONFIGS, 8),
    Target("comparison configuration", "comparison/compare.yaml", "yaml", [("call:comparison", "FILE")], 4),
    Target("hyper-parameters", "hyper/hyper.yaml", "yaml", [("call:hyper_parameters", "FILE")], 2),
    Target("hyper-parameters", "hyper-json/hyper.json", "json", [("call:hyper_parameters", "FILE")], 2),
    Target("model", "model/model.safetensors", "model", _MODELS, 5),
    Target("checkpoint", "checkpoint/model.pth", "checkpoint", _CHECKPOINTS, 4),
    Target("architecture", "architecture/architecture.json", "json", [("costs", "FILE"), ("mutate", "FILE")], 2),
    Target("manifest", "export/manifest.json", "manifest", _EXPORTS, 4),
    Target("graph", "export/template.onnx", "raw", _EXPORTS),
    Target("manifest", "export-raw/manifest.json", "manifest", _EXPORTS, 2),
    Target("table", "table/table.zip", "table", [("call:table", "FILE")], 5),
    Target("table of places", "places/places.json", "json", [("call:places", "FILE")], 4),
    Target("latency table", "latency/latency.json", "json", [("call:latency", "FILE")], 3),
    Target("journal", "run/journal.log", "journal", _RUNS, 6),
    Target("run of a comparison", "compared/out/runs/random/000.csv", "text", [("call:run_csv", "FILE")], 3),
    Target("run of a comparison", "compared/out/run.json", "json", [("compare", "FOLDER/compare.yaml", *_COMPARED)]),
    Target("report of a comparison", "compared/out/summary.csv", "text", [("report", "FOLDER/out", *_OUT)]),
    Target("report of a comparison", "compared/out/scale.json", "json", [("report", "FOLDER/out", *_OUT)]),
    Target("report of a comparison", "compared/out/significance.csv", "text", [("report", "FOLDER/out", *_OUT)]),
    Target("training's checkpoint", "chained/run/chain/supernet/last.ckpt", "checkpoint", [("call:train", "FILE")], 2),
    Target("run record", "chained/run/chain/supernet/run.json", "json", [_TRAIN, *_OF_CHAIN[:1]], 2),
    Target("supernet", "chained/run/chain/supernet/supernet.safetensors", "model", _OF_CHAIN[:1], 2),
    Target("journal of a chain", "chained/run/chain/search/journal.log", "journal", _OF_CHAIN, 3),
    Target("table in the making", "rows/rows.jsonl", "journal", [("call:rows", "FILE")], 2),
    Target("distribution", "distribution/distribution.json", "json", [("call:distribution", "FILE")], 2),
    Target("results of others", "others/one/a.txt", "text", _OTHERS),
    Target("results of others", "others/two/a/a_001.txt", "text", _OTHERS),
    Target("timings", "others/one/times/a_time.txt", "text", _OTHERS),
    Target("timings", "evaluated/out/a/a_time.txt", "text", _RESULTS),
    Target("results of VOT", "vot/out/run.json", "json", [_VOT]),
    Target("results of VOT", "vot/out/a/a_001.txt", "text", [_VOT], 2),
    _layout("vot", "a/groundtruth.txt", "vot-masks", what="masks"),
    _layout("vot", "a/occlusion.tag", what="attributes"),
    _layout("got10k", "a/cover.label", "attributes", what="attributes"),
    _layout("got10k", "a/meta_info.ini", "attributes", what="attributes"),
    _layout("otb", "anno/att/a.txt", what="attributes"),
    _layout("otb", "OTB100.json", kind="json", what="attributes"),
    _layout("got10k", "a/groundtruth.txt"),
    _layout("got10k", "a/absence.label"),
    _layout("got10k", "list.txt"),
    _layout("otb", "a/groundtruth_rect.txt"),
    _layout("lasot", "c/c-1/groundtruth.txt"),
    _layout("lasot", "c/c-1/full_occlusion.txt"),
    _layout("trackingnet", "TRAIN_0/anno/a.txt"),
    _layout("uav123", "anno/UAV123/bike1.txt"),
    _layout("vot", "a/groundtruth.txt"),
    _layout("nfs", "a/30/a.txt"),
    Target("COCO", "coco/annotations.json", "json", [("call:coco", "FILE")], 3),
    Target("crop511", "crop511/train.json", "json", [("call:crop511", "FOLDER")], 2),
    Target("YouTube-BB", "youtubebb/table.csv", "text", [("call:youtubebb", "FILE")], 2),
    Target("ImageNet VID", "vid/Annotations/VID/train/v/000001.xml", "text", [("call:vid", "FOLDER")], 2),
    Target("ImageNet DET", "det/Annotations/DET/train/n/a.xml", "text", [("call:det", "FOLDER")], 2),
    *map(_image, ("jpg", "png", "bmp", "tif")),
    Target("video", "video/video.mp4", "raw", [(*_TRACK, "FILE", *_FIRST)], 2),
    Target("boxes", "boxes/boxes.txt", "text", [("call:boxes", "FILE")], 2),
    Target("results", "evaluated/out/a/a_001.txt", "text", _RESULTS),
    Target("results", "evaluated/out/run.json", "json", _RESULTS),
    _argument("--set", "supernet.training.steps=500", ("call:set", "TEXT")),
    _argument("--set", "search.constraints=[macs<=40M]", ("call:set", "TEXT")),
    _argument("code", CODE, ("costs", "TEXT"), ("describe", "--architecture", "TEXT"), ("mutate", "TEXT")),
    _argument("constraint", "macs <= 600M", ("call:constraints", "TEXT"), _BOUND),
    _argument("objective", "overlap", ("call:objectives", "TEXT"), ("front", "SEEDS/run", "--objectives", "TEXT")),
    _argument("wish", "macs=30M", ("front", "SEEDS/run", "--nearest", "TEXT")),
    _argument("box", BOX, (*_TRACK, _VIDEO, "--box", "TEXT", *_OUT)),
    _argument(
        "name", "never-moves", ("track", "TEXT", _VIDEO, *_FIRST), ("describe", "TEXT"), ("describe", "TEXT.yaml")
    ),
    _argument("source", _VIDEO, (*_TRACK, "TEXT", *_FIRST), (*_EVALUATE, "TEXT", *_OUT)),
    _argument("output", "out", (*_TRACK, _VIDEO, "--box", BOX, "-o", "TEXT")),
    _argument("pattern", "SEEDS/jpg/%d.jpg", (*_TRACK, "TEXT", "--box", "10,10,20,20", *_OUT)),
    _argument("number", "3", ("random", TINY, "--number", "TEXT"), ("random", TINY, "--seed", "TEXT", "--number", "1")),
    _argument("leftover", ".out.abc.part", ("call:leftovers", "TEXT")),
    _argument("layout", "got10k", (*_EVALUATE, "SEEDS/got10k", "--layout", "TEXT", *_OUT)),
)

NEVER_READ = {("checkpoint", "import-weights"), ("name", "describe")}
"""Inputs and commands that refuse them as they are: for another space, or another kind of name."""


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
        "run_csv": lambda file: read_run(read_text(file, "run"), ("random", 0), TRIALS, COLUMNS),
        "rows": _rows,
        "distribution": lambda file: Distribution.from_json(read_text(file, "distribution"), load_space(TINY)),
        "leftovers": _leftovers,
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
