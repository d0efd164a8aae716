"""The help of all commands: under a heading for every kind of work, a whole sentence each."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

START = "Start"
COMPARE = "Compare search strategies"
SEARCH = "Search a space, and train what is found"
SPACES = "Look at spaces and extend them"
COSTS = "Count and time networks"
TRACKERS = "Track, evaluate, deploy"
PANELS = (START, COMPARE, SEARCH, SPACES, COSTS, TRACKERS)
"""In the order of the help."""


class GroupedCommands(TyperGroup):
    """Commands whose help lists them under their `rich_help_panel`, in plain text, and cuts no summary.

    None takes an empty argument, which ``--output $UNSET`` gives: as a path it would be the current folder.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse empty arguments, and read the others."""
        for place, argument in enumerate(args):
            name, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
            if (equals or not name) and not value:
                before = args[place - 1] if place and args[place - 1].startswith("-") else "an argument"
                raise typer.BadParameter(f"{name or before} is empty", ctx=ctx)
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands, a section for each panel."""
        width = max(map(len, self.commands))
        for panel in PANELS:
            rows = [
                (name.ljust(width), summary(command))
                for name, command in self.commands.items()
                if getattr(command, "rich_help_panel", None) == panel
            ]
            with formatter.section(panel):
                formatter.write_dl(rows)


def summary(command: Any) -> str:
    """The first paragraph of a command's help, in one line."""
    return " ".join((command.help or "").partition("\n\n")[0].split())
