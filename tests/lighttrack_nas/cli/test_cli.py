"""The command line as a user calls it: outputs, JSON, and one sentence for every mistake."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import lighttrack_nas as ltn
from lighttrack_nas.cli.tracker.draw_video import draw_box
from lighttrack_nas.reporting import environment

Run = Callable[..., Any]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    space = ltn.load_space("lighttrack-tiny")
    architecture = space.sample(np.random.default_rng(0))
    torch.manual_seed(0)
    path = tmp_path / "model.safetensors"
    ltn.save_model(ltn.build_network(architecture), architecture, path)
    return path


def frames(count: int, size: tuple[int, int] = (120, 160)) -> list[np.ndarray]:
    target = np.random.default_rng(0).integers(100, 256, (24, 32, 3), np.uint8)
    made = []
    for index in range(count):
        frame = np.full((*size, 3), 40, np.uint8)
        frame[40:64, 60 + index : 92 + index] = target
        made.append(frame)
    return made


@pytest.fixture
def sequences(tmp_path: Path) -> Path:
    """Two sequences of six frames in GOT-10k's layout."""
    root = tmp_path / "sequences"
    for name in ("first", "second"):
        (root / name).mkdir(parents=True)
        for index, frame in enumerate(frames(6)):
            cv2.imwrite(str(root / name / f"{index + 1:08d}.jpg"), frame)
        (root / name / "groundtruth.txt").write_text("".join(f"{60 + i},40,32,24\n" for i in range(6)))
    return root


def assert_refused(outcome: Any, said: str) -> None:
    """One sentence on standard error, exit code 1 or 2, no traceback."""
    assert outcome.code in (1, 2)
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.code == 2 or len(outcome.err.strip().splitlines()) == 1


def test_describe_says_sizes_and_outputs_of_a_space(run: Run) -> None:
    shown = run("describe")
    assert shown.code == 0
    assert "107,946,249,863,639,334,912" in shown.out
    assert "stage3 block 0 1 2 3, stride 16 in all" in shown.out
    assert "stage4 block 0 1 2 3, stride 16 in all" in shown.out
    machine = json.loads(run("describe", "lighttrack-12", "--json").out)
    assert machine["size"]["labels"] == 6**14 * 12 * (3 * 2 * 3**7) ** 2
    assert machine["labels"]["cls-width"] == ["128", "192", "256"]
    assert_refused(run("describe", "lighttrak"), "error: unknown space 'lighttrak'; did you mean 'lighttrack'")


def test_costs_are_counted_of_codes_and_model_files(run: Run, mobile_code: str, model: Path) -> None:
    shown = run("costs", mobile_code)
    assert "1,969,397  530.41 M" in shown.out
    assert "space lighttrack (" in shown.out
    assert "fvcore" in shown.out
    machine = json.loads(run("costs", mobile_code.replace("ops_32", "ops_12"), "--json").out)
    assert machine["space"] == "lighttrack-12"
    assert {"params", "macs", "macs_template", "parts", "counter", "convention"} <= machine.keys()
    assert json.loads(run("costs", model, "--json").out)["space"] == "lighttrack-tiny"
    assert_refused(run("costs", mobile_code[:-1]), "ops has 1 digits, expected 2")
    assert_refused(run("costs", "nothing"), "'nothing' is no architecture")


