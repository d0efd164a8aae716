"""Exports: whole and equal to the original, or not there at all."""

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import lighttrack_nas as ltn
from lighttrack_nas.export import export_checks, export_graphs, exporting
from lighttrack_nas.export.export_checks import collect_examples, compare_answers, generated_videos
from lighttrack_nas.export.export_folder import folder_at_once
from lighttrack_nas.export.export_graphs import Plan, build_graphs
from lighttrack_nas.trackers.data.sequence import Sequence
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.runtimes.exported import is_export, manifest_text, read_manifest
from lighttrack_nas.trackers.runtimes.graphs import Graph
from lighttrack_nas.trackers.runtimes.program import write_graph
from lighttrack_nas.trackers.runtimes.torch_network import TorchNetwork
from lighttrack_nas.trackers.tracking.crops import network_input
from lighttrack_nas.trackers.tracking.lockstep import Video

# The ONNX exporter of torch uses what torch calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:onnxscript")

TORCH_FREE = [
    pytest.param(
        name,
        marks=[pytest.mark.skipif(find_spec(package) is None, reason=f"{package} not installed"), pytest.mark.slow],
    )
    for name, package in (("onnx", "onnxscript"), ("openvino", "openvino"), ("ncnn", "pnnx"))
]


@pytest.fixture(scope="module")
def video() -> Video:
    """A generated video: the target is the same in all tests."""
    (made,) = generated_videos(1, 12)
    return made


@pytest.fixture(scope="module")
def torch_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model in torch's own format, which needs no other package."""
    folder = tmp_path_factory.mktemp("exported") / "tiny"
    ltn.export_model("lighttrack-tiny-generated", folder, format="torch-export", hyper_parameters="vot2019")
    return folder


def boxes(tracker: ltn.SiameseTracker, video: Video) -> np.ndarray:
    tracker.init(video.frame(0), video.boxes[0])
    return np.array([tracker.update(video.frame(index))[0] for index in range(1, len(video))])


def write_frames(folder: Path, video: Video) -> str:
    """Write a video's frames and ground truth; the first box, as the command line takes it."""
    folder.mkdir(parents=True)
    for index in range(len(video)):
        cv2.imwrite(str(folder / f"{index + 1:08d}.png"), video.frame(index))
    (folder / "groundtruth.txt").write_text("".join(",".join(map(str, box)) + "\n" for box in video.boxes))
    return ",".join(map(str, video.boxes[0]))


def ended_without_torch(folder: Path, frames: Path, start: str, place: Path) -> subprocess.CompletedProcess[str]:
    """The command line's `track`, in a process where importing torch raises."""
    forbidden = place / "forbidden"
    forbidden.mkdir()
    for package in ("torch", "torchvision", "nni", "optuna", "lightning", "pytorch_lightning"):
        (forbidden / f"{package}.py").write_text(f"raise ImportError('{package} was imported')\n")
    call = [sys.executable, "-m", "lighttrack_nas", "track", folder, frames]
    options = ["--box", start, "--output", place / "out", "--threads", "1"]
    environment = os.environ | {"PYTHONPATH": str(forbidden)}
    return subprocess.run([*call, *options], env=environment, capture_output=True, text=True)


def track_without_torch(folder: Path, frames: Path, start: str, place: Path) -> np.ndarray:
    """Boxes after the first, of `ended_without_torch`."""
    ended = ended_without_torch(folder, frames, start, place)
    assert ended.returncode == 0, ended.stderr
    return np.loadtxt(place / "out" / "boxes.txt", delimiter=",")[1:]


def test_the_folder_tracks_as_the_model(torch_export: Path, video: Video) -> None:
    original = ltn.load_tracker("lighttrack-tiny-generated", "vot2019")
    tracker = ltn.load_tracker(torch_export)
    assert tracker.hyper_parameters == original.hyper_parameters
    np.testing.assert_allclose(boxes(tracker, video), boxes(original, video), atol=1e-3)
    assert ltn.load_tracker(torch_export, "default").hyper_parameters == ltn.HyperParameters()


