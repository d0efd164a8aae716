"""Export of a model: graphs in a runtime's format, checked against the original, in a folder that tracks by itself."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from lighttrack_nas.export import export_checks
from lighttrack_nas.export.calibration_data import (
    CALIBRATION_FRAMES,
    check_calibration_folder,
    check_enough,
    write_calibration_data,
)
from lighttrack_nas.export.export_agreement import agreement_record, compare, compare_elsewhere, elsewhere_record
from lighttrack_nas.export.export_checks import BOUNDS, COMPARED, AnswerDifferences, Example
from lighttrack_nas.export.export_description import describe, graph_metadata, write_metadata
from lighttrack_nas.export.export_folder import check_export_folder, folder_at_once
from lighttrack_nas.export.export_graphs import Plan, build_graphs, graph_inputs, write_graphs
from lighttrack_nas.models.models import Model, load_model
from lighttrack_nas.reporting.environment import cpu_name
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.runtimes.exported import (
    MANIFEST,
    ExportedNetwork,
    file_hashes,
    manifest_text,
)
from lighttrack_nas.trackers.runtimes.runtime_registry import (
    checked_runtime,
    runtime_versions,
    with_the_same_files,
)
from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters, load_hyper_parameters
from lighttrack_nas.trackers.training.generator.sets import GENERATED_SETS, generated_sequences

if TYPE_CHECKING:
    from lighttrack_nas.trackers.data.sequence import Sequence as Labelled
    from lighttrack_nas.trackers.tracking.lockstep import Video

FORMATS: Mapping[str, str] = {
    "onnx": "onnxruntime",
    "openvino": "openvino",
    "ncnn": "ncnn",
    "torch-export": "torch-export",
}
"""What can be written, and the runtime that runs it."""
LARGEST_AO_LOSS = 0.02
"""AO that an int8 network may lose against the original unless the caller says otherwise."""
_INT8_EXAMPLES = 160  # search crops of each size
_GENERATED_VIDEOS = 8
_AO_SET = "generated-val-v1"
_TRACK_GRAPH = 1.5  # times the template's, which has no towers


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        folder: The exported tracker.
        runtime: That runs it.
        versions: Of the runtime's packages.
        agreement: Search size -> how far the graphs' answers are from the original's.
        also: Other runtime of the same files -> how far its answers are, by search size, or why it does not run them.
        ao: For int8 "exported", "original", and "on", the sequences in words; empty otherwise.
        bytes: Of all files.
    """

    folder: Path
    runtime: str
    versions: Mapping[str, str]
    agreement: Mapping[int, AnswerDifferences]
    also: Mapping[str, Mapping[int, AnswerDifferences] | str]
    ao: Mapping[str, Any]
    bytes: int


