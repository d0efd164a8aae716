"""The commands about trackers: weights, exports, tracking, evaluation."""

from pathlib import Path
from typing import Annotated

import typer

from lighttrack_nas.cli.shared.options import (
    LAYOUT_HELP,
    MODEL_HELP,
    ComputePrecision,
    Device,
    HyperParameters,
    Json,
    OnBad,
    Only,
    Output,
    RankBy,
    Results,
    Runtime,
    Space,
    Split,
    Threads,
    Without,
)
from lighttrack_nas.cli.shared.panels import TRACKERS

commands = typer.Typer()


@commands.command("import-weights", rich_help_panel=TRACKERS)
def import_weights(
    checkpoint: Annotated[Path, typer.Argument(metavar="OFFICIAL.PTH", help="A released checkpoint.")],
    code: Annotated[str, typer.Option(help="The checkpoint's architecture as an official code.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model.safetensors to write.")],
    space: Space = None,
    hyper_parameters: Annotated[
        str | None, typer.Option(help="Store these with the weights: 'default', 'vot2019', or a YAML/JSON file.")
    ] = None,
) -> None:
    """Turn a released LightTrack checkpoint into a model file."""
    from lighttrack_nas.cli.tracker.convert_weights import import_weights as run

    run(checkpoint, code, output, space, hyper_parameters)


@commands.command("export-weights", rich_help_panel=TRACKERS)
def export_weights(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model.safetensors.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .pth to write, with the released key names.")],
) -> None:
    """Turn a model file into a checkpoint as released.

    LightTrack's own code reads it.
    """
    from lighttrack_nas.cli.tracker.convert_weights import export_weights as run

    run(model, output)


@commands.command(rich_help_panel=TRACKERS)
def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model.safetensors, or lighttrack-tiny-generated.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder to write: missing, empty, or an earlier export.")
    ],
    format_: Annotated[
        str, typer.Option("--format", help="onnx (run by ONNX Runtime and OpenCV), openvino, ncnn or torch-export.")
    ] = "onnx",
    search_size: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            help="Side of the search crop, such as 255 or 256; give it twice for a larger one for small targets. "
            "Default: the model's own.",
        ),
    ] = None,
    template_size: Annotated[
        int | None, typer.Option(min=1, help="Side of the template crop, such as 127 or 128. Default: the model's own.")
    ] = None,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="One track graph for every search size, in place of one for each.")
    ] = False,
    correlation: Annotated[
        str,
        typer.Option(
            help="matmul, or convolution for runtimes that are better at it; the results are the same. Not for ncnn: "
            "its converter translates such convolutions wrongly."
        ),
    ] = "matmul",
    precision: Annotated[
        str, typer.Option(help="float32; float16: half the size; int8: quantised, with some loss of accuracy.")
    ] = "float32",
    raw: Annotated[
        bool, typer.Option("--raw", help="Graphs that take BGR uint8 crops as they are and normalise for themselves.")
    ] = False,
    sequences: Annotated[
        Path | None,
        typer.Option(
            help="A data set of yours: its crops are compared, calibrate int8, and int8's AO on it is measured. "
            "Default: generated videos."
        ),
    ] = None,
    layout: Annotated[str, typer.Option(help=f"Of --sequences: {LAYOUT_HELP}")] = "got10k",
    max_ao_loss: Annotated[
        float, typer.Option(min=0, max=1, help="Refuse int8 that loses more AO than this against the original.")
    ] = 0.02,
    opset: Annotated[
        int | None,
        typer.Option(min=1, help="ONNX's operator set, for readers that know no newer one. Default: torch's choice."),
    ] = None,
    calibration_data: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the graphs' inputs over frames of --sequences there as .npy, for converters that quantise.",
        ),
    ] = None,
    calibration_frames: Annotated[
        int | None, typer.Option(min=1, help="How many frames for --calibration-data. Default: 64.")
    ] = None,
    split: Split = "all",
    only: Only = None,
    without: Without = None,
    on_bad: OnBad = None,
    hyper_parameters: HyperParameters = None,
) -> None:
    """Write a model for a runtime, and check what it gives.

    The folder tracks without torch. Nothing is written if the graphs do not reproduce the original on real crops.
    """
    from lighttrack_nas.cli.tracker.export import export as run

    run(
        model,
        output,
        format_,
        template_size,
        search_size or [],
        dynamic,
        correlation,
        precision,
        raw,
        hyper_parameters,
        sequences,
        layout,
        max_ao_loss,
        split=split,
        only=only or [],
        without=without or [],
        on_bad=on_bad or "refuse",
        opset=opset,
        calibration_data=calibration_data,
        calibration_frames=calibration_frames,
    )


