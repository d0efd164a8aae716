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

MULTIPLIED = {
    (16, (0.5, 1)): (8, 16),
    (24, (0.5, 1)): (16, 24),
    (32, (0.5, 0.75, 1)): (16, 24, 32),
    (24, (1.3,)): (32,),
}
"""Channels and their multipliers, and the widths that they mean."""

Content = dict[str, Any]


@st.composite
def descriptions(draw: st.DrawFn) -> Content:
    """What a space file says, as plain data: every operation that ships and every short form, in small networks.

    The largest template has 32 pixels, the search crop beside it 64 or 96, and blocks 8 to 32 channels: networks build
    in milliseconds.
    """
    stem = {"channels": draw(st.sampled_from(CHANNELS)), "kernel": draw(st.sampled_from((1, 3, 5))), "stride": 2}
    table: Content = {}
    stages: list[Content] = []
    inputs, total = (stem["channels"],), 2
    for index in range(draw(st.integers(1, 3))):
        stride = draw(st.sampled_from((1, 2) if 4 <= total < 16 else (2,) if total < 16 else (1,)))
        widths, written = draw(_widths())
        stages.append(draw(_stage(index, inputs, widths, stride, table)) | written)
        inputs, total = widths, total * stride
    content: Content = {
        "name": draw(st.sampled_from(("drawn", "drawn-1", "d.2"))),
        "template_size": draw(_template_size(total)),
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
        content
        | draw(_style(stages))
        | draw(_comparison())
        | draw(_sometimes("summary", st.sampled_from(("", "A: b #c"))))
    )


def _sometimes(key: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Content]:
    """A key with a value, or nothing."""
    return st.one_of(st.just({}), values.map(lambda value: {key: value}))


@st.composite
def _style(draw: st.DrawFn, parts: Sequence[Content]) -> Content:
    """What is said for the operations of some stages, layers or towers: only what one of them takes."""
    content: Content = {}
    for key, values in (("attention", ATTENTIONS), ("activation", ACTIVATIONS)):
        if any(key not in part and _takes(part["operations"], key) for part in parts):
            content |= draw(_sometimes(key, st.sampled_from(values)))
    return content


def _takes(operations: Any, key: str) -> bool:
    """Whether one of some candidates has a parameter and was not told it."""
    mappings = [operations] if isinstance(operations, dict) else [each for each in operations if isinstance(each, dict)]
    have = ATTENTIVE if key == "attention" else KINDS
    return any(kind in have and key not in told for mapping in mappings for kind, told in mapping.items())


@st.composite
def _comparison(draw: st.DrawFn) -> Content:
    ways = ("pixelwise", "depthwise", ["depthwise"], ["pixelwise", "depthwise"])
    heads = draw(_sometimes("neck_attention", st.sampled_from((0, 2, 4, 8))))
    return heads | draw(_sometimes("correlation", st.sampled_from(ways)))


def _template_size(stride: int) -> st.SearchStrategy[Any]:
    """One template or several, none of which has fewer than 2 x 2 positions at the stride."""
    several = ([32],) if stride > 8 else ([32], [16, 32], [24, 32], [16, 24, 32])
    return st.sampled_from((32, 32, *several))


@st.composite
def _widths(draw: st.DrawFn) -> tuple[tuple[int, ...], Content]:
    """All numbers of channels of a stage, and how they are written."""
    how = draw(st.sampled_from(("one", "one", "list", "multipliers", "long")))
    if how == "one":
        channels = draw(st.sampled_from(CHANNELS))
        return (channels,), {"channels": channels}
    if how == "multipliers":
        (channels, multipliers), widths = draw(st.sampled_from(sorted(MULTIPLIED.items())))
        return widths, {"channels": channels, "width_multipliers": list(multipliers)}
    some = sorted(draw(st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=2, unique=True)))
    return tuple(some), {"channels": some} if how == "list" else {"channels": some[-1], "widths": some}


@st.composite
def _depths(draw: st.DrawFn) -> Content:
    """How many blocks a stage has, one number or several, or one and whether blocks may be left out."""
    if draw(st.booleans()):
        blocks = draw(st.integers(1, 3))
        return {"blocks": blocks} | (draw(_sometimes("skip", st.booleans())) if blocks > 1 else {})
    some = sorted(draw(st.lists(st.integers(1, 3), min_size=1, max_size=3, unique=True)))
    return draw(st.sampled_from(({"blocks": some}, {"blocks": some[-1], "depths": some})))


