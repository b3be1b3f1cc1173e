"""The probe's commands. Everything heavy is imported inside the command that needs it: `--help` and `flows` start fast."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from faultline.runtime import console
from probe import flows
from probe.active import commands as active
from probe.paths import commands as paths

if TYPE_CHECKING:
    from probe.doctor import Finding

app = typer.Typer(
    name="probe",
    help="On the host: capture and metering, active sessions, interface counters, spool and upload.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_Config = Annotated[Path, typer.Option("--config", "-c", help="The probe's configuration (packaging/examples/probe.yaml).")]


@app.command()
def run(
    config: _Config,
    *,
    check: Annotated[bool, typer.Option("--check", help="Read the configuration, say whether it is right, and exit.")] = False,
) -> None:
    """The probe service: measures until SIGTERM, keeps what it measured, sends it to the collector."""
    from probe.config import read_config  # noqa: PLC0415 - see the module's docstring

    settings = read_config(config)
    if check:
        console.say(f"{config}: right")
        return
    from faultline.runtime import log  # noqa: PLC0415
    from probe.service import build  # noqa: PLC0415

    log.configure(level=settings.log.level, json=settings.log.json, service="probe")
    build(settings).run()


@app.command()
def doctor(
    config: _Config,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """What of this host would keep a probe from measuring or delivering: clock, permissions, offloads, collector, spool."""
    from probe.config import read_config  # noqa: PLC0415
    from probe.doctor import Status, document, examine  # noqa: PLC0415

    findings = []
    for finding in examine(read_config(config)):
        findings.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        typer.echo(json.dumps(document(findings), indent=2, ensure_ascii=False))
    if any(finding.status is Status.FAILED for finding in findings):
        raise typer.Exit(console.FAILED)


@app.command()
def ports(
    config: _Config,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """What firewalls must let through for this configuration: direction, protocol, other side, port, and what for."""
    import attrs  # noqa: PLC0415

    from probe.config import read_config  # noqa: PLC0415
    from probe.firewall import openings, table  # noqa: PLC0415

    found = openings(read_config(config))
    if as_json:
        typer.echo(json.dumps({"openings": [attrs.asdict(opening) for opening in found]}, indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(table(found)))


def _show(finding: Finding) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415

    colour = {"ok": "green", "warning": "yellow", "failed": "red", "unknown": "dim"}[finding.status]
    screen = Console(highlight=False, soft_wrap=True)
    screen.print(f"[{colour}]{finding.status:8}[/] {escape(finding.check)}: {escape(finding.text)}")
    if finding.hint:
        screen.print(f"         hint: {escape(finding.hint)}")


active.register(app)
paths.register(app)
flows.register(app)


def main() -> NoReturn:
    """Entry point of `faultline-probe`."""
    console.run(app)
