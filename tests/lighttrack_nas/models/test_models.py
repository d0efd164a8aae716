"""Model files: everything needed to use the weights, and refusal of what does not fit."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import lighttrack_nas as ltn
from lighttrack_nas.models.architecture_files import find_architecture
from lighttrack_nas.search_spaces.loading.loading import parse_space
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.tracking.hyper_parameters import load_hyper_parameters
from lighttrack_nas.trackers.weights.weights import save_weights

TINY = ltn.load_space("lighttrack-tiny")


def make(path: Path, seed: int = 0, space: ltn.Space = TINY, **options: object) -> Architecture:
    architecture = space.sample(np.random.default_rng(seed))
    torch.manual_seed(seed)
    ltn.save_model(ltn.build_network(architecture), architecture, path, **options)
    return architecture


def frame(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (90, 120, 3), np.uint8)


def test_a_model_file_is_self_contained(tmp_path: Path) -> None:
    """Also a space that is no preset comes back from the file alone."""
    (tmp_path / "mine.yaml").write_text("extends: lighttrack-tiny\nname: mine\nfused_channels: 32\n")
    mine = ltn.load_space(tmp_path / "mine.yaml")
    hyper_parameters = ltn.HyperParameters(penalty_k=0.2)
    architecture = make(
        tmp_path / "m.safetensors", space=mine, hyper_parameters=hyper_parameters, provenance={"seed": 0}
    )
    (tmp_path / "mine.yaml").unlink()
    model = ltn.load_model(tmp_path / "m.safetensors")
    assert model.architecture == architecture
    assert model.architecture.space == mine
    assert model.hyper_parameters == hyper_parameters
    assert model.provenance["seed"] == 0
    assert model.provenance["versions"]["nni"] == "3.0"


def test_a_reloaded_model_tracks_the_same(tmp_path: Path) -> None:
    architecture = make(tmp_path / "m.safetensors")
    boxes = []
    for tracker in (
        ltn.load_tracker(tmp_path / "m.safetensors"),
        ltn.build_tracker(architecture, weights=tmp_path / "m.safetensors"),
    ):
        tracker.init(frame(0), (30, 30, 40, 30))
        boxes.append([tracker.update(frame(i))[0] for i in range(1, 4)])
    assert np.array_equal(boxes[0], boxes[1])
    assert np.isfinite(boxes[0]).all()


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    make(tmp_path / "m.safetensors", seed=0)
    with pytest.raises(ltn.InputError, match="holds weights of another architecture"):
        ltn.build_tracker(TINY.sample(np.random.default_rng(1)), weights=tmp_path / "m.safetensors")


def test_the_same_network_of_two_spaces_is_one(tmp_path: Path, mobile_code: str) -> None:
    paper, released = (ltn.load_space(name).decode(mobile_code) for name in ("lighttrack", "lighttrack-12"))
    ltn.save_model(ltn.build_network(paper), paper, tmp_path / "m.safetensors")
    ltn.build_tracker(released, weights=tmp_path / "m.safetensors")
    other = released.space.decode(mobile_code.replace("cls_21", "cls_20"))
    with pytest.raises(ltn.InputError, match="another architecture: at 'cls-layer0' it has k5, expected k3"):
        ltn.build_tracker(other, weights=tmp_path / "m.safetensors")


@pytest.mark.slow
def test_a_hostile_header_costs_no_memory(tmp_path: Path) -> None:
    """A header may ask for gigabytes; it is compared with the file before anything is allocated."""
    wide = {
        "name": "wide",
        "template_size": 64,
        "search_sizes": [128],
        "stem": {"channels": 2048},
        "operations": {"a": {"kind": "mbconv", "kernel": 3, "expansion": 16}, "k3": {"kind": "dsconv", "kernel": 3}},
        "stages": [{"name": "stage1", "channels": 2048, "blocks": 32, "stride": 2, "operations": ["a"]}],
        "outputs": ["stage1-block31"],
        "fused_channels": 2048,
        "towers": {branch: {"widths": [2048], "layers": [{"operations": ["k3"]}]} for branch in ("cls", "reg")},
        "predictions": {"score_scale": 1, "box_activation": "relu", "box_scale": 1},
    }
    space = parse_space(wide, "test")
    header = {"space": wide, "architecture": json.loads(space.architecture({}).to_json())}
    save_weights(torch.nn.BatchNorm2d(1), tmp_path / "m.safetensors", header)
    code = (
        "import resource, sys; import torch; import lighttrack_nas as ltn\n"
        "import lighttrack_nas.models.models, lighttrack_nas.trackers.network.network, safetensors.torch\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: ltn.load_model(sys.argv[1])\n"
        "except ltn.InputError as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "m.safetensors"], check=True, capture_output=True, text=True
    )
    message, kilobytes = done.stdout.splitlines()
    assert "holds weights of another architecture" in message
    assert int(kilobytes) < 300_000  # the network would take 35 GB


def test_loading_and_counting_leave_the_generator_alone(tmp_path: Path) -> None:
    architecture = make(tmp_path / "m.safetensors")
    supernet = ltn.Supernet(TINY)
    before = torch.random.get_rng_state()
    ltn.load_model(tmp_path / "m.safetensors")
    ltn.measure_costs(architecture)
    supernet.extract(architecture)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_header_that_lies_is_refused(tmp_path: Path) -> None:
    """Architecture and weights of two networks in one file."""
    architecture, other = (TINY.sample(np.random.default_rng(seed)) for seed in (0, 1))
    ltn.save_model(ltn.build_network(other), architecture, tmp_path / "m.safetensors")
    with pytest.raises(ltn.InputError, match="another architecture"):
        ltn.load_model(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({}, "the header has no 'space'"),
        ({"space": {"name": "x"}, "architecture": {}}, "header, space: template_size: Field required"),
        (
            {"space": TINY.description.model_dump(mode="json"), "architecture": {}},
            "header, architecture: expected an object",
        ),
        ({"space": TINY.description.model_dump(mode="json")}, "the header has no 'architecture'"),
    ],
)
def test_a_model_file_with_a_broken_header_is_refused(tmp_path: Path, header: dict, said: str) -> None:
    save_weights(ltn.build_network(TINY.sample(np.random.default_rng(0))), tmp_path / "m.safetensors", header)
    with pytest.raises(ltn.InputError, match=said):
        ltn.load_model(tmp_path / "m.safetensors")


def test_stored_hyper_parameters_are_checked(tmp_path: Path) -> None:
    architecture = make(tmp_path / "m.safetensors")
    header = {
        "space": TINY.description.model_dump(mode="json"),
        "architecture": json.loads(architecture.to_json()),
        "hyper_parameters": {"lr": 7},
    }
    save_weights(ltn.build_network(architecture), tmp_path / "n.safetensors", header)
    with pytest.raises(ltn.InputError, match=r"hyper_parameters: .*lr: expected a number between 0 and 1, got 7"):
        ltn.load_model(tmp_path / "n.safetensors")


def test_import_and_export(tmp_path: Path, mobile_code: str) -> None:
    architecture = ltn.load_space("lighttrack").decode(mobile_code)
    ltn.save_model(ltn.build_network(architecture), architecture, tmp_path / "a.safetensors")
    ltn.export_weights(tmp_path / "a.safetensors", tmp_path / "a.pth")
    ltn.import_weights(tmp_path / "a.pth", architecture, tmp_path / "b.safetensors")
    first, second = (safetensors.torch.load_file(tmp_path / f"{name}.safetensors") for name in "ab")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
    other = architecture.space.decode(mobile_code.replace("ops_32", "ops_33"))
    with pytest.raises(ltn.InputError, match=r"does not fit the architecture: .* missing"):
        ltn.import_weights(tmp_path / "a.pth", other, tmp_path / "c.safetensors")
    assert not (tmp_path / "c.safetensors").exists()


def test_architectures_are_found_by_code_file_and_model(tmp_path: Path, mobile_code: str) -> None:
    assert find_architecture(mobile_code).space.name == "lighttrack"
    assert find_architecture(mobile_code.replace("ops_32", "ops_12")).space.name == "lighttrack-12"
    assert find_architecture(mobile_code, "lighttrack-12").space.name == "lighttrack-12"
    architecture = make(tmp_path / "m.safetensors")
    assert find_architecture(str(tmp_path / "m.safetensors")) == architecture
    (tmp_path / "a.json").write_text(architecture.to_json())
    assert find_architecture(str(tmp_path / "a.json")) == architecture
    for source, space, said in (
        ("nonsense", None, "'nonsense' is no architecture"),
        (mobile_code.replace("ops_32", "ops_12"), "lighttrack", "no output of space 'lighttrack'"),
        (mobile_code[:-1] + "9", None, "ops, digit 2 of 2 is 9"),
        (str(tmp_path / "gone.json"), None, "cannot be read: No such file"),
        (str(tmp_path / "a.json"), "lighttrack", "of space 'lighttrack-tiny' .* does not fit space 'lighttrack'"),
        (
            str(tmp_path / "m.safetensors"),
            "lighttrack",
            "of space 'lighttrack-tiny' .* does not fit space 'lighttrack'",
        ),
    ):
        with pytest.raises(ltn.InputError, match=said):
            find_architecture(source, space)


def test_the_shipped_tracker_is_small_and_tracks(tmp_path: Path) -> None:
    """On three generated videos that it was neither trained, chosen nor tuned on."""
    from lighttrack_nas.benchmarks.evaluation.metrics import score_frames, sequence_metrics
    from lighttrack_nas.models.shipped_models import model_file
    from lighttrack_nas.trackers.training.generator.videos import generate_video

    assert model_file("lighttrack-tiny-generated").stat().st_size <= 1_000_000
    model = ltn.load_model("lighttrack-tiny-generated")
    assert model.architecture.space.name == "lighttrack-tiny"
    overlaps = []
    for seed in (901, 902, 903):
        video = generate_video(seed, frames=25, width=240, height=180, distractor=False, occlusion=False)
        tracker = ltn.load_tracker("lighttrack-tiny-generated")
        tracker.init(video.frames[0], video.boxes[0])
        boxes = np.stack([video.boxes[0], *(tracker.update(frame)[0] for frame in video.frames[1:])])
        overlaps.append(sequence_metrics(score_frames(boxes, video.boxes, video.absent))["ao"])
    assert np.mean(overlaps) > 0.5


def test_the_shipped_models_former_name_still_works(capsys: pytest.CaptureFixture[str]) -> None:
    from lighttrack_nas.models import shipped_models

    shipped_models._say_new_name.cache_clear()
    assert shipped_models.is_shipped("lighttrack-tiny")
    files = {
        shipped_models.model_file(name) for name in ("lighttrack-tiny", "lighttrack-tiny", *shipped_models.SHIPPED)
    }
    assert len(files) == 1
    said = capsys.readouterr().err.splitlines()
    assert said == ["model 'lighttrack-tiny' is now called 'lighttrack-tiny-generated'; 'lighttrack-tiny' is a space"]


def test_a_model_s_trackers_have_its_hyper_parameters_unless_others_are_given() -> None:
    model = ltn.load_model("lighttrack-tiny-generated")
    assert model.tracker().hyper_parameters == model.hyper_parameters
    assert model.tracker().another().hyper_parameters == model.hyper_parameters
    assert model.tracker("vot2019").another().hyper_parameters == load_hyper_parameters("vot2019")
