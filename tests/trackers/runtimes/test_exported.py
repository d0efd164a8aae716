"""Exported folders: refused unless they are as they were written; a network that serves every user of one."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.runtimes import exported, runtime_registry
from lighttrack_nas.trackers.runtimes.exported import (
    ExportedNetwork,
    default_threads,
    is_export,
    manifest_text,
    read_manifest,
)
from lighttrack_nas.trackers.runtimes.program import Options
from lighttrack_nas.trackers.tracking.crops import network_input
from lighttrack_nas.trackers.tracking.lockstep import track_in_step
from lighttrack_nas.trackers.tracking.tracker import SiameseTracker

GRAPHS = ("template", "track-128", "track-160")


def content(**changes: Any) -> dict[str, Any]:
    graphs = ("template", "track") if changes.get("dynamic") is True else GRAPHS
    files = {f"{name}.onnx": hashlib.sha256(name.encode()).hexdigest() for name in graphs}
    return {
        "runtime": "onnxruntime",
        "precision": "float32",
        "template_size": 64,
        "search_sizes": [128, 160],
        "dynamic": False,
        "stride": 8,
        "input": {"raw": False},
        "hyper_parameters": {"lr": 0.5},
        "files": files,
        **changes,
    }


def write(folder: Path, **changes: Any) -> Path:
    for name in (*GRAPHS, "track"):
        (folder / f"{name}.onnx").write_text(name)
    (folder / "manifest.json").write_text(manifest_text(content(**changes)))
    return folder


class Fake:
    """A program whose features are the crop's mean, and whose logits tell features and crop apart; batch 1 alone."""

    def __init__(self, name: str, options: Options) -> None:
        self.name, self.options, self.inputs = name, options, []

    def run(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        assert all(len(array) == 1 for array in arrays)
        self.inputs.append(arrays[-1])
        if self.name == "template":
            return (arrays[0].mean(axis=(1, 2, 3)).astype(np.float32)[:, None],)
        cells = int(self.name.removeprefix("track-")) // 8
        logits = np.full((1, 1, cells, cells), arrays[0][0, 0] + 10 * arrays[1].mean(), np.float32)
        return logits, np.full((1, 4, cells, cells), 20, np.float32)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, Fake]:
    """Programs by name, once they are opened; no runtime is needed."""
    made: dict[str, Fake] = {}

    def open_program(runtime: str, path: Path, options: Options) -> Fake:
        assert runtime == "onnxruntime"
        made[path.name] = Fake(path.name, options)
        return made[path.name]

    monkeypatch.setattr(exported, "open_program", open_program)
    monkeypatch.setattr(exported, "checked_runtime", lambda name: name)
    return made


def test_it_says_its_sizes_and_opens_every_graph_once(tmp_path: Path, opened: dict[str, Fake]) -> None:
    network = ExportedNetwork(write(tmp_path), threads=3, device="cuda", compute_precision="bfloat16")
    assert (network.template_size, network.search_sizes, network.stride) == (64, (128, 160), 8)
    assert set(opened) == set(GRAPHS)
    assert {program.options for program in opened.values()} == {Options(3, "cuda", "bfloat16")}
    assert network.manifest.hyper_parameters == {"lr": 0.5}
    assert 1 <= default_threads() <= 4


def test_one_graph_may_serve_every_size(tmp_path: Path, opened: dict[str, Fake]) -> None:
    ExportedNetwork(write(tmp_path, dynamic=True))
    assert set(opened) == {"template", "track"}


def test_batches_run_one_by_one(tmp_path: Path, opened: dict[str, Fake]) -> None:
    network = ExportedNetwork(write(tmp_path))
    rng = np.random.default_rng(0)
    templates, searches = rng.random((3, 3, 64, 64), np.float32), rng.random((3, 3, 160, 160), np.float32)
    features = network.template(templates)
    logits, distances = network.track(features[np.array([2, 0])], searches[[2, 0]])
    assert logits.shape == (2, 1, 20, 20)
    assert distances.shape == (2, 4, 20, 20)
    for place, index in enumerate((2, 0)):
        alone, _ = network.track(network.template(templates[index : index + 1]), searches[index : index + 1])
        assert np.array_equal(logits[place], alone[0])


