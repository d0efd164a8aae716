"""`export`, and what takes its folders, as a user calls them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import lighttrack_nas as ltn
from lighttrack_nas.export.export_checks import generated_videos

Run = Callable[..., Any]


@pytest.fixture
def sequences(tmp_path: Path) -> Path:
    """Two generated sequences in GOT-10k's layout."""
    root = tmp_path / "sequences"
    for video in generated_videos(2, 8):
        folder = root / video.name.replace(" ", "-")
        folder.mkdir(parents=True)
        for index in range(len(video)):
            cv2.imwrite(str(folder / f"{index + 1:08d}.jpg"), video.frame(index))
        np.savetxt(folder / "groundtruth.txt", video.boxes, delimiter=",", fmt="%.3f")
    return root


@pytest.mark.slow
def test_export_and_what_takes_it(run: Run, sequences: Path, tmp_path: Path) -> None:
    given = ("--template-size", 63, "--search-size", 127, "--search-size", 144, "--hyper-parameters", "vot2019")
    code, out, err = run(
        *(
            "export",
            "lighttrack-tiny-generated",
            "--format",
            "torch-export",
            "--output",
            "out",
            "--sequences",
            sequences,
        ),
        *given,
    )
    assert code == 0, err
    assert "the rest of the export takes about " in err
    lines = out.splitlines()
    assert [line.split()[:2] for line in lines[3:5]] == [["127", "14"], ["144", "14"]]
    assert lines[-1].startswith("out: ")
    assert "for torch " in lines[-1]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["template_size"], manifest["search_sizes"]) == (63, [127, 144])
    assert manifest["checks"]["crops_of"] == "given sequences"

    code, out, err = run("evaluate", "out", sequences, "--output", "figures", "--threads", 1, "--json")
    assert code == 0, err
    record = json.loads((tmp_path / "figures" / "run.json").read_text())
    assert record["tracker"] == "out"
    assert record["sha256"] == manifest["seal"]
    assert (record["runtime"], record["precision"], record["threads"]) == ("torch-export", "float32", 1)
    assert "torch" in record["runtime_versions"]
    assert record["processor"]
    assert record["hyper_parameters"]["lr"] == 0.616

    code, out, err = run("latency", "out", "--branch", "template", "--json")
    assert code == 0, err
    timed = json.loads(out)
    assert (timed["sha256"], timed["stored_precision"]) == (manifest["seal"], "float32")
    assert (timed["latencies"][0]["branch"], timed["latencies"][0]["input_size"]) == ("template", 63)
    assert timed["latencies"][0]["fingerprint"]["runtime"] == "torch-export"
    code, _, err = run("latency", "out", "--runtime", "openvino")
    assert (code, err) == (
        1,
        "error: 'out' is exported for torch-export alone: leave out --runtime, or export it again\n",
    )

    calls = ("evaluate", "out", sequences, "--output", "half", "--threads", 1, "--compute-precision")
    code, out, err = run(*calls, "bfloat16")
    assert code == 0, err
    assert json.loads((tmp_path / "half" / "run.json").read_text())["compute_precision"] == "bfloat16"
    code, _, err = run(*calls, "int4")
    assert code == 1
    assert "unknown precision 'int4'" in err

    (tmp_path / "out" / "template.pt2").write_bytes(b"torn")
    code, _, err = run("evaluate", "out", sequences, "--output", "figures")
    assert code == 1
    assert err == "error: 'out/template.pt2' is not the file that was exported (its SHA-256 differs): export again\n"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            ("export", "lighttrack-tiny-generated", "--output", "sequences"),
            "'sequences' exists and is no exported tracker",
        ),
        (("export", "lighttrack-tiny-generated", "--output", "x", "--format", "tflite"), "unknown format 'tflite'"),
        (("export", "lighttrack-tiny-generated", "--output", "x", "--sequences", "no"), "'no'"),
        (("export", "opencv-mil", "--output", "x"), "weight file 'opencv-mil' does not exist"),
        (("track", "sequences", "v.mp4", "--output", "x", "--box", "1,1,9,9"), "'sequences' is no exported tracker"),
        (("evaluate", "nothing", "sequences", "--output", "x"), "'nothing' is neither a model file"),
        (
            ("evaluate", "lighttrack-tiny-generated", "sequences", "--output", "x", "--compute-precision", "bfloat16"),
            "'lighttrack-tiny-generated' is no exported folder, and computes in float32",
        ),
        (
            ("evaluate", "never-moves", "sequences", "--output", "x", "--compute-precision", "float32"),
            "--compute-precision is for exported folders; baseline 'never-moves' has none",
        ),
        (("export", "lighttrack-tiny-generated", "-o", "out", "--only", "a"), "choose from --sequences: give these"),
        (("export", "x", "-o", "out", "--on-bad", "leave-out"), "and --on-bad choose from --sequences: give these"),
        (
            ("export", "x", "-o", "out", "--sequences", "sequences", "--only", "nobody"),
            "unknown sequence of 'sequences'",
        ),
        (("export", "x", "-o", "out", "--sequences", "sequences", "--on-bad", "skip"), "unknown value of --on-bad"),
        (("export", "x", "-o", "out", "--sequences", "sequences", "--split", "val"), "holds no folder 'val'"),
        (
            ("export", "x", "-o", "out", "--calibration-frames", "9"),
            "--calibration-frames belongs to --calibration-data FOLDER: give both",
        ),
        (
            ("export", "lighttrack-tiny-generated", "-o", "out", "--calibration-data", "sequences"),
            "calibration data: 'sequences' exists, and is left alone",
        ),
        (
            ("export", "lighttrack-tiny-generated", "-o", "out", "--format", "torch-export", "--opset", "17"),
            "operator sets are ONNX's",
        ),
        (
            ("evaluate", "never-moves", "sequences", "--output", "x", "--runtime", "opencv"),
            "--runtime is for exported folders; baseline 'never-moves' has none",
        ),
        (("latency", "sequences"), "'sequences' is no exported tracker"),
        (("latency", "sequences", "--space", "lighttrack"), "--space is for official codes and architectures"),
    ],
)
def test_mistakes_get_one_sentence(run: Run, sequences: Path, tmp_path: Path, call: tuple[str, ...], said: str) -> None:
    code, _, err = run(*call)
    assert code == 1
    assert said in err
    assert len(err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["sequences"]


def test_python_and_the_command_line_agree_on_their_defaults() -> None:
    import inspect

    from lighttrack_nas.cli.tracker.tracker_commands import export

    python, command = (inspect.signature(function).parameters for function in (ltn.export_model, export))
    for name in ("dynamic", "correlation", "precision", "raw", "template_size"):
        assert python[name].default == command[name].default
    assert python["format"].default == command["format_"].default
    assert python["largest_ao_loss"].default == command["max_ao_loss"].default
