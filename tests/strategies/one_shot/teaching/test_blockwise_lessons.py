"""What places learn: which parts correspond to a teacher's, and that a teacher's own path has nothing left to learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.building.tasks import TaskBlock
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.one_shot.teaching.correspondence import STEM, segments
from lighttrack_nas.strategies.one_shot.teaching.lessons import Lessons, answers_loss, answers_ratios
from lighttrack_nas.strategies.one_shot.teaching.teacher import Teacher
from lighttrack_nas.strategies.one_shot.teaching.teacher_channels import stage_channels
from lighttrack_nas.strategies.one_shot.teaching.whole_lessons import whole_losses
from lighttrack_nas.trackers.base.errors import InputError

from .small_teachers import crops, middle, small, stages, started, teacher_of, without

SMALL = small()


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    return Lessons(SMALL, teacher_of(middle(SMALL)))


def test_the_same_space_corresponds_block_by_block(lessons: Lessons) -> None:
    names = [STEM, *SMALL.blocks_up_to("stage2-block1")]
    found = lessons.segments
    assert [segment.blocks for segment in found] == [(name,) for name in [*names, "stage2-block2"]]
    assert found[0].source is None
    assert [segment.target for segment in found[:-1]] == [(name, name) for name in names]
    assert found[-1].source == ("stage2-block1", "stage2-block1")
    assert found[-1].target == ("stage2-block2", "stage2-block1")  # behind the teacher's exit: passes on
    assert lessons.exit == "stage2-block1"
    assert lessons.tasks.exits == ("stage2-block0",)
    assert dict(lessons.tasks.towers) == {"cls": 3, "reg": 2}


def test_a_wider_space_learns_from_a_teacher_whose_stage_ends_in_a_skip() -> None:
    """A skip says nothing of how many channels it passes on."""
    theirs = small(stages=stages({}, {}, {"skip": True}))
    wider = small(stages=stages({}, {"channels": 20}, {"channels": 24}))
    first = {label: values[0] for label, values in theirs.labels.items()}
    own = theirs.architecture(first | {"output": "stage2-block2", "stage2-block1": "skip", "stage2-block2": "skip"})
    teacher = teacher_of(own)
    assert stage_channels(teacher, "stage2-block0", 24).index.tolist() == [*range(16), *[-1] * 8]
    lessons = Lessons(wider, teacher)
    supernet = started(lessons)
    path = wider.sample(np.random.default_rng(0))
    supernet.pin(path)
    with torch.no_grad():
        losses = whole_losses(lessons, supernet.network, wider.chosen(path), crops(3), 1.0)
    assert all(bool(loss.isfinite()) for loss in losses.values())


def test_the_teacher_s_own_path_gives_its_very_answers(lessons: Lessons) -> None:
    supernet, teacher, batch = started(lessons), lessons.teacher, crops(3, seed=7)
    own = middle(SMALL)
    chosen = SMALL.chosen(own)
    supernet.pin(own)
    answers = teacher.answers(batch.template, batch.search)
    with torch.no_grad():
        logits, distances = supernet(batch.template, batch.search)
        torch.testing.assert_close(logits, answers.logits, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(distances, answers.distances, atol=1e-4, rtol=1e-5)
        maps = teacher.maps(batch.search)
        for segment in lessons.segments:
            if lessons.running(segment, chosen):
                assert lessons.segment_ratio(supernet.network, segment, chosen, maps, batch.search) < 1e-6
        losses = whole_losses(lessons, supernet.network, chosen, batch, 1.0)
        plain = whole_losses(lessons, supernet.extract(own), chosen, batch, 1.0)
        raw = supernet.network.raw(answers.fused)
        assert all(ratio < 1e-6 for ratio in answers_ratios(supernet.network, raw, answers))
        least = answers_loss(supernet.network, raw, answers)
        for change in (-0.5, 0.5):
            assert answers_loss(supernet.network, (raw[0] + change, raw[1]), answers) > least
            assert answers_loss(supernet.network, (raw[0], raw[1] + change), answers) > least
    assert losses["blocks"] < 1e-6
    assert losses["fusion"] < 1e-6
    assert losses["loss"] == pytest.approx(float(least), abs=1e-4)
    assert all(torch.equal(losses[key], plain[key]) for key in losses)


@torch.no_grad()
def test_whole_paths_of_an_early_output_learn_what_the_teacher_s_exit_gives(lessons: Lessons) -> None:
    """With a last block that gives just that, every map of the teacher's own path is right."""
    supernet = started(lessons)
    early = SMALL.architecture(dict(lessons.teacher.architecture.choices) | {"output": "stage2-block0"})
    supernet.pin(early)
    crops_by_side = {crop.shape[-1]: crop for crop in (crops().template, crops().search)}
    exits = {
        maps[lessons.teacher.exit].shape[-1]: maps[lessons.teacher.exit]
        for maps in map(lessons.teacher.maps, crops_by_side.values())
    }

    class Exit(torch.nn.Module):
        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return exits[features.shape[-1] // 2]

    network = supernet.network
    assert isinstance(network.backbone.blocks["stage2-block0"], TaskBlock)
    before = whole_losses(lessons, network, SMALL.chosen(early), crops(), 1.0)["blocks"]
    network.backbone.blocks["stage2-block0"].last = Exit()
    after = whole_losses(lessons, network, SMALL.chosen(early), crops(), 1.0)["blocks"]
    assert float(after) < 1e-6 < float(before)


def test_blocks_behind_the_teacher_s_exit_pass_on_what_it_gives(lessons: Lessons) -> None:
    supernet, batch = started(lessons), crops(3, seed=7)
    longer = SMALL.architecture(dict(middle(SMALL).choices) | {"output": "stage2-block2"})
    supernet.pin(longer)
    with torch.no_grad():
        logits, _ = supernet(batch.template, batch.search)
    torch.testing.assert_close(
        logits, lessons.teacher.answers(batch.template, batch.search).logits, atol=1e-5, rtol=1e-5
    )


def test_other_candidates_are_farther_but_no_worse_than_the_mean(lessons: Lessons) -> None:
    supernet, batch = started(lessons), crops(16)  # those that they were fitted on
    own = dict(middle(SMALL).choices)
    maps = lessons.teacher.maps(batch.search)
    for segment in lessons.segments[2:-1]:
        label = segment.blocks[0]
        for value in SMALL.labels[label]:
            path = SMALL.architecture(own | {label: value})
            supernet.pin(path)
            with torch.no_grad():
                ratio = lessons.segment_ratio(supernet.network, segment, SMALL.chosen(path), maps, batch.search)
            assert 0 <= ratio < 1
    early = SMALL.architecture(own | {"output": "stage2-block0"})
    supernet.pin(early)
    with torch.no_grad():
        ratio = lessons.exit_ratio(supernet.network, "stage2-block0", SMALL.chosen(early), maps)
    assert 0 < ratio < 1


OTHERS: dict[str, Space] = {
    "fewer blocks": small(stages=stages({}, {"blocks": 1}, {"blocks": 2}), outputs=["stage2-block1"]),
    "more blocks": small(stages=stages({}, {"blocks": 3}, {"blocks": 4}), outputs={"last": 4}),
    "wider": small(stages=stages({"channels": 16}, {"channels": 16}, {"channels": 24})),
    "narrower": small(stages=stages({}, {"channels": 8}, {"channels": 12}), fused_channels=8),
    "free widths": small(stages=stages({}, {"channels": [8, 12]}, {"channels": [12, 24]})),
    "free depths": small(stages=stages({}, {"blocks": [1, 2, 3]}, {"blocks": [1, 2, 4]}), outputs=["stage2"]),
    "free expansions": small(
        stages=stages({}, {"operations": {"mbconv": {"kernel": [3, 5]}}, "expansions": [1, 2, 3]}, {})
    ),
    "other names": small(stages=stages({"name": "a"}, {"name": "b"}, {"name": "c"}), outputs=["c"]),
    "skips": small(stages=stages({}, {"skip": True}, {"skip": True})),
    "no such stem": small(stem={"channels": 16, "kernel": 5, "stride": 2}),
    "other operations": small(
        stages=stages(
            {"operations": {"fused": {"kernel": 3, "expansion": 1}}},
            {"operations": {"ghost": {"kernel": 3, "expansion": 2}, "repvgg": {"kernel": 3}}},
            {"operations": {"mobileone": {"kernel": 3}, "mbconv": {"kernel": 3, "expansion": 2, "attention": "eca"}}},
        )
    ),
    "shared tower": small(
        towers={
            "both": {"widths": [12], "layers": 2, "operations": {"dsconv": {"kernel": [3, 5]}}},
            "sharing": "shared",
        }
    ),
    "shared or not": small(
        towers={
            "both": {"widths": [12], "layers": 2, "operations": {"dsconv": {"kernel": [3, 5]}}},
            "sharing": ["separate", "shared"],
        }
    ),
    "untied": small(
        towers={"both": {"widths": [8, 12], "layers": 2, "operations": {"dsconv": {"kernel": [3, 5]}}, "tied": False}}
    ),
    "deep towers": small(towers={"both": {"widths": [12], "layers": 7, "operations": {"dsconv": {"kernel": [3]}}}}),
    "later operations": small(
        towers={"both": {"widths": [12], "layers": [{"operations": {"dsconv": {"kernel": k}}} for k in (3, [3, 5])]}}
    ),
    "depthwise": small(correlation="depthwise"),
    "either correlation": small(correlation=["pixelwise", "depthwise"]),
    "neck attention": small(neck_attention=4),
    "torchvision": without(
        "stem", "stages", backbone={"torchvision": "mobilenet_v3_small", "parts": 3}, outputs={"last": 1}
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_another_space_learns_from_a_teacher_of_the_small_one(name: str) -> None:
    """Every path runs, has finite losses in both phases, and every parameter that it uses may learn."""
    space = OTHERS[name]
    lessons = Lessons(space, teacher_of(middle(SMALL)))
    supernet, batch = started(lessons), crops(4)
    rng = np.random.default_rng(0)
    for _ in range(2):
        path = space.sample(rng)
        chosen = space.chosen(path)
        supernet.pin(path)
        maps = lessons.teacher.maps(batch.search)
        losses = whole_losses(lessons, supernet.network, chosen, batch, 1.0)
        ratios = [
            lessons.segment_ratio(supernet.network, segment, chosen, maps, batch.search)
            for segment in lessons.segments
            if lessons.running(segment, chosen)
        ]
        assert all(loss.isfinite() for loss in (*losses.values(), *ratios))
        plain = supernet.extract(path)
        whole_losses(lessons, plain, chosen, batch, 1.0)["loss"].backward()
        # Weights of norms behind which nothing is listened to yet get zeros.
        assert all(p.grad is not None for key, p in plain.named_parameters() if "squeeze" not in key)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_the_small_space_learns_from_a_teacher_of_another(name: str) -> None:
    lessons = Lessons(SMALL, teacher_of(middle(OTHERS[name])))
    supernet, batch = started(lessons), crops(4)
    path = middle(SMALL)
    supernet.pin(path)
    losses = whole_losses(lessons, supernet.network, SMALL.chosen(path), batch, 1.0)
    assert all(loss.isfinite() for loss in losses.values())


def test_a_block_that_does_the_work_of_several_is_fitted_to_the_last(lessons: Lessons) -> None:
    """Its stage has another name and one block: it starts from none of the teacher's two."""
    space = OTHERS["fewer blocks"]
    renamed = small(stages=stages({}, {"blocks": 1, "name": "b"}, {"blocks": 2}), outputs=["stage2-block1"])
    found = {segment.blocks: segment.target for segment in segments(renamed, middle(SMALL))}
    assert found["b-block0",] == ("b-block0", "stage1-block1")
    assert ("stage1-block0",) in {segment.blocks for segment in segments(space, middle(SMALL))}
    lessons = Lessons(renamed, lessons.teacher)
    supernet, batch = started(lessons), crops(16)
    path = renamed.sample(np.random.default_rng(0))
    supernet.pin(path)
    segment = next(each for each in lessons.segments if each.blocks == ("b-block0",))
    with torch.no_grad():
        maps = lessons.teacher.maps(batch.search)
        ratio = lessons.segment_ratio(supernet.network, segment, renamed.chosen(path), maps, batch.search)
    assert ratio < 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"template_size": 64, "search_sizes": [128]},
            "sees template and search crops of 32 and 64 pixels, space 'small' those of 64 and 128: a teacher must see "
            "what its pupils see",
        ),
        ({"template_size": [16, 32]}, "those of 16 and 32 or 32 and 64"),
        (
            {"outputs": ["stage1-block1", "stage2-block1"]},
            "output 'stage1-block1': its stride is not 8, as that of teacher 'plain': leave out stage1-block1",
        ),
    ],
    ids=["crops", "several sizes", "stride"],
)
def test_spaces_that_cannot_learn_from_a_teacher(changes: dict[str, Any], message: str) -> None:
    teacher = teacher_of(middle(SMALL))
    with pytest.raises(InputError) as raised:
        Lessons(small(**changes), teacher)
    assert message in str(raised.value)


