"""Supernets that learn from a teacher, as a user calls it: phases, norms, interruptions, what is refused."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import lighttrack_nas as ltn
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.strategies.one_shot.strategies import blockwise
from lighttrack_nas.strategies.one_shot.strategies.blockwise import lesson_path
from lighttrack_nas.strategies.one_shot.teaching.lessons import Lessons
from lighttrack_nas.strategies.one_shot.teaching.whole_lessons import whole_losses
from lighttrack_nas.strategies.one_shot.training.fit import fit
from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotProblem
from lighttrack_nas.strategies.one_shot.training.task import TrackingTask
from lighttrack_nas.trackers.network.norms import folded_norms
from lighttrack_nas.trackers.training.losses import LossSettings
from lighttrack_nas.trackers.training.targets import TargetSettings
from tests.strategies.one_shot.teaching.small_teachers import Squares, crops, middle, small, stages, started, teacher_of

SMALL = small()


class StoppedError(Exception):
    pass


def settings(**changes: Any) -> ltn.TrainingSettings:
    given = {"steps": 6, "batch_size": 2, "workers": 0, "checkpoint_steps": 2, "warmup_steps": 1, "log_steps": 2}
    return ltn.TrainingSettings(**(given | changes))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two teachers."""
    folder = tmp_path_factory.mktemp("teachers")
    own = middle(SMALL)
    other = SMALL.architecture(dict(own.choices) | {"stage1-block0": SMALL.labels["stage1-block0"][1]})
    found = {}
    for name, architecture in (("one", own), ("other", other)):
        found[name] = folder / f"{name}.safetensors"
        ltn.save_model(teacher_of(architecture).network, architecture, found[name])
    return found


def train(
    output: Path, teacher: Path, *, stop_after: int | None = None, space: ltn.Space = SMALL, **chosen: Any
) -> Any:
    done = 0

    def progress(steps: int, losses: Any) -> None:
        nonlocal done
        done += steps
        assert losses.keys() == {"loss", "blocks", "fusion", "answers"}
        if done == stop_after:
            raise StoppedError

    strategy = ltn.Blockwise(teacher=str(teacher))
    try:
        return ltn.train_supernet(
            SMALL, Squares(), settings=settings(), output=output, strategy=strategy, progress=progress
        )
    except StoppedError:
        return None


