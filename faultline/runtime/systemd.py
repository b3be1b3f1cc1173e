"""Tells systemd that a service is ready, alive or stopping (sd_notify(3)); says nothing where nobody listens."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(state: str) -> None:
    """Send one state, e.g. `READY=1`, to the manager named by NOTIFY_SOCKET. Never fails the service."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.connect("\0" + path[1:] if path.startswith("@") else path)
        channel.send(state.encode())


def watchdog_period_s() -> float | None:
    """How often to say that we are alive: half of what the unit's WatchdogSec asks for; None without a watchdog."""
    text = os.environ.get("WATCHDOG_USEC", "")
    if not text.isdecimal() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(text) / 2e6
