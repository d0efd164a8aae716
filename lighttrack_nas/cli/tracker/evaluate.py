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
from lighttrack_nas.reporting import environment
from lighttrack_nas.reporting.progress_bar import progress
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name


def evaluate(
    model: str,
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
) -> None:
    """Measure a tracker on a data set."""
    from lighttrack_nas.benchmarks.evaluation import one_pass as evaluation
    from lighttrack_nas.benchmarks.evaluation import plots
    from lighttrack_nas.benchmarks.evaluation import vot_protocol as vot
    from lighttrack_nas.benchmarks.evaluation.result_files import write_flat_results
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
    choice = choose_sequences(sequences, layout, split, only=only, without=without, on_bad=bad, say=print_warning)
    videos = choice.sequences
    for sentence in choice.report():
        print_warning(sentence)
    tracker, about = resolve_tracker(model, hyper_parameters, device, threads, compute_precision, runtime)
    record = about | {
        "sequences": str(sequences.resolve()),
        "layout": layout,
        "protocol": protocol,
        "clip": clip,
        "versions": environment.versions(),
    }
    if split != "all":
        # Other splits may have sequences of the same names. What is taken by name may change from call to call.
        record["split"] = split
    finished = 0
    result: Any
    with progress("evaluating", len(videos), "sequences") as advance, _stopping(lambda: finished, len(videos)):

        def show(name: str, figures: Mapping[str, float] | None) -> None:
            nonlocal finished
            finished += 1
            value = "failed" if figures is None else " ".join(f"{k} {figures[k]:.3f}" for k in list(figures)[:1])
            advance(1, f"{name}: {value}")

        if protocol == "vot":
            result = vot.evaluate_supervised(tracker, videos, output, record, interval, show)
        else:
            result = evaluation.evaluate(tracker, videos, output, record, show, clip=clip)
            plots.save_figures(result, output, name=_short_name(model))
    taken = {key: list(names) for key, names in (("only", only), ("without", without)) if names}
    result = replace(result, record=result.record | taken, left_out=choice.left_out)
    result.save(output)
    if format == "trackingnet":
        write_flat_results(output, output / format, result.sequences)
    for name, reason in result.failures.items():
        print_warning(f"sequence '{name}' could not be evaluated: {reason}")
    if as_json:
        print_json(json.loads(result.to_json()))
    elif result.sequences:
        _print_result(result.overall, result.sequences)
        print(f"\n{output / 'summary.json'}")
    if result.failures:
        failed = f"{len(result.failures)} of {len(videos)} sequences could not be evaluated"
        if bad == "refuse" or not result.sequences:
            raise InputError(f"{failed}; the figures are of the others")
        print_warning(failed)


@contextmanager
def _stopping(finished: Callable[[], int], total: int) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print(f"stopped: {finished()} of {total} sequences are kept; the same call goes on", file=sys.stderr)
        raise


def _short_name(model: str) -> str:
    path = Path(model)
    if path.is_dir():
        return path.resolve().name
    return path.stem if path.suffix == ".safetensors" else model


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
