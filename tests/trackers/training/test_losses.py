"""Losses on numbers worked out by hand, and in the corners where they could become NaN."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lighttrack_nas.trackers.base.boxes import overlap
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.training.batches import TensorBatch
from lighttrack_nas.trackers.training.losses import (
    LossSettings,
    balanced_cross_entropy,
    best_box_overlap,
    distillation_loss,
    overlap_loss,
    tracking_loss,
)
from lighttrack_nas.trackers.training.targets import TargetSettings, make_targets, map_positions

SETTINGS = [
    (TargetSettings(rule=rule), LossSettings(iou=iou)) for rule in ("ellipse", "cross") for iou in ("plain", "smoothed")
]


def column(*values: float) -> Tensor:
    """Distances l, t, r, b of a map with one position."""
    return torch.tensor(values).view(1, 4, 1, 1)


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_classification_by_hand() -> None:
    # Two positives, three negatives, one left out; -ln sigmoid(x) = ln(1 + e^-x) of a positive, ln(1 + e^x) else.
    logits = torch.tensor([2.0, -1.0, 0.0, 1.0, -3.0, 50.0])
    labels = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0, -1.0])
    positive = (softplus(-2) + softplus(1)) / 2  # (.126928 + 1.313262) / 2
    negative = (softplus(0) + softplus(1) + softplus(-3)) / 3  # (.693147 + 1.313262 + .048587) / 3
    assert positive == pytest.approx(0.720095, abs=1e-6)
    assert negative == pytest.approx(0.684999, abs=1e-6)
    assert balanced_cross_entropy(logits, labels).item() == pytest.approx(0.702547, abs=1e-6)


@pytest.mark.parametrize(("label", "expected"), [(1.0, 0.5 * math.log(2)), (0.0, 0.5 * math.log(2)), (-1.0, 0.0)])
def test_a_missing_side_adds_nothing(label: float, expected: float) -> None:
    logits = torch.zeros(4, requires_grad=True)
    loss = balanced_cross_entropy(logits, torch.full((4,), label))
    loss.backward()
    assert loss.item() == pytest.approx(expected)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize(
    ("found", "true", "shared", "union"),
    [
        # Boxes -5..5 by -5..5, and 0 .. 5 in x: half of it.
        ((0, 5, 5, 5), (5, 5, 5, 5), 50, 100),
        # 4 + 6 by 3 + 7 = 100; 8 + 2 by 1 + 9 = 100; shared (4 + 2) by (1 + 7) = 48.
        ((4, 3, 6, 7), (8, 1, 2, 9), 48, 152),
        ((5, 5, 5, 5), (5, 5, 5, 5), 100, 100),
    ],
)
def test_regression_by_hand(found: Any, true: Any, shared: float, union: float) -> None:
    plain = overlap_loss(column(*found), column(*true), torch.ones(1, 1, 1, 1))
    assert plain.item() == pytest.approx(-math.log(shared / union), abs=1e-6)
    smoothed = overlap_loss(column(*found), column(*true), torch.ones(1, 1, 1, 1), "smoothed")
    assert smoothed.item() == pytest.approx(-math.log((shared + 1) / (union + 1)), abs=1e-6)


def test_regression_is_the_mean_over_the_weighted_positions() -> None:
    # Overlaps 1 / 2 and 1 / 4; the third position has no weight, and true distances that no box has.
    found = torch.cat([column(0, 5, 5, 5), column(0, 0, 5, 5), column(1e30, 1, 1, 1)], dim=3)
    true = torch.cat([column(5, 5, 5, 5), column(5, 5, 5, 5), column(-70, -3, 90, 12)], dim=3)
    loss = overlap_loss(found, true, torch.tensor([1.0, 1.0, 0.0]).view(1, 1, 1, 3))
    assert loss.item() == pytest.approx((math.log(2) + math.log(4)) / 2, abs=1e-6)


def batch_of(boxes: list[list[float]], positive: list[bool], search_size: int = 64) -> TensorBatch:
    count = len(boxes)
    return TensorBatch(
        torch.zeros(count, 3, 32, 32),
        torch.zeros(count, 3, search_size, search_size),
        torch.tensor(boxes),
        torch.tensor(positive),
    )


@pytest.mark.parametrize("cells", [8, 4])
def test_total_and_the_stride_of_the_map(cells: int) -> None:
    """All logits 0 and all boxes true: classification ln 2, regression 0, whichever the output's stride."""
    batch = batch_of([[10.0, 12.0, 30.0, 26.0]], [True])
    settings = TargetSettings()
    true = make_targets(batch.boxes, batch.positive, search_size=64, cells=cells, settings=settings).distances
    calls: list[tuple[int, ...]] = []

    def network(template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        calls.append((*template.shape, *search.shape))
        return torch.zeros(1, 1, cells, cells), true.clamp(min=0)

    losses = tracking_loss(network, batch, settings, LossSettings())
    assert calls == [(1, 3, 32, 32, 1, 3, 64, 64)]
    assert losses.classification.item() == pytest.approx(math.log(2))
    assert losses.regression.item() == pytest.approx(0.0, abs=1e-6)
    assert losses.total.item() == pytest.approx(math.log(2))

    doubled = tracking_loss(
        lambda *_: (torch.zeros(1, 1, cells, cells), 2 * true.clamp(min=0)), batch, settings, LossSettings()
    )
    assert doubled.regression.item() == pytest.approx(math.log(4), abs=1e-5)
    assert doubled.total.item() == pytest.approx(math.log(2) + 1.2 * math.log(4), abs=1e-5)


@pytest.mark.parametrize(("targets", "losses"), SETTINGS)
@pytest.mark.parametrize(
    ("boxes", "positive"),
    [
        ([[0.0, 0.0, 0.0, 0.0]] * 2, [False, False]),
        ([[200.0, 200.0, 10.0, 10.0]] * 2, [True, True]),  # wholly outside the crop
        ([[20.0, 20.0, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0]], [True, False]),
        ([[-100.0, -100.0, 300.0, 300.0]] * 2, [True, True]),  # no position outside
    ],
)
@pytest.mark.parametrize("distance", [0.0, 1e-20, 12.0, 1e9])
@pytest.mark.parametrize("logit", [0.0, 300.0, -300.0])
def test_gradients_stay_finite(
    boxes: list[list[float]],
    positive: list[bool],
    distance: float,
    logit: float,
    targets: TargetSettings,
    losses: LossSettings,
) -> None:
    logits = torch.full((2, 1, 8, 8), logit, requires_grad=True)
    distances = torch.full((2, 4, 8, 8), distance, requires_grad=True)
    found = tracking_loss(lambda *_: (logits, distances), batch_of(boxes, positive), targets, losses)
    found.total.backward()
    for value in (found.total, found.classification, found.regression, logits.grad, distances.grad):
        assert value is not None
        assert value.isfinite().all()
    if not any(positive):
        assert found.regression.item() == 0


@pytest.mark.parametrize(("targets", "losses"), SETTINGS)
def test_pairs_without_labels_cost_nothing(targets: TargetSettings, losses: LossSettings) -> None:
    """The loss of a batch is that of its labelled pairs, and what stands in the others changes nothing."""
    rng = torch.Generator().manual_seed(0)
    logits, distances = torch.randn(3, 1, 8, 8, generator=rng), 20 * torch.rand(3, 4, 8, 8, generator=rng)
    logits[1], distances[1] = 1e9, torch.inf
    logits.requires_grad_()
    distances.requires_grad_()
    batch = batch_of([[10.0, 12.0, 30.0, 26.0], [20.0, 20.0, 9.0, 9.0], [0.0] * 4], [True, True, False])
    batch = replace(batch, labelled=torch.tensor([True, False, True]))
    found = tracking_loss(lambda *_: (logits, distances), batch, targets, losses)
    kept = torch.tensor([0, 2])
    alone = batch_of([[10.0, 12.0, 30.0, 26.0], [0.0] * 4], [True, False])
    wanted = tracking_loss(lambda *_: (logits[kept], distances[kept]), alone, targets, losses)
    for name in ("total", "classification", "regression"):
        assert torch.equal(getattr(found, name), getattr(wanted, name))
    found.total.backward()
    assert logits.grad is not None
    assert distances.grad is not None
    assert not logits.grad[1].any()
    assert not distances.grad[1].any()
    assert logits.grad[0].any()


@pytest.mark.parametrize("positive", [True, False])
def test_a_batch_without_labels_has_a_loss_of_nothing(positive: bool) -> None:
    layer = torch.nn.Conv2d(3, 5, 3, padding=1)
    batch = replace(batch_of([[10.0, 12.0, 30.0, 26.0]] * 2, [positive] * 2), labelled=torch.zeros(2, dtype=torch.bool))
    found = tracking_loss(lambda _, search: (layer(search)[:, :1], layer(search)[:, 1:].exp()), batch, *SETTINGS[0])
    assert (found.total.item(), found.classification.item(), found.regression.item()) == (0, 0, 0)
    found.total.backward()
    assert layer.weight.grad is not None
    assert not layer.weight.grad.any()


@given(st.integers(0, 2**32 - 1))
def test_the_truth_is_the_cheapest_box(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    true = torch.rand(2, 4, 3, 3, generator=generator) * 40 + 1
    other = torch.rand(2, 4, 3, 3, generator=generator) * 40 + 1
    weights = torch.ones(2, 1, 3, 3)
    for iou in ("plain", "smoothed"):
        best = overlap_loss(true, true, weights, iou).item()
        assert best == pytest.approx(0.0, abs=1e-5)
        assert overlap_loss(other, true, weights, iou).item() > best


def test_losses_are_float32_under_autocast() -> None:
    layer = torch.nn.Conv2d(3, 5, 3, padding=1)
    batch = batch_of([[10.0, 12.0, 30.0, 26.0]], [True])

    def network(template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        answers = layer(search)
        return answers[:, :1], answers[:, 1:].exp()

    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(batch.search).dtype == torch.bfloat16
        losses = tracking_loss(network, batch, TargetSettings(), LossSettings())
    assert {losses.total.dtype, losses.classification.dtype, losses.regression.dtype} == {torch.float32}
    assert losses.total.isfinite()


def test_best_box_by_hand() -> None:
    # Search 80, stride 16: row 1, column 3 stands at x 56, y 24; its box is 46..76 by 14..34, area 600.
    logits = torch.zeros(1, 1, 5, 5)
    logits[0, 0, 1, 3] = 1
    distances = torch.full((1, 4, 5, 5), 7.0)
    distances[0, :, 1, 3] = torch.tensor([10.0, 10.0, 20.0, 10.0])
    # Truth 56..86 by 14..34, area 600: shared 20 x 20 = 400 of 800.
    found = best_box_overlap(logits, distances, torch.tensor([[56.0, 14.0, 30.0, 20.0]]), search_size=80)
    assert found.tolist() == pytest.approx([0.5])


@given(st.integers(0, 2**32 - 1))
def test_best_boxes_overlap_as_boxes_do(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits, distances = rng.normal(0, 3, (7, 1, 8, 8)), rng.uniform(0, 40, (7, 4, 8, 8))
    truth = np.hstack([rng.uniform(-20, 100, (7, 2)), rng.uniform(1, 60, (7, 2))])
    positions = map_positions(128, 8).numpy()
    boxes = []
    for score, sides in zip(logits[:, 0], distances, strict=True):
        row, column_ = np.unravel_index(score.argmax(), score.shape)
        left, top, right, bottom = sides[:, row, column_]
        boxes.append([positions[column_] - left, positions[row] - top, left + right, top + bottom])
    found = best_box_overlap(*(torch.from_numpy(a).float() for a in (logits, distances, truth)), search_size=128)
    np.testing.assert_allclose(found.numpy(), overlap(np.array(boxes), truth), atol=1e-4)


def test_a_broken_best_box_overlaps_nothing() -> None:
    logits, distances = torch.zeros(3, 1, 5, 5), torch.full((3, 4, 5, 5), 20.0)
    boxes = torch.tensor([[20.0, 20.0, 40.0, 40.0]] * 3)
    logits[:, 0, 2, 2] = 1
    logits[0, 0, 4, 4] = torch.nan
    distances[1, 2, 2, 2] = torch.inf
    assert best_box_overlap(logits, distances, boxes, search_size=80).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"iou": "giou"}, "unknown kind of IoU loss 'giou'"),
        ({"regression_weight": -1}, "regression_weight: expected a number between 0 and 100, got -1"),
        ({"regression_weight": float("nan")}, "got nan"),
    ],
)
def test_impossible_settings_of_losses_are_refused(wrong: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        LossSettings(**wrong)


def answers(seed: int, cells: int = 4) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 1, cells, cells, generator=rng)
    return logits, 1 + 20 * torch.rand(2, 4, cells, cells, generator=rng)


