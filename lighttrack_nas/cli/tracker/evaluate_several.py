"""`evaluate` with several trackers, or with results that are there already."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.cli.shared.printing import print_json, print_table, print_warning
from lighttrack_nas.cli.tracker.evaluate import first_figure, run_tracker, stopping, write_flat
from lighttrack_nas.cli.tracker.track import resolve_tracker
from lighttrack_nas.cli.tracker.tracker_names import is_baseline, is_exported, refuse_twice, split_name
from lighttrack_nas.reporting.progress_bar import progress
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.readers.choosing import Choice

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.standings.tracker_comparison import TrackerComparison

_ALL_PAIRS = 4
"""Trackers of which every pair is printed; of more, neighbours alone."""
_SHOWN = ("fps", "f_score")

Options = tuple[str | None, str, int | None, str | None, str | None]
"""Hyper-parameters, device, threads, precision and runtime, as `resolve_tracker` takes them."""


def evaluate_several(
    models: Mapping[str, str],
    results: Sequence[str],
    choice: Choice,
    output: Path,
    about: Mapping[str, Any],
    options: Options,
    *,
    root: Path,
    flat: bool,
    rank_by: str,
    refuse: bool,
    taken: Mapping[str, Any],
    as_json: bool,
) -> None:
    """Track with each tracker into a folder of its own, then compare all; nothing tracked is lost to what fails later.

    Args:
        models: Name -> model.
        results: Folders of results, each ``FOLDER`` or ``NAME=FOLDER``.
        choice: The sequences.
        output: The folder for everything.
        about: What the trackers' records have in common.
        options: Given to each tracker that takes them.
        root: The data set's folder.
        flat: Write boxes as TrackingNet's server takes them, too.
        rank_by: The figure.
        refuse: Refuse results that lack sequences, and end with an error where a sequence failed.
        taken: The sequences taken or left out by name, for the records.
        as_json: Print JSON.
    """
    from lighttrack_nas.benchmarks.evaluation.result_files import RECORD_NAME
    from lighttrack_nas.benchmarks.standings.saved_results import check_complete, read_saved
    from lighttrack_nas.benchmarks.standings.standings import RANKED
    from lighttrack_nas.benchmarks.standings.tracker_comparison import compare_saved
    from lighttrack_nas.trackers.base.names import checked_name
    from lighttrack_nas.trackers.data.attributes.attribute_files import read_attributes

    checked_name(rank_by, RANKED, "figure to rank by")
    videos, clip = choice.sequences, bool(about["clip"])
    if (output / RECORD_NAME).is_file():
        raise InputError(
            f"'{output}' holds results of one tracker: give another folder; --results {output} compares them"
        )
    try:
        attributes = read_attributes(root, about["layout"], videos)
    except InputError as error:
        if refuse:
            raise
        attributes = {}
        print_warning(f"attributes are left out: {error}")
    folders = _folders(results, models, [video.name for video in videos])
    saved = [read_saved(name, folder, videos, clip=clip, say=print_warning) for name, folder in folders.items()]
    if refuse:
        check_complete(saved)
    trackers = {
        name: resolve_tracker(model, *_options_of(model, list(models.values()), options))
        for name, model in models.items()
    }
    failures: dict[str, dict[str, str]] = {}
    total = len(trackers) * len(videos)
    tracked = []
    with progress("evaluating", total, "sequences") as advance, stopping(total) as finished:
        for name, (tracker, tracker_about) in trackers.items():

            def show(sequence: str, figures: Mapping[str, float] | None, name: str = name) -> None:
                finished()
                advance(1, f"{name}, {sequence}: {first_figure(figures)}")

            record = {**tracker_about, **about}
            result = run_tracker(tracker, videos, output / name, record, show, clip, None, name)
            replace(result, record=result.record | taken, left_out=choice.left_out).save(output / name)
            if flat:
                write_flat(output / name, result)
            failures[name] = result.failures
            tracked.append(_with_failures(read_saved(name, output / name, videos, clip=clip), result.failures))
    comparison = compare_saved(
        *([*tracked, *saved], videos, attributes),
        by=rank_by,
        say=print_warning,
        record={"trackers": {name: record for name, (_, record) in trackers.items()}, **about, **taken},
    )
    try:
        comparison.save(output)
    except InputError as error:
        # Tables and curves are written: what lacks is the picture of frames.
        print_warning(f"the frames in which the trackers part are not drawn: {error}")
    if as_json:
        print_json(json.loads(comparison.to_json()))
    else:
        print_comparison(comparison)
        print(f"\n{output / 'ranking.csv'}, with differences, curves and more beside it")
    failed = {name: reasons for name, reasons in failures.items() if reasons}
    if failed:
        said = ", ".join(f"{len(reasons)} of '{name}'" for name, reasons in failed.items())
        sentence = f"sequences could not be evaluated: {said} (of {len(videos)})"
        if refuse:
            raise InputError(f"{sentence}; the figures are of the others")
        print_warning(sentence)


def print_comparison(comparison: TrackerComparison) -> None:
    """Print the ranking, the differences, and the figures by attribute."""
    from lighttrack_nas.benchmarks.standings.standings import RANKED, best_of

    table, by = comparison.table, comparison.by
    best = best_of(table)
    columns = [by, *(c for c in (*RANKED, *_SHOWN) if c != by and c in table and table[c].notna().any())]
    rows = []
    for name, values in table.iterrows():
        low, high = int(values["best_rank"]), int(values["worst_rank"])
        cells = [
            f"{_number(values[c], 1 if c == 'fps' else 3)}{'*' if name in best.get(c, []) else ' '}" for c in columns
        ]
        rows.append([f"{low}" if low == high else f"{low}-{high}", str(name), *cells])
    print_table(["rank", "tracker", *(f"{c} " for c in columns)], rows, right=range(2, len(columns) + 2))
    if len(rows) > 1:
        print("\n* the best. A rank such as 1-2 is one that these sequences do not decide.")
    _print_differences(comparison)
    _print_attributes(comparison)


def _print_differences(comparison: TrackerComparison) -> None:
    pairs, names = comparison.differences, list(comparison.table.index)
    if not pairs:
        return
    shown = [p for p in pairs if len(names) <= _ALL_PAIRS or names.index(p.behind) == names.index(p.ahead) + 1]
    rows = [
        [
            *(p.ahead, p.behind, _number(p.mean), f"{_number(p.low)} to {_number(p.high)}"),
            *(f"{p.better} of {p.sequences}", "ahead" if p.decided else "undecided"),
        ]
        for p in shown
    ]
    print(
        f"\n{comparison.by} by sequence: the mean difference, and where it lies for other sequences of the kind (95 %)"
    )
    print_table(["tracker", "against", "difference", "interval", "better in", ""], rows, right=(2, 3, 4))
    if len(shown) < len(pairs):
        print("The other pairs are in differences.csv.")


def _print_attributes(comparison: TrackerComparison) -> None:
    table = comparison.attributes
    table = table[table["sequences"] > 1]
    if not len(table):
        return
    names = list(comparison.table.index)
    rows = []
    for attribute, group in table.groupby("attribute", sort=False):
        by_tracker = group.set_index("tracker")["ao"].reindex(names)
        best = by_tracker.max()
        cells = [f"{_number(value)}{'*' if value == best and len(names) > 1 else ' '}" for value in by_tracker]
        rows.append([str(attribute), str(group["sequences"].max()), str(group["frames"].max()), *cells])
    print("\nao by attribute")
    print_table(["attribute", "sequences", "frames", *(f"{n} " for n in names)], rows, right=range(1, len(names) + 3))


def _number(value: float, digits: int = 3) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _folders(results: Sequence[str], models: Mapping[str, str], sequences: Sequence[str]) -> dict[str, Path]:
    """Name -> folder of results.

    Raises:
        InputError: Two of one name, or a name for a folder that holds several trackers.
    """
    from lighttrack_nas.benchmarks.standings.saved_results import find_results

    folders: dict[str, Path] = {}
    for text in results:
        name, folder = split_name(text)
        tracker_folders = find_results(folder, sequences)
        if name and len(tracker_folders) > 1:
            own, path = next(iter(tracker_folders.items()))
            raise InputError(
                f"'{text}': the folder holds results of {len(tracker_folders)} trackers "
                f"({', '.join(tracker_folders)}): name one tracker's folder, such as {name}={path}, "
                "or give the folder without a name"
            )
        for own, path in tracker_folders.items():
            called = name or own
            if called in folders or called in models:
                refuse_twice(called, folders.get(called) or models[called], path)
            folders[called] = path
    return folders


def _options_of(model: str, models: Sequence[str], options: Options) -> Options:
    """Leave out what this tracker does not take and another one does; what none takes, the first refuses."""
    hyper_parameters, device, threads, precision, runtime = options
    if is_baseline(model) and not all(map(is_baseline, models)):
        hyper_parameters = None
    if not is_exported(model) and any(map(is_exported, models)):
        precision = runtime = None
    return hyper_parameters, device, threads, precision, runtime


def _with_failures(tracker: Any, failures: Mapping[str, str]) -> Any:
    """A tracker's results with the reasons why some are not there."""
    return replace(tracker, problems=tracker.problems | failures)
