"""The commands about spaces, and about what their networks cost."""

from pathlib import Path
from typing import Annotated

import typer

from lighttrack_nas.cli.shared.options import Json, Space
from lighttrack_nas.cli.shared.panels import COSTS, SPACES

commands = typer.Typer()


@commands.command(rich_help_panel=SPACES)
def describe(
    space: Annotated[
        str | None,
        typer.Argument(
            help="A preset's name, a YAML file, or FILE.py:CLASS. Default: lighttrack, or that of the other options."
        ),
    ] = None,
    architecture: Annotated[
        str | None, typer.Option(metavar="CODE|FILE", help="In place of the space: one of its architectures.")
    ] = None,
    costs: Annotated[
        bool, typer.Option("--costs", help="Add MACs and parameters: of every place, cheapest to dearest candidate.")
    ] = False,
    losses: Annotated[
        str | None,
        typer.Option(
            metavar="PLACES",
            help="Add what is lost against a teacher: of every place, best to worst candidate. A table of places: a "
            "file, the folder of a supernet's training, or the name of one that ships.",
        ),
    ] = None,
    svg: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Draw it into this file, .svg or .png; a space's --losses beside it: NAME-losses."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Print a space or an architecture, and draw it.

    A space is shown as a table: stages, choices, label names, sizes.
    """
    from lighttrack_nas.cli.space.describe import describe as run

    run(space, architecture, costs, losses, svg, json)


@commands.command(rich_help_panel=SPACES)
def schema(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Of which files: space, chain or comparison.")] = "space",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The schema's file. Default: print it.")] = None,
) -> None:
    """Print the JSON schema of files of one kind.

    An editor checks and completes files by it: of spaces, chains or comparisons. That of spaces knows the operations
    of installed packages, and those of the files in LIGHTTRACK_NAS_PLUGINS.
    """
    from lighttrack_nas.cli.space.print_schema import schema as run

    run(kind, output)


@commands.command(rich_help_panel=SPACES)
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
    """Show how two spaces, or two architectures, differ."""
    from lighttrack_nas.cli.space.show_differences import show_differences

    show_differences(first, second, space or [], all_, costs, json)


@commands.command(rich_help_panel=SPACES)
def random(
    space: Annotated[str, typer.Argument(help="A preset's name, a YAML file, or FILE.py:CLASS.")],
    number: Annotated[int, typer.Option(min=1, max=100_000, help="How many networks.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    macs_uniform: Annotated[
        bool, typer.Option("--macs-uniform", help="Spread evenly over MACs; plain draws crowd the middle.")
    ] = False,
    constraint: Annotated[
        list[str] | None,
        typer.Option(help="A constraint such as 'macs <= 600M', or Mobile, LargeA, LargeB; may be repeated."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON a network, an architecture file each.")
    ] = False,
) -> None:
    """List random networks of a space with their costs.

    No network comes twice.
    """
    from lighttrack_nas.cli.space.show_architecture import random as run

    run(space, number, seed, macs_uniform, constraint or [], json)


@commands.command(rich_help_panel=SPACES)
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
    """List the networks one choice away from an architecture.

    Each is listed with its costs.
    """
    from lighttrack_nas.cli.space.show_architecture import mutate as run

    run(architecture, space, number, seed, all_, json)


@commands.command(rich_help_panel=COSTS)
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
        typer.Option(
            help="With --sample: a constraint such as 'macs <= 600M', or Mobile, LargeA, LargeB; may be repeated."
        ),
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
    """Count parameters and MACs of a network, or of a space.

    Of an architecture: whole and by part. With --space S --sample N: quantiles and histograms, the share of the
    space that keeps constraints, and the cheapest and the dearest architecture exactly.
    """
    from lighttrack_nas.cli.space.show_costs import costs as run

    if architecture is None and space is None and sample is None:
        raise typer.BadParameter("give an architecture, or --space S --sample N", param_hint="CODE|FILE")
    run(architecture, space, search_size, sample, seed, where or [], latency_table, output, json)


@commands.command(rich_help_panel=COSTS)
def latency(
    architecture: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|CODE",
            help="A model.safetensors, lighttrack-tiny-generated, an exported folder, an architecture.json, or an "
            "official code.",
        ),
    ],
    space: Space = None,
    runtime: Annotated[
        list[str] | None,
        typer.Option(
            help="torch, torch-export, onnxruntime, opencv, openvino, ncnn, torch-compiled; may be repeated. Default: "
            "all that are installed, but torch-compiled, which compiles for a minute; an exported folder's own."
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=256, help="Threads on the CPU.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, or what the runtime calls its accelerator, such as cuda.")] = "cpu",
    precision: Annotated[str, typer.Option(help="float32, float16 or bfloat16.")] = "float32",
    branch: Annotated[str, typer.Option(help="track, for a frame, or template, once a target.")] = "track",
    json: Json = False,
) -> None:
    """Time a network on runtimes, and say what disturbed it.

    It prints median and quartiles, and whether something else kept the machine busy.
    """
    from lighttrack_nas.cli.space.time_latency import latency as run

    run(architecture, space, runtime or [], threads, device, precision, branch, json)


@commands.command("latency-table", rich_help_panel=COSTS)
def latency_table(
    space: Annotated[str, typer.Option("--space", help="A preset or a YAML file.")],
    runtime: Annotated[
        str, typer.Option(help="torch, torch-compiled, torch-export, onnxruntime, opencv, openvino or ncnn.")
    ],
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
    """Time a space's blocks, to predict any network's latency.

    The table predicts in microseconds; its error is measured on whole networks. A build that was stopped goes on
    with what it had converted.
    """
    from lighttrack_nas.cli.space.time_latency import latency_table as run

    run(space, runtime, threads, device, precision, networks, seed, output, json)
