"""What of a space's sizes cannot work: crops, strides of the outputs, and what is compared behind them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from lighttrack_nas.search_spaces.base.mistakes import KeyPath, Mistake
from lighttrack_nas.search_spaces.description.space_parts import BackboneBlock, SpaceParts

_MOST_KERNELS = 4096


def unordered(place: KeyPath, key: str, values: Sequence[int], last_key: str, last: int) -> Iterator[Mistake]:
    """What is wrong with values to choose from, which ascend and end in the largest.

    Args:
        place: Of the mapping that has both keys.
        key: Of the values.
        values: Two or more; none where there is no choice.
        last_key: Of the largest.
        last: The largest.
    """
    right = sorted({value for value in values if value < last} | {last})
    if values and list(values) != right:
        example = f"as {right} do" if len(right) > 1 else f"of which there are none below {last}"
        yield Mistake((*place, key), f"{key} must ascend and end in {last_key} {last}, {example}; got {list(values)}")
    elif len(values) == 1:
        yield Mistake((*place, key), f"one value is no choice: write {last_key} alone, {last}")


def size_mistakes(space: SpaceParts) -> Iterator[Mistake]:
    """What is wrong with the sizes of the crops by themselves, and with ways to compare them."""
    sizes = space.search_sizes
    if len(set(space.correlation)) < len(space.correlation):
        yield Mistake(("correlation",), f"a correlation stands twice in {list(space.correlation)}")
    if list(sizes) != sorted(set(sizes)):
        yield Mistake(("search_sizes",), f"sizes must ascend, got {list(sizes)}")
    elif sizes[0] <= space.template_size:
        yield Mistake(("search_sizes",), f"must exceed the template size {space.template_size}, got {sizes[0]}")
    yield from unordered((), "template_sizes", space.template_sizes, "template_size", space.template_size)


def exit_mistakes(space: SpaceParts) -> Iterator[Mistake]:
    """What outputs cannot do at the sizes that crops have behind them."""
    alike: set[tuple[int, tuple[int, ...]]] = set()
    for exit_ in space.exits:
        kind = exit_.total_stride, space.widths(exit_.stage)
        if kind not in alike:
            yield from _exit(space, exit_)
        alike.add(kind)
    yield from _smaller_templates(space)


def _exit(space: SpaceParts, exit_: BackboneBlock) -> Iterator[Mistake]:
    """What an output cannot do, which is the same for all of its stride and widths."""
    behind = f"behind '{exit_.name}' (stride {exit_.total_stride})"
    for index, size in enumerate(space.search_sizes):
        if not _fits(size, exit_.total_stride):
            yield Mistake(
                ("search_sizes", index),
                f"{size} pixels do not fit the stride {exit_.total_stride} of output '{exit_.name}'; the next size "
                f"that does is {math.ceil(size / exit_.total_stride) * exit_.total_stride}",
            )
    undivided = [width for width in space.widths(exit_.stage) if space.neck_attention and width % space.neck_attention]
    if undivided:
        yield Mistake(
            ("neck_attention",), f"{space.neck_attention} heads do not divide the {undivided[0]} channels {behind}"
        )
    if space.kernels(exit_) > _MOST_KERNELS:
        yield Mistake(
            ("template_size",),
            f"{behind} a template of {space.template_size} pixels gives {space.kernels(exit_)} correlation kernels; at "
            f"most {_MOST_KERNELS} are possible",
        )
    for index, size in enumerate(space.all_template_sizes):
        if size < 2 * exit_.total_stride:
            place: KeyPath = ("template_sizes", index) if space.template_sizes else ("template_size",)
            yield Mistake(place, f"{behind} a template of {size} pixels leaves fewer than 2 x 2 positions")


def _smaller_templates(space: SpaceParts) -> Iterator[Mistake]:
    """Templates beside which the search crop, in its proportion, has no whole pixels or does not fit a stride."""
    strides = {exit_.total_stride: exit_.name for exit_ in space.exits}
    for index, template in enumerate(space.template_sizes[:-1]):
        wrong = ""
        for size in space.search_sizes:
            pixels = size * template / space.template_size
            stride = next((stride for stride in strides if not _fits(pixels, stride)), 0)
            said = f"beside a template of {template} pixels the search crop of {size} becomes {pixels:g}"
            if not pixels.is_integer():
                wrong = f"{said}, which is no whole number"
            elif stride:
                wrong = f"{said}, which does not fit the stride {stride} of output '{strides[stride]}'"
        if wrong and template < space.template_size:
            following = next(larger for larger in range(template + 1, space.template_size + 1) if _suits(space, larger))
            yield Mistake(("template_sizes", index), f"{wrong}; the next template that does is {following}")


def _suits(space: SpaceParts, template: int) -> bool:
    strides = {exit_.total_stride for exit_ in space.exits}
    pixels = [size * template / space.template_size for size in space.search_sizes]
    return template == space.template_size or all(
        side.is_integer() and all(_fits(side, stride) for stride in strides) for side in pixels
    )


def _fits(size: float, stride: int) -> bool:
    # The network's map rounds up, the tracker's grid to the nearest: they must meet.
    return math.ceil(size / stride) == round(size / stride)
