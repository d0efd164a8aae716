"""One gradient of two devices, on two CPU processes: what one process gives that accumulates the same batches."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from lighttrack_nas.search_spaces.loading.loading import parse_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from tests.strategies.one_shot.devices.train_on_devices import trained
from tests.strategies.one_shot.strategies.test_one_shot_contract import SPACE, planned, settings
from tests.warm_processes import WarmProcesses

PROGRAM = Path(__file__).parent / "train_on_devices.py"
# Plain SGD: nothing is made of gradients that are nearly zero.
HOW: dict[str, Any] = {"steps": 3, "optimizer": "sgd", "learning_rate": 0.01}
AVERAGED = """
import json, sys
import torch
from torch import distributed as dist
from lighttrack_nas.strategies.one_shot.devices.gradients import average_gradients, share_from_first

rank, port = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
given = [[1.0, 3.0], [None, 5.0], [7.0, None], [None, None]]
parameters = [torch.nn.Parameter(torch.zeros(2, 3, 2, 2)) for _ in given]
parameters[0].data = parameters[0].data.to(memory_format=torch.channels_last)
for parameter, gradients in zip(parameters, given):
    if gradients[rank] is not None:
        # A number of its own at each place, so that none may be mixed up.
        parameter.grad = gradients[rank] + torch.arange(24.0).view(2, 3, 2, 2) * 0.01
        parameter.grad = parameter.grad.to(memory_format=torch.channels_last if rank else torch.contiguous_format)
