"""`probe stamp` and `probe reflector`: an active session for a person, and the other end of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from faultline.runtime import console

_FEWEST_OCTETS = 44
_MOST_OCTETS = 9000
_KeyFile = Annotated[Path | None, typer.Option("--key-file", help="A key in hex, or lines `SSID HEX`: authenticated packets.")]


def stamp(
    target: Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="The session-reflector; port 862 when none is given.")],
    *,
    count: Annotated[int, typer.Option(min=1, help="Packets to send.")] = 100,
    interval: Annotated[float, typer.Option(min=0.0005, max=60, help="Seconds between them.")] = 0.1,
    size: Annotated[int, typer.Option(min=_FEWEST_OCTETS, max=_MOST_OCTETS, help="Octets of UDP payload.")] = 64,
    dscp: Annotated[int, typer.Option(min=0, max=63, help="Class of service.")] = 0,
    key_file: _KeyFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Measure loss and delay in both directions to a STAMP reflector (RFC 8762); exit 1 when nothing came back."""
    from probe.active.config import endpoint  # noqa: PLC0415 - only for the command that needs it
    from probe.active.document import document, lines  # noqa: PLC0415
    from probe.active.one_shot import measure  # noqa: PLC0415

    try:
        where = endpoint(target)
    except ValueError as error:
        raise console.CommandError(f"{target}: {error}", hint="HOST, HOST:PORT or [IPv6]:PORT", code=console.BAD_USAGE) from None
    if not as_json:
        console.say(f"STAMP to {where.host} port {where.port}: {count} packets of {size} octets, one every {interval:g} s")
    measured = measure(where, count=count, interval_s=interval, size=size, dscp=dscp, key_file=key_file)
    if as_json:
        typer.echo(json.dumps(document(measured.interval, measured.clock)))
    else:
        typer.echo("\n".join(lines(measured.interval, measured.clock)))
    if not measured.interval.received:
        why = measured.refusal.strerror if measured.refusal else None
        raise console.CommandError(
            f"nothing came back from {where.host} port {where.port}" + (f": {why}" if why else ""),
            hint="does a reflector run there (faultline probe reflector), do firewalls let UDP through, is the key the same?",
        )


def reflector(
    *,
    listen: Annotated[list[str] | None, typer.Option(metavar="ADDR:PORT", help="Where to listen [default: 0.0.0.0:862]")] = None,
    key_file: _KeyFile = None,
    allow: Annotated[list[str] | None, typer.Option(metavar="CIDR", help="Networks that are answered [default: all]")] = None,
) -> None:
    """Answer STAMP and TWAMP-Light test packets until stopped."""
    from probe.active.one_shot import serve  # noqa: PLC0415 - only for the command that needs it

    counters = serve(listen or ["0.0.0.0:862"], allow=allow or [], key_file=key_file)
    shot = next(shot for shot in counters.snapshots() if shot.name == "reflector")
    dropped = "".join(f", {count} dropped ({reason})" for reason, count in sorted(shot.dropped.items()))
    console.say(f"{shot.taken_in} packets, {shot.out} answered{dropped}")


def register(app: typer.Typer) -> None:
    """Add the commands to the probe's."""
    app.command()(stamp)
    app.command()(reflector)
