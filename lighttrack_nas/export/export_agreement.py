"""How far written graphs are from the original: on the runtime that they are for, and on others that run such files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lighttrack_nas.export.export_checks import BOUNDS, COMPARED, AnswerDifferences, Example, compare_answers
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.runtimes.exported import MANIFEST, ExportedNetwork, manifest_text
from lighttrack_nas.trackers.runtimes.runtime_registry import runtime_versions


def compare(
    exported: ExportedNetwork, precision: str, examples: Mapping[int, Sequence[Example]], say: Say
) -> dict[int, AnswerDifferences]:
    """Compare a written network with the original, at every search size.

    Args:
        exported: What was written.
        precision: Of its weights.
        examples: Of the original, by search size.
        say: Told of every size.

    Raises:
        InputError: The answers are too far apart.
    """
    return {size: _compared(exported, precision, size, of_size, say) for size, of_size in examples.items()}


def compare_elsewhere(
    folder: Path, content: Mapping[str, Any], precision: str, examples: Mapping[int, Sequence[Example]], say: Say
) -> dict[int, AnswerDifferences] | str:
    """Compare the same files on another runtime.

    Args:
        folder: Of the files; its manifest is written anew.
        content: Of the manifest that lets the other runtime run them.
        precision: Of the weights.
        examples: Of the original, by search size.
        say: Told of every size.

    Returns:
        The differences by search size, or in words why it does not run the files.
    """
    if precision == "int8":
        return "what int8 costs in AO is measured on the runtime that it is written for alone"
    write_atomically(folder / MANIFEST, manifest_text(content))
    try:
        return compare(ExportedNetwork(folder, threads=1), precision, examples, say)
    except InputError as error:
        return str(error).replace(f"{folder}/", "").removesuffix("; nothing was written")


def agreement_record(agreement: Mapping[int, AnswerDifferences]) -> dict[str, Any]:
    """JSON-able differences by search size."""
    return {str(size): asdict(differences) for size, differences in agreement.items()}


def elsewhere_record(runtime: str, outcome: Mapping[int, AnswerDifferences] | str) -> dict[str, Any]:
    """JSON-able result of `compare_elsewhere`; `chosen_runtime` reads it."""
    if isinstance(outcome, str):
        return {"refused": outcome}
    return {"refused": None, "agreement": agreement_record(outcome), "versions": runtime_versions(runtime)}


def _compared(
    exported: ExportedNetwork, precision: str, size: int, examples: Sequence[Example], say: Say
) -> AnswerDifferences:
    spread = examples[:: max(1, len(examples) // COMPARED)]
    differences = compare_answers(exported, exported.prepare, spread)
    bound = BOUNDS[precision]
    for what, share in (("logits", differences.logits_share), ("distances", differences.distances_share)):
        if not share <= bound:  # NaN is refused too
            raise InputError(
                f"{exported.runtime} does not reproduce the network: at search size {size} its {what} differ from the "
                f"original's by {share:.2g} of the largest on {differences.crops} crops, at most {bound:.2g} expected "
                f"in {precision}; nothing was written"
            )
    say(f"search size {size} compared on {exported.runtime}")
    return differences
