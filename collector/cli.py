"""The collector's commands. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from collector import archive_files, decode
from collector.events import command as event_commands
from collector.search import command as flows
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


@app.command()
def run(
    config: Annotated[Path, typer.Option("--config", "-c", help="collector.yaml; see packaging/examples/.")],
    *,
    check: Annotated[bool, typer.Option("--check", help="Read the configuration, say whether it is right, and exit.")] = False,
) -> None:
    """The collector service: takes batches in until SIGTERM, keeps windows, roll-ups and flows."""
    from collector.config import read_config  # noqa: PLC0415 - see the module's docstring

    settings = read_config(config)
    if check:
        from collector.events.rules import read_rules  # noqa: PLC0415

        read_rules(settings.events.rules)
        console.say(f"{config}: right")
        return
    from collector.service import build  # noqa: PLC0415
    from faultline.runtime import log  # noqa: PLC0415

    log.configure(level=settings.log.level, json=settings.log.json, service="collector")
    service, _ = build(settings)
    service.run()


decode.register(app)
archive_files.register(app)
flows.register(app)
event_commands.register(app)


def main() -> NoReturn:
    """Entry point of `python -m collector.cli`."""
    console.run(app)


if __name__ == "__main__":
    main()