@pytest.mark.parametrize("iou", ["plain", "smoothed"])
def test_distillation_is_least_at_the_teacher_s_answers(iou: str) -> None:
    teacher = answers(0)
    settings = LossSettings(iou=iou)
    here = [tensor.clone().requires_grad_() for tensor in teacher]
    losses = distillation_loss((here[0], here[1]), teacher, settings)
    assert float(losses.regression.detach()) == pytest.approx(0, abs=1e-6)
    (slope,) = torch.autograd.grad(losses.classification, here[0])
    assert float(slope.abs().max()) < 1e-7
    for seed in range(1, 6):
        other = distillation_loss(answers(seed), teacher, settings)
        assert float(other.classification) > float(losses.classification.detach())
        assert float(other.regression) > 0.1
        assert float(other.total) == pytest.approx(float(other.classification) + 1.2 * float(other.regression))


def test_a_certain_teacher_is_a_label() -> None:
    logits, distances = answers(0)
    teacher, boxes = answers(1)
    positive = teacher > 0.5
    certain = torch.where(positive, 50.0, -50.0)
    found = distillation_loss((logits, distances), (certain, boxes), LossSettings())
    assert float(found.classification) == pytest.approx(float(balanced_cross_entropy(logits, positive.float())))
    assert float(found.regression) == pytest.approx(float(overlap_loss(distances, boxes, positive.float())))


