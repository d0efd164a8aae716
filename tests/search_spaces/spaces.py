"""Random space files that are right, for properties that must hold for every space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

CHANNELS = (8, 16, 24, 32)
KERNELS = (1, 3, 5, 7)
ACTIVATIONS = ("silu", "relu", "relu6", "hardswish", "gelu")
ATTENTIONS = ("se", "eca", "none")
ATTENTIVE = ("mbconv", "separable", "fused", "ghost")
EXPANDING = ("mbconv", "fused", "ghost")
KINDS = (*ATTENTIVE, "repvgg", "mobileone", "shuffle", "dsconv")

Content = dict[str, Any]


@st.composite
def descriptions(draw: st.DrawFn) -> Content:
    """What a space file says, as plain data: every operation that ships and every short form, in small networks.

    The template has 32 pixels, the search crop 64, and blocks 8 to 32 channels: networks build in milliseconds.
    """
    stem = {"channels": draw(st.sampled_from(CHANNELS)), "kernel": draw(st.sampled_from((1, 3, 5))), "stride": 2}
    table: Content = {}
    stages: list[Content] = []
    inputs, total = stem["channels"], 2
    for index in range(draw(st.integers(1, 3))):
        stride = draw(st.sampled_from((1, 2) if 4 <= total < 16 else (2,) if total < 16 else (1,)))
        stages.append(draw(_stage(index, inputs, stride, table)))
        inputs, total = stages[-1]["channels"], total * stride
    content: Content = {
        "name": draw(st.sampled_from(("drawn", "drawn-1", "d.2"))),
        "template_size": 32,
        "search_sizes": draw(st.sampled_from(([64], [64, 96]))),
        "stem": stem,
        "stages": stages,
        "outputs": draw(_outputs(stages)),
        "fused_channels": draw(st.sampled_from(CHANNELS)),
        "predictions": {
            "score_scale": draw(st.sampled_from((0.1, 1, 0.25))),
            "box_activation": draw(st.sampled_from(("relu", "exp"))),
            "box_scale": draw(st.sampled_from((8, 16, 2.5))),
        },
    }
    content["towers"] = draw(_towers(content["fused_channels"], table))
    if table:
        content["operations"] = table
    return (
        content | draw(_style()) | draw(_comparison()) | draw(_sometimes("summary", st.sampled_from(("", "A: b #c"))))
    )


def _sometimes(key: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Content]:
    """A key with a value, or nothing."""
    return st.one_of(st.just({}), values.map(lambda value: {key: value}))


@st.composite
def _style(draw: st.DrawFn) -> Content:
    attention = draw(_sometimes("attention", st.sampled_from(ATTENTIONS)))
    return attention | draw(_sometimes("activation", st.sampled_from(ACTIVATIONS)))


@st.composite
def _comparison(draw: st.DrawFn) -> Content:
    ways = ("pixelwise", "depthwise", ["depthwise"], ["pixelwise", "depthwise"])
    heads = draw(_sometimes("neck_attention", st.sampled_from((0, 2, 4, 8))))
    return heads | draw(_sometimes("correlation", st.sampled_from(ways)))


@st.composite
def _stage(draw: st.DrawFn, index: int, inputs: int, stride: int, table: Content) -> Content:
    channels = draw(st.sampled_from(CHANNELS))
    kinds = [kind for kind in KINDS if kind != "dsconv" or stride == 1]
    if stride == 1 and channels != inputs:
        kinds.remove("shuffle")
    blocks = draw(st.integers(1, 3))
    stage: Content = {"channels": channels, "blocks": blocks}
    stage["operations"] = draw(_candidates(kinds, f"s{index}", table, depthwise=inputs == channels))
    if blocks > 1:
        stage |= draw(_sometimes("skip", st.booleans()))
    if stride == 2 or draw(st.booleans()):
        stage["stride"] = stride
    return stage | draw(_sometimes("name", st.just(f"part{index}"))) | draw(_style())


@st.composite
def _candidates(draw: st.DrawFn, kinds: Sequence[str], prefix: str, table: Content, depthwise: bool = False) -> Any:
    """A mapping of operations, or a list of names and of mappings."""
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=2, unique=True))
    wanted = {kind: draw(_parameters(kind, depthwise)) for kind in chosen}
    if draw(st.booleans()):
        return wanted
    listed: list[Any] = [{kind: parameters} for kind, parameters in wanted.items()]
    if draw(st.booleans()):
        # A kernel that nothing else has, so that no operation stands in the table twice.
        name = f"{prefix}-mine"
        table[name] = {"kind": "mobileone", "kernel": 9 + 2 * len(table)}
        listed.insert(draw(st.integers(0, len(listed))), name)
    return listed


@st.composite
def _parameters(draw: st.DrawFn, kind: str, depthwise: bool) -> Content:
    def some(values: Sequence[Any]) -> Any:
        drawn = draw(st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True))
        return drawn[0] if len(drawn) == 1 and draw(st.booleans()) else drawn

    content: Content = {"kernel": some(KERNELS)}
    if kind in EXPANDING:
        content["expansion"] = some((1, 2, 3, 1.5))
    if kind in ATTENTIVE:
        content |= draw(_sometimes("attention", st.sampled_from(ATTENTIONS)))
        content |= draw(_sometimes("squeeze", st.sampled_from((0.5, 1))))
    if kind == "repvgg" and depthwise:
        content |= draw(_sometimes("depthwise", st.sampled_from((True, False, [False, True]))))
    return content | draw(_sometimes("activation", st.sampled_from(ACTIVATIONS)))


@st.composite
def _outputs(draw: st.DrawFn, stages: Sequence[Content]) -> Any:
    names = [stage.get("name", f"stage{index}") for index, stage in enumerate(stages)]
    blocks = [f"{name}-block{i}" for name, stage in zip(names, stages, strict=True) for i in range(stage["blocks"])]
    rule = draw(st.sampled_from(("last", "stages", "numbers", "names", "blocks")))
    if rule == "last":
        return {"last": draw(st.integers(1, len(blocks)))}
    if rule == "numbers":
        numbers = st.sampled_from(range(len(names)))
        return {"stages": draw(st.lists(numbers, min_size=1, unique=True))}
    if rule == "blocks":
        return draw(st.lists(st.sampled_from(blocks), min_size=1, max_size=4, unique=True))
    some = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    return {"stages": some} if rule == "stages" else some


@st.composite
def _towers(draw: st.DrawFn, fused: int, table: Content) -> Content:
    if draw(st.booleans()):
        return {"both": draw(_tower(fused, "both", table))}
    return {branch: draw(_tower(fused, branch, table)) for branch in ("cls", "reg")}


@st.composite
def _tower(draw: st.DrawFn, fused: int, branch: str, table: Content) -> Content:
    widths = draw(st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=2, unique=True))
    kinds = ("dsconv", "dsconv", "mobileone", "repvgg", "separable", "mbconv", "ghost", "fused")
    tower: Content = {"widths": widths} | draw(_style())
    if draw(st.booleans()):
        tower |= {"layers": draw(st.integers(1, 4)), "operations": draw(_candidates(kinds, branch, table))}
        return tower | draw(_sometimes("skip", st.booleans()))
    layers: list[Content] = []
    for number in range(draw(st.integers(1, 3))):
        names = draw(_candidates(kinds, f"{branch}{number}", table))
        skippable = number > 0 or widths == [fused]
        if skippable and isinstance(names, list) and draw(st.booleans()):
            names = [*names, draw(st.sampled_from(("skip", {"skip": None}, {"skip": {}})))]
        layers.append({"operations": names} | draw(_sometimes("repeat", st.integers(1, 2))))
    return tower | {"layers": layers}