@st.composite
def _stage(
    draw: st.DrawFn, index: int, inputs: tuple[int, ...], widths: tuple[int, ...], stride: int, table: Content
) -> Content:
    alike = len({*inputs, *widths}) == 1
    kinds = [kind for kind in KINDS if kind != "dsconv" or stride == 1]
    if stride == 1 and not alike:
        kinds.remove("shuffle")
    stage: Content = draw(_depths())
    if draw(st.integers(0, 3)) == 0:
        stage["operations"] = draw(_candidates(EXPANDING, f"s{index}", table, without=("expansion",)))
        named = isinstance(stage["operations"], list) and any(isinstance(each, str) for each in stage["operations"])
        least = 2 if named else 1
        some = draw(st.lists(st.sampled_from((1, 1.5, 2, 3)), min_size=least, max_size=3, unique=True))
        stage["expansions"] = sorted(some)
    else:
        stage["operations"] = draw(_candidates(kinds, f"s{index}", table, depthwise=alike))
    if stride == 2 or draw(st.booleans()):
        stage["stride"] = stride
    return stage | draw(_sometimes("name", st.just(f"part{index}"))) | draw(_style([stage]))


@st.composite
def _candidates(
    draw: st.DrawFn,
    kinds: Sequence[str],
    prefix: str,
    table: Content,
    *,
    depthwise: bool = False,
    without: tuple[str, ...] = (),
) -> Any:
    """A mapping of operations, or a list of names and of mappings."""
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=2, unique=True))
    wanted = {
        kind: {key: value for key, value in draw(_parameters(kind, depthwise)).items() if key not in without}
        for kind in chosen
    }
    if draw(st.booleans()):
        return wanted
    listed: list[Any] = [{kind: parameters} for kind, parameters in wanted.items()]
    if draw(st.booleans()):
        # A kernel that nothing else has, so that no operation stands in the table twice.
        name = f"{prefix}-mine"
        expanding = {"kind": "mbconv", "expansion": 2} if without else {"kind": "mobileone"}
        table[name] = expanding | {"kernel": 9 + 2 * len(table)}
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
    blocks = []
    for name, stage in zip(names, stages, strict=True):
        depths = stage.get("depths", stage["blocks"] if isinstance(stage["blocks"], list) else [stage["blocks"]])
        # A stage of several depths is left at its end only.
        blocks += [f"{name}-block{i}" for i in range(depths[-1])][-1 if len(depths) > 1 else 0 :]
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
    ways = ("separate", "shared", ["shared"], ["separate", "shared"])
    sharing = draw(_sometimes("sharing", st.sampled_from(ways)))
    if draw(st.booleans()):
        return {"both": draw(_tower(fused, "both", table))} | sharing
    return {branch: draw(_tower(fused, branch, table)) for branch in ("cls", "reg")} | sharing


@st.composite
def _tower(draw: st.DrawFn, fused: int, branch: str, table: Content) -> Content:
    widths = draw(st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=2, unique=True))
    kinds = ("dsconv", "dsconv", "mobileone", "repvgg", "separable", "mbconv", "ghost", "fused")
    tower: Content = {"widths": widths} | draw(_sometimes("tied", st.booleans()))
    tied = tower.get("tied", True)
    if draw(st.booleans()):
        tower |= {"layers": draw(st.integers(1, 4)), "operations": draw(_candidates(kinds, branch, table))}
        tower |= draw(_style([tower]))
        return tower | draw(_sometimes("skip", st.booleans() if tied else st.just(False)))
    layers: list[Content] = []
    for number in range(draw(st.integers(1, 3))):
        names = draw(_candidates(kinds, f"{branch}{number}", table))
        skippable = tied and (number > 0 or widths == [fused])
        if skippable and isinstance(names, list) and draw(st.booleans()):
            names = [*names, draw(st.sampled_from(("skip", {"skip": None}, {"skip": {}})))]
        layers.append({"operations": names} | draw(_sometimes("repeat", st.integers(1, 2))))
    return tower | {"layers": layers} | draw(_style(layers))
