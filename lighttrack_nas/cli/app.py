"""The command line: the commands declare their options in `*_commands.py`; the work is done by the modules beside."""

from typing import Annotated

import typer

from lighttrack_nas.cli.search import front_commands, search_commands
from lighttrack_nas.cli.shared.options import Json
from lighttrack_nas.cli.shared.panels import START, GroupedCommands
from lighttrack_nas.cli.space import space_commands
from lighttrack_nas.cli.tracker import tracker_commands

app = typer.Typer(
    name="lighttrack-nas",
    cls=GroupedCommands,
    help="Neural architecture search for visual tracking: LightTrack's space on NNI and Optuna.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (space_commands, tracker_commands, search_commands, front_commands):
    app.add_typer(part.commands)


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


@app.command(rich_help_panel=START)
def doctor(json: Json = False) -> None:
    """Check this installation, and name what is missing.

    Versions, known traps, devices, runtimes, baselines.
    """
    from lighttrack_nas.cli.tracker.doctor import doctor as run

    run(json)
