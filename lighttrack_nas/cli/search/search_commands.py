"""The commands of the chain from a supernet to a tracker, and those that look at searches."""

from pathlib import Path
from typing import Annotated

import typer

from lighttrack_nas.cli.shared.options import Config, Json, OnBad, Only, Output, Set, SetOfRun, Without
from lighttrack_nas.cli.shared.panels import COMPARE, SEARCH, START

commands = typer.Typer()


@commands.command(rich_help_panel=START)
def check(
    config: Config,
    set_: Set = None,
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Do each step for a moment, and say what all of it takes.")
    ] = True,
    json: Json = False,
) -> None:
    """Check a chain's configuration, and say what it will cost.

    All mistakes at once, of every step: files and data sets that are not there, measurements that cannot be had, limits
    that no network keeps. Then each step is done for a moment, in a folder that is thrown away.
    """
    from lighttrack_nas.cli.search.check import check as run

    run(config, set_ or [], measure, json)


@commands.command("pretrain-backbone", rich_help_panel=SEARCH)
def pretrain_backbone(config: Config, set_: Set = None) -> None:
    """Train the backbone's operations on a folder of images.

    The folder holds a folder of images a class; each step trains one random path.
    """
    from lighttrack_nas.cli.search.run_chain import pretrain_backbone as run

    run(config, set_ or [])


@commands.command("train-supernet", rich_help_panel=SEARCH)
def train_supernet(config: Config, set_: Set = None) -> None:
    """Train a space's supernet; a stopped training goes on.

    The supernet holds the shared weights of all networks; NNI trains it.
    """
    from lighttrack_nas.cli.search.run_chain import train_supernet as run

    run(config, set_ or [])


@commands.command(rich_help_panel=SEARCH)
def migrate(
    supernet: Annotated[
        Path, typer.Argument(metavar="SUPERNET", help="A supernet.safetensors, or the folder of its training.")
    ],
    space: Annotated[str, typer.Argument(metavar="SPACE", help="The space to start: a preset or a YAML file.")],
    output: Output,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the weights that are drawn afresh.")] = 0,
    json: Json = False,
) -> None:
    """Start another space's supernet from a trained one.

    Weights are taken where places, operations and shapes match; the report says what was taken.

    To go on training from there, give the trained one as supernet.start_from to train-supernet.
    """
    from lighttrack_nas.cli.search.migrate import migrate as run

    run(supernet, space, output, seed, json)


@commands.command(rich_help_panel=SEARCH)
def predict(config: Config, set_: Set = None, json: Json = False) -> None:
    """Fit what predicts any network's overlap from its places.

    Some thirty networks are measured with the supernet's weights, and how well the prediction ranks is said; a
    stopped fit goes on.
    """
    from lighttrack_nas.cli.search.predict import predict as run

    run(config, set_ or [], json)


@commands.command(rich_help_panel=SEARCH)
def search(
    config: Config,
    set_: Set = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=256, help="Workers: processes that evaluate at once. Default: search.workers, which is 1."
        ),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Go on from the whole lines of a damaged journal; a copy of it is kept.")
    ] = False,
) -> None:
    """Search the supernet's space; a stopped search goes on.

    The same command in another terminal, or on another machine, joins the search; by latency another machine needs the
    same search.latency.table.
    """
    from lighttrack_nas.cli.search.run_chain import search as run

    run(config, [*(set_ or []), *([f"search.workers={workers}"] if workers else [])], repair)


@commands.command("build-table", rich_help_panel=COMPARE)
def build_table(
    config: Config,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The table's file. Default: table.zip in the run's folder.")
    ] = None,
    set_: Set = None,
) -> None:
    """Measure every network of a small space, as a table.

    The table is a tabular benchmark. Each network is measured with the trained supernet's weights; a stopped build
    goes on.
    """
    from lighttrack_nas.cli.search.build_table import build_table as run

    run(config, output, set_ or [])


