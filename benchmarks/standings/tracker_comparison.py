"""Compare trackers by the results that they left: a table that ranks them, and pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lighttrack_nas.benchmarks.evaluation.evaluation_result import EvaluationResult, ScoredSequence, summarise
from lighttrack_nas.benchmarks.evaluation.plots import save_plot
from lighttrack_nas.benchmarks.evaluation.presence_metrics import precision_recall
from lighttrack_nas.benchmarks.evaluation.result_files import to_json
from lighttrack_nas.benchmarks.standings.attribute_figures import attribute_table
from lighttrack_nas.benchmarks.standings.parting_frames import draw_partings, find_partings
from lighttrack_nas.benchmarks.standings.saved_results import (
    SavedTracker,
    check_complete,
    common_sequences,
    read_saved,
)
from lighttrack_nas.benchmarks.standings.standing_plots import attributes_plot, curves_plot
from lighttrack_nas.benchmarks.standings.standings import Difference, best_of, differences, ranking, standings_table
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.data.readers.choosing import ON_BAD
from lighttrack_nas.trackers.data.sequence import Sequence as Video

_PERHAPS = ("attributes.csv", "attributes.png", "attributes.svg", "parting.png")


@dataclass(frozen=True, eq=False)
class TrackerComparison:
    """Trackers on the same sequences.

    Attributes:
        results: Name of the tracker -> its figures, in the order given.
        scored: Name of the tracker -> name of the sequence -> its boxes against the truth.
        videos: The sequences that all trackers have results of.
        table: The ranking, best first; see `standings_table`.
        differences: Of each pair of trackers.
        attributes: Figures by attribute, without rows where the data set has none; see `attribute_table`.
        by: The figure that ranks.
        left_out: Name of a sequence that is not compared -> why, one line.
        record: What was compared.
    """

    results: dict[str, EvaluationResult]
    scored: dict[str, dict[str, ScoredSequence]]
    videos: list[Video]
    table: pd.DataFrame
    differences: list[Difference]
    attributes: pd.DataFrame
    by: str
    left_out: dict[str, str] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)

    def difference_table(self) -> pd.DataFrame:
        """One row for each pair of trackers."""
        rows = [asdict(pair) | {"decided": pair.decided} for pair in self.differences]
        names = ["ahead", "behind", "mean", "low", "high", "better", "worse", "sequences", "decided"]
        return pd.DataFrame(rows, columns=names)

    def to_json(self) -> str:
        """The content of ``ranking.json``; null for what is not a number."""
        return to_json(
            {
                "ranked_by": self.by,
                "trackers": self.table.to_dict(orient="index"),
                "best": best_of(self.table),
                "differences": self.difference_table().to_dict(orient="records"),
                "attributes": self.attributes.to_dict(orient="records"),
                "sequences": {
                    video.name: {name: result.sequences[video.name][self.by] for name, result in self.results.items()}
                    for video in self.videos
                },
                "left_out": self.left_out,
                "run": self.record,
            }
        )

    def save(self, output: Path | str) -> list[Path]:
        """Write tables and pictures to a folder, made if missing.

        ``ranking.csv`` and ``ranking.json``, ``differences.csv``, ``curves.png`` and ``.svg``; ``attributes.csv``,
        ``.png`` and ``.svg`` where the data set has attributes; ``parting.png`` where the trackers part.

        Returns:
            The files written.

        Raises:
            InputError: A frame that is to be drawn cannot be read; the tables and the curves are written then.
        """
        output = Path(output)
        for name in _PERHAPS:  # of an earlier comparison, which may have had more to say
            (output / name).unlink(missing_ok=True)
        texts = {
            "ranking.json": self.to_json(),
            "ranking.csv": self.table.to_csv(),
            "differences.csv": self.difference_table().to_csv(index=False),
        }
        if len(self.attributes):
            texts["attributes.csv"] = self.attributes.to_csv(index=False)
        for name, text in texts.items():
            write_atomically(output / name, text)
        written = [output / name for name in texts]

        places = {name: place for place, name in enumerate(self.results)}
        curves = {name: result.curves for name, result in self.results.items()}
        presence = {
            name: precision_recall([sequence.said for sequence in sequences.values() if sequence.said is not None])
            for name, sequences in self.scored.items()
        }
        pictures = {"curves": curves_plot(curves, presence)}
        by_attribute = attributes_plot(self.attributes, places)
        if by_attribute is not None:
            pictures["attributes"] = by_attribute
        for name, figure in pictures.items():
            files = [output / f"{name}.png", output / f"{name}.svg"]
            save_plot(figure, *files)
            written += files
        partings = find_partings(self.scored, self.videos)
        if partings:
            save_plot(draw_partings(partings, places), output / "parting.png")
            written.append(output / "parting.png")
        return written


def compare_trackers(
    results: Mapping[str, Path | str],
    sequences: Sequence[Video],
    attributes: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    *,
    by: str = "ao",
    on_bad: str = "refuse",
    clip: bool = False,
    seed: int = 0,
    say: Say | None = None,
    record: Mapping[str, Any] | None = None,
) -> TrackerComparison:
    """Compare trackers by the results that they left on disk, whoever ran them; nothing is tracked.

    Args:
        results: Name of the tracker -> its folder, as `saved_results` reads it and `find_results` finds it.
        sequences: The videos, with unique names.
        attributes: What `read_attributes` gave; None for none.
        by: The figure that ranks: "ao", "sr50", "sr75", "success_auc", "precision" or "normalised_precision".
        on_bad: Where a tracker lacks usable results of a sequence: "refuse", or "leave out" the sequence, for all.
        clip: Clip all boxes to the frame before the overlap, as the got10k toolkit does for GOT-10k.
        seed: Of the bootstrap over sequences.
        say: Told what is left out, and what is strange.
        record: What else to keep in ``ranking.json`` beside folders and seed, JSON-able, such as versions.

    Returns:
        The comparison; `save` writes it.

    Raises:
        InputError: No trackers, unusable results, or no sequence that all trackers have.
    """
    checked_name(on_bad, ON_BAD, "way with bad sequences")
    saved = [read_saved(name, folder, sequences, clip=clip, say=say) for name, folder in results.items()]
    if on_bad == "refuse":
        check_complete(saved)
    return compare_saved(saved, sequences, attributes, by=by, seed=seed, say=say, record=record)


def compare_saved(
    saved: Sequence[SavedTracker],
    sequences: Sequence[Video],
    attributes: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    *,
    by: str = "ao",
    seed: int = 0,
    say: Say | None = None,
    record: Mapping[str, Any] | None = None,
) -> TrackerComparison:
    """Compare trackers whose results were read, on the sequences that all of them have; see `compare_trackers`."""
    names = [video.name for video in sequences]
    twice = next((name for name, count in Counter(tracker.name for tracker in saved).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"two trackers are called '{twice}'")
    if not saved:
        raise InputError("there are no trackers to compare")
    common, left_out = common_sequences(saved, names)
    if not common:
        name, reason = next(iter(left_out.items()))
        raise InputError(f"no sequence has results of all {len(saved)} trackers; the first, '{name}': {reason}")
    if say is not None:
        for name, reason in left_out.items():
            say(f"sequence '{name}' is left out for all trackers: {reason}")
    scored = {tracker.name: {name: tracker.sequences[name] for name in common} for tracker in saved}
    results = {name: summarise(sequences_of) for name, sequences_of in scored.items()}
    pairs = differences(results, by, seed)
    folders = {tracker.name: str(tracker.folder.resolve()) for tracker in saved}
    return TrackerComparison(
        results=results,
        scored=scored,
        videos=[video for video in sequences if video.name in scored[saved[0].name]],
        table=standings_table(results, pairs, by),
        differences=pairs,
        attributes=attribute_table({name: scored[name] for name in ranking(results, by)}, attributes or {}),
        by=by,
        left_out=left_out,
        record={"results": folders, "seed": seed, **(record or {})},
    )
