"""The commands and their options; the work is done by the modules beside this one."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="lighttrack-nas",
    help="Neural architecture search for visual tracking: LightTrack's space on NNI and Optuna.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Space = Annotated[
    str | None, typer.Option("--space", help="A preset or a YAML file. Default: the first that contains the code.")
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for the results; made if missing.")]
HyperParameters = Annotated[
    str | None,
    typer.Option(help="'default', 'vot2019', or a YAML/JSON file. Default: those stored with the model."),
]
Device = Annotated[str, typer.Option(help="Device that runs the network, such as cpu or cuda.")]
Threads = Annotated[
    int | None,
    typer.Option(min=1, max=256, help="Threads on the CPU. Default: one a core; four at most in exported folders."),
]
ComputePrecision = Annotated[
    str | None,
    typer.Option(
        help="In which an exported folder computes: float32, or bfloat16 or float16 where its runtime and the "
        "processor have it. Default: float32."
    ),
]
Config = Annotated[Path, typer.Argument(metavar="CONFIG.yaml", help="The chain's configuration; see the README.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set a value otherwise, such as supernet.training.steps=500."),
]
MODEL_HELP = (
    "A model.safetensors, lighttrack-tiny (which ships), an exported folder, or a baseline such as opencv-mil or "
    "never-moves."
)


def _version(wanted: bool) -> None:
    if wanted:
        from lighttrack_nas import __version__

        typer.echo(f"lighttrack-nas {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def describe(
    space: Annotated[
        str | None, typer.Argument(help="A preset's name or a YAML file. Default: lighttrack, or the architecture's.")
    ] = None,
    architecture: Annotated[
        str | None, typer.Option(metavar="CODE|FILE", help="In place of the space: one of its architectures.")
    ] = None,
    costs: Annotated[
        bool, typer.Option("--costs", help="Add MACs and parameters: of every place, cheapest to dearest candidate.")
    ] = False,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it into this file, .svg or .png.")] = None,
    json: Json = False,
) -> None:
    """Print a space as a table: stages, choices, label names, sizes; or an architecture; draw it."""
    from lighttrack_nas.cli.spaces import describe as run

    run(space, architecture, costs, svg, json)


@app.command()
def schema(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The schema's file. Default: print it.")] = None,
) -> None:
    """Print the JSON schema of space files, by which an editor checks and completes them.

    It knows the operations of installed packages, and those of the files in LIGHTTRACK_NAS_PLUGINS.
    """
    from lighttrack_nas.cli.schema import schema as run

    run(output)


@app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A space (a preset, a YAML file) or an architecture.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The same kind of thing.")],
    space: Annotated[list[str] | None, typer.Option(help="The architectures' space; twice for a space each.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also show what is the same.")] = False,
    costs: Annotated[
        bool, typer.Option("--costs", help="Of spaces: also compare the ranges of MACs and parameters.")
    ] = False,
    json: Json = False,
) -> None:
    """Show two spaces, or two architectures, side by side: what differs."""
    from lighttrack_nas.cli.differences import diff as run

    run(first, second, space or [], all_, costs, json)


@app.command()
def random(
    space: Annotated[str, typer.Argument(help="A preset's name or a YAML file.")],
    number: Annotated[int, typer.Option(min=1, max=100_000, help="How many networks.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    macs_uniform: Annotated[
        bool, typer.Option("--macs-uniform", help="Spread evenly over MACs; plain draws crowd the middle.")
    ] = False,
    constraint: Annotated[
        list[str] | None,
        typer.Option(help="A bound such as 'macs <= 600M', or Mobile, LargeA, LargeB; may be repeated."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON a network, an architecture file each.")
    ] = False,
) -> None:
    """List random networks of a space with their costs; none comes twice."""
    from lighttrack_nas.cli.architectures import random as run

    run(space, number, seed, macs_uniform, constraint or [], json)


@app.command()
def mutate(
    architecture: Annotated[
        str,
        typer.Argument(metavar="CODE|FILE", help="An official code, an architecture.json, or a model.safetensors."),
    ],
    space: Space = None,
    number: Annotated[
        int | None, typer.Option(min=1, help="How many, drawn by the seed. Default: 10, or all if there are fewer.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
    all_: Annotated[bool, typer.Option("--all", help="List every neighbour.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON a network, an architecture file each.")
    ] = False,
) -> None:
    """List networks that differ from an architecture's in one choice, with their costs."""
    from lighttrack_nas.cli.architectures import mutate as run

    run(architecture, space, number, seed, all_, json)


