"""`probe flows`: capture files or an interface in, flow records out, one a line or as IPFIX.

Records go to standard output or a file; what went wrong, and last of all the summary, to standard error. What a record means is
the business of `native/flowmeter`.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from faultline.runtime import console
from probe.applications import read_applications
from probe.export.targets import Dialect, PlainConfig

_STREAM = Path("-")


class Format(StrEnum):
    """What records look like."""

    JSONL = "jsonl"
    CSV = "csv"
    IPFIX = "ipfix"


class Tunnels(StrEnum):
    """Whose addresses are the key of a tunnelled packet."""

    INNER = "inner"
    OUTER = "outer"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="flows")(flows)


def flows(
    more: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="More captures to read.", show_default=False)
    ] = None,
    *,
    read: Annotated[
        list[Path] | None,
        typer.Option(
            "--read", "-r", help="Captures (pcap, pcapng, gzip, zstd), merged by time; - is standard input.", show_default=False
        ),
    ] = None,
    interface: Annotated[
        str | None, typer.Option("--interface", "-i", help="Meter an interface until Ctrl-C or --seconds.", show_default=False)
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0, help="How long to meter the interface.", show_default=False)
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="What the records look like.")] = Format.JSONL,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the records go; - is standard output.")] = _STREAM,
    idle_timeout: Annotated[
        float, typer.Option("--idle-timeout", min=0, help="A flow silent for so many seconds has ended; 0: never.")
    ] = 30.0,
    active_timeout: Annotated[
        float, typer.Option("--active-timeout", min=0, help="A record covers at most so many seconds; 0: no limit.")
    ] = 60.0,
    tunnels: Annotated[
        Tunnels, typer.Option("--tunnels", help="Which IP header is the key of a tunnelled packet.")
    ] = Tunnels.INNER,
    key: Annotated[
        str,
        typer.Option("--key", help="What else tells flows apart: vlan, tunnel, or vlan,tunnel.", show_default=False),
    ] = "",
    applications: Annotated[
        Path | None,
        typer.Option("--applications", help="Rules of your own that name applications; they count before the built-in ones."),
    ] = None,
    export: Annotated[
        str | None,
        typer.Option("--export", help="Send the records to a collector: udp://HOST:PORT, tcp://HOST:PORT.", show_default=False),
    ] = None,
    dialect: Annotated[
        Dialect, typer.Option("--dialect", help="What the collector speaks; nprobe is IPFIX with nProbe's elements.")
    ] = Dialect.IPFIX,
    max_octets: Annotated[
        int | None,
        typer.Option("--max-octets", min=256, max=65000, help="Largest message of --export.", show_default=False),
    ] = None,
) -> None:
    """Flow records of captures or of an interface: octets, packets, and for TCP loss by side, round-trip and response times.

    The last line on standard error is the summary: packets, octets, flows, what could not be parsed and why.
    """
    files = [*(read or ()), *(more or ())]
    if bool(files) == (interface is not None):
        raise console.CommandError(
            "flows reads captures or an interface, one of them",
            hint="faultline probe flows --read FILE.pcap, or --interface IF",
            code=console.BAD_USAGE,
        )
    for path in files:
        _must_be_there(path)
    options: dict[str, Any] = {
        "format": Format.IPFIX.value if export else form.value,
        "idle_timeout_s": idle_timeout,
        "active_timeout_s": active_timeout,
        "tunnels": tunnels.value,
        "key": _key_parts(key),
        "applications": read_applications(applications, option="--applications") if applications else None,
    }
    with _exported(export, dialect, max_octets) if export else _opened(output) as sink:
        summary = _of_interface(interface, sink, seconds, options) if interface else _of_files(files, sink, options)
    failure = summary.pop("error", None)
    if failure is not None:
        console.report(_unreadable(str(failure)))
    console.say(json.dumps({"summary": summary}, separators=(",", ":")))
    if failure is not None:
        raise typer.Exit(console.FAILED)


def _of_files(files: list[Path], sink: BinaryIO | _Exporter, options: dict[str, Any]) -> dict[str, Any]:
    from faultline.native import meter_files  # noqa: PLC0415 - `--help` does without the native module

    return meter_files([str(path) for path in files], sink, **options)


def _of_interface(name: str, sink: BinaryIO | _Exporter, seconds: float | None, options: dict[str, Any]) -> dict[str, Any]:
    from faultline.native import meter_interface  # noqa: PLC0415 - see above

    try:
        return meter_interface(name, sink, seconds=seconds, **options)
    except PermissionError:
        raise console.CommandError(
            f"{name}: capturing packets needs the capability CAP_NET_RAW",
            hint="run as root (sudo), or grant the capability: setcap cap_net_raw+ep on the probe's file",
        ) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise console.CommandError(
            f"{name}: {error.strerror or error}", hint="`ip link` lists the interfaces of this host", code=console.BAD_USAGE
        ) from None


def _must_be_there(path: Path) -> None:
    if path == _STREAM:
        return
    if not path.exists():
        raise console.CommandError(
            f"{path}: no such file", hint="name files that exist, or - for standard input", code=console.BAD_USAGE
        )
    if path.is_dir():
        raise console.CommandError(f"{path}: is a directory", hint="name the captures in it", code=console.BAD_USAGE)


def _key_parts(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    unknown = sorted(set(parts) - {"vlan", "tunnel"})
    if unknown:
        raise console.CommandError(
            f"--key: {', '.join(unknown)} is no part of a flow key",
            hint="use vlan, tunnel, or vlan,tunnel",
            code=console.BAD_USAGE,
        )
    return parts


class _Exporter:
    """Whole IPFIX messages are written to it; their records go to a collector."""

    def __init__(self, config: PlainConfig) -> None:
        from probe.export.plain import PlainLink  # noqa: PLC0415 - see above

        self._to = config.to
        self._link = PlainLink(config)

    def write(self, messages: bytes) -> int:
        try:
            self._link.send(messages)
        except OSError as error:
            raise console.CommandError(
                f"--export: {self._to}: {error.strerror or error}",
                hint="is the collector running, and does it listen on that port?",
            ) from None
        return len(messages)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        self._link.close()


@contextlib.contextmanager
def _exported(to: str, dialect: Dialect, max_octets: int | None) -> Iterator[_Exporter]:
    try:
        config = PlainConfig(to=to, dialect=dialect.value, max_octets=max_octets)
    except ValueError as error:
        raise console.CommandError(
            f"--export: {error}", hint="e.g. --export udp://192.0.2.10:4739", code=console.BAD_USAGE
        ) from None
    exporter = _Exporter(config)
    try:
        yield exporter
    finally:
        exporter.close()


@contextlib.contextmanager
def _opened(output: Path) -> Iterator[BinaryIO]:
    if output == _STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        sink = output.open("wb")
    except OSError as error:
        raise console.CommandError(
            f"{output}: {error.strerror or error}", hint="name a file in a directory that exists", code=console.BAD_USAGE
        ) from None
    with sink:
        yield sink


def _unreadable(failure: str) -> console.CommandError:
    if "cut short" in failure:
        return console.CommandError(failure, hint="the file is incomplete; the flows up to there were written")
    if "not a capture" in failure or "empty" in failure:
        return console.CommandError(failure, hint="give captures as tcpdump -w, dumpcap or Wireshark write them")
    return console.CommandError(failure, hint="the flows up to there were written; `capinfos FILE` says more of the file")
