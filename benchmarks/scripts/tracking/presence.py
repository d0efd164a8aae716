"""Whether a tracker knows that its target is there: before and after `tune_presence`, on other sequences.

    python benchmarks/scripts/tracking/presence.py MODEL --fit FOLDER [FOLDER ...] --test FOLDER [FOLDER ...]
        [--hyper-parameters NAME] [--foreign]

FOLDER is in GOT-10k's layout, or the name of a generated set, which is made in --made. With --foreign the tested
sequences are followed by their targets in 60 frames of the next sequence, where they are not. "Before" states the
network's score as the probability.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from lighttrack_nas.benchmarks.evaluation.metrics import overall_metrics, score_frames
from lighttrack_nas.benchmarks.evaluation.presence_metrics import PresenceFrames, presence_metrics
from lighttrack_nas.chain.presence_tuning import foreign_videos, presence_frames, tune_presence
from lighttrack_nas.models.models import load_tracker
from lighttrack_nas.reporting.environment import cpu_name
from lighttrack_nas.reporting.text_tables import text_table
from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences
from lighttrack_nas.trackers.data.sequence import Sequence
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters
from lighttrack_nas.trackers.tracking.lockstep import track_in_step
from lighttrack_nas.trackers.tracking.tracker import SiameseTracker
from lighttrack_nas.trackers.training.generator.sets import GENERATED_SETS, generated_sequences


def main() -> None:
    """Fit, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--fit", nargs="+", required=True)
    parser.add_argument("--test", nargs="+", required=True)
    parser.add_argument("--hyper-parameters")
    parser.add_argument("--foreign", action="store_true")
    parser.add_argument("--made", type=Path, default=Path("runs/generated"))
    given = parser.parse_args()
    tracker = load_tracker(given.model, given.hyper_parameters)
    off = replace(tracker.hyper_parameters, presence_slope=0.0, presence_offset=0.0, lost_after=0)
    fit, test = (_sequences(names, given.made) for names in (given.fit, given.test))
    if given.foreign:
        test += foreign_videos(test)
    tuned = tune_presence(tracker.network, fit, off)
    print(cpu_name())
    print(f"fitted: {tuned.hyper_parameters}")
    rows = [
        ("before", *_figures(tracker, test, off)),
        ("calibrated", *_figures(tracker, test, replace(tuned.hyper_parameters, lost_after=0))),
        ("with the rule", *_figures(tracker, test, tuned.hyper_parameters)),
    ]
    print(text_table(("", "AO", *NAMES), rows, right=range(1, 8)))


NAMES = ("presence", "calibration_error", "f_score", "lost_precision", "lost_recall", "found_after")


def _sequences(names: list[str], made: Path) -> list[Sequence]:
    sequences: list[Sequence] = []
    for name in names:
        sequences += (
            generated_sequences(name, made / name) if name in GENERATED_SETS else read_sequences(name, "got10k")
        )
    return sequences


def _figures(tracker: SiameseTracker, sequences: list[Sequence], settings: HyperParameters) -> list[str]:
    tracks = track_in_step(tracker.network, sequences, settings)
    frames = presence_frames(tracks, sequences, settings)
    if not settings.presence_slope:
        frames = [_score_as_presence(sequence_frames) for sequence_frames in frames]
    figures = presence_metrics(frames)
    scores = [score_frames(tracks.boxes[sequence.name], sequence.boxes, sequence.absent) for sequence in sequences]
    return [f"{overall_metrics(scores)['ao']:.3f}", *(f"{figures[name]:.3f}" for name in NAMES)]


def _score_as_presence(frames: PresenceFrames) -> PresenceFrames:
    return replace(frames, presence=np.asarray(frames.confidence))


if __name__ == "__main__":
    main()
