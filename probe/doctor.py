"""`faultline-probe doctor`: what of this host would keep a probe from measuring or delivering, each with what to do about it.

Every check looks at one thing and returns a finding; none changes anything. A check that cannot be made says so: no guess.
"""

from __future__ import annotations

import array
import fcntl
import os
import shutil
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import attrs

from faultline.records.terms import Stream
from probe.clock_quality import clock_quality
from probe.config import ProbeConfig
from probe.export.config import CollectorConfig
from probe.export.link import explain, read_token, trust

_CAP_NET_RAW = 13
_SIOCETHTOOL = 0x8946
_SIOCGIFFLAGS = 0x8913
_IFF_UP = 0x1
_OFFLOADS = {"tso": 0x1E, "gso": 0x23, "gro": 0x2B}
"""ETHTOOL_GTSO, ETHTOOL_GGSO and ETHTOOL_GGRO of linux/ethtool.h."""
_CONNECT_S = 5.0
_LOW_FREE_OCTETS = 256 << 20
_BAD_OFFSET_S = 2.0
"""Beyond it the collector files by corrected time (see the model of time)."""


class Status(StrEnum):
    """How a finding stands."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@attrs.frozen(slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    check: str
    status: Status
    text: str
    hint: str | None = None
    values: dict[str, Any] = attrs.field(factory=dict)

    def document(self) -> dict[str, Any]:
        """For --json; what does not apply is left out."""
        named = {"check": self.check, "status": str(self.status), "text": self.text, "hint": self.hint, **self.values}
        return {key: value for key, value in named.items() if value is not None}


def examine(config: ProbeConfig) -> Iterator[Finding]:
    """Every finding about this host and configuration, as it is made."""
    yield clock()
    if config.capture.interfaces:
        yield permission()
    for interface in config.capture.interfaces:
        yield capture_interface(interface.name)
    for name in config.host.interfaces:
        yield watched_interface(name)
    yield from active_tests(config)
    yield from dials_and_traces(config)
    yield spool(config.state_dir / "spool")
    yield identity(config.collector)
    yield reachability(config.collector)
    if config.status.listen:
        yield running(config.status.listen)


def clock() -> Finding:
    """Whether the kernel's clock is disciplined, and how well it says."""
    try:
        quality = clock_quality()
    except OSError as error:
        return Finding(check="clock", status=Status.UNKNOWN, text=f"the kernel does not say: {error.strerror}")
    values = {"clock_class": quality.clock_class, "clock_error_ns": quality.error_ns}
    if quality.clock_class == "none":
        return Finding(
            check="clock",
            status=Status.WARNING,
            text="the clock is not synchronised; one-way delays are relative, loss and delay variation are not touched",
            hint="run chrony, systemd-timesyncd or ptp4l",
            values=values,
        )
    return Finding(check="clock", status=Status.OK, text=f"synchronised ({quality.clock_class})", values=values)


def permission() -> Finding:
    """Whether this process may capture packets."""
    if effective_capabilities() >> _CAP_NET_RAW & 1:
        return Finding(check="capture permission", status=Status.OK, text="CAP_NET_RAW is there")
    return Finding(
        check="capture permission",
        status=Status.FAILED,
        text="CAP_NET_RAW is missing: packets cannot be captured",
        hint="run as root (sudo), or grant AmbientCapabilities=CAP_NET_RAW in the unit",
    )


