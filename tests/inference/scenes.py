"""Synthetic evidence with a known truth: the demo line, hubs with branches, small random networks.

Counts are drawn from the very model the document describes: binomials over the product of what survives. No part of the localiser
is used here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

WINDOW = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:20Z"}
PATH = {
    "branch-lan": ("segment", "customer"),
    "ce": ("device", "customer"),
    "loop-a": ("segment", "access"),
    "pe1": ("device", "carrier_core"),
    "core": ("segment", "carrier_core"),
    "pe2": ("device", "carrier_core"),
    "loop-z": ("segment", "access"),
    "fw": ("device", "destination"),
    "dc-lan": ("segment", "destination"),
    "server": ("server", "destination"),
}
SEGMENTS = tuple(name for name, (kind, _) in PATH.items() if kind == "segment")
SESSIONS = {
    "ce-pe1": ("loop-a", "loop-a"),
    "pe1-pe2": ("pe1", "pe2"),
    "pe2-fw": ("loop-z", "loop-z"),
    "ce-fw": ("loop-a", "loop-z"),
}
"""First and last component a session crosses from A to Z."""
ENDS_ONLY = {"ce-fw": SESSIONS["ce-fw"]}
BRACKETS = (
    ("branch-lan", "branch-lan"),
    ("ce", "ce"),
    ("loop-a", "loop-a"),
    ("pe1", "pe2"),
    ("loop-z", "loop-z"),
    ("fw", "fw"),
    ("dc-lan", "server"),
)
"""Slices between the places where the demo's probes capture."""


def components(path: Mapping[str, tuple[str, str]] = PATH) -> list[dict[str, Any]]:
    """Every component, segments once a direction."""
    found: list[dict[str, Any]] = []
    for name, (kind, owner) in path.items():
        if kind in {"segment", "link"}:
            found += [
                {"id": f"{name}{mark}", "kind": kind, "owner": owner, "reverse": f"{name}{back}"}
                for mark, back in ((">", "<"), ("<", ">"))
            ]
        else:
            found.append({"id": name, "kind": kind, "owner": owner})
    return found


def piece(first: str, last: str, mark: str, path: Sequence[str] = tuple(PATH)) -> list[str]:
    """Slice of the path in the packets' direction."""
    names = path[path.index(first) : path.index(last) + 1]
    names = names if mark == ">" else names[::-1]
    return [name + mark if PATH.get(name, ("segment",))[0] == "segment" else name for name in names]


def document(
    observations: Iterable[Mapping[str, Any]], parts: Sequence[Mapping[str, Any]] | None = None, **more: Any
) -> dict[str, Any]:
    """A whole `faultline-evidence/1`."""
    listed = list(parts) if parts is not None else components()
    return {
        "format": "faultline-evidence/1",
        "window": WINDOW,
        "components": listed,
        "observations": list(observations),
        **more,
    }


def loss(via: Sequence[str], sent: float, lost: float, **more: Any) -> dict[str, Any]:
    """A loss observation, of test packets unless told otherwise."""
    return {"kind": "loss", "source": "active", "via": list(via), "sent": sent, "lost": lost, **more}


def delay(
    via: Sequence[str],
    shift_us: float,
    *,
    queue_us: float = 0.0,
    usual_us: float = 5000.0,
    mad_us: float = 60.0,
    n: int = 2000,
    **more: Any,
) -> dict[str, Any]:
    """A delay observation that moved by so much, and by so much more in its slowest tenth."""
    low, high = usual_us - 4 * mad_us, usual_us + 3 * mad_us
    return {
        "kind": "delay",
        "via": list(via),
        "n": n,
        "min_us": low + shift_us,
        "median_us": usual_us + shift_us + queue_us / 2,
        "p90_us": high + shift_us + queue_us,
        "baseline": {"n": 20000, "min_us": low, "median_us": usual_us, "mad_us": mad_us, "p90_us": high},
        **more,
    }