def test_no_gradient_goes_into_the_teacher() -> None:
    teacher = tuple(tensor.requires_grad_() for tensor in answers(0))
    student = tuple(tensor.requires_grad_() for tensor in answers(1))
    distillation_loss((student[0], student[1]), (teacher[0], teacher[1]), LossSettings()).total.backward()
    assert all(tensor.grad is not None for tensor in student)
    assert all(tensor.grad is None for tensor in teacher)


def test_a_teacher_of_another_stride_sees_the_same_box() -> None:
    """Distances to the sides of one box, seen from the positions of a coarse and of a fine map."""

    def seen(cells: int) -> Tensor:
        x = map_positions(64, cells, torch.device("cpu"))
        across, down = x.view(1, 1, -1).expand(1, cells, cells), x.view(1, -1, 1).expand(1, cells, cells)
        return torch.stack([across + 40, down + 40, 104 - across, 104 - down], 1)

    fine, coarse = (torch.zeros(1, 1, n, n) for n in (8, 4))
    found = distillation_loss((coarse, seen(4)), (fine, seen(8)), LossSettings())
    assert float(found.regression) == pytest.approx(0, abs=1e-6)
    # The finer map's last row and column lie beyond the coarser one's.
    inner = torch.full((1, 1, 4, 4), -99.0)
    inner[:, :, :3, :3] = 0
    found = distillation_loss((fine, seen(8)), (inner, seen(4)), LossSettings())
    assert float(found.regression) < 1e-5
