"""The entry of the command line: a user's mistake becomes a sentence and an exit code."""

import os
import signal
import sys


def main() -> None:
    """Run the command line; a user's mistake ends with one sentence and exit code 1, a wrong call with 2."""
    from lighttrack_nas.cli.streams import silence_output, take_streams

    take_streams()
    from lighttrack_nas.cli.shared.printing import print_note
    from lighttrack_nas.processes.memory import keep_freed_memory
    from lighttrack_nas.trackers.base.errors import InputError, is_out_of_memory
    from lighttrack_nas.trackers.base.packages import naming_packages

    # A polite kill ends work as Ctrl-C does: what was computed is written.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        keep_freed_memory()
        try:
            with naming_packages():
                from lighttrack_nas.cli.app import app

                app()
        finally:
            # What it still holds may find no room, which would be said of nothing when Python ends.
            sys.stdout.flush()
    except InputError as error:
        print_note(f"error: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        # A second Ctrl-C, while the first was ending the work: at once, as after a kill.
        os._exit(130)
    except BrokenPipeError:
        # Whoever read the output (head, less) has gone; nothing is wrong.
        silence_output()
        sys.exit(1)
    except OSError as error:
        if error.filename == "standard output":
            silence_output()
        print_note(f"error: {error.filename or 'a file'}: {error.strerror or error}")
        sys.exit(1)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        print_note(f"error: out of memory: {next(iter(str(error).splitlines()), 'no more is given')}")
        sys.exit(1)
