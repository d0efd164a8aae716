"""Between spaces: which weights of one space's supernet serve another's.

Spaces share places by name: blocks, tower layers, widths, necks, fusions. What stands at a place is compared by what it
is, an operation's kind and parameters, not by what a space calls it. A size that one space leaves open and another
fixes is the same where its value is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lighttrack_nas.search_spaces.addresses import Address, address, meaning, spelt_out
from lighttrack_nas.search_spaces.space import Space


def same_operations(source: Space, target: Space) -> dict[str, str]:
    """The operations that both spaces have: the target's names, and what the source calls the same."""
    known = source.description.operations
    names = {operation: name for name, operation in known.items()}
    return {
        # One operation may have two names, with its expansion and without.
        name: name if known.get(name) == operation else names[operation]
        for name, operation in target.description.operations.items()
        if operation in names
    }


def plan(source: Space, source_keys: Iterable[str], target: Space, target_keys: Iterable[str]) -> dict[str, str]:
    """Say which tensor of a source's shared weights belongs where in a target's, whatever their shapes.

    Args:
        source: The space whose weights there are.
        source_keys: Keys of the state dict of its model space.
        target: The space that is to start from them.
        target_keys: Keys of the state dict of its model space.

    Returns:
        The source's key by the target's, in the target's order. No key of either stands in it twice.
    """
    left, wanted = list(source_keys), list(target_keys)
    planned: dict[str, str] = {}
    # Sizes that both fix may differ, and the shapes then tell; only what is left is compared with its sizes.
    for of in (address, spelt_out):
        here = {_place(source, of, key): key for key in left}
        for key in wanted:
            source_key = None if key in planned else here.pop(_place(target, of, key), None)
            if source_key is not None:
                planned[key] = source_key
        left = list(here.values())
    return {key: planned[key] for key in wanted if key in planned}


def _place(space: Space, of: Callable[[Space, str], Address], key: str) -> tuple[str, str, str, str]:
    tensor_address = of(space, key)
    label = tensor_address.label if tensor_address.part in ("neck", "fusion") else ""
    return tensor_address.key, label, tensor_address.width, meaning(space, tensor_address)