@app.command()
def costs(
    architecture: Annotated[
        str | None,
        typer.Argument(metavar="CODE|FILE", help="An official code, an architecture.json, or a model.safetensors."),
    ] = None,
    space: Space = None,
    search_size: Annotated[
        int | None, typer.Option(help="Side of the search crop, pixels. Default: the smaller of the space's own.")
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            min=1, max=1_000_000, metavar="N", help="In place of an architecture: draw N of --space, and analyse them."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="With --sample: of the draw. Default: 0.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="With --sample: a bound such as 'macs <= 600M', or Mobile, LargeA, LargeB; may be repeated."),
    ] = None,
    latency_table: Annotated[
        Path | None, typer.Option(help="With --sample: a latency table of the space, to predict milliseconds.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="With --sample: folder for costs.csv, .png and .json; made if missing."),
    ] = None,
    json: Json = False,
) -> None:
    """Count parameters and MACs of an architecture, whole and by part; or analyse what a space's architectures cost.

    With --space S --sample N: quantiles and histograms, the share of the space that keeps constraints, and the cheapest
    and the dearest architecture exactly.
    """
    from lighttrack_nas.cli.costs import costs as run

    if architecture is None and space is None and sample is None:
        raise typer.BadParameter("give an architecture, or --space S --sample N", param_hint="CODE|FILE")
    run(architecture, space, search_size, sample, seed, where or [], latency_table, output, json)


@app.command()
def latency(
    architecture: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|CODE",
            help="A model.safetensors, lighttrack-tiny, an exported folder, an architecture.json, or an official code.",
        ),
    ],
    space: Space = None,
    runtime: Annotated[
        list[str] | None,
        typer.Option(
            help="torch, torch-export, onnxruntime, openvino, ncnn, torch-compiled; may be repeated. Default: all that "
            "are installed, but torch-compiled, which compiles for a minute; an exported folder's own."
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=256, help="Threads on the CPU.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, or what the runtime calls its accelerator, such as cuda.")] = "cpu",
    precision: Annotated[str, typer.Option(help="float32, float16 or bfloat16.")] = "float32",
    branch: Annotated[str, typer.Option(help="track, for a frame, or template, once a target.")] = "track",
    json: Json = False,
) -> None:
    """Time a network on runtimes: median, quartiles, and whether something else disturbed."""
    from lighttrack_nas.cli.latency import latency as run

    run(architecture, space, runtime or [], threads, device, precision, branch, json)


@app.command("latency-table")
def latency_table(
    space: Annotated[str, typer.Option("--space", help="A preset or a YAML file.")],
    runtime: Annotated[str, typer.Option(help="torch, torch-export, onnxruntime, openvino or ncnn.")],
    threads: Annotated[int, typer.Option(min=1, max=256, help="Threads on the CPU.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, or what the runtime calls its accelerator, such as cuda.")] = "cpu",
    precision: Annotated[str, typer.Option(help="float32, float16 or bfloat16.")] = "float32",
    networks: Annotated[int, typer.Option(min=10, help="Whole networks to fit on, and as many to check on.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Of the networks.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The JSON file to write. Default: this machine's, in the cache folder."),
    ] = None,
    json: Json = False,
) -> None:
    """Time a space's blocks on a runtime, so that any architecture's latency is known in microseconds; check it.

    A build that was stopped goes on with what it had converted.
    """
    from lighttrack_nas.cli.latency import latency_table as run

    run(space, runtime, threads, device, precision, networks, seed, output, json)


