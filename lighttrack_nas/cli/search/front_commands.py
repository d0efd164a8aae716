"""The commands that look at finished searches: their fronts, what these share, and a page of all."""

from pathlib import Path
from typing import Annotated

import typer

from lighttrack_nas.cli.shared.options import Json, Output, SetOfRun
from lighttrack_nas.cli.shared.panels import SEARCH

commands = typer.Typer()


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