@pytest.fixture(scope="module")
def trained(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train(folder, files["one"])
    return folder


@pytest.mark.slow
def test_a_resumed_training_equals_an_undisturbed_one(trained: Path, files: dict[str, Path], tmp_path: Path) -> None:
    """Stopped while places learn by themselves, where that ends, and while whole paths learn."""
    for stop in (1, 3, 5):
        assert train(tmp_path, files["one"], stop_after=stop) is None
    train(tmp_path, files["one"])
    one, other = (ltn.load_supernet(folder / "supernet.safetensors").state_dict() for folder in (trained, tmp_path))
    assert one.keys() == other.keys()
    assert [key for key in one if not torch.equal(one[key], other[key])] == []
    scores = [ltn.PlaceScores.load(folder, SMALL).frame()["score"] for folder in (trained, tmp_path)]
    np.testing.assert_allclose(*scores, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_a_finished_training_is_read_back(trained: Path, files: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "run" / "places.json").unlink()
    again = train(tmp_path / "run", files["one"])
    kept = ltn.load_supernet(trained / "supernet.safetensors", SMALL)
    assert all(torch.equal(kept.state_dict()[key], tensor) for key, tensor in again.state_dict().items())
    one, other = (ltn.PlaceScores.load(folder, SMALL).frame() for folder in (trained, tmp_path / "run"))
    np.testing.assert_allclose(one["score"], other["score"], rtol=1e-3, atol=1e-6)


def test_norms_of_every_network_are_affine_maps(trained: Path) -> None:
    supernet = ltn.load_supernet(trained / "supernet.safetensors", SMALL)
    evaluator = ltn.SupernetEvaluator(supernet, quick_pairs=Squares(), calibration_pairs=Squares())
    rng = np.random.default_rng(0)
    for _ in range(3):
        path = SMALL.sample(rng)
        network = supernet.extract(path)
        norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
        assert all(bool((norm.running_mean == 0).all() and (norm.running_var == 1).all()) for norm in norms)
        assert folded_norms(network)
        kept, own = evaluator.extract(path, recalibrated=True).state_dict(), network.state_dict()
        assert all(torch.equal(kept[key], own[key]) for key in own)
    assert evaluator.keeps_folded


def test_a_folder_keeps_one_teacher(trained: Path, files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ltn.InputError, match=r"holds results of another run: .*teacher"):
        train(trained, files["other"])
    # The same name, other weights.
    file = tmp_path / "teacher.safetensors"
    shutil.copy(files["one"], file)
    train(tmp_path / "run", file, stop_after=1)
    shutil.copy(files["other"], file)
    with pytest.raises(ltn.InputError, match=r"holds results of another run: teacher\.digest was"):
        train(tmp_path / "run", file)


@pytest.mark.parametrize("start", ["start_from", "backbone"])
def test_nothing_else_starts_a_supernet_that_has_a_teacher(
    trained: Path, files: dict[str, Path], tmp_path: Path, start: str
) -> None:
    spos = ltn.train_supernet(SMALL, Squares(), settings=settings(steps=1), output=tmp_path / "spos")
    assert spos.model_space.tasks is None
    with pytest.raises(ltn.InputError, match="learns from a teacher starts from it: leave out start_from and backbone"):
        ltn.train_supernet(
            SMALL,
            Squares(),
            settings=settings(),
            output=tmp_path / "run",
            strategy=ltn.Blockwise(teacher=str(files["one"])),
            **{start: tmp_path / "spos"},
        )
    assert not (tmp_path / "run").exists()


def fitted(
    tmp_path: Path, how: ltn.TrainingSettings, space: ltn.Space = SMALL, prepare: Any = id, **chosen: Any
) -> tuple[Supernet, list[dict[str, float]], list[dict[str, tuple[int, torch.Tensor]]]]:
    """Train without files of teachers and tables."""
    teacher = teacher_of(middle(SMALL))
    problem = OneShotProblem(space=space, settings=how, load_teacher=lambda source, code: teacher)
    plan = ltn.Blockwise(teacher="plain", **chosen).plan(problem)
    assert plan.lessons is not None
    model = started(plan.lessons).model_space
    with torch.no_grad():
        prepare(model)
    task = TrackingTask(Squares(), how.batch_size, how.seed, TargetSettings(), LossSettings())
    losses: list[dict[str, float]] = []
    norms: list[dict[str, tuple[int, torch.Tensor]]] = []

    def progress(steps: int, latest: Any) -> None:
        losses.append(dict(latest))
        norms.append(
            {
                name: (int(module.num_batches_tracked), module.running_mean.clone())
                for name, module in model.named_modules()
                if isinstance(module, nn.BatchNorm2d)
            }
        )

    fit(model, model.network.backbone, task, how, tmp_path, plan=plan, progress=progress)
    return Supernet(space, model).eval(), losses, norms


@pytest.mark.slow
@pytest.mark.parametrize(("blocks", "whole"), [(0.0, 4), (0.5, 2), (1.0, 0)])
def test_the_phases_change_at_their_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: float, whole: int
) -> None:
    calls: list[int] = []
    own = blockwise.whole_losses

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return own(*arguments)

    monkeypatch.setattr(blockwise, "whole_losses", counted)
    _, losses, _ = fitted(tmp_path, settings(steps=4), blocks=blocks)
    assert len(losses) == 4
    assert len(calls) == whole


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [0.0, 1.0])
def test_losses_of_places_and_of_whole_paths_fall(tmp_path: Path, blocks: float) -> None:
    lessons = Lessons(SMALL, teacher_of(middle(SMALL)))
    rng = np.random.default_rng(0)
    paths, batch = [lesson_path(lessons, rng) for _ in range(12)], crops(16, seed=9)

    def mean(supernet: Supernet) -> dict[str, float]:
        found = []
        for path in paths:
            supernet.pin(path)
            with torch.no_grad():
                found.append(whole_losses(lessons, supernet.network, SMALL.chosen(path), batch, 1.0))
        return {name: float(torch.stack([each[name] for each in found]).mean()) for name in found[0]}

    def disturb(model: nn.Module) -> None:
        # What was fitted in closed form has little left to learn.
        generator = torch.Generator().manual_seed(0)
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(1 + 0.3 * torch.randn(parameter.shape, generator=generator))

    start = started(lessons)
    with torch.no_grad():
        disturb(start.model_space)
    before = mean(start)
    how = settings(steps=40, batch_size=8, learning_rate=5e-3, checkpoint_steps=1000)
    supernet, *_ = fitted(tmp_path, how, prepare=disturb, blocks=blocks)
    after = mean(supernet)
    assert after["blocks"] < 0.8 * before["blocks"]
    assert after["loss"] < before["loss"]


