"""What started this process: a launcher, such as `torchrun` or SLURM's `srun`, or the user alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lighttrack_nas.trackers.base.errors import InputError

if TYPE_CHECKING:
    from lightning_fabric.plugins import ClusterEnvironment

TORCHRUN, SLURM = "torchrun", "SLURM"


@dataclass(frozen=True)
class Launch:
    """What a launcher started.

    Attributes:
        launcher: "torchrun" or "SLURM".
        processes: In all.
        per_node: On each node, or on this one; None where the launcher does not say.
        nodes: How many; None where the launcher does not say.
    """

    launcher: str
    processes: int
    per_node: int | None
    nodes: int | None


def launch(environment: Mapping[str, str] = os.environ) -> Launch | None:
    """Read from the environment what a launcher started.

    `torchrun` comes first, since it may run inside SLURM. A job of SLURM's counts unless it is interactive, which is
    what Lightning tells by its name. Its batch script is one process that `srun` has not started.

    Args:
        environment: Of this process.

    Returns:
        None where no launcher did.
    """
    if "TORCHELASTIC_RUN_ID" in environment:
        return Launch(TORCHRUN, int(environment["WORLD_SIZE"]), _number(environment, "LOCAL_WORLD_SIZE"), None)
    if "SLURM_NTASKS" not in environment or environment.get("SLURM_JOB_NAME") in ("bash", "interactive"):
        return None
    if "SLURM_STEP_ID" not in environment and "SLURM_STEPID" not in environment:
        return Launch(SLURM, 1, 1, 1)
    return Launch(
        SLURM,
        int(environment["SLURM_NTASKS"]),
        _number(environment, "SLURM_NTASKS_PER_NODE"),
        _number(environment, "SLURM_NNODES"),
    )


def require_launch(devices: int, nodes: int, environment: Mapping[str, str] = os.environ) -> None:
    """See that what a launcher started is what the settings ask for.

    Args:
        devices: On each node.
        nodes: How many.
        environment: Of this process.

    Raises:
        InputError: It is not; says what was found, and what would be right.
    """
    launched, asked = launch(environment), f"devices={devices} and nodes={nodes} ask for {_processes(devices * nodes)}"
    if launched is None:
        if nodes > 1 and not {"MASTER_ADDR", "MASTER_PORT", "NODE_RANK"} <= environment.keys():
            raise InputError(
                f"training settings (devices, nodes): {asked}, and no launcher started this command, or its other "
                f"processes ended with a training before this one; on every node {_torchrun(devices, nodes)}, or in "
                f"SLURM {_srun(devices, nodes)}: what is finished is passed over"
            )
        return
    if launched.processes == devices * nodes == 1:
        return
    if launched.launcher == TORCHRUN:
        if launched.processes != devices * nodes or launched.per_node not in (None, devices):
            here = "" if launched.per_node is None else f", {launched.per_node} of them on this node"
            raise InputError(
                f"training settings (devices, nodes): {asked}, {devices} on each node, and torchrun started "
                f"{_processes(launched.processes)}{here}; {_torchrun(devices, nodes)}, or {_fitting(launched)}"
            )
        return
    if launched.processes != devices * nodes or launched.per_node != devices or launched.nodes not in (None, nodes):
        if launched.processes == 1:
            started = "this command runs once in a SLURM job"
        else:
            per_node = "without --ntasks-per-node" if launched.per_node is None else f"{launched.per_node} a node"
            started = f"SLURM started {_processes(launched.processes)}, {per_node}"
        raise InputError(
            f"training settings (devices, nodes): {asked}, {devices} on each node, and {started}; "
            f"{_srun(devices, nodes)}, or {_fitting(launched)}"
        )


def cluster_environment(environment: Mapping[str, str] = os.environ) -> ClusterEnvironment | None:
    """Lightning's view of what started this process.

    Args:
        environment: Of this process, which `require_launch` has let pass.

    Returns:
        None where Lightning may find out itself.
    """
    from lightning_fabric.plugins.environments import LightningEnvironment, SLURMEnvironment

    launched = launch(environment)
    if launched is None or launched.launcher != SLURM:
        return None
    # Lightning's own way to requeue a job saves and loads checkpoints of its own, beside ours.
    return LightningEnvironment() if launched.processes == 1 else SLURMEnvironment(auto_requeue=False)


def _number(environment: Mapping[str, str], name: str) -> int | None:
    return int(environment[name]) if name in environment else None


def _processes(count: int) -> str:
    return f"{count} process{'es' * (count > 1)}"


def _torchrun(devices: int, nodes: int) -> str:
    rest = "" if nodes == 1 else f" --nnodes={nodes} --node-rank=NUMBER --master-addr=FIRST_NODE"
    return f"start it with `torchrun --nproc-per-node={devices}{rest} -m lighttrack_nas ...`"


def _srun(devices: int, nodes: int) -> str:
    return f"start it with `srun --nodes={nodes} --ntasks-per-node={devices} lighttrack-nas ...`"


def _fitting(launched: Launch) -> str:
    """What settings would fit what was started."""
    devices = launched.per_node or launched.processes
    if launched.processes % devices:
        return "give every node as many processes"
    return f"set devices={devices} nodes={launched.processes // devices}"
