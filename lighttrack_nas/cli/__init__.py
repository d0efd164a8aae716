"""The command line, `lighttrack-nas`. Commands import what they need when they run, so that `--help` is quick."""

from lighttrack_nas.cli.exit_codes import main

__all__ = ["main"]
