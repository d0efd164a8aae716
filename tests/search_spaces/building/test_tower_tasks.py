"""What each layer of a tower does of what a teacher's layers do, for towers of all depths."""

import pytest

from lighttrack_nas.search_spaces.building.tower_tasks import task_ends, tower_task, tower_tasks


@pytest.mark.parametrize("layers", range(1, 9))
@pytest.mark.parametrize("depth", range(1, 9))
def test_layers_share_the_teacher_s_work(layers: int, depth: int) -> None:
    ends = [task_ends(tower_task(layer, depth, layers)) for layer in range(depth)]
    assert ends[0][0] == 0
    assert ends[-1][1] == layers
    assert [each[1] for each in ends[:-1]] == [each[0] for each in ends[1:]]
    assert all(first <= last for first, last in ends)
    # What begins at the fused map reads its channels: the first layer, and no other.
    assert [first == 0 for first, _ in ends] == [layer == 0 for layer in range(depth)]
    assert {tower_task(layer, depth, layers) for layer in range(depth)} <= set(tower_tasks(8, layers))


def test_layers_share_the_tasks_evenly() -> None:
    assert [tower_task(layer, 4, 8) for layer in range(4)] == ["0-2", "2-4", "4-6", "6-8"]
    assert [tower_task(layer, 8, 4) for layer in range(8)] == ["0-1", "1-1", "1-2", "2-2", "2-3", "3-3", "3-4", "4-4"]
    assert [tower_task(layer, 3, 1) for layer in range(3)] == ["0-1", "1-1", "1-1"]
