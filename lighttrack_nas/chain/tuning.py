"""The tracker's hyper-parameters, tuned on validation sequences by Optuna."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import make_folder, write_atomically
from lighttrack_nas.trackers.base.parsing import short
from lighttrack_nas.trackers.base.progress import Progress
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters

if TYPE_CHECKING:
    import optuna

    from lighttrack_nas.chain.presence_tuning import PresenceTuning
    from lighttrack_nas.trackers.data.sequence import Sequence as Video
    from lighttrack_nas.trackers.network.network import SiameseNetwork
    from lighttrack_nas.trackers.tracking.lockstep import Video as FrameSource

RANGES = {"penalty_k": (0.0, 0.3), "window_influence": (0.05, 0.6), "lr": (0.2, 1.0)}
"""Where the values are looked for; LightTrack's published sets lie inside."""
_FIELDS = tuple(RANGES)


@dataclass(frozen=True)
class Tuning:
    """What tuning found.

    Attributes:
        hyper_parameters: The best set.
        ao: Its AO on the validation sequences.
        ao_before: That of the set it started from.
        trials: Sets tried.
        presence: What was fitted to frames with and without the target; None where it could not be.
        without_presence: Why not, one sentence; "" where it was.
    """

    hyper_parameters: HyperParameters
    ao: float
    ao_before: float
    trials: int
    presence: PresenceTuning | None = None
    without_presence: str = ""


def tune_tracker(
    network: SiameseNetwork,
    sequences: Sequence[Video],
    *,
    n_trials: int,
    output: str | Path,
    start: HyperParameters | None = None,
    seed: int = 0,
    device: str = "cpu",
    frames: Sequence[FrameSource] | None = None,
    frame_memory: int = 2 << 30,
    readers: int = 0,
    progress: Progress | None = None,
) -> Tuning:
    """Look for the penalty, window and rate with which a network tracks best, and fit what it says of presence.

    Presence is fitted with the best set, where frames are labelled as without the target: see `tune_presence`.

    The study is kept in the folder's ``journal.log``, so that a stopped call goes on; the best set is written to
    ``hyper_parameters.json``, which `track` and `evaluate` read.

    Args:
        network: A trained plain network.
        sequences: Validation sequences, never those that are reported on.
        n_trials: Sets to try in all.
        output: The run's folder.
        start: The set to try first; None: the published defaults.
        seed: Of Optuna's sampler (TPE).
        device: Where the network runs.
        frames: Where to take the frames of the sequences from, a source a sequence; None reads the files.
        frame_memory: Bytes of decoded frames to keep.
        readers: Threads that decode frames while the network tracks; they change no figure.
        progress: Told of every set tried, with a few words.

    Raises:
        InputError: No sequences, or none can be tracked; the folder's journal is of another network or other sequences.
    """
    import optuna

    from lighttrack_nas.benchmarks.scoring.network_scores import track_ao
    from lighttrack_nas.benchmarks.scoring.supernet_evaluator import fingerprint
    from lighttrack_nas.chain.presence_tuning import tune_presence
    from lighttrack_nas.strategies.search.storage.storage import failures_of, open_for_writing
    from lighttrack_nas.trackers.runtimes.torch_network import TorchNetwork
    from lighttrack_nas.trackers.tracking.lockstep import keep_frames, scale_of

    if not sequences:
        raise InputError("there are no sequences to tune the tracker on")
    output, start = Path(output), start or HyperParameters()
    make_folder(output)
    journal = output / "journal.log"
    kept = keep_frames(frames or sequences, frame_memory)
    about: dict[str, Any] = {
        "network": fingerprint(network),
        "sequences": [v.name for v in sequences],
        "start": start.to_dict(),
    }
    # Where there are some only, so that journals of earlier versions go on.
    if copies := {video.name: scale_of(video) for video in kept if scale_of(video) != 1.0}:
        about["copies"] = copies
    with open_for_writing(journal) as storage:
        with failures_of(journal):
            study = optuna.create_study(storage=storage, study_name="tuning", direction="maximize", load_if_exists=True)
            if study.user_attrs.get("about", about) != about:
                raise InputError(
                    f"'{output}' holds the tuning of another network or on other sequences; give another folder"
                )
            study.set_user_attr("about", about)
        while (done := len(_complete(study, journal))) < n_trials:
            with failures_of(journal):
                # A stream of its own for every trial: a resumed tuning proposes what an undisturbed one does.
                study.sampler = optuna.samplers.TPESampler(seed=(seed * 1_000_003 + done) % 2**32, n_startup_trials=12)
                if done == 0 and not study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,)):
                    study.enqueue_trial({name: getattr(start, name) for name in _FIELDS})
                trial = study.ask()
                values: dict[str, Any] = {name: trial.suggest_float(name, *RANGES[name]) for name in _FIELDS}
            tried = replace(start, **values)
            ao = track_ao(network, sequences, tried, device, frames=kept, readers=readers)["ao"]
            with failures_of(journal):
                study.tell(trial, ao)
            if progress is not None:
                progress(1, f"AO {ao:.3f}, best {study.best_value:.3f}")
        complete = _complete(study, journal)
        best = study.best_trial
    presence, reason, chosen = None, "", replace(start, **best.params)
    try:
        presence = tune_presence(
            TorchNetwork(network, device),
            sequences,
            chosen,
            None if copies else kept,
            batch_size=None if device == "cpu" else len(sequences),
            readers=readers,
            progress=None if progress is None else lambda _, text: progress(0, f"presence: {text}"),
        )
        chosen = presence.hyper_parameters
    except InputError as error:
        reason = str(error)
    tuning = Tuning(
        hyper_parameters=chosen,
        ao=float(study.best_value),
        ao_before=float(complete[0].value or 0.0),
        trials=len(complete),
        presence=presence,
        without_presence=reason,
    )
    write_atomically(output / "hyper_parameters.json", json.dumps(tuning.hyper_parameters.to_dict(), indent=2) + "\n")
    return tuning


def _complete(study: optuna.Study, journal: Path) -> list[optuna.trial.FrozenTrial]:
    """The sets that were tried.

    Raises:
        InputError: The journal is another study's, or says of a set something else than its values and its AO.
    """
    from optuna.study import StudyDirection
    from optuna.trial import TrialState

    otherwise = "remove it, and tuning begins anew"
    if study.directions != [StudyDirection.MAXIMIZE]:
        raise InputError(f"journal '{journal}' holds a study that maximises no AO: {otherwise}")
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    for trial in complete:
        numbers = [*(trial.values or ()), *trial.params.values()]
        named = set(trial.params) == set(_FIELDS) and len(numbers) == 1 + len(_FIELDS)
        if not named or not all(isinstance(number, float) and math.isfinite(number) for number in numbers):
            raise InputError(
                f"journal '{journal}', trial {trial.number}: expected an AO and {', '.join(_FIELDS)}, got "
                f"{short(trial.values)} and {short(trial.params)}: {otherwise}"
            )
    return complete