def test_weights_go_out_as_released_and_come_back(run: Run, mobile_code: str, model: Path, tmp_path: Path) -> None:
    space = ltn.load_space("lighttrack")
    architecture = space.decode(mobile_code)
    ltn.save_model(ltn.build_network(architecture), architecture, tmp_path / "a.safetensors")
    assert run("export-weights", "a.safetensors", "--output", "a.pth").code == 0
    back = ("import-weights", "a.pth", "--code", mobile_code, "--output")
    assert run(*back, "b.safetensors", "--hyper-parameters", "vot2019").code == 0
    assert ltn.load_model(tmp_path / "b.safetensors").hyper_parameters.lr == 0.616
    assert_refused(run(*back, "b.pth"), "expected a file that ends in .safetensors")
    assert_refused(run("export-weights", "a.safetensors", "-o", "a.txt"), "expected a file that ends in .pth")
    for ending, call in ((".pth", ("export-weights", "no.safetensors", "-o")), (".safetensors", back)):
        (tmp_path / f"folder{ending}").mkdir()
        assert_refused(run(*call, f"folder{ending}"), f"'folder{ending}' is a folder: expected a file")
    assert_refused(run("export-weights", model, "-o", "x.pth"), "has no official codes")
    wrong = mobile_code.replace("ops_32", "ops_31")
    assert_refused(
        run("import-weights", "a.pth", "--code", wrong, "-o", "c.safetensors"), "unexpected: features.blocks.4.2"
    )
    (tmp_path / "half.pth").write_bytes((tmp_path / "a.pth").read_bytes()[:5000])
    assert_refused(
        run("import-weights", "half.pth", "--code", mobile_code, "-o", "c.safetensors"), "'half.pth' is no whole"
    )
    assert not (tmp_path / "c.safetensors").exists()


