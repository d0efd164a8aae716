"""The help of all commands: under a heading for every kind of work, a whole sentence each."""

from __future__ import annotations

import inspect
from typing import Any, get_args, get_type_hints

import typer
from typer.core import TyperGroup

from lighttrack_nas.trackers.base.parsing import parse_number, short

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

    None takes an empty argument, which ``--output $UNSET`` gives: as a path it would be the current folder. Numbers are
    written as everywhere: 10, not 1_0, which Python reads as 10.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse empty arguments and odd numbers, and read the others."""
        command = self.commands.get(args[0]) if args else None
        numbers = _number_options(command) if command else set()
        # Whoever mistypes an argument of a command is told how that command is used.
        told = type(ctx)(command, info_name=args[0], parent=ctx) if command else ctx
        for place, argument in enumerate(args):
            name, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
            before = args[place - 1] if place and args[place - 1].startswith("-") else ""
            if (equals or not name) and not value:
                raise typer.BadParameter(f"{name or before or 'an argument'} is empty", ctx=told)
            if (name or before) in numbers and value:
                try:
                    parse_number(value)
                except ValueError:
                    said = f"{name or before}: expected a number, got {short(value)}"
                    raise typer.BadParameter(said, ctx=told) from None
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


def _number_options(command: Any) -> set[str]:
    """The options of a command whose values are numbers, such as ``--seed``."""
    hints = get_type_hints(inspect.unwrap(command.callback))
    kinds = {name: {hint, *get_args(hint)} for name, hint in hints.items()}
    return {option for given in command.params if kinds[given.name] & {int, float} for option in given.opts}
