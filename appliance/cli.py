"""The `faultline` command: every part of the product under one name.

Knows only where each part's commands live, and imports a part when it is called: reading a capture must not pay for the
analyzer's numerics, and `--help` pays for nothing.
"""

from __future__ import annotations

import importlib
from typing import Any, NoReturn

import attrs
import typer
from typer.core import TyperGroup

from faultline.runtime import console


@attrs.frozen(slots=True, kw_only=True)
class Part:
    """A part of the product with commands of its own."""

    module: str
    """Where its `app` is."""
    help: str
    """One line for the list of commands; the part's own help says more."""


PARTS = {
    "demo": Part(module="appliance.demo.cli", help="The whole product on one machine: real packets, a real fault, a verdict."),
    "up": Part(module="appliance.up", help="Collector and analyzer (and a local probe) on one machine, for real use."),
    "doctor": Part(
        module="appliance.doctor", help="Walk every stage of the running system and name the first that does not balance."
    ),
    "backup": Part(module="appliance.backup", help="Copy what a running installation keeps; put it back."),
    "probe": Part(module="probe.cli", help="On the host: capture and metering, active sessions, spool and upload."),
    "collector": Part(module="collector.cli", help="At the centre: take in, decode, enrich, roll up, store."),
    "analyzer": Part(module="analyzer.cli", help="The answer: baselines, evidence, localisation, incidents, alarms, pages."),
    "inventory": Part(module="analyzer.planning.cli", help="What the operator knows of lines, components and vantages."),
    "plan": Part(module="analyzer.planning.works.cli", help="Planned work: windows, freezes, and whom they hit."),
    "dashboards": Part(module="dashboards.cli", help="Grafana as code: build the boards, check them, push them."),
}


class _Parts(TyperGroup):
    """A group whose commands are imported when they are called."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """Every part, in the order people meet them."""
        del ctx
        return list(PARTS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The part's command; only its name and one line while help is printed."""
        del ctx
        part = PARTS.get(cmd_name)
        if part is None:
            return None
        if self._listing:
            return _named(cmd_name, part.help)
        command = typer.main.get_command(_app_of(part))
        command.name = cmd_name
        return command

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The list of parts, without importing one of them."""
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False


def _app_of(part: Part) -> typer.Typer:
    try:
        module = importlib.import_module(part.module)
    except ModuleNotFoundError as error:
        if error.name is None or not part.module.startswith(error.name):
            raise console.CommandError(
                f"{part.module} needs the Python package {error.name}, which is not installed",
                hint="install the whole distribution: make install",
            ) from None
        raise console.CommandError(f"{part.module} is not part of this installation") from None
    app = module.app
    assert isinstance(app, typer.Typer)  # noqa: S101 - a part without commands is a mistake of ours
    return app


def _named(name: str, text: str) -> Any:
    shown = typer.Typer(add_completion=False)
    shown.command(name, help=text)(lambda: None)
    return typer.main.get_command(shown)


app = typer.Typer(
    name="faultline",
    cls=_Parts,
    help="Which part of a customer's line is at fault, how sure we are, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _faultline() -> None:
    """Which part of a customer's line is at fault, how sure we are, and why."""


def main() -> NoReturn:
    """Entry point of `faultline`."""
    console.run(app)


if __name__ == "__main__":
    main()