def test_track_a_folder(run: Run, model: Path, sequences: Path, tmp_path: Path) -> None:
    shown = run("track", model, sequences / "first", "--box", "60,40,32,24", "--output", "out", "--save-video")
    assert shown.code == 0, shown.err
    boxes = np.loadtxt(tmp_path / "out/boxes.txt", delimiter=",")
    assert boxes.shape == (6, 4)
    assert boxes[0].tolist() == [60, 40, 32, 24]
    assert len((tmp_path / "out/scores.txt").read_text().splitlines()) == 6
    record = json.loads((tmp_path / "out/track.json").read_text())
    assert record["frames"] == 6
    assert record["versions"]["torch"] == torch.__version__.split("+")[0]
    video = cv2.VideoCapture(str(tmp_path / "out/video.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 6
    _, drawn = video.read()
    video.release()
    # Yellow on the upper edge of the first box, x from 60 to 92 at y 40; none far from it.
    yellow = (drawn[:, :, 0] < 110) & (drawn[:, :, 1] > 140) & (drawn[:, :, 2] > 160)
    assert drawn.shape == (120, 160, 3)
    assert yellow[39:42, 64:88].any(axis=0).mean() > 0.9
    assert not yellow[80:].any()
    assert not list((tmp_path / "out").glob(".*"))


def test_box_and_score_are_drawn() -> None:
    grey = np.full((120, 160, 3), 40, np.uint8)
    drawn = draw_box(grey, np.array([60.0, 50.0, 32.0, 24.0]), None)
    changed = np.argwhere((drawn != grey).any(axis=2))
    assert (np.abs(changed.min(axis=0) - [50, 60]) <= 2).all()
    assert (np.abs(changed.max(axis=0) - [74, 92]) <= 2).all()
    assert not (drawn != grey).any(axis=2)[54:70, 64:88].any()  # the target itself stays visible
    scored = draw_box(grey, np.array([60.0, 50.0, 32.0, 24.0]), 0.5)
    assert (scored[30:48, 60:95] != drawn[30:48, 60:95]).any()
    assert (grey == 40).all()


def test_track_a_video_with_a_baseline(run: Run, tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (160, 120))
    for frame in frames(8):
        writer.write(frame)
    writer.release()
    shown = run("track", "opencv-mil", "v.avi", "--box", "60,40,32,24", "--output", "out", "--max-frames", 5)
    assert shown.code == 0, shown.err
    assert len((tmp_path / "out/boxes.txt").read_text().splitlines()) == 5


def test_a_broken_frame_keeps_what_was_tracked(run: Run, model: Path, sequences: Path, tmp_path: Path) -> None:
    (sequences / "first/00000004.jpg").write_bytes(b"no image")
    assert_refused(run("track", model, sequences / "first", "--box", "60,40,32,24", "-o", "out"), "00000004.jpg")
    assert len((tmp_path / "out/boxes.txt").read_text().splitlines()) == 3


def test_a_frame_of_another_size_keeps_what_was_tracked(run: Run, model: Path, sequences: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(sequences / "first/00000005.jpg"), np.zeros((60, 80, 3), np.uint8))
    outcome = run("track", model, sequences / "first", "--box", "60,40,32,24", "-o", "out")
    assert_refused(outcome, "80 x 60")
    assert "160 x 120" in outcome.err
    assert len((tmp_path / "out/boxes.txt").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ("1,2,3", "expected four numbers x,y,width,height"),
        ("1,2,3,x", "expected four numbers x,y,width,height"),
        ("1,2,nan,4", "not finite"),
        ("1,2,0,4", "must be positive, got 0 x 4"),
        ("500,2,3,4", "lies outside the frame of 160 x 120 pixels"),
    ],
)
def test_a_box_that_is_none_is_refused_by_track(run: Run, model: Path, sequences: Path, box: str, said: str) -> None:
    assert_refused(run("track", model, sequences / "first", "--box", box, "-o", "out"), said)


@pytest.mark.parametrize("box", ["0,0,100000,100000", "0,0,1e12,1e12", "0,0,1e-200,1e-200"])
def test_boxes_that_no_crop_can_hold(run: Run, model: Path, sequences: Path, box: str) -> None:
    outcome = run("track", model, sequences / "first", "--box", box, "-o", "out", "--save-video")
    far = "lies more than 1000000 pixels out"
    assert_refused(outcome, far if "e12" in box else "cannot be tracked in a frame of 160 x 120")


def test_a_network_that_overflows(run: Run, tmp_path: Path, sequences: Path) -> None:
    """Finite weights, no finite prediction: one sentence, and the other sequences' results."""
    space = ltn.load_space("lighttrack-tiny")
    architecture = space.sample(np.random.default_rng(0))
    network = ltn.build_network(architecture)
    with torch.no_grad():
        network.cls_head.prediction.bias.fill_(3e38)
        network.cls_head.prediction.weight.fill_(1.0)
        for module in network.cls_head.layers.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.fill_(0.0)
                module.bias.fill_(3e38)
    ltn.save_model(network, architecture, tmp_path / "wild.safetensors")
    outcome = run("track", "wild.safetensors", sequences / "first", "--box", "60,40,32,24", "-o", "out")
    assert_refused(outcome, "not finite at any position")
    assert np.isfinite(np.loadtxt(tmp_path / "out/boxes.txt", delimiter=",")).all()


def test_a_failed_start_leaves_earlier_results(run: Run, model: Path, sequences: Path, tmp_path: Path) -> None:
    good = ("track", model, sequences / "first", "--box", "60,40,32,24", "-o", "out")
    assert run(*good, "--save-video").code == 0
    bad = ("track", model, sequences / "first", "--box", "60,40,900,24", "-o", "out")
    assert_refused(run(*bad), "cannot be tracked")
    assert len((tmp_path / "out/boxes.txt").read_text().splitlines()) == 6
    assert (tmp_path / "out/video.mp4").is_file()
    assert run(*good).code == 0
    # No file of another run stands beside these boxes, and none is lost.
    assert not (tmp_path / "out/video.mp4").exists()
    assert (tmp_path / "out/earlier-1/video.mp4").is_file()
    assert len((tmp_path / "out/earlier-1/boxes.txt").read_text().splitlines()) == 6


def test_ctrl_c_keeps_what_was_tracked(
    run: Run, model: Path, sequences: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ltn.SiameseTracker.update
    calls = iter(range(100))

    def update(self: ltn.SiameseTracker, frame: np.ndarray) -> tuple[np.ndarray, float]:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return read(self, frame)

    monkeypatch.setattr(ltn.SiameseTracker, "update", update)
    stopped = run("track", model, sequences / "first", "--box", "60,40,32,24", "-o", "out")
    assert stopped.code == 130
    assert "stopped: the 4 frames so far are written" in stopped.err
    assert json.loads((tmp_path / "out/track.json").read_text())["state"] == "stopped"
    assert len((tmp_path / "out/boxes.txt").read_text().splitlines()) == 4
    calls = iter(range(1, 100))
    stopped = run("evaluate", model, sequences, "-o", "runs")
    assert stopped.code == 130
    assert "stopped: 0 of 2 sequences are kept; the same call goes on" in stopped.err
    monkeypatch.undo()


@pytest.mark.slow
def test_threads_are_set(run: Run, model: Path, sequences: Path, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        done = run("track", model, sequences / "first", "--box", "60,40,32,24", "-o", "out", "--threads", before + 1)
        assert done.code == 0
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
    assert json.loads((tmp_path / "out/track.json").read_text())["threads"] == before + 1
    assert run("track", model, sequences / "first", "-o", "out", "--threads", 1000000).code == 2


def test_a_video_that_ends_early_is_said(run: Run, tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (160, 120))
    for frame in frames(20):
        writer.write(frame)
    writer.release()
    content = (tmp_path / "v.avi").read_bytes()
    (tmp_path / "v.avi").write_bytes(content[: len(content) // 2])
    shown = run("track", "never-moves", "v.avi", "--box", "60,40,32,24", "-o", "out")
    assert shown.code == 0
    assert "warning: 'v.avi' ended after" in shown.err
    assert 1 <= len((tmp_path / "out/boxes.txt").read_text().splitlines()) < 20


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "meta:x"])
def test_a_device_that_cannot_be_used_is_refused(run: Run, model: Path, sequences: Path, device: str) -> None:
    outcome = run("track", model, sequences / "first", "--box", "60,40,32,24", "-o", "out", "--device", device)
    assert_refused(outcome, f"device '{device}' cannot be used here")


def test_no_box_and_no_screen(run: Run, model: Path, sequences: Path) -> None:
    assert_refused(run("track", model, sequences / "first", "-o", "out"), "no screen")


def test_what_is_no_model_is_refused_by_track_and_evaluate(
    run: Run, sequences: Path, tmp_path: Path, model: Path
) -> None:
    (tmp_path / "half.safetensors").write_bytes(model.read_bytes()[:1000])
    (tmp_path / "foreign.pth").write_bytes(b"x")
    for name, said in (
        ("gone.safetensors", "'gone.safetensors' does not exist"),
        ("half.safetensors", "'half.safetensors' is no whole safetensors file"),
        ("foreign.pth", "import-weights"),
        ("opencv-mill", "baselines: never-moves, opencv-mil"),
        ("opencv-nano", "needs the path of its model"),
        ("opencv-nano:nowhere", "nowhere"),
    ):
        for command in ("track", "evaluate"):
            box = ("--box", "60,40,32,24") if command == "track" else ()
            source = sequences / "first"
            assert_refused(run(command, name, source, *box, "-o", "out"), said)


def test_evaluate_writes_figures_and_goes_on_where_it_stopped(
    run: Run, model: Path, sequences: Path, tmp_path: Path
) -> None:
    shown = run("evaluate", model, sequences, "--output", "out")
    assert shown.code == 0, shown.err
    assert "overall" in shown.out
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert {"ao", "sr50", "sr75", "fps"} <= summary["overall"].keys()
    assert set(summary["sequences"]) == {"first", "second"}
    assert 0 <= summary["overall"]["ao"] <= 1
    for name in ("summary.csv", "success.png", "precision.png", "first/first_001.txt", "first/first_time.txt"):
        assert (tmp_path / "out" / name).is_file(), name
    assert run("evaluate", model, sequences, "-o", "out").code == 0  # goes on where it stopped: nothing left
    other = run("evaluate", model, sequences, "-o", "out", "--hyper-parameters", "vot2019")
    assert_refused(other, "holds results of another run")


def test_evaluate_json_and_protocols(run: Run, sequences: Path, tmp_path: Path) -> None:
    machine = json.loads(run("evaluate", "never-moves", sequences, "-o", "out", "--json").out)
    # The target moves one pixel a frame: overlap (32 - i) / (32 + i) for i = 1 .. 5.
    assert machine["overall"]["ao"] == pytest.approx(np.mean([(32 - i) / (32 + i) for i in range(1, 6)]), abs=1e-6)
    shown = run("evaluate", "never-moves", sequences, "-o", "vot", "--protocol", "vot")
    assert shown.code == 0, shown.err
    assert "eao" in json.loads((tmp_path / "vot/summary.json").read_text())["overall"]
    supervised = ("evaluate", "never-moves", sequences, "--protocol", "vot", "-o", "vot")
    assert run(*supervised, "--eao-interval", "2,5").code == 0
    assert run(*supervised, "--eao-interval", "vot2019").code == 0
    assert_refused(run(*supervised, "--eao-interval", "5,2"), "--eao-interval '5,2': expected LOW,HIGH")
    one_pass = run("evaluate", "never-moves", sequences, "-o", "out4", "--eao-interval", "vot2019")
    assert_refused(one_pass, "--eao-interval belongs to --protocol vot")
    assert_refused(run(*supervised, "--eao-interval", "vot2030"), "did you mean 'vot20")
    wrong = run("evaluate", "never-moves", sequences, "-o", "out3", "--protocol", "vots")
    assert_refused(wrong, "unknown protocol 'vots'; did you mean 'vot'")
    assert_refused(
        run("evaluate", "never-moves", sequences, "-o", "out3", "--layout", "got-10k"), "did you mean 'got10k'"
    )


def test_one_broken_sequence_leaves_the_others(run: Run, sequences: Path, tmp_path: Path) -> None:
    (sequences / "first/00000003.jpg").write_bytes(b"no image")
    shown = run("evaluate", "never-moves", sequences, "-o", "out")
    assert shown.code == 1
    assert "sequence 'first' could not be evaluated" in shown.err
    assert "error: 1 of 2 sequences could not be evaluated" in shown.err
    assert "overall (1)" in shown.out
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert set(summary["sequences"]) == {"second"}
    assert "00000003.jpg" in summary["failures"]["first"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root: (root / "first/groundtruth.txt").unlink(), "groundtruth.txt"),
        (lambda root: (root / "first/groundtruth.txt").write_text("60,40,x,24\n" * 6), "line 1"),
        (lambda root: (root / "first/groundtruth.txt").write_text("nan,40,32,24\n" * 6), "first"),
        (lambda root: (root / "first/groundtruth.txt").write_text("60,40,32,24\n" * 4), "4"),
        (lambda root: [path.unlink() for path in (root / "first").glob("*.jpg")], "first"),
    ],
)
def test_a_broken_sequence_is_refused_by_evaluate(
    run: Run, sequences: Path, change: Callable[[Path], object], said: str
) -> None:
    change(sequences)
    assert_refused(run("evaluate", "never-moves", sequences / "first", "-o", "out"), said)


def test_the_data_set_is_no_place_for_results(run: Run, sequences: Path, model: Path) -> None:
    before = sorted(sequences.rglob("*"))
    for output in (sequences, sequences / "first", sequences / "first" / "runs"):
        assert_refused(run("evaluate", "never-moves", sequences, "-o", output), "lies in the data set")
    track = ("track", "never-moves", sequences / "first", "--box", "60,40,32,24", "-o", sequences / "first")
    assert_refused(run(*track), "give another folder")
    assert sorted(sequences.rglob("*")) == before


def test_missing_data_set(run: Run) -> None:
    assert_refused(run("evaluate", "never-moves", "nowhere", "-o", "out"), "nowhere")


def test_output_that_is_a_file(run: Run, sequences: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    assert_refused(run("evaluate", "never-moves", sequences, "-o", "out"), "'out' cannot hold results")
    track = ("track", "never-moves", sequences / "first", "--box", "60,40,32,24", "-o")
    assert_refused(run(*track, "out"), "'out' cannot hold results")
    assert_refused(run(*track, "out/inner"), "'out/inner' cannot hold results")
    assert (tmp_path / "out").read_text() == "mine"


def test_doctor_names_versions_and_what_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = json.loads(run("doctor", "--json").out)
    assert machine["problems"] == []
    assert machine["versions"]["nni"] == "3.0"
    assert machine["baselines"]["opencv-mil"] == "available"
    monkeypatch.setattr(environment, "versions", lambda: machine["versions"] | {"filelock": "3.20.1"})
    shown = run("doctor")
    assert shown.code == 1
    assert "filelock 3.20.1" in shown.out
    assert 'pip install "filelock<3.12"' in shown.out


def test_doctor_beside_a_broken_torch(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def devices() -> list[str]:
        raise ImportError("libtorch.so: cannot open shared object file")

    monkeypatch.setattr(environment, "devices", devices)
    shown = run("doctor")
    assert shown.code == 1
    assert "PROBLEM: torch is installed but cannot be imported: libtorch.so: cannot open" in shown.out
    assert "optuna" in shown.out


@pytest.mark.parametrize(
    ("version", "trapped"), [("3.11.0", False), ("3.12.0", True), ("4.0", True), ("not installed", False)]
)
def test_doctor_knows_the_versions_of_filelock_that_hang(version: str, trapped: bool) -> None:
    assert (environment.filelock_trap({"filelock": version}) is not None) == trapped


def test_commands_keep_freed_memory(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[bool] = []
    monkeypatch.setattr("lighttrack_nas.processes.memory.keep_freed_memory", lambda: called.append(True))
    run("describe")
    assert called == [True]


def test_wrong_calls_end_with_exit_code_2(run: Run) -> None:
    assert run("describe", "--nonsense").code == 2
    assert run("costs").code == 2
    assert run("nonsense").code == 2
    assert run("--version").out == f"lighttrack-nas {ltn.__version__}\n"


@pytest.mark.parametrize("output", [("--output", ""), ("--output=",), ("-o", "")])
def test_an_empty_argument_is_no_path(run: Run, sequences: Path, output: tuple[str, ...]) -> None:
    outcome = run("track", "never-moves", sequences / "first", "--box", "60,40,32,24", *output)
    assert_refused(outcome, f"{output[0].removesuffix('=')} is empty")
    assert "lighttrack-nas track [OPTIONS]" in outcome.err
    assert not list(Path.cwd().glob("boxes*"))


@pytest.mark.parametrize("number", [("--number", "1_0"), ("--number=1_0",), ("--seed", "٣"), ("--seed=0x10",)])
def test_numbers_of_options_are_decimal(run: Run, number: tuple[str, ...]) -> None:
    outcome = run("random", "lighttrack-tiny", *number)
    assert outcome.code == 2
    assert f"{number[0].partition('=')[0]}: expected a number" in outcome.err
    assert "lighttrack-nas random [OPTIONS]" in outcome.err


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"),
        RuntimeError("could not create a primitive"),
        RuntimeError("can't start new thread"),
    ],
)
def test_out_of_memory_is_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    from lighttrack_nas.cli.tracker import doctor

    def fails(json: bool) -> None:
        raise error

    monkeypatch.setattr(doctor, "doctor", fails)
    assert_refused(run("doctor"), "error: out of memory")


def test_an_error_is_short_whatever_was_given(run: Run) -> None:
    outcome = run("track", "never-moves", "x" * 50_000, "--box", "1,1,20,20", "-o", "out")
    assert_refused(outcome, " ... ")
    assert len(outcome.err) < 2000
