"""Messages of a command to the person who ran it: one line what went wrong, one line what to do, and the right exit code.

Data goes to standard output, messages to standard error; exit 0 done, 1 failed, 2 bad usage or configuration.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

DONE = 0
FAILED = 1
BAD_USAGE = 2


class CommandError(Exception):
    """Ends a command with a message a person can act on.

    Args:
        message: what went wrong and where, in one line.
        hint: what to do about it.
        code: `FAILED` when the work failed, `BAD_USAGE` when the call or the configuration was wrong.
    """

    def __init__(self, message: str, *, hint: str | None = None, code: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


def say(text: str) -> None:
    """A line for the person, on standard error."""
    sys.stderr.write(text + "\n")


def report(error: CommandError) -> int:
    """Print the error in its two lines and return its exit code."""
    say(f"error: {error.message}")
    if error.hint:
        say(f"hint: {error.hint}")
    return error.code


def run(app: Callable[[], object]) -> NoReturn:
    """Run a command-line application and exit.

    A CommandError becomes two lines and its exit code, and so does a file that the person may not use, wherever it was met; bad
    usage is typer's own message and 2; Ctrl-C exits 130; a closed pipe exits quietly.
    """
    try:
        app()
    except CommandError as error:
        sys.exit(report(error))
    except PermissionError as error:
        refused = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        sys.exit(report(CommandError(refused, hint="run it as somebody who may use it, or change its permissions")))
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not an error of ours. Python must not flush into the closed pipe.
        sys.stderr.close()
        sys.exit(FAILED)
    sys.exit(DONE)
