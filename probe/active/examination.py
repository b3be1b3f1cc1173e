"""What `doctor` finds out about test sessions and the reflector: a few real packets, and whether the ports can be had."""

from __future__ import annotations

from faultline.runtime.console import CommandError
from probe.active.active_tests import listening, make_reflector
from probe.active.config import ReflectorConfig, SessionConfig, endpoint
from probe.active.one_shot import measure
from probe.active.sending import fitting_ssid
from probe.doctor import Finding, Status

_PACKETS = 5
_INTERVAL_S = 0.02


def session(config: SessionConfig) -> Finding:
    """Whether the session's reflector answers, and how fast."""
    check = f"session {config.id}"
    try:
        measured = measure(
            endpoint(config.target),
            count=_PACKETS,
            interval_s=_INTERVAL_S,
            size=config.size,
            dscp=config.dscp,
            key_file=config.key_file,
            ssid=config.ssid or fitting_ssid(config.id, set()),
            source=config.source,
        )
    except CommandError as error:
        return Finding(check=check, status=Status.FAILED, text=error.message, hint=error.hint)
    found = measured.interval
    values = {"sent": found.sent, "received": found.received}
    if not found.received:
        why = f": {measured.refusal.strerror}" if measured.refusal else ""
        return Finding(
            check=check,
            status=Status.WARNING,
            text=f"nothing comes back from {config.target}{why}",
            hint="does a reflector run there, do firewalls let UDP through, is the key the same?",
            values=values,
        )
    round_trip_ms = (found.rtt.quantile(0.5) or 0) / 1e6
    stamps = ",".join(found.timestamp_sources)
    return Finding(
        check=check,
        status=Status.OK,
        text=f"{found.received} of {found.sent} answered, round trip {round_trip_ms:.3f} ms, timestamps {stamps}",
        values={**values, "round_trip_ms": round(round_trip_ms, 3), "timestamp_sources": stamps},
    )


def reflector(config: ReflectorConfig) -> list[Finding]:
    """Whether its keys can be read and each port be had; a port in use may be the running probe's."""
    found = []
    try:
        make_reflector(config)
    except CommandError as error:
        found.append(Finding(check="reflector", status=Status.FAILED, text=error.message, hint=error.hint))
    for text in config.listen:
        check = f"reflector {text}"
        try:
            listening(text, key=check).close()
        except CommandError as error:
            taken = "already in use" in error.message
            status = Status.UNKNOWN if taken else Status.FAILED
            said = "the port is in use: by a running probe, or by another program" if taken else error.message
            found.append(Finding(check=check, status=status, text=said, hint=error.hint))
        else:
            found.append(Finding(check=check, status=Status.OK, text="the port can be had"))
    return found