def test_a_norm_takes_the_statistics_of_its_first_batch_and_no_other(tmp_path: Path) -> None:
    """In a space none of whose blocks is the teacher's."""
    fused = {"operations": {"fused": {"kernel": [3, 5], "expansion": 1}}}
    space = small(stages=stages(fused, fused, fused), neck_attention=4)
    *_, seen = fitted(tmp_path, settings(steps=8), space)
    fresh = {name for name, (count, _) in seen[0].items() if count == 0}
    assert fresh
    later = {name for name in fresh if seen[-1][name][0] == 1}
    assert later
    for before, after in pairwise(seen):
        for name, (count, mean) in after.items():
            assert count in (0, 1)
            if before[name][0] == 1:
                assert torch.equal(before[name][1], mean)


def test_half_of_the_paths_leave_where_the_teacher_does_and_towers_have_all_depths() -> None:
    lessons = Lessons(SMALL, teacher_of(middle(SMALL)))
    rng = np.random.default_rng(0)
    paths = [lesson_path(lessons, rng).choices for _ in range(1200)]
    there = sum(path["output"] == "stage2-block1" for path in paths)
    assert abs(there / 1200 - 2 / 3) < 0.06  # a half, and a third of the others
    # Layers 1 and 2 of the classification tower may be left out.
    depths = [3 - sum(path[f"cls-layer{index}"] == "skip" for index in range(3)) for path in paths]
    counts = np.bincount(depths)[min(depths) :]
    assert (np.abs(counts / 1200 - 1 / len(counts)) < 0.06).all()
    assert {path["stage1-block1"] for path in paths} == set(SMALL.labels["stage1-block1"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"blocks": 1.5}, "'blockwise', blocks: expected a number from 0 to 1, got 1.5"),
        ({"blocks": True}, "blocks: expected a number from 0 to 1, got True"),
        ({"part": 0.1}, "part: expected a number from 0.25 to 1, got 0.1"),
        ({"answers": -1}, "answers: expected a number from 0 to 100, got -1"),
        ({"answers": float("nan")}, "answers: expected a number from 0 to 100, got nan"),
        ({"teacher": 3}, "teacher: expected a text, got 3"),
        ({"code": ["x"]}, "code: expected a text"),
    ],
)
def test_impossible_settings_are_said(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ltn.InputError) as raised:
        ltn.Blockwise(**changes)
    assert message in str(raised.value)


def test_what_no_teacher_can_teach_is_refused() -> None:
    def planned(space: ltn.Space, how: ltn.TrainingSettings, teacher: str | None = "plain") -> None:
        def load(source: object, code: object) -> object:
            return teacher_of(middle(SMALL))

        ltn.Blockwise(teacher=teacher).plan(OneShotProblem(space=space, settings=how, load_teacher=load))

    with pytest.raises(ltn.InputError, match="learns from a teacher, and was given none: name a model, such as"):
        planned(SMALL, settings(), None)
    with pytest.raises(ltn.InputError, match=r"'blockwise': norms keep the statistics.*got 'auto' and 'own'"):
        planned(SMALL, settings(devices=2, paths="own"))
    with pytest.raises(ltn.InputError, match="a teacher must see what its pupils see"):
        planned(ltn.load_space("lighttrack-tiny"), settings())
