"""Scores of one network: loss on fixed pairs, tracking of videos."""

import math
from dataclasses import fields, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lighttrack_nas.benchmarks.evaluation.one_pass import evaluate
from lighttrack_nas.benchmarks.scoring.batchnorm_calibration import recalibrate
from lighttrack_nas.benchmarks.scoring.network_scorer import TRACKED
from lighttrack_nas.benchmarks.scoring.network_scores import fixed_pairs_loss, track_ao
from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import Sequence
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.runtimes.torch_network import TorchNetwork
from lighttrack_nas.trackers.tracking.hyper_parameters import load_hyper_parameters
from lighttrack_nas.trackers.tracking.lockstep import keep_frames
from lighttrack_nas.trackers.tracking.tracker import SiameseTracker
from lighttrack_nas.trackers.training.batches import TensorBatch
from lighttrack_nas.trackers.training.losses import LossSettings, tracking_loss
from lighttrack_nas.trackers.training.targets import TargetSettings, make_targets

TINY = load_space("lighttrack-tiny")
SETTINGS = TargetSettings(), LossSettings()


def fresh(seed: int = 0) -> SiameseNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_network(TINY.sample(np.random.default_rng(seed)))


def decided() -> SiameseNetwork:
    """A network whose scores differ from position to position, unlike those of fresh weights, which tie."""
    network = fresh()
    recalibrate(network, [make_batch(8, 0)])
    with torch.no_grad():
        network.cls_head.prediction.weight *= 100
    return network


def make_batch(size: int, seed: int, shown: bool = True) -> TensorBatch:
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(size, 2, generator=generator) * 40 + 20
    sides = torch.rand(size, 2, generator=generator) * 30 + 15
    return TensorBatch(
        torch.randn(size, 3, 64, 64, generator=generator),
        torch.randn(size, 3, 128, 128, generator=generator),
        torch.cat([corners, sides], dim=1),
        torch.full((size,), shown),
    )