def export_model(
    model: str | Path,
    output: str | Path,
    *,
    format: str = "onnx",
    template_size: int | None = None,
    search_sizes: Sequence[int] | None = None,
    dynamic: bool = False,
    correlation: str = "matmul",
    precision: str = "float32",
    raw: bool = False,
    hyper_parameters: HyperParameters | str | Path | None = None,
    sequences: Sequence[Labelled] | None = None,
    largest_ao_loss: float = LARGEST_AO_LOSS,
    opset: int | None = None,
    calibration_data: str | Path | None = None,
    calibration_frames: int = CALIBRATION_FRAMES,
    progress: Say | None = None,
    estimated: Callable[[float], None] | None = None,
) -> Export:
    """Write a model's graphs and a manifest to a folder that `load_tracker`, `track` and `evaluate` take as a model.

    Before the folder appears, the graphs are opened and compared with the original on real crops. If they differ by
    more than rounding (`export_checks.BOUNDS`), or an int8 network loses too much AO, nothing is written. The folder
    appears whole; an older export of its name is replaced then and not before.

    Args:
        model: A model file, or a shipped model's name.
        output: The folder: missing, empty, or an earlier export.
        format: One of `FORMATS`.
        template_size: Side of the template crop, pixels; None takes the model's own.
        search_sizes: One or two sides of the search crop, pixels; the larger serves small targets. None takes the
            model's own.
        dynamic: Write one track graph for every size, not one for each.
        correlation: "matmul", or "convolution" for runtimes that are better at it, but not for ncnn; equal but for
            rounding.
        precision: Of the weights: "float32"; "float16", which halves the files; "int8" by post-training quantisation,
            in which the network computes too.
        raw: Whether the graphs take crops as they are (BGR uint8) and normalise for themselves.
        hyper_parameters: To store: a value, a set's name, or a file; None takes the model's own.
        sequences: Real videos: their crops are compared and calibrate int8, whose AO on them is measured. None takes
            generated videos.
        largest_ao_loss: AO that an int8 network may lose, a fraction.
        opset: ONNX's operator set to write, for readers that know no newer one; None leaves it to torch's exporter.
        calibration_data: A folder, missing or empty, for the graphs' inputs over frames of the sequences, from which
            other people's converters quantise; None writes none.
        calibration_frames: How many frames.
        progress: Told of every step; None for silence.
        estimated: Told once, when the first graph is written, how many seconds the rest will take.

    Raises:
        InputError: An option, the model or the folder will not do, the runtime is missing or refuses the network, or
            the graphs do not agree with the original.
        OSError: The folder cannot be written.
    """
    say = progress or (lambda _: None)
    output = Path(output)
    runtime = FORMATS[checked_name(format, FORMATS, "format")]
    checked_name(precision, BOUNDS, "precision")
    if not 0 <= largest_ao_loss <= 1:
        raise InputError(f"largest loss of AO: expected a fraction between 0 and 1, got {largest_ao_loss}")
    if calibration_frames < 1:
        raise InputError(f"calibration data: at least 1 frame expected, got {calibration_frames}")
    checked_runtime(runtime, writing=True)
    check_export_folder(output)
    calibration = None if calibration_data is None else Path(calibration_data)
    if calibration is not None:
        check_calibration_folder(calibration, output)
    loaded = load_model(model)
    geometry = loaded.network.geometry
    plan = Plan(
        runtime=runtime,
        template_size=geometry.template_size if template_size is None else template_size,
        search_sizes=tuple(sorted(set(geometry.search_sizes if search_sizes is None else search_sizes))),
        dynamic=dynamic,
        correlation=correlation,
        precision=precision,
        raw=raw,
        hyper_parameters=load_hyper_parameters(
            loaded.hyper_parameters if hyper_parameters is None else hyper_parameters
        ),
        opset=opset,
    )
    say("model read")
    with folder_at_once(output) as folder, _calibration_folder(calibration, output) as data:
        graphs = build_graphs(loaded.network, plan)
        count = max(_INT8_EXAMPLES if precision == "int8" else COMPARED, calibration_frames if calibration else 0)
        begun = monotonic()
        examples = _examples(loaded, plan, sequences, count, say)
        a_crop = (monotonic() - begun) / max(1, sum(map(len, examples.values())))
        if calibration is not None:
            check_enough(min(map(len, examples.values())), calibration_frames)

        def first_took(seconds: float) -> None:
            if estimated is not None:
                estimated(_seconds_left(plan, seconds, a_crop, examples, sequences))

        write_graphs(graphs, plan, examples, folder, say, first_took)
        content = describe(loaded, plan, str(model))
        if plan.in_onnx:
            for name in graphs:
                write_metadata(folder / f"{name}.onnx", graph_metadata(content, name))
        content["files"] = file_hashes(folder, plan.runtime, list(graphs))
        # The checks run the folder as users will, so that it needs its manifest; theirs comes with what they found.
        write_atomically(folder / MANIFEST, manifest_text(content))
        exported = ExportedNetwork(folder, threads=1)
        agreement = compare(exported, precision, examples, say)
        ao = _measured_ao(loaded, exported, plan, sequences, largest_ao_loss, say) if precision == "int8" else {}
        also = {
            other: compare_elsewhere(folder, content | {"runtime": other}, precision, examples, say)
            for other in with_the_same_files(runtime)
        }
        checks = {
            "crops_of": "generated videos" if sequences is None else "given sequences",
            "agreement": agreement_record(agreement),
            "also": {other: elsewhere_record(other, outcome) for other, outcome in also.items()},
            "ao": ao,
            "processor": cpu_name(),
        }
        write_atomically(folder / MANIFEST, manifest_text(content | {"checks": checks}))
        written = sum(file.stat().st_size for file in folder.iterdir())
        if data is not None:
            inputs = {
                name: (graph.input_names, graph_inputs(name, plan, examples, folder)) for name, graph in graphs.items()
            }
            write_calibration_data(data, inputs, calibration_frames, content["input"]["layout"])
            say("calibration data written")
    return Export(output, runtime, runtime_versions(runtime), agreement, also, ao, written)