@commands.command(rich_help_panel=COMPARE)
def compare(
    config: Annotated[
        Path, typer.Argument(metavar="COMPARE.yaml", help="What to compare; schema comparison says its keys.")
    ],
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a value otherwise, such as seeds=3.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare search strategies over seeds on one evaluator.

    Hypervolume, distance to the front, and for each pair of strategies effect size and test; what the seeds can show is
    said before. Finished runs are kept: the same call again goes on where it stopped.
    """
    from lighttrack_nas.cli.search.compare import compare as run

    run(config, set_ or [], json)


@commands.command("pretrain-network", rich_help_panel=SEARCH)
def pretrain_network(config: Config, set_: Set = None) -> None:
    """Train the chosen network's backbone on images.

    As retrain.pretraining says; retrain then starts from it.
    """
    from lighttrack_nas.cli.search.run_chain import pretrain_network as run

    run(config, set_ or [])


@commands.command(rich_help_panel=SEARCH)
def retrain(config: Config, set_: Set = None) -> None:
    """Train a network of the front alone, as a tracker's model."""
    from lighttrack_nas.cli.search.run_chain import retrain as run

    run(config, set_ or [])


@commands.command("rank-correlation", rich_help_panel=COMPARE)
def rank_correlation(config: Config, set_: Set = None, json: Json = False) -> None:
    """Say whether a supernet ranks networks right.

    Networks spread over MACs are trained alone, and supernets by each of the configuration's one-shot strategies, in
    parallel processes; a stopped comparison goes on.
    """
    from lighttrack_nas.cli.search.rank import rank_correlation as run

    run(config, set_ or [], json)


@commands.command("tune-tracker", rich_help_panel=SEARCH)
def tune_tracker(
    config: Config, set_: Set = None, only: Only = None, without: Without = None, on_bad: OnBad = None
) -> None:
    """Tune the retrained tracker's penalty, window and rate.

    They are tuned on the validation sequences; --only, --without and --on-bad replace the configuration's.
    """
    from lighttrack_nas.cli.search.run_chain import tune_tracker as run

    run(config, set_ or [], only or [], without or [], on_bad)


@commands.command(rich_help_panel=START)
def quickstart(
    output: Output = Path("runs/quickstart"),
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is random.")] = 0,
    without_teacher: Annotated[
        bool,
        typer.Option("--without-teacher", help="Train supernet and network from labels alone, by random single paths."),
    ] = False,
) -> None:
    """Run the whole chain on generated video, in minutes.

    Supernet, search, retraining, tuning, test, a video. The supernet learns from the network that ships with the
    package, and so does the network that is found.
    """
    from lighttrack_nas.cli.search.quickstart import quickstart as run

    run(output, seed, without_teacher)


@commands.command(rich_help_panel=SEARCH)
def front(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="Folders of searches, or configurations of their chains; several count as one, or with --overlay "
            "stand beside each other. With --predicted: a chain's folder, or a places.json.",
        ),
    ],
    where: Annotated[
        list[str] | None,
        typer.Option(help="A constraint such as 'macs<=600M', or Mobile, LargeA, LargeB; in place of the run's own."),
    ] = None,
    x: Annotated[str | None, typer.Option(help="The figures' horizontal axis: macs, latency_ms or params.")] = None,
    nearest: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Show the network nearest to macs=530M, say.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for table and figures. Default: print only.")
    ] = None,
    objectives: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OBJECTIVE", help="Such as 'minimize params', in place of the run's own; may be repeated."
        ),
    ] = None,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Several runs beside each other, each with a front of its own.")
    ] = False,
    attainment: Annotated[
        bool,
        typer.Option(
            "--attainment",
            help="With --overlay: what runs of one strategy attain, median and quartiles. By itself where runs "
            "differ by their seed alone.",
        ),
    ] = False,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="The worst value that counts in the hypervolume, for each objective. Default: the worst of all "
            "networks that keep the limits, of all runs.",
        ),
    ] = None,
    predicted: Annotated[
        bool, typer.Option("--predicted", help="The exact front of the whole space by the supernet's table of places.")
    ] = False,
    by: Annotated[
        str | None,
        typer.Option(metavar="nsr", help="With --predicted: nsr takes the plain sum over places, not the predictor."),
    ] = None,
    latency_table: Annotated[
        Path | None, typer.Option(help="With --predicted: a latency table of the space, for latency_ms.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="With --predicted: how much worse than the exact front, a part of each objective's range. Default: 0, "
            "with three objectives or more 0.01.",
        ),
    ] = None,
    set_: SetOfRun = None,
    json: Json = False,
) -> None:
    """Show the front of one or several searches.

    Table, CSV, hypervolume, figures, and each point's architecture. With --predicted no search is needed: scores of
    places add up, and so the front of the whole space is known.
    """
    from lighttrack_nas.trackers.base.errors import InputError

    if predicted:
        if overlay or reference:
            raise InputError("--predicted goes without --overlay and --reference: it is of one table of places")
        from lighttrack_nas.cli.search.predict import front as predict_front

        predict_front(runs, objectives or [], where or [], by, latency_table, tolerance, x, nearest or [], output, json)
        return
    from lighttrack_nas.cli.search.show_fronts import front as run

    for option, value in {"--by": by, "--latency-table": latency_table, "--tolerance": tolerance}.items():
        if value is not None:
            raise InputError(f"{option} goes with --predicted")
    if attainment and not overlay:
        raise InputError("--attainment goes with --overlay")
    if overlay:
        from lighttrack_nas.cli.search.show_overlay import show_overlay

        if nearest:
            raise InputError("--nearest goes without --overlay: it asks one front")
        show_overlay(runs, where or [], x, objectives or [], reference or [], attainment, output, json, set_ or [])
        return
    run(runs, where or [], x, nearest or [], output, json, objectives or [], set_ or [], reference or [])


@commands.command(rich_help_panel=SEARCH)
def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="Folders of chains, searches, the quickstart or comparisons; several stand side by side.",
        ),
    ],
    output: Output,
) -> None:
    """Write one page of all that runs did and found.

    It works offline: what was run, training curves, the front with the architecture, costs and commands of every
    point, findings, comparisons, frames of the found tracker.
    """
    from lighttrack_nas.report.run_report import write_report

    print(write_report(runs, output))


@commands.command(rich_help_panel=SEARCH)
def findings(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A search's folder, or the configuration of its chain.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for tables and figure. Default: print only.")
    ] = None,
    set_: SetOfRun = None,
    json: Json = False,
) -> None:
    """Say what the front's networks share against their space.

    Kernels and expansions, the output, the depths of the towers; each with an interval, and with a test.
    """
    from lighttrack_nas.cli.search.show_fronts import findings as show

    show(run, json, set_ or [], output)
