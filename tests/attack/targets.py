"""What is attacked: an input, what it is made of, and everything of the product that reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Call = tuple[str, ...]

TINY = "lighttrack-tiny"
CODE = "back_04502514044521042540+cls_211000022+reg_100000111_ops_32"
BOX = "60,40,32,24"


@dataclass(frozen=True)
class Target:
    """One format.

    Attributes:
        name: Of its class, for counts.
        file: That is changed, in the folder of seeds, or a pattern of its name; of an argument, its valid text.
        kind: Of `mutations.KINDS`.
        calls: Of which each attack makes one: a command's arguments, or "call:" and a name of `readers.functions`
            first. The changed file stands as FILE, its folder as FOLDER, a changed argument as TEXT.
        weight: How often, against the others.
        reseals: Whether the manifest beside the file gets its new hash, so that another library reads what was changed,
            which may fall over it: SECURITY.md promises nothing there.
    """

    name: str
    file: str
    kind: str
    calls: Sequence[Call]
    weight: int = 1
    reseals: bool = False

    @property
    def is_argument(self) -> bool:
        """Whether a text on the command line is changed, and no file."""
        return any("TEXT" in argument for call in self.calls for argument in call)


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

_KEPT = "FOLDER/run/chain"
_OF_KEPT = ("report", _KEPT, *_OUT)
_PREDICTED = [("front", _KEPT, "--predicted"), ("call:enqueued", "FOLDER")]


def _kept(name: str, file: str, kind: str, *calls: Call, weight: int = 2) -> Target:
    """What a chain's folder keeps beside its results."""
    return Target(name, f"kept/run/chain/{file}", kind, calls, weight)


def _exported(runtime: str) -> list[Target]:
    """An exported folder: its manifest, and its graphs beside a manifest that has their hashes."""
    first, suffixes = f"export-{runtime}", {"openvino": (".xml", ".bin"), "ncnn": (".param", ".bin")}[runtime]
    graphs = [
        Target(f"sealed graph {runtime}", f"{first}/{graph}{suffix}", kind, _EXPORTS, reseals=True)
        for graph in ("template", "track*")
        for suffix, kind in zip(suffixes, ("text", "raw"), strict=True)
    ]
    return [Target(f"manifest {runtime}", f"{first}/manifest.json", "sealed", _EXPORTS, 2), *graphs]


_MIGRATE = ("migrate", "FILE", TINY, *_OUT)

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
    Target("manifest", "export/manifest.json", "sealed", _EXPORTS, 4),
    Target("graph", "export/template.onnx", "raw", _EXPORTS),
    Target("manifest", "export-raw/manifest.json", "sealed", _EXPORTS, 2),
    Target("table", "table/table.zip", "table", [("call:table", "FILE")], 5),
    Target("table of places", "places/places.json", "sealed", [("call:places", "FILE")], 4),
    Target("latency table", "latency/latency.json", "sealed", [("call:latency", "FILE")], 3),
    Target("journal", "run/journal.log", "journal", _RUNS, 6),
    Target("database", "database/search.db", "database", [("call:database", "FILE")], 4),
    Target("start of a supernet", "chained/run/chain/supernet/supernet.safetensors", "model", [_MIGRATE], 2),
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
    Target("counts of parts", "costs/parts.json", "json", [("call:cost_parts", "FILE")], 2),
    Target("counts of parts", "costs/parts.json", "sealed", [("call:forged_cost_parts", "FILE")], 2),
    Target("counts of networks", "costs/measured.json", "json", [("call:measured_costs", "FILE")], 2),
    Target("counts of networks", "costs/measured.json", "sealed", [("call:forged_measured_costs", "FILE")], 2),
    _kept("predictor", "predictor/predictor.json", "json", *_PREDICTED, _OF_KEPT),
    _kept("measured networks", "predictor/measured.csv", "text", ("call:measured_networks", "FILE")),
    _kept("places of a chain", "supernet/places.json", "sealed", *_PREDICTED, ("describe", TINY, "--losses", "FILE")),
    _kept("distribution of a chain", "supernet/distribution.json", "json", _PREDICTED[1]),
    _kept("rank correlations", "ranking/rank_correlation.json", "json", _OF_KEPT),
    _kept("scores of rankings", "ranking/supernets/*/scores.json", "json", ("call:ranking", "FOLDER")),
    _kept("scores of rankings", "ranking/alone/001-*/scores.json", "json", ("call:ranking", "FOLDER")),
    _kept("scores of snapshots", "retrain/snapshots/scores.json", "json", ("call:snapshots", "FILE")),
    _kept("snapshot", "retrain/snapshots/step-000000002.safetensors", "model", ("call:snapshots", "FILE")),
    _kept("journal of a tuning", "tuning/journal.log", "journal", ("call:tuning", "FILE"), weight=3),
    _kept("tuned hyper-parameters", "tuning/hyper_parameters.json", "json", _OF_KEPT),
    _kept("summary of a quickstart", "summary.json", "json", _OF_KEPT),
    _kept("training curves", "retrain/tensorboard/events*", "raw", _OF_KEPT),
    _kept("video of a report", "video/video.mp4", "raw", _OF_KEPT, weight=1),
    Target("generated set", "stamped/meta.json", "json", [("call:generated", "FOLDER")], 2),
    Target("copies of frames", "copied/copies.bin", "raw", [("call:copies", "FOLDER")], 2),
    *_exported("openvino"),
    *_exported("ncnn"),
    Target("sealed graph onnx", "export/template.onnx", "raw", _EXPORTS, reseals=True),
    Target("sealed graph onnx", "export/track*.onnx", "raw", _EXPORTS, reseals=True),
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