@pytest.mark.parametrize("raw", [False, True])
def test_crops_come_as_the_graphs_want_them(tmp_path: Path, opened: dict[str, Fake], raw: bool) -> None:
    """One tracker and many in step alike."""
    network = ExportedNetwork(write(tmp_path, input={"raw": raw}))
    frame = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    tracker = SiameseTracker(network)
    tracker.init(frame, (60, 40, 32, 24))
    alone, _ = tracker.update(frame)

    class Video:
        name, boxes = "one", np.array([[60.0, 40, 32, 24]] * 2)

        def __len__(self) -> int:
            return 2

        def frame(self, index: int) -> np.ndarray:
            return frame

    tracks = track_in_step(network, [Video()])
    assert np.array_equal(tracks.boxes["one"][1], alone)
    inputs = [array for program in opened.values() for array in program.inputs]
    assert len(inputs) == 4
    for array in inputs:
        assert array.flags.c_contiguous
        if raw:
            assert array.dtype == np.uint8
            assert array.shape[3] == 3
        else:
            assert array.dtype == np.float32
            assert array.shape[1] == 3
    crop = frame[:64, :64]
    assert np.array_equal(network.prepare(crop), crop[None] if raw else network_input(crop))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "no exported tracker: it has no manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text('{"format": "ligh'), "no valid JSON at line 1"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "format no object, expected"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "format None, expected"),
        (lambda folder: edit(folder, "format", "lighttrack-nas-export-9"), "or one of another version"),
        (lambda folder: edit(folder, "stride", 16), "was changed after it was written"),
        (lambda folder: edit(folder, "files", {}), "was changed after it was written"),
        (lambda folder: edit(folder, "seal", "0"), "was changed after it was written"),
        (lambda folder: (folder / "track-128.onnx").unlink(), "'track-128.onnx' is missing"),
        (lambda folder: (folder / "template.onnx").write_text("templat"), "template.onnx' is not the file that was"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"\xff\xfe"), "is no text file"),
    ],
)
def test_a_damaged_folder_is_refused(tmp_path: Path, opened: dict[str, Fake], damage: Any, said: str) -> None:
    folder = write(tmp_path)
    damage(folder)
    with pytest.raises(InputError) as refused:
        ExportedNetwork(folder)
    assert said in str(refused.value).replace(f"{folder}/", "")
    assert not opened


def edit(folder: Path, key: str, value: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no exported tracker"):
        read_manifest(tmp_path / "nowhere")


def test_a_missing_runtime_is_named_with_what_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_registry.util, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r'needs onnxruntime, not installed here: pip install "lighttrack-nas\[onnx\]"'
    ):
        ExportedNetwork(write(tmp_path))


def test_what_is_an_export(tmp_path: Path) -> None:
    assert not is_export(tmp_path)
    write(tmp_path)
    assert is_export(tmp_path)
    edit(tmp_path, "format", "lighttrack-nas-export-9")
    assert is_export(tmp_path)
    (tmp_path / "manifest.json").write_text("[1]")
    assert not is_export(tmp_path)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("runtime", (None, 1, "onnx", "torch", [])),
        ("precision", (None, 1)),
        ("template_size", (None, 0, -64, 1.5, "64", True, 10**9)),
        ("search_sizes", (None, 128, [], [160, 128], [128, 128], [1, 2, 3], ["128"], [True])),
        ("stride", (None, 0, "8", 10**6)),
        ("dynamic", (None, 1, "no")),
        ("input", (None, {}, {"raw": 1}, {"raw": "no"}, [])),
        ("hyper_parameters", (None, [], {"lr": "x"}, {"lr": None})),
        ("files", (None, {}, [], {"template.onnx": 1}, {"../../template.onnx": "0" * 64})),
    ],
)
def test_a_manifest_whose_seal_was_made_anew_is_checked_all_the_same(
    tmp_path: Path, opened: dict[str, Fake], key: str, values: tuple[object, ...]
) -> None:
    for value in values:
        write(tmp_path, **{key: value})
        with pytest.raises(InputError, match=f"{key}.*export the model again"):
            ExportedNetwork(tmp_path)
    assert not opened


def test_every_file_that_is_read_has_a_hash(tmp_path: Path) -> None:
    hashes = content()["files"]
    for without in hashes:
        write(tmp_path, files={name: digest for name, digest in hashes.items() if name != without})
        with pytest.raises(InputError, match=f"differs in {without}"):
            read_manifest(tmp_path)


def test_maps_have_the_stride_that_the_manifest_says(tmp_path: Path, opened: dict[str, Fake]) -> None:
    network = ExportedNetwork(write(tmp_path, stride=9))
    assert opened
    with pytest.raises(InputError, match=r"maps of \(1, 16, 16\) where its manifest says \(1, 14, 14\)"):
        network.track(np.zeros((1, 1), np.float32), np.zeros((1, 3, 128, 128), np.float32))


def test_a_graph_that_refuses_what_its_manifest_says(
    tmp_path: Path, opened: dict[str, Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = ExportedNetwork(write(tmp_path))
    crop = np.zeros((1, 3, 64, 64), np.float32)
    for answer, said in ((ValueError("unexpected input"), "unexpected input"), ((crop, crop), "gives 2 outputs")):

        def run(*arrays: np.ndarray, answer: Any = answer) -> tuple[np.ndarray, ...]:
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(opened["template"], "run", run)
        with pytest.raises(InputError, match=said):
            network.template(crop)
