"""`probe trace`: the paths to a host, for a person."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from faultline.runtime import console

_PORTS = {"udp": 33_434, "tcp": 443, "icmp": 33_434}
"""Traceroute's own, at which hardly anything listens; and what firewalls let through."""


def trace(
    host: Annotated[str, typer.Argument(metavar="HOST", help="Name or address.")],
    *,
    method: Annotated[str, typer.Option(help="Probes: udp, tcp (SYN) or icmp (echo).")] = "udp",
    flows: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Flows to trace [default: until no branch is missed, 95 % sure, at most 64]"),
    ] = None,
    probes: Annotated[int, typer.Option(min=1, max=100, help="Answers wanted of each hop in the first flow.")] = 3,
    max_hops: Annotated[int, typer.Option(min=1, max=64, help="Distance that is not gone beyond.")] = 30,
    timeout: Annotated[float, typer.Option(min=0.05, max=10, help="Seconds after which a probe is taken for unanswered.")] = 1.0,
    limit: Annotated[float, typer.Option(min=1, max=600, help="Seconds for all of it.")] = 60.0,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Destination port [default: udp 33434, tcp 443]")] = None,
    source_port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Source port of the first flow; the others follow [default: free ones]")
    ] = None,
    mtu: Annotated[bool, typer.Option("--mtu/--no-mtu", help="Find the path MTU as well.")] = True,
    ipv4: Annotated[bool, typer.Option("-4", help="IPv4 only.")] = False,
    ipv6: Annotated[bool, typer.Option("-6", help="IPv6 only.")] = False,
    unprivileged: Annotated[
        bool, typer.Option("--unprivileged", help="Do without raw sockets even where they are allowed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Trace the paths to a host, with all their equal-cost branches, and find the path MTU; exit 1 when it is not reached."""
    from probe.paths.document import complete, document, lines  # noqa: PLC0415 - only for the command that needs it
    from probe.paths.terms import Method  # noqa: PLC0415
    from probe.paths.tracing import Wanted  # noqa: PLC0415
    from probe.paths.tracing import trace as follow  # noqa: PLC0415

    if method not in _PORTS:
        raise console.CommandError(f"--method {method}: there is none", hint="udp, tcp or icmp", code=console.BAD_USAGE)
    if ipv4 and ipv6:
        raise console.CommandError("-4 and -6 exclude each other", hint="leave both out for either", code=console.BAD_USAGE)
    wanted = Wanted(
        method=Method(method),
        flows=flows,
        samples=probes,
        max_hops=max_hops,
        timeout_s=timeout,
        limit_s=limit,
        destination_port=port or _PORTS[method],
        source_port=source_port,
        path_mtu=mtu,
        version=4 if ipv4 else 6 if ipv6 else None,
        unprivileged=unprivileged,
    )
    try:
        traced = follow(host, wanted, progress=_progress)
    finally:
        _progress("")
    if as_json:
        typer.echo(json.dumps(document(traced)))
    else:
        typer.echo("\n".join(lines(traced)))
    if not complete(traced):
        raise console.CommandError(
            f"{host} was not reached by every flow",
            hint="a firewall may let nothing back: try --method tcp --port 443, or --method icmp",
        )


def _progress(text: str) -> None:
    """One line that is written over, on a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def register(app: typer.Typer) -> None:
    """Add the command to the probe's."""
    app.command()(trace)