def test_a_teacher_whose_answers_are_no_numbers_is_refused() -> None:
    architecture = middle(SMALL)
    network = build_network(architecture)
    with torch.no_grad():
        network.backbone.stem.convolution.weight[0, 0, 0, 0] = float("nan")
    with pytest.raises(InputError, match="teacher 'x': its answers are no finite numbers, so that nothing can be"):
        Teacher.of(network, architecture, "x", "0" * 16)


def test_a_teacher_is_a_copy_that_learns_nothing() -> None:
    architecture = middle(SMALL)
    network = build_network(architecture)
    teacher = Teacher.of(network, architecture, "x", "0" * 16)
    assert not any(parameter.requires_grad for parameter in teacher.network.parameters())
    with torch.no_grad():
        network.backbone.stem.convolution.weight.add_(1)
    assert not torch.equal(teacher.network.backbone.stem.convolution.weight, network.backbone.stem.convolution.weight)
    assert teacher.record() == {"name": "x", "digest": "0" * 16, "space": "small"}
    batch = crops(2)
    maps = [teacher.maps(crop)[teacher.exit] for crop in (batch.template, batch.search)]
    answers = teacher.answers(batch.template, batch.search)
    own = teacher.network(batch.template, batch.search)
    assert all(torch.equal(one, other) for one, other in zip(answers, teacher.answers_from(*maps), strict=True))
    assert all(torch.equal(one, other) for one, other in zip(answers[1:], own, strict=True))
