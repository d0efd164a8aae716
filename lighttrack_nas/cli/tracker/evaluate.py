"""`evaluate`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lighttrack_nas.cli.shared.parsing import parse_on_bad
from lighttrack_nas.cli.shared.printing import print_json, print_table, print_warning
from lighttrack_nas.cli.tracker.track import resolve_tracker
from lighttrack_nas.cli.tracker.tracker_names import named_trackers
from lighttrack_nas.reporting import environment
from lighttrack_nas.reporting.progress_bar import progress
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name


def evaluate(
    models: Sequence[str],
    sequences: Path,
    output: Path,
    layout: str,
    protocol: str,
    eao_interval: str | None,
    clip: bool,
    hyper_parameters: str | None,
    device: str,
    threads: int | None,
    compute_precision: str | None,
    as_json: bool,
    *,
    split: str = "all",
    only: Sequence[str] = (),
    without: Sequence[str] = (),
    on_bad: str = "refuse",
    format: str = "got10k",
    runtime: str | None = None,
    results: Sequence[str] = (),
    rank_by: str | None = None,
) -> None:
    """Measure a tracker on a data set, or several beside each other."""
    from lighttrack_nas.cli.tracker.evaluate_several import evaluate_several
    from lighttrack_nas.trackers.data.readers.reader_registry import choose_sequences

    checked_name(format, ("got10k", "trackingnet"), "format")
    if format != "got10k" and protocol == "vot":
        raise InputError(
            f"--format {format} belongs to the one-pass protocol: VOT's results have a format of their own"
        )
    bad = parse_on_bad(on_bad)
    checked_name(protocol, ("one-pass", "vot"), "protocol")
    if eao_interval and protocol != "vot":
        raise InputError("--eao-interval belongs to --protocol vot: the one-pass protocol has no EAO")
    if clip and protocol == "vot":
        raise InputError("--clip belongs to the one-pass protocol: VOT's overlaps always ignore what is outside")
    interval = _parse_interval(eao_interval) if eao_interval else None
    several = len(models) != 1 or bool(results)
    if not models and not results:
        raise InputError(
            f"'{sequences}' alone is given: expected a MODEL and then the sequences, or the sequences and --results "
            "FOLDER"
        )
    if several and protocol == "vot":
        raise InputError("--protocol vot takes one tracker: several are compared in one pass")
    if rank_by is not None and not several:
        raise InputError("--rank-by belongs to several trackers: one needs no rank")
    trackers = named_trackers(models)
    choice = choose_sequences(sequences, layout, split, only=only, without=without, on_bad=bad, say=print_warning)
    for sentence in choice.report():
        print_warning(sentence)
    # What takes part in the record of every tracker.
    about: dict[str, Any] = {
        "sequences": str(sequences.resolve()),
        "layout": layout,
        "protocol": protocol,
        "clip": clip,
        "versions": environment.versions(),
    }
    if split != "all":
        # Other splits may have sequences of the same names. What is taken by name may change from call to call.
        about["split"] = split
    taken = {key: list(names) for key, names in (("only", only), ("without", without)) if names}
    options = (hyper_parameters, device, threads, compute_precision, runtime)
    if several:
        evaluate_several(
            *(trackers, results, choice, output, about, options),
            root=sequences,
            flat=format == "trackingnet",
            rank_by=rank_by or "ao",
            refuse=bad == "refuse",
            taken=taken,
            as_json=as_json,
        )
        return
    ((name, model),) = trackers.items()
    tracker, tracker_about = resolve_tracker(model, *options)
    total = len(choice.sequences)
    with progress("evaluating", total, "sequences") as advance, stopping(total) as finished:

        def show(sequence: str, figures: Mapping[str, float] | None) -> None:
            finished()
            advance(1, f"{sequence}: {first_figure(figures)}")

        result = run_tracker(tracker, choice.sequences, output, tracker_about | about, show, clip, interval, name)
    result = replace(result, record=result.record | taken, left_out=choice.left_out)
    result.save(output)
    if format == "trackingnet":
        write_flat(output, result)
    for sequence, reason in result.failures.items():
        print_warning(f"sequence '{sequence}' could not be evaluated: {reason}")
    if as_json:
        print_json(json.loads(result.to_json()))
    elif result.sequences:
        _print_result(result.overall, result.sequences)
        print(f"\n{output / 'summary.json'}")
    if result.failures:
        failed = f"{len(result.failures)} of {total} sequences could not be evaluated"
        if bad == "refuse" or not result.sequences:
            raise InputError(f"{failed}; the figures are of the others")
        print_warning(failed)


def run_tracker(
    tracker: Any,
    videos: Sequence[Any],
    output: Path,
    record: Mapping[str, Any],
    show: Callable[[str, Mapping[str, float] | None], None],
    clip: bool,
    interval: tuple[int, int] | None,
    name: str,
) -> Any:
    """Run one tracker over sequences by the record's protocol, with its plots; the result is not saved yet."""
    from lighttrack_nas.benchmarks.evaluation import one_pass, plots
    from lighttrack_nas.benchmarks.evaluation import vot_protocol as vot

    if record["protocol"] == "vot":
        return vot.evaluate_supervised(tracker, videos, output, record, interval, show)
    result = one_pass.evaluate(tracker, videos, output, record, show, clip=clip)
    plots.save_figures(result, output, name=name)
    return result


def write_flat(output: Path, result: Any) -> None:
    """Write a run's boxes once more, as TrackingNet's server takes them."""
    from lighttrack_nas.benchmarks.evaluation.result_files import write_flat_results

    write_flat_results(output, output / "trackingnet", result.sequences)


@contextmanager
def stopping(total: int) -> Iterator[Callable[[], None]]:
    """Say of interrupted work how many sequences are kept; gives a function to call after each."""
    finished = 0

    def count() -> None:
        nonlocal finished
        finished += 1

    try:
        yield count
    except KeyboardInterrupt:
        print(f"stopped: {finished} of {total} sequences are kept; the same call goes on", file=sys.stderr)
        raise


def first_figure(figures: Mapping[str, float] | None) -> str:
    """What progress says of a sequence."""
    return "failed" if figures is None else " ".join(f"{key} {figures[key]:.3f}" for key in list(figures)[:1])


def _parse_interval(text: str) -> tuple[int, int]:
    from lighttrack_nas.benchmarks.evaluation.vot_eao import PUBLISHED_INTERVALS

    if text[:1].isalpha():
        return PUBLISHED_INTERVALS[checked_name(text, PUBLISHED_INTERVALS, "challenge")]
    low, _, high = text.partition(",")
    if not (low.isdecimal() and high.isdecimal() and 1 <= int(low) <= int(high)):
        raise InputError(f"--eao-interval '{text}': expected LOW,HIGH in frames, such as 46,291, or a challenge's name")
    return int(low), int(high)


def _print_result(overall: Mapping[str, float], sequences: Mapping[str, Mapping[str, float]]) -> None:
    columns = [name for name in next(iter(sequences.values())) if name in overall]

    digits = {"frames": 0, "failures": 0, "fps": 1, "found_after": 1}

    def cells(values: Mapping[str, float], names: list[str]) -> list[str]:
        return [f"{values[name]:.{digits.get(name, 3)}f}" for name in names]

    rows = [[name, *cells(values, columns)] for name, values in sequences.items()]
    rows.append([f"overall ({len(sequences)})", *cells(overall, columns)])
    print_table(["sequence", *columns], rows, right=range(1, len(columns) + 1))
    rest = [name for name in overall if name not in columns]
    print("\n" + ", ".join(f"{name} {value}" for name, value in zip(rest, cells(overall, rest), strict=True)))