@app.command("import-weights")
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
    from lighttrack_nas.cli.weights import import_weights as run

    run(checkpoint, code, output, space, hyper_parameters)


@app.command("export-weights")
def export_weights(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model.safetensors.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .pth to write, with the released key names.")],
) -> None:
    """Turn a model file into a checkpoint as LightTrack's code reads it."""
    from lighttrack_nas.cli.weights import export_weights as run

    run(model, output)


@app.command()
def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model.safetensors, or lighttrack-tiny.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder to write: missing, empty, or an earlier export.")
    ],
    format_: Annotated[
        str, typer.Option("--format", help="onnx (run by ONNX Runtime), openvino, ncnn or torch-export.")
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
        str, typer.Option(help="matmul, or convolution for runtimes that are better at it; the results are the same.")
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
    layout: Annotated[
        str, typer.Option(help="Of --sequences: got10k, otb, lasot, trackingnet, uav123, vot or nfs.")
    ] = "got10k",
    max_ao_loss: Annotated[
        float, typer.Option(min=0, max=1, help="Refuse int8 that loses more AO than this against the original.")
    ] = 0.02,
    hyper_parameters: HyperParameters = None,
) -> None:
    """Write a model for a runtime: a folder that tracks without torch, checked against the original on real crops.

    Nothing is written if the graphs do not reproduce the original.
    """
    from lighttrack_nas.cli.exporting import export as run

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
    )


@app.command()
def track(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)],
    source: Annotated[str, typer.Argument(help="A video file, a folder of frames, or a camera's number.")],
    output: Output,
    box: Annotated[
        str | None,
        typer.Option(metavar="x,y,w,h", help="The target in the first frame. Default: draw it on the screen."),
    ] = None,
    save_video: Annotated[bool, typer.Option("--save-video", help="Write a video with box and score.")] = False,
    max_frames: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many frames (cameras never end).")
    ] = None,
    hyper_parameters: HyperParameters = None,
    device: Device = "cpu",
    threads: Threads = None,
    compute_precision: ComputePrecision = None,
) -> None:
    """Track a target through a video; write boxes, scores and times."""
    from lighttrack_nas.cli.tracking import track as run

    run(model, source, output, box, save_video, max_frames, hyper_parameters, device, threads, compute_precision)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL|NAME", help=MODEL_HELP)],
    sequences: Annotated[Path, typer.Argument(help="A data set's folder, or one sequence's.")],
    output: Output,
    layout: Annotated[str, typer.Option(help="got10k, otb, lasot, trackingnet, uav123, vot or nfs.")] = "got10k",
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
    json: Json = False,
) -> None:
    """Track every sequence of a data set and measure it: AO, success rates, AUC, precision, speed.

    Finished sequences are kept: the same call again goes on where it stopped.
    """
    from lighttrack_nas.cli.tracking import evaluate as run

    run(
        model,
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
    )


@app.command("pretrain-backbone")
def pretrain_backbone(config: Config, set_: Set = None) -> None:
    """Train the backbone's operations on a folder of class folders, one random path a step."""
    from lighttrack_nas.cli.chain import pretrain_backbone as run

    run(config, set_ or [])


@app.command("train-supernet")
def train_supernet(config: Config, set_: Set = None) -> None:
    """Train the weight-sharing network of a space through NNI; a stopped training goes on."""
    from lighttrack_nas.cli.chain import train_supernet as run

    run(config, set_ or [])


@app.command()
def migrate(
    supernet: Annotated[
        Path, typer.Argument(metavar="SUPERNET", help="A supernet.safetensors, or the folder of its training.")
    ],
    space: Annotated[str, typer.Argument(metavar="SPACE", help="The space to start: a preset or a YAML file.")],
    output: Output,
    seed: Annotated[int, typer.Option(min=0, help="Of the weights that are drawn afresh.")] = 0,
    json: Json = False,
) -> None:
    """Start another space's supernet from a trained one, where places, operations and shapes match; say what was taken.

    To go on training from there, give the trained one as supernet.start_from to train-supernet.
    """
    from lighttrack_nas.cli.migration import migrate as run

    run(supernet, space, output, seed, json)


