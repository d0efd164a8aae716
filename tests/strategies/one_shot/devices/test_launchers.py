"""What launchers start against what the settings ask for, as tables of environments."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lighttrack_nas.strategies.one_shot.devices.device_processes import (
    FurtherProcessEnds,
    end_further_processes,
    going_on_together,
    is_first_process,
    own_group,
)
from lighttrack_nas.strategies.one_shot.devices.launchers import Launch, cluster_environment, launch, require_launch
from lighttrack_nas.trackers.base.errors import InputError


def torchrun(processes: int, here: int, rank: int = 0) -> dict[str, str]:
    return {
        "TORCHELASTIC_RUN_ID": "none",
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(here),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank % here),
    }


def slurm(processes: int, per_node: int | None, nodes: int, **more: str) -> dict[str, str]:
    found = {"SLURM_NTASKS": str(processes), "SLURM_NNODES": str(nodes), "SLURM_STEP_ID": "0", "SLURM_PROCID": "0"}
    if per_node is not None:
        found["SLURM_NTASKS_PER_NODE"] = str(per_node)
    return found | more


BATCH_SCRIPT = {"SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "2", "SLURM_PROCID": "0"}
BY_HAND = {"MASTER_ADDR": "first", "MASTER_PORT": "1234", "NODE_RANK": "1"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        (torchrun(4, 2), Launch("torchrun", 4, 2, None)),
        (slurm(4, 2, 2), Launch("SLURM", 4, 2, 2)),
        (slurm(4, None, 2), Launch("SLURM", 4, None, 2)),
        # A shell in a job; srun --pty bash.
        (slurm(4, 2, 2, SLURM_JOB_NAME="interactive"), None),
        (slurm(4, 2, 2, SLURM_JOB_NAME="bash"), None),
        # One torchrun a node, started by srun.
        (slurm(2, 1, 2) | torchrun(8, 4), Launch("torchrun", 8, 4, None)),
        (BATCH_SCRIPT, Launch("SLURM", 1, 1, 1)),
    ],
)
def test_who_started_it(environment: dict[str, str], expected: Launch | None) -> None:
    assert launch(environment) == expected


@pytest.mark.parametrize(
    ("devices", "nodes", "environment"),
    [
        (1, 1, {}),
        (2, 1, {}),  # Lightning starts the second
        (2, 2, BY_HAND),
        (1, 1, torchrun(1, 1)),
        (2, 1, torchrun(2, 2)),
        (2, 2, torchrun(4, 2)),
        (4, 2, slurm(2, 1, 2) | torchrun(8, 4)),
        (1, 1, slurm(1, None, 1)),
        (2, 1, slurm(2, 2, 1)),
        (2, 2, slurm(4, 2, 2)),
        (2, 1, slurm(4, 2, 2, SLURM_JOB_NAME="bash")),
        (1, 1, BATCH_SCRIPT),
    ],
)
def test_what_fits_is_let_pass(devices: int, nodes: int, environment: dict[str, str]) -> None:
    require_launch(devices, nodes, environment)


@pytest.mark.parametrize(
    ("devices", "nodes", "environment", "messages"),
    [
        (
            2,
            1,
            torchrun(4, 2),
            [
                "devices=2 and nodes=1 ask for 2 processes",
                "torchrun started 4 processes, 2 of",
                "set devices=2 nodes=2",
            ],
        ),
        (1, 1, torchrun(2, 2), ["ask for 1 process,", "torchrun started 2 processes", "set devices=2 nodes=1"]),
        (
            2,
            1,
            torchrun(1, 1),
            ["torchrun started 1 process,", "`torchrun --nproc-per-node=2 -m", "set devices=1 nodes"],
        ),
        # As many processes, otherwise spread.
        (2, 2, torchrun(4, 4), ["4 of them on this node", "--nnodes=2 --node-rank=NUMBER", "set devices=4 nodes=1"]),
        (2, 1, torchrun(3, 2), ["started 3 processes", "give every node as many processes"]),
        (
            2,
            1,
            slurm(1, 1, 1),
            ["runs once in a SLURM job", "srun --nodes=1 --ntasks-per-node=2", "set devices=1 nodes=1"],
        ),
        (1, 1, slurm(4, 2, 2), ["SLURM started 4 processes, 2 a node", "set devices=2 nodes=2"]),
        (2, 2, slurm(4, 4, 1), ["SLURM started 4 processes, 4 a node", "srun --nodes=2 --ntasks-per-node=2"]),
        (2, 1, slurm(2, None, 1), ["2 processes, without --ntasks-per-node", "srun --nodes=1 --ntasks-per-node=2"]),
        (2, 2, BATCH_SCRIPT, ["runs once in a SLURM job", "srun --nodes=2 --ntasks-per-node=2"]),
        (1, 2, {}, ["no launcher started this command", "--nproc-per-node=1 --nnodes=2", "srun --nodes=2"]),
        (1, 2, {"NODE_RANK": "0"}, ["no launcher started this command"]),
    ],
)
def test_what_does_not_fit_is_said_with_what_would(
    devices: int, nodes: int, environment: dict[str, str], messages: list[str]
) -> None:
    with pytest.raises(InputError) as raised:
        require_launch(devices, nodes, environment)
    assert [message for message in messages if message not in str(raised.value)] == []


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, True),
        ({"LOCAL_RANK": "1", "NODE_RANK": "0"}, False),  # started by Lightning
        ({"LOCAL_RANK": "0", "NODE_RANK": "0"}, True),
        ({"LOCAL_RANK": "0", "NODE_RANK": "1"}, False),
        (BY_HAND, False),
        (torchrun(4, 2, rank=0), True),
        (torchrun(4, 2, rank=2), False),  # the first of the second node
        (slurm(2, 2, 1), True),
        (slurm(2, 2, 1, SLURM_PROCID="1"), False),
        # Started by Lightning in a shell in a job.
        (slurm(2, 2, 1, SLURM_JOB_NAME="bash", LOCAL_RANK="1"), False),
    ],
)
def test_one_process_of_all_nodes_is_the_first(environment: dict[str, str], expected: bool) -> None:
    assert is_first_process(environment) is expected


def test_lightning_is_told_of_slurm_and_asks_others_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {name: type(cluster_environment(each)).__name__ for name, each in {"": {}, "t": torchrun(2, 2)}.items()}
    assert names == {"": "NoneType", "t": "NoneType"}
    assert type(cluster_environment(BATCH_SCRIPT)).__name__ == "LightningEnvironment"
    given = slurm(2, 2, 1)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = cluster_environment(given)
    assert type(found).__name__ == "SLURMEnvironment"
    assert not found.auto_requeue


def test_after_a_training_the_first_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in torchrun(2, 2).items():
        monkeypatch.setenv(name, value)
    with own_group():
        os.environ["MASTER_PORT"] = "1"
    assert launch() == Launch("torchrun", 2, 2, None)
    assert "MASTER_PORT" not in os.environ
    end_further_processes(first=True)
    assert launch() is None
    assert not [name for name in os.environ if name.startswith("TORCHELASTIC")]
    with pytest.raises(FurtherProcessEnds) as ended:
        end_further_processes(first=False)
    assert ended.value.code == 0


def test_a_launcher_s_processes_go_on_when_the_first_has_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model"
    with pytest.raises(FurtherProcessEnds), going_on_together(file):
        end_further_processes(first=False)
    for name, value in torchrun(2, 2, rank=1).items():
        monkeypatch.setenv(name, value)
    file.touch()
    with going_on_together(file):
        end_further_processes(first=False)
    with going_on_together(file):
        end_further_processes(first=True)
    assert launch() == Launch("torchrun", 2, 2, None)
    file.unlink()
    monkeypatch.setattr("lighttrack_nas.strategies.one_shot.devices.device_processes._SECONDS_TO_WRITE", 0.0)
    with pytest.raises(InputError, match="all nodes must see the same folder"), going_on_together(file):
        end_further_processes(first=False)
