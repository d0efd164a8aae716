"""How a process becomes a worker of a study, and leaves it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import optuna
from optuna.trial import TrialState

from lighttrack_nas.strategies.search.goals.objectives import Objective
from lighttrack_nas.strategies.search.storage.trials import Key
from lighttrack_nas.strategies.search.study_description import describe_study
from lighttrack_nas.strategies.search.workers.liveness import WorkerLocks
from lighttrack_nas.strategies.search.workers.team import Team
from lighttrack_nas.strategies.search.workers.worker_storage import WORKER
from lighttrack_nas.trackers.base.progress import Say


def take_place(
    study: optuna.Study,
    locks: WorkerLocks,
    attributes: dict[str, Any],
    goals: Sequence[Objective],
    known_by: Key,
    say: Say | None,
) -> Team:
    """Become a worker of a study, alone or beside others, and see that the study is for what this worker is for."""
    if running := study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        locks.settle({trial.user_attrs[WORKER] for trial in running if WORKER in trial.user_attrs})
    locks.take()
    others = locks.others()
    describe_study(study, attributes, goals, joined=bool(others))
    team = Team(study, locks, known_by)
    if others:
        count = f"{len(others)} other{'s' if len(others) > 1 else ''}"
        if say is not None:
            say(f"joined the search as worker {locks.number}, beside {count}")
        team.look()
    else:
        team.start_alone()
    return team


@contextmanager
def ended(team: Team) -> Iterator[None]:
    """Leave no trial of this worker running when an exception ends it.

    Its architecture is proposed again, as nothing but ended evaluations decides on what comes next.
    """
    try:
        yield
    except BaseException:
        with suppress(Exception):
            team.end()
        raise