@commands.command(rich_help_panel=TRACKERS)
def track(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)],
    source: Annotated[
        str,
        typer.Argument(
            help="A video file, a folder of frames, numbered images (frames/%08d.jpg), a camera's number, or an address (rtsp://...)."
        ),
    ],
    output: Output,
    box: Annotated[
        str | None,
        typer.Option(metavar="x,y,w,h", help="The target in the first frame. Default: draw it on the screen."),
    ] = None,
    boxes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Targets in the first frame, one a line, x,y,w,h or name,x,y,w,h; they are tracked in one batch.",
        ),
    ] = None,
    save_video: Annotated[bool, typer.Option("--save-video", help="Write a video with boxes and scores.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Show boxes and scores in a window; q or Escape ends.")] = False,
    max_frames: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many frames (cameras never end).")
    ] = None,
    hyper_parameters: HyperParameters = None,
    device: Device = "cpu",
    threads: Threads = None,
    compute_precision: ComputePrecision = None,
    runtime: Runtime = None,
) -> None:
    """Track a target through a video, or several.

    Boxes, scores and times are written as they come, of several targets a file each. What an earlier run left in the
    folder is moved to earlier-1 in it.
    """
    from lighttrack_nas.cli.tracker.track import track as run

    run(
        *(model, source, output, box, save_video, max_frames, hyper_parameters, device, threads, compute_precision),
        runtime=runtime,
        boxes=boxes,
        show=show,
    )


@commands.command(rich_help_panel=TRACKERS)
def trax(
    model: Annotated[str, typer.Argument(metavar="MODEL|NAME", help=MODEL_HELP)],
    name: Annotated[str, typer.Option(help="What the toolkit is told that the tracker is called.")] = "LightTrack-NAS",
    hyper_parameters: HyperParameters = None,
    device: Device = "cpu",
    threads: Threads = None,
    compute_precision: ComputePrecision = None,
) -> None:
    """Track for a toolkit that speaks TraX, such as VOT's.

    The toolkit starts this command, by an entry of its trackers.ini. It needs vot-trax: pip install
    "lighttrack-nas[trax]".
    """
    from lighttrack_nas.cli.tracker.trax import trax as run

    run(model, name, hyper_parameters, device, threads, compute_precision)


@commands.command(rich_help_panel=TRACKERS)
def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]MODEL",
            help=f"{MODEL_HELP} Several are compared; NAME= says what one is called.",
            default_factory=list,
            show_default=False,
        ),
    ],
    sequences: Annotated[Path, typer.Argument(metavar="SEQUENCES", help="A data set's folder, or one sequence's.")],
    output: Output,
    results: Results = None,
    rank_by: RankBy = None,
    layout: Annotated[str, typer.Option(help=LAYOUT_HELP)] = "got10k",
    split: Split = "all",
    only: Only = None,
    without: Without = None,
    on_bad: OnBad = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help="got10k: folders of boxes and times; trackingnet: also a file SEQUENCE.txt for each sequence in the "
            "folder trackingnet, as its server takes them.",
        ),
    ] = "got10k",
    protocol: Annotated[
        str, typer.Option(help="one-pass, or vot: re-started after failures; accuracy, robustness, EAO.")
    ] = "one-pass",
    eao_interval: Annotated[
        str | None,
        typer.Option(help="With --protocol vot: a challenge such as vot2019, or LOW,HIGH. Default: from the lengths."),
    ] = None,
    clip: Annotated[
        bool, typer.Option("--clip", help="Move boxes into the frame first, as the got10k toolkit does.")
    ] = False,
    hyper_parameters: HyperParameters = None,
    device: Device = "cpu",
    threads: Threads = None,
    compute_precision: ComputePrecision = None,
    runtime: Runtime = None,
    json: Json = False,
) -> None:
    """Track every sequence of a data set, and measure it.

    AO, success rates, AUC, precision, speed. Finished sequences are kept: the same call again goes on where it
    stopped. Several trackers, or --results, are ranked in one table and drawn over each other; each tracker's own
    results are then in a folder of its name.
    """
    from lighttrack_nas.cli.tracker.evaluate import evaluate as run

    run(
        models,
        sequences,
        output,
        layout,
        protocol,
        eao_interval,
        clip,
        hyper_parameters,
        device,
        threads,
        compute_precision,
        json,
        split=split,
        only=only or [],
        without=without or [],
        on_bad=on_bad or "refuse",
        format=format_,
        runtime=runtime,
        results=results or [],
        rank_by=rank_by,
    )
