"""Figures of the sequences, or of the frames alone, that have an attribute."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lighttrack_nas.benchmarks.evaluation.evaluation_result import ScoredSequence
from lighttrack_nas.benchmarks.evaluation.metrics import FrameScores, is_scored, overall_metrics

FIGURES = ("ao", "sr50", "success_auc", "precision")


def attribute_table(
    trackers: Mapping[str, Mapping[str, ScoredSequence]], attributes: Mapping[str, Mapping[str, np.ndarray]]
) -> pd.DataFrame:
    """Measure trackers by attribute.

    As OTB does, an attribute of sequences takes these sequences; as VOT does, one of frames takes these frames.

    Args:
        trackers: Name of the tracker -> name of the sequence -> its boxes against the truth.
        attributes: Name of the attribute -> name of the sequence -> ``(frames,)`` bool.

    Returns:
        One row for each attribute and tracker that has a scored frame after the first: `attribute`, `tracker`,
        `sequences` and `frames` (scored ones), and `FIGURES`.
    """
    rows = []
    for attribute, marked in attributes.items():
        for tracker, sequences in trackers.items():
            kept = [_only(sequences[name].scores, frames) for name, frames in marked.items() if name in sequences]
            kept = [scores for scores in kept if is_scored(scores)]
            if kept:
                figures = overall_metrics(kept)
                counts = {"sequences": len(kept), "frames": int(figures["frames"])}
                rows.append(
                    {"attribute": attribute, "tracker": tracker} | counts | {name: figures[name] for name in FIGURES}
                )
    return pd.DataFrame(rows, columns=["attribute", "tracker", "sequences", "frames", *FIGURES])


def _only(scores: FrameScores, frames: np.ndarray) -> FrameScores:
    return FrameScores(
        *(
            np.where(frames, values, np.nan)
            for values in (scores.overlaps, scores.centre_errors, scores.normalised_errors)
        )
    )