class Oracle(nn.Module):
    """Knows the boxes of the batches that it is shown one after another, and is sure of them."""

    def __init__(self, batches: list[TensorBatch]) -> None:
        super().__init__()
        self.waiting = list(batches)

    def forward(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        batch = self.waiting.pop(0)
        targets = make_targets(batch.boxes, batch.positive, search_size=128, cells=16, settings=SETTINGS[0])
        return torch.where(targets.labels == 1, 50.0, -50.0), targets.distances.clamp(min=0)


def test_perfect_answers_lose_nothing_and_overlap_wholly() -> None:
    batches = [make_batch(4, 0), make_batch(2, 1, shown=False), make_batch(3, 2)]
    scores = fixed_pairs_loss(Oracle(batches), batches, *SETTINGS)
    assert scores["loss"] == pytest.approx(0, abs=1e-5)
    assert scores["overlap"] == pytest.approx(1)


def test_batches_weigh_as_their_pairs_and_negatives_have_no_overlap() -> None:
    network, batches = fresh().eval(), [make_batch(5, 0), make_batch(2, 1, shown=False)]
    scores = fixed_pairs_loss(network, batches, *SETTINGS)
    with torch.no_grad():
        losses = [tracking_loss(network, batch, *SETTINGS) for batch in batches]
    parts = {"loss": "total", "classification": "classification", "regression": "regression"}
    for name, part in parts.items():
        first, second = (float(getattr(loss, part)) for loss in losses)
        assert scores[name] == pytest.approx((5 * first + 2 * second) / 7, rel=1e-6), name
    assert scores["overlap"] == fixed_pairs_loss(network, batches[:1], *SETTINGS)["overlap"]
    assert 0 <= scores["overlap"] <= 1


def test_overlap_of_no_positive_pair_is_nan() -> None:
    assert math.isnan(fixed_pairs_loss(fresh(), [make_batch(2, 0, shown=False)], *SETTINGS)["overlap"])


def test_pairs_without_labels_are_not_scored() -> None:
    network, batch, other = fresh().eval(), make_batch(5, 0), make_batch(3, 1)
    nothing = replace(other, labelled=torch.zeros(3, dtype=torch.bool))
    both = TensorBatch(*(torch.cat([getattr(b, f.name) for b in (batch, nothing)]) for f in fields(batch)))
    wanted = fixed_pairs_loss(network, [batch], *SETTINGS)
    for batches in ([both], [nothing, batch]):
        assert fixed_pairs_loss(network, batches, *SETTINGS) == pytest.approx(wanted, rel=1e-5)
    with pytest.raises(InputError, match="no pairs with labels"):
        fixed_pairs_loss(network, [nothing], *SETTINGS)


def test_scoring_is_in_eval_mode_and_changes_nothing() -> None:
    network, batches = fresh().train(), [make_batch(3, 0)]
    before = {key: value.clone() for key, value in network.state_dict().items()}
    scores = fixed_pairs_loss(network, batches, *SETTINGS)
    assert not network.training
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert scores == fixed_pairs_loss(network, iter(batches), *SETTINGS)


def test_a_loss_of_no_pairs_is_refused() -> None:
    with pytest.raises(InputError, match="no pairs"):
        fixed_pairs_loss(fresh(), [], *SETTINGS)


@pytest.fixture
def videos(tmp_path: Path) -> list[Sequence]:
    """A bright square that moves over noise, in three videos of different sizes and lengths."""
    (tmp_path / "videos").mkdir()
    made = []
    for number, (width, height, frames) in enumerate([(96, 80, 6), (120, 90, 4), (80, 96, 5)]):
        rng = np.random.default_rng(number)
        ground = rng.integers(0, 90, (height, width, 3), np.uint8)
        target = rng.integers(140, 255, (20, 24, 3), np.uint8)
        paths, boxes = [], []
        for index in range(frames):
            frame, left = ground.copy(), 20 + 2 * index
            frame[30:50, left : left + 24] = target
            paths.append(tmp_path / "videos" / f"{number}-{index}.png")
            cv2.imwrite(str(paths[-1]), frame)
            boxes.append([left, 30, 24, 20])
        made.append(Sequence(f"video{number}", tuple(paths), np.array(boxes, float), np.zeros(frames, bool)))
    return made


def test_tracking_scores_are_those_of_the_evaluation(videos: list[Sequence], tmp_path: Path) -> None:
    """The tracker one video after another, its results on disk with four decimals, is the oracle."""
    videos[1].absent[2] = True
    network = decided()
    scores = track_ao(network, videos, "vot2019")
    tracker = SiameseTracker(TorchNetwork(network), load_hyper_parameters("vot2019"))
    wanted = evaluate(tracker, videos, tmp_path / "results", {})
    for name in TRACKED:
        assert scores[name] == pytest.approx(wanted.overall[name], abs=1e-3)
    for name in ("ao", "sr50"):
        for video in videos:
            assert scores["per_sequence"][video.name][name] == pytest.approx(
                wanted.sequences[video.name][name], abs=1e-3
            )


def test_videos_without_boxes_are_left_out(videos: list[Sequence]) -> None:
    videos[0].boxes[1:] = np.nan
    scores = track_ao(fresh(), videos)
    assert math.isnan(scores["per_sequence"]["video0"]["ao"])
    assert scores["ao"] == pytest.approx(np.mean([scores["per_sequence"][f"video{i}"]["ao"] for i in (1, 2)]))


def test_tracking_on_an_unknown_device_is_refused(videos: list[Sequence]) -> None:
    with pytest.raises(InputError, match="device 'warp'"):
        track_ao(fresh(), videos, device="warp")


def test_kept_frames_serve_when_the_files_are_gone(videos: list[Sequence]) -> None:
    kept = keep_frames(videos)
    wanted = track_ao(fresh(), videos)
    assert track_ao(fresh(), videos, frames=kept) == wanted
    for video in videos:
        for path in video.frame_paths:
            path.unlink()
    assert track_ao(fresh(), videos, frames=kept) == wanted


def test_a_video_that_fails_is_not_left_out(videos: list[Sequence]) -> None:
    videos[1].frame_paths[2].write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"sequence 'video1' could not be tracked: .*1-2\.png"):
        track_ao(fresh(), videos)


def test_a_broken_network_is_not_scored(videos: list[Sequence]) -> None:
    network = fresh()
    with torch.no_grad():
        network.cls_head.prediction.bias.fill_(math.nan)
    with pytest.raises(InputError, match="not finite"):
        track_ao(network, videos)