average_gradients(parameters)
average_gradients([])
places = torch.arange(24.0).view(2, 3, 2, 2) * 0.01
found = [None if p.grad is None else (p.grad - places).flatten().tolist() for p in parameters]
weights = [torch.full((2, 3, 2, 2), 4.0 + rank), torch.tensor(7 + rank), torch.tensor(1.5 * rank)]
weights[0] = weights[0].to(memory_format=torch.channels_last)
share_from_first(weights)
print(json.dumps([found, [each.flatten().tolist() for each in weights]]))
"""


@pytest.fixture(scope="module")
def space() -> Space:
    return parse_space(SPACE, where="test")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def in_slurm(folder: Path, warm: WarmProcesses, *strategies: dict[str, Any], **changes: Any) -> list[str]:
    """Train in two processes as SLURM would start them; what they said."""
    given = [PROGRAM, folder, json.dumps(HOW | changes), *map(json.dumps, strategies)]
    shared = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    nodes = changes.get("nodes", 1)
    shared |= {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": str(2 // nodes), "SLURM_NNODES": str(nodes)}
    shared |= {"SLURM_STEP_ID": "0"}
    processes = []
    for rank in (0, 1):
        numbers = {"SLURM_PROCID": rank, "SLURM_LOCALID": rank % (2 // nodes), "SLURM_NODEID": rank // (2 // nodes)}
        env = shared | {name: str(number) for name, number in numbers.items()}
        processes.append(warm.start(given, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
    said = [process.communicate()[0] for process in processes]
    assert [process.wait() for process in processes] == [0, 0], said
    return said


def states(folder: Path, number: int) -> list[dict[str, torch.Tensor]]:
    return [torch.load(folder / f"{number}.{rank}", weights_only=True) for rank in (0, 1)]


def parameters(model: Any) -> dict[str, torch.Tensor]:
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def test_a_gradient_is_the_mean_over_those_that_ran_the_parameter(warm: WarmProcesses) -> None:
    port = free_port()
    processes = [warm.start(["-c", AVERAGED, rank, port], stdout=subprocess.PIPE) for rank in (0, 1)]
    for rank, process in enumerate(processes):
        found, shared = json.loads(process.communicate()[0])
        means = [None if each is None else {round(value, 5) for value in each} for each in found]
        assert means == [{2.0}, {5.0}, {7.0}, None], rank
        assert shared == [[4.0] * 24, [7], [0.0]]


@pytest.mark.slow
def test_two_devices_train_as_one_that_accumulates(warm: WarmProcesses, tmp_path: Path) -> None:
    chosen = [{"name": name} for name in ("spos", "fair", "sandwich", "macs-uniform")]
    said = in_slurm(tmp_path, warm, *chosen, devices=2)
    assert said == ["trained 0\ntrained 1\ntrained 2\ntrained 3\n", ""]
    for number, each in enumerate(chosen):
        alone = parameters(trained(tmp_path / f"alone{number}", each["name"], {}, **HOW, accumulate=2))
        first, second = states(tmp_path, number)
        for name, expected in alone.items():
            assert torch.equal(first[name], second[name]), (each, name)
            torch.testing.assert_close(first[name], expected, rtol=1e-4, atol=1e-6, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.slow
def test_two_nodes_train_their_own_paths_and_share_what_comes_out(warm: WarmProcesses, tmp_path: Path) -> None:
    chosen: list[dict[str, Any]] = [{"name": "spos"}, {"name": "proxyless", "joint": True}]
    in_slurm(tmp_path, warm, *chosen, devices=1, nodes=2, paths="own")
    same = parameters(trained(tmp_path / "alone", "spos", {}, **HOW, accumulate=2))
    for number in (0, 1):
        first, second = states(tmp_path, number)
        assert [name for name in same if name in first and not torch.equal(first[name], second[name])] == []
    first, _ = states(tmp_path, 0)
    assert [name for name in same if not torch.allclose(first[name], same[name], rtol=1e-4, atol=1e-6)]


@pytest.mark.slow
def test_devices_that_learn_from_a_teacher_share_norms(warm: WarmProcesses, tmp_path: Path) -> None:
    in_slurm(tmp_path, warm, {"name": "blockwise", "blocks": 0.5}, devices=2, steps=4)
    first, second = states(tmp_path, 0)
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, 2])
def test_torchrun_trains_on_its_nodes(nodes: int, tmp_path: Path) -> None:
    port, programs = free_port(), []
    training = json.dumps({"devices": 2 // nodes, "nodes": nodes, "steps": 2})
    for node in range(nodes):
        call = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={2 // nodes}", f"--nnodes={nodes}"]
        call += [f"--node-rank={node}", "--master-addr=127.0.0.1", f"--master-port={port}", str(PROGRAM)]
        call += [str(tmp_path), training, '{"name": "spos"}', '{"name": "fair"}']
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        programs.append(
            subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        )
    said = [program.communicate(timeout=300) for program in programs]
    assert [program.returncode for program in programs] == [0] * nodes, said
    assert "".join(out for out, _ in said) == "trained 0\ntrained 1\n"
    # A worker's traceback passes through its program. torchrun's own agent may print one besides, where the node that
    # keeps the store is gone before another has asked it whether all have ended; nothing is lost then.
    assert not any(PROGRAM.name in errors for _, errors in said), said


def test_a_launcher_that_started_others_is_an_error_before_anything_is_written(
    warm: WarmProcesses, tmp_path: Path
) -> None:
    environment = {**os.environ, "SLURM_NTASKS": "1", "SLURM_NTASKS_PER_NODE": "1", "SLURM_PROCID": "0"}
    given = [PROGRAM, tmp_path / "run", '{"devices": 2}', '{"name": "spos"}']
    done = warm.run(given, env=environment | {"SLURM_STEP_ID": "0"})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: training settings (devices, nodes): devices=2 and nodes=1 ask for 2")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("fair", {"strategy": "ddp"}, "'fair' trains several paths an update, whose gradients Lightning's 'ddp' loses"),
        ("sandwich", {"strategy": "ddp"}, "'sandwich' trains several paths an update"),
        ("blockwise", {"strategy": "ddp"}, "leave out strategy (auto) and paths (same), got 'ddp' and 'same'"),
        ("blockwise", {"paths": "own"}, "leave out strategy (auto) and paths (same), got 'auto' and 'own'"),
    ],
)
def test_what_several_devices_cannot_do_is_refused(
    space: Space, name: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as raised:
        planned(space, name, settings(devices=1, nodes=2, **changes))
    assert message in str(raised.value)
    planned(space, name, settings(**changes))


@pytest.mark.parametrize("name", ["spos", "macs-uniform", "darts", "gumbel-darts", "proxyless"])
def test_one_path_an_update_goes_with_lightning_s_own_ways(space: Space, name: str) -> None:
    planned(space, name, settings(devices=2, strategy="ddp_find_unused_parameters_true"))
