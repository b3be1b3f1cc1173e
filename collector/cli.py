"""The collector's commands. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

from typing import NoReturn

import typer

from collector import decode
from faultline.runtime import console

app = typer.Typer(
    name="collector",
    help="At the centre: take in, decode, enrich, roll up, store.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _collector() -> None:
    """At the centre: take in, decode, enrich, roll up, store."""


decode.register(app)


def main() -> NoReturn:
    """Entry point of `python -m collector.cli`."""
    console.run(app)


if __name__ == "__main__":
    main()