@attrs.define(kw_only=True)
class DemoLine:
    """The demo's line for one window, with the loss, delay and interruptions that are put on it."""

    seed: int = 0
    seconds: int = 20
    rate: int = 100
    loss: Mapping[str, float] = attrs.field(factory=dict)
    """Added loss ratio by component."""
    shift_ms: Mapping[str, float] = attrs.field(factory=dict)
    down: frozenset[str] = frozenset()
    down_share: float = 1.0
    """Of the window, at its end."""
    sessions: Mapping[str, tuple[str, str]] = attrs.field(factory=lambda: dict(SESSIONS))
    tcp_loss: tuple[float, float] = (0.0, 0.003)
    """Healthy loss of TCP a slice lies between these."""
    background: float = 5e-5
    starved_us: float = 0.0
    """Delay that a busy measuring host adds to its slowest packets, differently in every session."""
    clock_step_ms: Mapping[str, float] = attrs.field(factory=dict)
    """By vantage: ce, pe1, pe2, fw."""

    def evidence(self, **more: Any) -> dict[str, Any]:
        """The document."""
        rng = np.random.default_rng(self.seed)
        found: list[dict[str, Any]] = []
        for name, (first, last) in self.sessions.items():
            found += self._session(rng, name, first, last)
        for first, last in BRACKETS:
            for mark in "><":
                found += self._tcp(rng, piece(first, last, mark))
        window = {"start": "2026-01-01T00:00:00Z", "end": f"2026-01-01T00:{self.seconds // 60:02d}:{self.seconds % 60:02d}Z"}
        return document(found, **{"window": window, **more})

    def _session(self, rng: np.random.Generator, name: str, first: str, last: str) -> list[dict[str, Any]]:
        there, home = piece(first, last, ">"), piece(first, last, "<")
        sent = self.seconds * self.rate
        dead = round(sent * self.down_share) if self.down & {*there, *home} else 0
        alive = sent - dead
        out = int(rng.binomial(alive, self._ratio(there)))
        back = int(rng.binomial(alive - out, self._ratio(home)))
        found = [loss(there, alive, out), loss(home, alive - out, back)] if alive else []
        if dead:
            found.append(loss([*there, *home], dead, dead, round_trip=True))
        if alive:
            start, end = name.split("-")
            step = 1000 * (self.clock_step_ms.get(end, 0.0) - self.clock_step_ms.get(start, 0.0))
            for via, clock in ((there, step), (home, -step)):
                moved = 1000 * sum(self.shift_ms.get(c, 0.0) for c in via)
                slow = self.starved_us * float(rng.lognormal(0, 0.5))
                moved += clock + float(rng.normal(0, 15)) + slow * 0.02
                found.append(delay(via, moved, queue_us=slow, usual_us=400.0, mad_us=20.0))
        return found

    def _tcp(self, rng: np.random.Generator, via: Sequence[str]) -> list[dict[str, Any]]:
        sent = int(rng.integers(300, 4000))
        if self.down and self.down_share == 1:
            sent = 8
        ratio = 1 - (1 - rng.uniform(*self.tcp_loss)) * (1 - self._ratio(via))
        if self.down & set(via):
            ratio = 1.0 if self.down_share == 1 else 0.1
        return [loss(via, sent, int(rng.binomial(sent, ratio)), source="bracket", background=5e-4)]

    def _ratio(self, via: Sequence[str]) -> float:
        through = 1 - self.background
        for component in via:
            through *= 1 - self.loss.get(component, 0.0)
        return 1 - through


def hub(branches: int, *, seed: int = 0, loss_on: Mapping[str, float] | None = None, sent: int = 2000) -> dict[str, Any]:
    """Leased lines of many branches to one data centre: own loops, five edge routers, a shared core and data-centre loop."""
    rng = np.random.default_rng(seed)
    added = loss_on or {}
    parts: dict[str, tuple[str, str]] = {
        "core": ("segment", "carrier_core"),
        "pe-z": ("device", "carrier_core"),
        "loop-z": ("segment", "access"),
    }
    found = []
    for number in range(branches):
        edge = f"pe-{number % 5}"
        parts |= {
            f"ce-{number}": ("device", "customer"),
            f"loop-{number}": ("segment", "access"),
            edge: ("device", "carrier_core"),
        }
        whole = [f"ce-{number}", f"loop-{number}", edge, "core", "pe-z", "loop-z"]
        for names in (whole, whole[1:2]):
            for mark in "><":
                ordered = names if mark == ">" else names[::-1]
                via = [n + mark if parts[n][0] == "segment" else n for n in ordered]
                through = 1 - 5e-5
                for component in via:
                    through *= 1 - added.get(component, 0.0)
                found.append(loss(via, sent, int(rng.binomial(sent, 1 - through))))
    return document(found, components(parts))


def blamed(verdict: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Components of the entries that blame."""
    return [tuple(entry["components"]) for entry in verdict["verdicts"] if entry["blames"]]