def effective_capabilities() -> int:
    """The effective capability set of this process as a bit mask (capabilities(7))."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def capture_interface(name: str) -> Finding:
    """Whether the interface exists and is up, and which offloads hand us packets larger than the wire's."""
    check = f"interface {name}"
    request = name.encode()[:15].ljust(16, b"\0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        try:
            answer = fcntl.ioctl(channel, _SIOCGIFFLAGS, request + bytes(24))
        except OSError as error:
            return Finding(
                check=check, status=Status.FAILED, text=error.strerror or str(error), hint="`ip link` lists the interfaces"
            )
        if not struct.unpack_from("H", answer, 16)[0] & _IFF_UP:
            return Finding(check=check, status=Status.FAILED, text="is down", hint=f"ip link set {name} up")
        offloads = {option: _offload(channel, request, command) for option, command in _OFFLOADS.items()}
    on = sorted(option for option, value in offloads.items() if value)
    text = f"up; {', '.join(on)} on: packet counts are of super-packets" if on else "up"
    hint = f"ethtool -K {name} " + " ".join(f"{option} off" for option in on) if on else None
    values = {"offloads": {option: value for option, value in offloads.items() if value is not None}}
    return Finding(check=check, status=Status.WARNING if on else Status.OK, text=text, hint=hint, values=values)


def watched_interface(name: str) -> Finding:
    """Whether an interface whose counters are reported exists."""
    check = f"watched interface {name}"
    try:
        socket.if_nametoindex(name)
    except OSError:
        return Finding(
            check=check,
            status=Status.WARNING,
            text="there is none of that name: it is reported as down until it comes",
            hint="`ip link` lists the interfaces",
        )
    return Finding(check=check, status=Status.OK, text="is there")


def active_tests(config: ProbeConfig) -> Iterator[Finding]:
    """Whether each session's reflector answers, and whether our own can listen."""
    from probe.active import examination  # noqa: PLC0415 - it needs this module

    for session in config.sessions:
        yield examination.session(session)
    if config.reflector is not None:
        yield from examination.reflector(config.reflector)


def dials_and_traces(config: ProbeConfig) -> Iterator[Finding]:
    """Whether what is dialled answers, and whether paths can be traced."""
    if config.dials:
        from probe.dials.examination import dial_tests  # noqa: PLC0415 - it needs this module

        yield from dial_tests(config.dials)
    if config.traces or config.control.enabled:
        yield trace_permission()


def trace_permission() -> Finding:
    """Whether this process may trace a flow by its own ports."""
    if effective_capabilities() >> _CAP_NET_RAW & 1:
        return Finding(check="trace permission", status=Status.OK, text="CAP_NET_RAW is there")
    return Finding(
        check="trace permission",
        status=Status.WARNING,
        text="CAP_NET_RAW is missing: no path can be traced, every trace counts as failed",
        hint="run as root (sudo), or grant AmbientCapabilities=CAP_NET_RAW in the unit",
    )


def _offload(channel: socket.socket, request: bytes, command: int) -> bool | None:
    value = array.array("I", [command, 0])
    address, _ = value.buffer_info()
    try:
        fcntl.ioctl(channel, _SIOCETHTOOL, request + struct.pack("P", address) + bytes(16))
    except OSError:
        return None
    return bool(value[1])


def spool(directory: Path) -> Finding:
    """Whether batches can be kept, and how many wait."""
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        return Finding(
            check="spool",
            status=Status.FAILED,
            text=f"{existing} is not writable",
            hint="give it to the probe's user, or set state_dir",
        )
    waiting = {stream: len(list(directory.glob(f"*/{stream}/*.ipfix"))) for stream in Stream}
    octets = sum(path.stat().st_size for path in directory.glob("*/*/*.ipfix"))
    quarantined = len(list(directory.glob("quarantine/*")))
    free = shutil.disk_usage(existing).free
    values = {
        "waiting": {str(stream): count for stream, count in waiting.items()},
        "octets": octets,
        "quarantined": quarantined,
        "free_octets": free,
    }
    text = f"{sum(waiting.values())} batches wait, {free >> 20} MiB free"
    if free < _LOW_FREE_OCTETS:
        return Finding(
            check="spool", status=Status.WARNING, text=text, hint="free some space, or lower spool.max_octets", values=values
        )
    if quarantined:
        text += f", {quarantined} in quarantine"
        return Finding(
            check="spool", status=Status.WARNING, text=text, hint=f"look into {directory / 'quarantine'}", values=values
        )
    return Finding(check="spool", status=Status.OK, text=text, values=values)


def identity(config: CollectorConfig) -> Finding:
    """Whether token and authority can be read."""
    from faultline.runtime.config import ConfigError  # noqa: PLC0415 - beside its one use

    try:
        read_token(config)
        trust(config)
    except ConfigError as error:
        return Finding(check="identity", status=Status.FAILED, text=error.message, hint=error.hint)
    return Finding(check="identity", status=Status.OK, text="token and authority can be read")


def reachability(config: CollectorConfig) -> Finding:
    """Whether the collector answers over TLS 1.3 with a certificate we trust, how fast, and how far its clock is from ours."""
    import httpx  # noqa: PLC0415 - the command's start must stay cheap

    from faultline.runtime.config import ConfigError  # noqa: PLC0415

    try:
        context = trust(config)
    except ConfigError as error:
        return Finding(check="collector", status=Status.UNKNOWN, text="not tried: " + error.message)
    try:
        with httpx.Client(verify=context, proxy=config.proxy, timeout=_CONNECT_S) as client:
            began_s = time.monotonic()
            client.get(config.url.rstrip("/") + "/healthz")
            connect_s = time.monotonic() - began_s
            began_s, sent_s = time.monotonic(), time.time()
            response = client.get(config.url.rstrip("/") + "/healthz")
            round_trip_s = time.monotonic() - began_s
    except (httpx.HTTPError, ssl.SSLError) as error:
        return Finding(
            check="collector",
            status=Status.FAILED,
            text=f"{config.host}:{config.port}: {explain(error)}",
            hint="check collector.url, the firewall towards it, and collector.authority",
        )
    return _reached(response.status_code, response.headers.get("date"), connect_s, round_trip_s, sent_s + round_trip_s / 2)


def _reached(status: int, date: str | None, connect_s: float, round_trip_s: float, now_s: float) -> Finding:
    values: dict[str, Any] = {
        "connect_ms": round(connect_s * 1e3, 1),
        "round_trip_ms": round(round_trip_s * 1e3, 1),
        "http_status": status,
    }
    text = f"answers in {values['round_trip_ms']} ms (first connection {values['connect_ms']} ms)"
    offset_s = _clock_offset_s(date, now_s)
    if offset_s is not None:
        values["clock_offset_s"] = round(offset_s, 1)
        if abs(offset_s) > _BAD_OFFSET_S:
            return Finding(
                check="collector",
                status=Status.WARNING,
                text=f"{text}; its clock and ours differ by {offset_s:+.0f} s",
                hint="synchronise both with a time server",
                values=values,
            )
    if status != 200:  # noqa: PLR2004 - HTTP's OK
        return Finding(check="collector", status=Status.WARNING, text=f"{text}, but says it is unable ({status})", values=values)
    return Finding(check="collector", status=Status.OK, text=text, values=values)


def _clock_offset_s(date: str | None, now_s: float) -> float | None:
    """Collector's clock minus ours from the Date header, which has whole seconds: known to ± 0.5 s."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - beside its one use

    if date is None:
        return None
    try:
        return parsedate_to_datetime(date).timestamp() + 0.5 - now_s
    except ValueError:
        return None


def running(listen: str) -> Finding:
    """Whether a probe runs here, and what it says of itself."""
    import httpx  # noqa: PLC0415 - the command's start must stay cheap

    try:
        # A context of our own: httpx's default one unpacks a file of authorities, and a read-only host has no room for it.
        with httpx.Client(verify=ssl.create_default_context(), timeout=_CONNECT_S, trust_env=False) as client:
            document = client.get(f"http://{listen}/stages").json()
    except (httpx.HTTPError, ValueError):
        return Finding(check="running probe", status=Status.UNKNOWN, text=f"no probe answers on {listen}")
    unbalanced = [stage["name"] for stage in document["stages"] if not stage["balanced"]]
    problems = [*document["problems"], *(f"stage {name} does not balance" for name in unbalanced)]
    return Finding(
        check="running probe",
        status=Status.WARNING if problems else Status.OK,
        text="; ".join(problems) or "works, every stage balances",
        values={"stages": document["stages"]},
    )


def document(findings: list[Finding]) -> dict[str, Any]:
    """The document of --json: findings, the running probe's stages, and the problems in words."""
    stages = [stage for finding in findings for stage in finding.values.get("stages", [])]
    problems = [f"{finding.check}: {finding.text}" for finding in findings if finding.status in {Status.FAILED, Status.WARNING}]
    shown = [attrs.evolve(finding, values={k: v for k, v in finding.values.items() if k != "stages"}) for finding in findings]
    return {"checks": [finding.document() for finding in shown], "stages": stages, "problems": problems}