@app.command()
def search(
    config: Config,
    set_: Set = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Processes that evaluate at once. Default: search.workers, which is 1."),
    ] = None,
) -> None:
    """Search the trained supernet's space; a stopped search goes on, and the same command elsewhere joins it."""
    from lighttrack_nas.cli.chain import search as run

    run(config, [*(set_ or []), *([f"search.workers={workers}"] if workers else [])])


@app.command("build-table")
def build_table(
    config: Config,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The table's file. Default: table.zip in the run's folder.")
    ] = None,
    set_: Set = None,
) -> None:
    """Measure every architecture of a small space with its trained supernet's weights: a tabular benchmark.

    A stopped build goes on.
    """
    from lighttrack_nas.cli.tables import build_table as run

    run(config, output, set_ or [])


@app.command()
def compare(
    config: Annotated[Path, typer.Argument(metavar="COMPARE.yaml", help="What to compare; see the README.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a value otherwise, such as seeds=3.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare search strategies over seeds on one evaluator: hypervolume, distance to the front, tests between them.

    Finished runs are kept: the same call again goes on where it stopped.
    """
    from lighttrack_nas.cli.comparing import compare as run

    run(config, set_ or [], json)


@app.command()
def retrain(config: Config, set_: Set = None) -> None:
    """Train an architecture of the front alone, and write it as a tracker's model file."""
    from lighttrack_nas.cli.chain import retrain as run

    run(config, set_ or [])


@app.command("rank-correlation")
def rank_correlation(config: Config, set_: Set = None, json: Json = False) -> None:
    """Say whether a supernet ranks right: networks trained alone against their scores with its weights.

    Networks spread over MACs are trained alone, and supernets by each of the configuration's one-shot strategies, in
    parallel processes; a stopped comparison goes on.
    """
    from lighttrack_nas.cli.ranking import rank_correlation as run

    run(config, set_ or [], json)


@app.command("tune-tracker")
def tune_tracker(config: Config, set_: Set = None) -> None:
    """Tune the retrained tracker's penalty, window and rate on the validation sequences."""
    from lighttrack_nas.cli.chain import tune_tracker as run

    run(config, set_ or [])


@app.command()
def quickstart(
    output: Output = Path("runs/quickstart"),
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is random.")] = 0,
) -> None:
    """Run the whole chain on generated video: supernet, search, retraining, tuning, test, a video."""
    from lighttrack_nas.cli.quickstart import quickstart as run

    run(output, seed)


@app.command()
def front(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of searches; several count as one.")],
    where: Annotated[
        list[str] | None,
        typer.Option(help="A bound such as 'macs<=600M', or Mobile, LargeA, LargeB; in place of the run's own."),
    ] = None,
    x: Annotated[str | None, typer.Option(help="The figures' horizontal axis: macs, latency_ms or params.")] = None,
    nearest: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Show the network nearest to macs=530M, say.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for table and figures. Default: print only.")
    ] = None,
    json: Json = False,
) -> None:
    """Show the front of one or several searches: table, CSV, hypervolume, figures, each point's architecture."""
    from lighttrack_nas.cli.fronts import front as run

    run(runs, where or [], x, nearest or [], output, json)


@app.command()
def findings(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A search's folder.")],
    json: Json = False,
) -> None:
    """Say what the front's networks share against their space: kernels, output position, depth of the towers."""
    from lighttrack_nas.cli.fronts import findings as show

    show(run, json)


@app.command()
def doctor(json: Json = False) -> None:
    """Check this installation: versions, known traps, devices, runtimes, baselines."""
    from lighttrack_nas.cli.doctor import doctor as run

    run(json)