def _seconds_left(
    plan: Plan,
    first: float,
    a_crop: float,
    examples: Mapping[int, Sequence[Example]],
    sequences: Sequence[Labelled] | None,
) -> float:
    """What the track graphs and all checks will take: by the template graph's seconds, and those of a tracked crop."""
    networks = 1 + len(with_the_same_files(plan.runtime))
    crops = networks * sum(map(len, examples.values()))
    if plan.precision == "int8":
        made = GENERATED_SETS[_AO_SET]
        crops += 2 * (made.sequences * made.frames if sequences is None else sum(map(len, sequences)))
    return len(plan.track_graphs) * _TRACK_GRAPH * first + crops * a_crop


def _calibration_folder(folder: Path | None, export: Path) -> AbstractContextManager[Path | None]:
    if folder is None:
        return nullcontext()
    return folder_at_once(folder, lambda place: check_calibration_folder(place, export))


def _examples(
    model: Model, plan: Plan, sequences: Sequence[Labelled] | None, count: int, say: Say
) -> dict[int, list[Example]]:
    """By search size: crops that the original tracks through, with its answers."""
    from lighttrack_nas.trackers.runtimes.torch_network import TorchNetwork

    videos: Sequence[Video]
    if sequences is None:
        videos = export_checks.generated_videos(_GENERATED_VIDEOS, 1 + math.ceil(count / _GENERATED_VIDEOS))
    else:
        videos = sequences[:count]
    examples = {
        size: export_checks.collect_examples(
            TorchNetwork(model.network),
            videos,
            template_size=plan.template_size,
            search_size=size,
            hyper_parameters=plan.hyper_parameters,
            count=count,
        )
        for size in plan.search_sizes
    }
    say(f"{sum(map(len, examples.values()))} crops tracked by the original")
    return examples


def _measured_ao(
    model: Model,
    exported: ExportedNetwork,
    plan: Plan,
    sequences: Sequence[Labelled] | None,
    largest_loss: float,
    say: Say,
) -> dict[str, Any]:
    from lighttrack_nas.trackers.runtimes.torch_network import TorchNetwork

    with tempfile.TemporaryDirectory() as folder:
        videos = generated_sequences(_AO_SET, Path(folder) / _AO_SET) if sequences is None else sequences
        original = export_checks.tracked_ao(
            TorchNetwork(model.network), videos, plan.hyper_parameters, lambda name: say(f"AO: original on {name}")
        )
        quantised = export_checks.tracked_ao(
            exported, videos, plan.hyper_parameters, lambda name: say(f"AO: int8 on {name}")
        )
    on = _AO_SET if sequences is None else f"the {len(videos)} given sequences"
    if math.isnan(original):
        raise InputError("sequences: no boxes are known after the first frame, so that int8's AO cannot be measured")
    if original - quantised > largest_loss:
        raise InputError(
            f"int8 loses too much: AO {quantised:.3f}, the original's {original:.3f} on {on}; a loss of at most "
            f"{largest_loss:g} is allowed (--max-ao-loss), and nothing was written"
        )
    return {"exported": quantised, "original": original, "on": on}
