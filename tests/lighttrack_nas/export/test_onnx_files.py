"""Exported ONNX files: what they say, the operator set that was asked for, and OpenCV, which runs them too."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lighttrack_nas as ltn
from lighttrack_nas.export import export_agreement
from lighttrack_nas.export.export_checks import generated_videos
from lighttrack_nas.export.export_description import PREFIX, graph_metadata
from lighttrack_nas.trackers.runtimes.exported import MANIFEST, ExportedNetwork, manifest_text, read_manifest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
# The ONNX exporter of torch uses what torch calls deprecated.
# One export serves them all.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:onnxscript"),
    pytest.mark.xdist_group("ONNX files"),
]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> ltn.Export:
    """The shipped model in operator set 17, as of 2022."""
    return ltn.export_model("lighttrack-tiny-generated", tmp_path_factory.mktemp("onnx") / "tiny", opset=17)


def rewritten(folder: Path, target: Path, **changes: Any) -> Path:
    """A copy of an export whose manifest says something else, sealed anew."""
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    content = json.loads((folder / MANIFEST).read_text())
    content.pop("seal")
    (target / MANIFEST).write_text(manifest_text(content | changes))
    return target


def test_the_files_have_the_operator_set_and_the_file_version_of_its_time(export: ltn.Export) -> None:
    assert read_manifest(export.folder).content["opset"] == 17
    for name in ("template", "track-128"):
        model = onnx.load(export.folder / f"{name}.onnx")
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
        assert model.ir_version == 8
        onnx.checker.check_model(model)


def test_no_file_tells_where_the_exporter_is_installed(export: ltn.Export) -> None:
    for file in export.folder.iterdir():
        assert b"lighttrack_nas/" not in file.read_bytes(), file.name


def test_each_file_says_what_it_is(export: ltn.Export) -> None:
    content = read_manifest(export.folder).content
    for name in ("template", "track-128"):
        model = onnx.load(export.folder / f"{name}.onnx")
        said = {entry.key: entry.value for entry in model.metadata_props}
        assert said == graph_metadata(content, name)
        assert said[PREFIX + "format"] == "lighttrack-nas-graph-1"
        assert json.loads(said[PREFIX + "inputs"]) == [node.name for node in model.graph.input]
        assert json.loads(said[PREFIX + "outputs"]) == [node.name for node in model.graph.output]
        assert json.loads(said[PREFIX + "input"])["layout"].startswith("(1, 3, side, side) float32, RGB")
        assert json.loads(said[PREFIX + "architecture"]) == content["architecture"]
        assert json.loads(said[PREFIX + "hyper_parameters"]) == dict(read_manifest(export.folder).hyper_parameters)
        assert json.loads(said[PREFIX + "template_size"]) == 64


def test_opencv_runs_them_and_tracks_as_onnx_runtime_does(export: ltn.Export) -> None:
    differences = export.also["opencv"]
    assert not isinstance(differences, str), differences
    found = differences[128]
    assert found.crops == 32
    assert found.distances_share is not None
    assert found.distances_share < 1e-4
    (video,) = generated_videos(1, 6)
    boxes = []
    for runtime in (None, "opencv"):
        tracker = ltn.load_tracker(export.folder, threads=1, runtime=runtime)
        assert isinstance(tracker.network, ExportedNetwork)
        assert tracker.network.runtime == (runtime or "onnxruntime")
        tracker.init(video.frame(0), video.boxes[0])
        boxes.append([tracker.update(video.frame(index))[0] for index in range(1, len(video))])
    np.testing.assert_allclose(*boxes, atol=1e-2)


@pytest.mark.parametrize(
    ("also", "runtime", "said"),
    [
        ({}, "opencv", "was not checked on opencv when it was exported: export the model again"),
        ({"opencv": {"refused": "why"}}, "opencv", "does not run on opencv, as its export found: why"),
        ({}, "openvino", "is exported for onnxruntime alone: leave out --runtime"),
        ({}, "opencw", "unknown runtime 'opencw'; did you mean 'opencv'"),
    ],
)
def test_only_what_was_checked_runs_elsewhere(
    export: ltn.Export, tmp_path: Path, also: dict[str, Any], runtime: str, said: str
) -> None:
    """Older exports too: OpenCV would give them wrong answers and say nothing."""
    folder = rewritten(export.folder, tmp_path / "other", checks={"also": also})
    with pytest.raises(ltn.InputError, match=said):
        ltn.load_tracker(folder, runtime=runtime)
    assert ltn.load_tracker(folder, runtime="onnxruntime").network.search_sizes == (128,)


@pytest.mark.slow
def test_what_opencv_gets_wrong_is_said_and_still_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = export_agreement.compare

    def wrong(exported: ExportedNetwork, *rest: Any) -> Any:
        if exported.runtime == "opencv":
            raise ltn.InputError("opencv does not reproduce the network; nothing was written")
        return real(exported, *rest)

    monkeypatch.setattr(export_agreement, "compare", wrong)
    done = ltn.export_model("lighttrack-tiny-generated", tmp_path / "out")
    assert done.also == {"opencv": "opencv does not reproduce the network"}
    with pytest.raises(ltn.InputError, match=r"as its export found: opencv does not reproduce the network$"):
        ltn.load_tracker(done.folder, runtime="opencv")


def test_int8_is_for_the_runtime_on_which_its_ao_was_measured(tmp_path: Path) -> None:
    said = export_agreement.compare_elsewhere(tmp_path, {}, "int8", {}, print)
    assert said == "what int8 costs in AO is measured on the runtime that it is written for alone"
    assert not list(tmp_path.iterdir())


def test_a_model_file_has_no_runtime_to_choose() -> None:
    with pytest.raises(ltn.InputError, match="is no exported folder, and runs in torch; export it first"):
        ltn.load_tracker("lighttrack-tiny-generated", runtime="opencv")
