"""What each layer of a tower does of what the layers of another do: an even share, whatever the numbers of both."""

from __future__ import annotations


def tower_task(layer: int, depth: int, layers: int) -> str:
    """The task of a tower's layer, such as "2-4": from behind the teacher's second layer to behind its fourth.

    Args:
        layer: Which of the path's layers, from 0, skips left out.
        depth: How many it has.
        layers: How many the teacher's tower has.
    """
    return f"{_state(layer, depth, layers)}-{_state(layer + 1, depth, layers)}"


def task_ends(task: str) -> tuple[int, int]:
    """Behind which of the teacher's layers a task begins and ends; 0: before the first."""
    first, _, last = task.partition("-")
    return int(first), int(last)


def tower_tasks(most: int, layers: int) -> tuple[str, ...]:
    """All tasks of a tower's layers, those of the first layer first.

    Args:
        most: How many layers a path may have.
        layers: How many the teacher's tower has.
    """
    tasks = {tower_task(layer, depth, layers) for depth in range(1, most + 1) for layer in range(depth)}
    return tuple(sorted(tasks, key=task_ends))


def _state(layer: int, depth: int, layers: int) -> int:
    # Half up: `round` would go to even numbers. The first layer, which alone reads the fused map, does something.
    return max((2 * layer * layers + depth) // (2 * depth), min(layer, 1))