def test_the_manifest_says_what_was_exported(torch_export: Path) -> None:
    model = ltn.load_model("lighttrack-tiny-generated")
    content = json.loads((torch_export / "manifest.json").read_text())
    assert sorted(path.name for path in torch_export.iterdir()) == sorted([*content["files"], "manifest.json"])
    assert content["architecture"] == json.loads(model.architecture.to_json())
    assert content["code"] is None  # only the published networks have codes
    assert content["space"]["name"] == "lighttrack-tiny"
    assert content["hyper_parameters"]["lr"] == 0.616
    assert (content["template_size"], content["search_sizes"], content["stride"]) == (64, [128], 8)
    assert content["versions"]["torch"] == torch.__version__.split("+")[0]
    assert content["source"]["model"] == "lighttrack-tiny-generated"
    agreement = content["checks"]["agreement"]["128"]
    assert agreement["crops"] == 32
    assert 0 < agreement["logits_share"] < 1e-4
    assert not list(torch_export.parent.glob(".*"))


def test_a_torch_that_cannot_be_imported_is_a_sentence(torch_export: Path, video: Video, tmp_path: Path) -> None:
    start = write_frames(tmp_path / "frames", video)
    ended = ended_without_torch(torch_export, tmp_path / "frames", start, tmp_path)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: package 'torch' is installed but cannot be imported (torch was imported): pip")


@pytest.mark.parametrize("name", TORCH_FREE)
def test_exports_track_without_torch(name: str, video: Video, tmp_path: Path) -> None:
    """Through the command line, in a process where importing torch raises; raw crops, two sizes, one graph."""
    folder = tmp_path / "exported"
    sizes = {"raw": True, "dynamic": True, "search_sizes": (144, 128)}
    done = ltn.export_model("lighttrack-tiny-generated", folder, format=name, **sizes)
    assert set(done.agreement) == {128, 144}
    manifest = read_manifest(folder)
    assert manifest.search_sizes == (128, 144)
    assert manifest.raw
    start = write_frames(tmp_path / "frames", video)
    found = track_without_torch(folder, tmp_path / "frames", start, tmp_path)
    np.testing.assert_allclose(found, boxes(ltn.load_tracker("lighttrack-tiny-generated"), video), atol=2e-2)
    record = json.loads((tmp_path / "out" / "track.json").read_text())
    assert record["runtime"] == manifest.runtime
    assert record["runtime_versions"] == done.versions
    assert (record["precision"], record["threads"]) == ("float32", 1)
    assert record["processor"]


@pytest.fixture
def quantised(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[tuple[np.ndarray, ...]]]:
    """In place of quantisation the graph as it is; what it would have been calibrated with, by graph."""
    given: dict[str, list[tuple[np.ndarray, ...]]] = {}

    def write(runtime: str, graph: Graph, path: Path, calibration: Iterable[tuple[np.ndarray, ...]]) -> None:
        given[path.name] = list(calibration)
        write_graph(runtime, graph, path)

    monkeypatch.setattr(export_graphs, "quantise_graph", write)
    return given


def sequences_of(folder: Path) -> list[Sequence]:
    for index, made in enumerate(generated_videos(2, 5)):
        write_frames(folder / str(index), made)
    return ltn.read_sequences(folder, "got10k")


@pytest.mark.slow
def test_int8_is_calibrated_on_the_sequences_and_judged_by_ao(
    tmp_path: Path, quantised: dict[str, list[tuple[np.ndarray, ...]]]
) -> None:
    videos = sequences_of(tmp_path / "videos")
    done = ltn.export_model(
        "lighttrack-tiny-generated",
        tmp_path / "out",
        format="torch-export",
        precision="int8",
        raw=True,
        sequences=videos,
    )
    assert [array.shape for array in quantised["template"][0]] == [(1, 64, 64, 3)]
    assert [array.shape[0] for array in quantised["track-128"][0]] == [1, 1]
    assert quantised["track-128"][0][1].shape == (1, 128, 128, 3)
    assert [len(examples) for examples in quantised.values()] == [8, 8]
    assert done.ao["exported"] == pytest.approx(done.ao["original"], abs=1e-4)
    assert done.ao["original"] > 0.3
    manifest = read_manifest(tmp_path / "out")
    assert manifest.precision == "int8"
    assert manifest.content["checks"]["ao"] == done.ao
    assert manifest.content["checks"]["ao"]["on"] == "the 2 given sequences"


@pytest.mark.slow
@pytest.mark.usefixtures("quantised")
def test_int8_that_loses_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    videos = sequences_of(tmp_path / "videos")
    figures = iter((0.6, 0.5, 0.6, 0.5))  # the original's, int8's
    monkeypatch.setattr(export_checks, "tracked_ao", lambda *_: next(figures))
    options = {"format": "torch-export", "precision": "int8", "sequences": videos}
    with pytest.raises(ltn.InputError, match=r"AO 0\.500, the original's 0\.600 on the 2 given .* at most 0\.02 is"):
        ltn.export_model("lighttrack-tiny-generated", tmp_path / "out", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["videos"]
    assert (
        ltn.export_model("lighttrack-tiny-generated", tmp_path / "out", largest_ao_loss=0.11, **options).ao["exported"]
        == 0.5
    )


@pytest.mark.slow
def test_another_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a wrong conversion would do."""

    def wrong(network: SiameseNetwork, plan: Plan) -> dict[str, Graph]:
        other = copy.deepcopy(network)
        with torch.no_grad():
            other.cls_head.prediction.bias += 20.0
        return build_graphs(other, plan)

    monkeypatch.setattr(exporting, "build_graphs", wrong)
    with pytest.raises(ltn.InputError, match="does not reproduce the network: at search size 128 its logits differ"):
        ltn.export_model("lighttrack-tiny-generated", tmp_path / "out", format="torch-export")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_stopped_export_leaves_nothing(torch_export: Path, tmp_path: Path) -> None:
    """Also where it was to replace another, which stays."""

    def stop(words: str) -> None:
        if "written" in words:
            raise KeyboardInterrupt

    before = (torch_export / "manifest.json").read_text()
    for output in (tmp_path / "new" / "out", torch_export):
        with pytest.raises(KeyboardInterrupt):
            ltn.export_model("lighttrack-tiny-generated", output, format="torch-export", progress=stop)
        assert not [path for path in output.parent.iterdir() if path.name.startswith(".")]
    assert not (tmp_path / "new" / "out").exists()
    assert (torch_export / "manifest.json").read_text() == before


@pytest.mark.slow
def test_an_earlier_export_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    output = Path("out")
    output.mkdir()
    for hyper_parameters in ("default", "vot2019"):
        ltn.export_model("lighttrack-tiny-generated", output, format="torch-export", hyper_parameters=hyper_parameters)
    assert read_manifest(output).hyper_parameters["lr"] == 0.616
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_anything_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "manifest.json").write_text('{"format": "mine"}')
    for output, said in (
        ("file", "exists and is no exported tracker, so it is left alone"),
        ("folder", "exists and is no exported tracker, so it is left alone"),
        ("file/below", "below' cannot be written: .* cannot hold results: it, or a part of it, is a file"),
    ):
        with pytest.raises(ltn.InputError, match=said):
            ltn.export_model("lighttrack-tiny-generated", tmp_path / output, format="torch-export")
    assert (tmp_path / "file").read_text() == "mine"
    assert len(list(tmp_path.rglob("*"))) == 3


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="/proc takes no files from anybody")
def test_a_place_that_takes_no_folder_is_named_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lighttrack_nas.export.exporting.build_graphs", lambda *_: pytest.fail("the work began"))
    with pytest.raises(ltn.InputError, match=r"^'/proc/zz' cannot be written: folder '/proc' takes no files: "):
        ltn.export_model("lighttrack-tiny-generated", "/proc/zz", format="torch-export")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"format": "onx"}, "unknown format 'onx'; did you mean 'onnx'"),
        ({"precision": "int4"}, "unknown precision 'int4'"),
        ({"correlation": "fft"}, "unknown correlation 'fft'"),
        pytest.param(
            {"correlation": "convolution", "format": "ncnn"},
            "'convolution': not for ncnn, .*: correlate as matmul",
            marks=pytest.mark.skipif(find_spec("pnnx") is None, reason="ncnn is not installed"),
        ),
        ({"template_size": 100}, "template size 100"),
        ({"search_sizes": (100,)}, "search size 100"),
        ({"search_sizes": (128, 136, 144)}, "search sizes: one or two expected"),
        ({"hyper_parameters": "vot2018"}, "unknown set of hyper-parameters 'vot2018'"),
        ({"largest_ao_loss": float("nan")}, "largest loss of AO: expected a fraction"),
        ({"precision": "int8"}, "runtime 'torch-export' has no post-training quantisation"),
        ({"model": "nowhere.safetensors"}, "'nowhere.safetensors' does not exist"),
        ({"opset": 17}, "opset 17: operator sets are ONNX's, and files for torch-export have none"),
        ({"calibration_data": "out"}, "'out' and the export '.*out' need folders beside each other"),
        ({"calibration_data": "out/inside"}, "need folders beside each other"),
        ({"calibration_data": "beside", "calibration_frames": 0}, "at least 1 frame expected, got 0"),
    ],
)
def test_an_export_that_cannot_be_is_refused_and_leaves_nothing(
    tmp_path: Path, options: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"model": "lighttrack-tiny-generated", "output": tmp_path / "out", "format": "torch-export"} | options
    with pytest.raises(ltn.InputError, match=said):
        ltn.export_model(**given)
    assert not list(tmp_path.iterdir())


def test_a_space_that_does_not_fit_is_refused(torch_export: Path, tmp_path: Path) -> None:
    content = json.loads((torch_export / "manifest.json").read_text())
    content.pop("seal")
    content["space"]["fused_channels"] += 8
    for name in content["files"]:
        (tmp_path / name).write_bytes((torch_export / name).read_bytes())
    (tmp_path / "manifest.json").write_text(manifest_text(content))
    with pytest.raises(
        ltn.InputError, match=r"manifest.json', header, architecture: belongs to space 'lighttrack-tiny'"
    ):
        ltn.load_tracker(tmp_path)


def test_examples_are_steps_of_the_tracker() -> None:
    """Real crops of the sizes asked for; the comparison is zero for the network itself, and sees any difference."""
    network = TorchNetwork(ltn.load_model("lighttrack-tiny-generated").network)
    videos = generated_videos(2, 4)
    examples = collect_examples(
        network,
        videos,
        template_size=64,
        search_size=136,
        hyper_parameters=ltn.HyperParameters(),
        count=5,
    )
    assert len(examples) == 5
    assert {example.template.shape for example in examples} == {(64, 64, 3)}
    assert {example.search.shape for example in examples} == {(136, 136, 3)}
    assert {example.logits.shape for example in examples} == {(1, 1, 17, 17)}
    same = compare_answers(network, network_input, examples)
    assert (same.crops, same.logits, same.distances) == (5, 0, 0)
    other = compare_answers(network, lambda crop: network_input(crop[..., ::-1].copy()), examples)
    assert other.logits_share > 1e-2


def test_what_a_killed_export_left_is_cleared(torch_export: Path, tmp_path: Path) -> None:
    """Half a folder goes; an earlier export, killed between the two renames, comes back."""
    output = tmp_path / "out"
    (tmp_path / ".out.abcd.part").mkdir()
    shutil.copytree(torch_export, tmp_path / ".out.abcd.old")
    with suppress(KeyboardInterrupt), folder_at_once(output):
        assert is_export(output)
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    shutil.copytree(torch_export, tmp_path / ".out.abcd.old")
    with pytest.raises(KeyboardInterrupt), folder_at_once(output):
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
