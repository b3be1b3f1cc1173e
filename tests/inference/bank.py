"""A small bank on a carrier: evidence of one window, with faults whose place is known.

Four branches, two on each of two provider edges, two equal-cost paths to a third, one data centre. Counts are drawn from what
packets would suffer on the way each of them takes: a test session keeps to one of the two ways, traffic spreads over both.
Told `traced`, a session's row names its one way; untraced it names both with their weights. No part of the localiser is used.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from tests.inference.scenes import delay, document, loss

Items = dict[str, Any]
BRANCHES = (1, 2, 3, 4)
EDGE = {1: "pe1", 2: "pe1", 3: "pe2", 4: "pe2"}
PLANES = ("p1", "p2")
SERVICES = {"svc-teller": "srv-1", "svc-web": "srv-2", "svc-file": "srv-2"}
LAN, LAN_WAN, WAN, EDGE_A, EDGE_Z, FW_WAN, FW_LAN, END = -0.5, 0.5, 1.5, 2.5, 5.5, 6.5, 7.5, 9.5
"""Places on a line's path: before the branch's network, around its router, at the edges, around the firewall, at the hosts."""
SECTIONS = ("lan", "ce", "loop", "edge", "core", "pe3", "loop-dc", "fw", "dc-lan", "dc-sw")
SESSION_RATE, FULL_SIZE_RATE, DIAL_RATE = 50, 5, 1
USUAL_LOSS = 5e-5


def parts() -> list[Items]:
    """Every component, segments once a direction, sites and services included."""
    found: list[Items] = []
    for i in BRANCHES:
        home = {"site": f"branch-{i}"}
        found += [*_segment(f"lan-{i}", "customer", **home), _device(f"ce-{i}", "customer", **home)]
        found += _segment(f"loop-{i}", "access")
        found.append({"id": f"branch-{i}", "kind": "site", "owner": "customer"})
    found += [_device(name, "carrier_core") for name in ("pe1", "pe2", "pe3", *PLANES)]
    found += [s for edge, plane in itertools.product(("pe1", "pe2"), PLANES) for s in _segment(f"{edge}-{plane}", "carrier_core")]
    found += [s for plane in PLANES for s in _segment(f"{plane}-pe3", "carrier_core")]
    inside = {"site": "dc"}
    found += [
        *_segment("loop-dc", "access"),
        _device("fw", "destination", **inside),
        *_segment("dc-lan", "destination", **inside),
    ]
    found += [_device("dc-sw", "destination", **inside), {"id": "dc", "kind": "site", "owner": "destination"}]
    for server in ("srv-1", "srv-2"):
        hosts = [service for service, home in SERVICES.items() if home == server]
        found.append({"id": server, "kind": "server", "owner": "destination", "hosts": hosts, **inside})
    found.append({"id": "dns-1", "kind": "resolver", "owner": "destination", **inside})
    found += [{"id": service, "kind": "service", "owner": "destination", **inside} for service in SERVICES]
    return found


def _segment(name: str, owner: str, **more: str) -> list[Items]:
    return [
        {"id": f"{name}{mark}", "kind": "segment", "owner": owner, "reverse": f"{name}{back}", **more}
        for mark, back in ((">", "<"), ("<", ">"))
    ]


def _device(name: str, owner: str, **more: str) -> Items:
    return {"id": name, "kind": "device", "owner": owner, **more}


def way(branch: int, start: float, end: float, plane: str) -> tuple[str, ...]:
    """Components from one place to another over one of the two core routers, in the packets' direction."""
    mark, edge = ">" if start < end else "<", EDGE[branch]
    low, high = sorted((start, end))
    found: list[str] = []
    for place, name in enumerate(SECTIONS):
        if not low < place < high:
            continue
        match name:
            case "lan" | "loop":
                found.append(f"{name}-{branch}{mark}")
            case "ce":
                found.append(f"ce-{branch}")
            case "edge":
                found.append(edge)
            case "core":
                found += [f"{edge}-{plane}{mark}", plane, f"{plane}-pe3{mark}"]
            case "loop-dc" | "dc-lan":
                found.append(f"{name}{mark}")
            case _:
                found.append(name)
    return tuple(found) if start < end else tuple(reversed(found))


def ways(branch: int, start: float, end: float) -> tuple[tuple[str, ...], ...]:
    """All ways between two places: two when the core lies between, else one."""
    return tuple(dict.fromkeys(way(branch, start, end, plane) for plane in PLANES))


@attrs.frozen(kw_only=True)
class Session:
    """A test session: where it starts, where it is reflected, and the core router it keeps to each way."""

    branch: int
    start: float
    end: float
    there: str = "p1"
    home: str = "p2"
    host: str = ""
    """The device that reflects, where it is a probe's."""
    sender: str = ""
    """The probe that reports it."""


@attrs.define(kw_only=True)
class Bank:
    """One window. Keys are ids of the evidence: a segment's with its direction."""

    seed: int = 0
    seconds: int = 20
    probes: str = "full"
    traced: bool = True
    loss: Mapping[str, float] = attrs.field(factory=dict)
    bursts: float = 1.0
    """Mean length of a run of added losses."""
    shift_ms: Mapping[str, float] = attrs.field(factory=dict)
    queue_ms: Mapping[str, float] = attrs.field(factory=dict)
    drops: float = 0.0
    """Loss ratio of a full queue."""
    down: frozenset[str] = frozenset()
    down_share: float = 1.0
    dark: frozenset[str] = frozenset()
    """Sites without power."""
    narrow: frozenset[str] = frozenset()
    """Large packets die here."""
    slow: Mapping[str, float] = attrs.field(factory=dict)
    """Factor on the response time by server or service."""
    stalled: Mapping[str, float] = attrs.field(factory=dict)
    refusing: frozenset[str] = frozenset()
    mute: Mapping[str, float] = attrs.field(factory=dict)
    """Share of requests that a resolver or service leaves unanswered."""
    rerouted: Mapping[str, str] = attrs.field(factory=dict)
    """By edge: the core router all its packets take now."""
    reroute_ms: float = 0.0
    """What the way over that one takes more."""
    tcp_loss: tuple[float, float] = (0.0, 0.003)
    trained: bool = True
    """TCP's usual loss is known."""
    rng: np.random.Generator = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Everything is drawn from one seed."""
        self.rng = np.random.default_rng(self.seed)

    def evidence(self, **more: Any) -> dict[str, Any]:
        """The document."""
        found = [*self._silences(), *self._reroutes()]
        for session in self._sessions():
            if not self._is_lost(session.sender):
                found += [*self._losses(session), *self._delays(session), *self._full_size(session)]
        found += [*self._dials(), *self._tcp(), *self._round_trips(), *self._endpoints()]
        window = {"start": "2026-01-01T00:00:00Z", "end": f"2026-01-01T00:{self.seconds // 60:02d}:{self.seconds % 60:02d}Z"}
        return document(found, parts(), **{"window": window, **more})

    # ---- who is heard -------------------------------------------------------------------------------------------
    def _dead(self) -> frozenset[str]:
        """Everything that passes nothing."""
        return self.down | {p["id"] for p in parts() if p.get("site") in self.dark}

    def _reports(self, branch: int) -> list[tuple[str, ...]]:
        """Ways of a branch probe's reports and their answers, where they share the line."""
        return [(f"ce-{branch}", *both) for both in _round_trips(ways(branch, WAN, END), ways(branch, END, WAN))]

    def _unheard(self) -> frozenset[str]:
        """Probes without power, or whose reports take the very line that is cut."""
        found = {f"ce-{i}" for i in BRANCHES if f"branch-{i}" in self.dark} | {"dc" for site in self.dark if site == "dc"}
        if self.probes == "ends":
            found |= {f"ce-{i}" for i in BRANCHES if all(self._dead() & {*report} for report in self._reports(i))}
        return frozenset(found)

    def _is_lost(self, probe: str) -> bool:
        return probe in self._unheard() and self.down_share == 1

    def _silences(self) -> Iterator[Items]:
        """Half a minute without a report is a silence."""
        for probe in sorted(self._unheard()) if self.down_share == 1 else ():
            told = _mixed(self._reports(int(probe[-1]))) if self.probes == "ends" and probe != "dc" else {}
            site = "dc" if probe == "dc" else f"branch-{probe[-1]}"
            yield {"kind": "silence", "probe": f"probe:{probe}", "site": site, "missed": 3, "expected": 3, **told}

    def _reroutes(self) -> Iterator[Items]:
        for edge, plane in self.rerouted.items():
            other = "p2" if plane == "p1" else "p1"
            changed = [f"{edge}-{p}{mark}" for p in (plane, other) for mark in "><"] + [plane, other]
            changed += [f"{p}-pe3{mark}" for p in (plane, other) for mark in "><"]
            ends = [("fw", f"ce-{i}") for i in BRANCHES if EDGE[i] == edge]
            for start, end in [*ends, ("pe3", edge)] if self.probes == "full" else ends:
                yield {"kind": "route_change", "from": start, "to": end, "components": changed, "changed": changed}

    # ---- test sessions ------------------------------------------------------------------------------------------
    def _sessions(self) -> list[Session]:
        found = [Session(branch=i, start=LAN_WAN, end=LAN, sender=f"ce-{i}") for i in BRANCHES]
        for i in BRANCHES:
            a, b = PLANES[i % 2], PLANES[i // 2 % 2]
            found.append(Session(branch=i, start=WAN, end=FW_WAN, there=a, home=b, host="fw", sender=f"ce-{i}"))
            found.append(Session(branch=i, start=FW_WAN, end=WAN, there=b, home=a, host=f"ce-{i}", sender="dc"))
        found.append(Session(branch=1, start=FW_LAN, end=END, sender="dc"))
        if self.probes == "full":
            found += [Session(branch=i, start=WAN, end=EDGE_A, sender=f"ce-{i}") for i in BRANCHES]
            for i, plane in itertools.product((1, 3), PLANES):
                found.append(Session(branch=i, start=EDGE_A, end=EDGE_Z, there=plane, home=plane, sender=EDGE[i]))
            found.append(Session(branch=1, start=EDGE_Z, end=FW_WAN, host="fw", sender="pe3"))
        return found

    def _taken(self, session: Session) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The ways out and back that its packets take now."""
        plane = self.rerouted.get(EDGE[session.branch])
        there = way(session.branch, session.start, session.end, plane or session.there)
        return there, way(session.branch, session.end, session.start, plane or session.home)

    def _told(self, taken: tuple[str, ...], choices: Iterable[tuple[str, ...]]) -> Items:
        """What a row says of the way: the one taken, or all that there are."""
        return {"via": list(taken)} if self.traced else _mixed(choices)

    def _losses(self, session: Session) -> Iterator[Items]:
        there, home = self._taken(session)
        sent = self.seconds * SESSION_RATE
        cut = bool(self._dead() & {*there, *home, session.host})
        dead = round(sent * self.down_share) if cut else 0
        alive = sent - dead
        if session.sender in self._unheard():
            dead = 0  # what it saw since is not told
        out_ways, home_ways = _choices(session)
        reflector = (session.host,) if session.host else ()
        if alive:
            out = self._lost(there, alive)
            back = self._lost(home, alive - out)
            if dead:  # what was answered before the replies stopped does not tell the way from who answered
                there, home = (*there, *reflector), (*home, *reflector)
                out_ways, home_ways = (tuple((*via, *reflector) for via in choices) for choices in (out_ways, home_ways))
            yield _on(loss([], alive, out), self._told(there, out_ways))
            yield _on(loss([], alive - out, back), self._told(home, home_ways))
        if dead:
            round_trips = [tuple(dict.fromkeys((*both, *reflector))) for both in _round_trips(out_ways, home_ways)]
            told = self._told(tuple(dict.fromkeys((*_both(there, home), *reflector))), round_trips)
            yield _on(loss([], dead, dead, round_trip=True), told)

    def _delays(self, session: Session) -> Iterator[Items]:
        there, home = self._taken(session)
        if self._dead() & {*there, *home, session.host} and self.down_share == 1:
            return  # nothing came back
        for via, choices in zip((there, home), _choices(session), strict=True):
            moved = 1000 * sum(self.shift_ms.get(c, 0.0) for c in via)
            if EDGE[session.branch] in self.rerouted and any("-pe3" in c for c in via):
                moved += 1000 * self.reroute_ms
            queue = 1000 * sum(self.queue_ms.get(c, 0.0) for c in via)
            made = delay([], moved + self._noise(20), queue_us=queue, usual_us=300 + 150 * len(via), mad_us=25, n=1000)
            yield _on(made, self._told(via, choices))

    def _full_size(self, session: Session) -> Iterator[Items]:
        """Beside a session: packets of 1,500 octets that must not be fragmented."""
        if session.end in {LAN, END}:
            return
        there, home = self._taken(session)
        sent = self.seconds * FULL_SIZE_RATE
        reflector = (session.host,) if session.host else ()
        trips = [(*both, *reflector) for both in _round_trips(*_choices(session))]
        told = self._told((*_both(there, home), *reflector), trips)
        lost = self._lost(there, sent) + self._lost(home, sent)
        if self.narrow & {*there, *home}:
            lost = sent
        elif self._dead() & {*there, *home, session.host}:
            lost = round(sent * self.down_share)
        if session.sender in self._unheard():
            sent, lost = sent - lost, 0
        yield {"kind": "mtu", **told, "size": 1500, "sent": sent, "lost": lost, "round_trip": True}

    # ---- dials and traffic --------------------------------------------------------------------------------------
    def _dials(self) -> Iterator[Items]:
        attempts = self.seconds * DIAL_RATE
        for i, target in itertools.product(BRANCHES, (*SERVICES, "dns-1")):
            if self._is_lost(f"ce-{i}"):
                continue
            over = _round_trips(ways(i, WAN, END), ways(i, END, WAN))
            through = [1 - self._ratio(via) for via in over]
            dead = self._dead() & {target, SERVICES.get(target, target)}
            gone = self.down_share * sum(bool(dead or self._dead() & {*via}) for via in over) / len(over)
            if f"ce-{i}" in self._unheard():
                gone = 0.0
            unanswered = 1 - (1 - gone) * (1 - self.mute.get(target, 0.0)) * (1 - (1 - min(through)) ** 3)
            timeouts = int(self.rng.binomial(attempts, unanswered))
            refused = attempts - timeouts if target in self.refusing else 0
            yield from _failures(over, target, attempts, timeouts=timeouts, refused=refused)

    def _tcp(self) -> Iterator[Items]:
        """Both sides of every vantage, in both directions."""
        places = (LAN_WAN, WAN, EDGE_A, EDGE_Z, FW_WAN, FW_LAN) if self.probes == "full" else (LAN_WAN, WAN, FW_WAN, FW_LAN)
        for i, place, (first, last) in itertools.product(BRANCHES, places, ((LAN, END), (END, LAN))):
            if self._is_lost("dc" if place in {FW_WAN, FW_LAN} else f"ce-{i}" if place in {LAN_WAN, WAN} else ""):
                continue
            for start, end in ((first, place), (place, last)):
                over = ways(i, start, end)
                whole = ways(i, first, last)
                sent = int(self.rng.integers(300, 3000))
                cut = self._dead() & {c for via in over for c in via}
                if self.down_share == 1 and self._dead() & {c for via in whole for c in via}:
                    if not cut and start == place:
                        continue  # nothing gets so far
                    sent = 12  # what is sent again and again
                ratio = float(np.mean([self._ratio(via) for via in over]))
                if cut:
                    ratio = 0.9 if self.down_share == 1 else 0.05
                if self.narrow & {c for via in over for c in via}:
                    ratio = max(ratio, 0.15)
                ratio = 1 - (1 - ratio) * (1 - float(self.rng.uniform(*self.tcp_loss)))
                told = {"background": 1.5e-3} if self.trained else {}
                yield _on(loss([], sent, int(self.rng.binomial(sent, ratio)), source="passive", **told), _mixed(over))

    def _round_trips(self) -> Iterator[Items]:
        """Of the traffic, from each end's nearest vantage to the hosts and back: coarser than a test session's."""
        if self.down_share == 1 and self._dead():
            return
        for i, (near, host) in itertools.product(BRANCHES, ((LAN_WAN, LAN), (FW_LAN, END))):
            (there,), (home,) = ways(i, near, host), ways(i, host, near)
            via = _both(there, home)
            moved = 1000 * sum(self.shift_ms.get(c, 0.0) for c in via) + self._noise(60)
            queue = 1000 * sum(self.queue_ms.get(c, 0.0) for c in via)
            made = delay([], moved, queue_us=queue, usual_us=400, mad_us=80, n=500, source="passive", round_trip=True)
            if not queue or near == FW_LAN:
                yield _on(made, {"via": list(via)})

    def _endpoints(self) -> Iterator[Items]:
        """What the firewall's inner vantage sees of each service."""
        if self._is_lost("dc"):
            return
        over = _round_trips(ways(1, FW_LAN, END), ways(1, END, FW_LAN))
        moved = sum(self.shift_ms.get(c, 0.0) + self.queue_ms.get(c, 0.0) / 2 for c in over[0]) * 1000
        for service, server in SERVICES.items():
            factor = self.slow.get(service, 1.0) * self.slow.get(server, 1.0)
            closed = max(self.stalled.get(service, 0.0), self.stalled.get(server, 0.0))
            usual = 4000.0
            median = usual * factor * (6 if closed else 1) * float(np.exp(self.rng.normal(0, 0.03))) + moved
            if self._dead() & {*over[0], server}:
                continue
            refused = service in self.refusing
            if not refused:
                yield {
                    "kind": "response",
                    "endpoint": service,
                    **_mixed(over),
                    "round_trip": True,
                    "n": 300,
                    "median_us": median,
                    "baseline": {"n": 5000, "median_us": usual, "mad_us": 500},
                }
            open_s = 10.0 * self.seconds
            yield {"kind": "zero_window", "endpoint": service, "seconds": open_s, "closed_seconds": closed * open_s}
            yield from _failures(over, service, 40, timeouts=0, refused=40 if refused else 0)

    # ---- what packets suffer ------------------------------------------------------------------------------------
    def _ratio(self, via: Sequence[str]) -> float:
        through = 1 - USUAL_LOSS
        for c in via:
            through *= (1 - self.loss.get(c, 0.0)) * (1 - (self.drops if c in self.queue_ms else 0.0))
        return 1 - through

    def _lost(self, via: Sequence[str], sent: int) -> int:
        ratio = self._ratio(via)
        if self.bursts == 1 or ratio <= USUAL_LOSS * 1.01:
            return int(self.rng.binomial(sent, ratio))
        runs = int(self.rng.poisson(sent * ratio / self.bursts))
        return min(sent, int(self.rng.geometric(1 / self.bursts, runs).sum()))

    def _noise(self, spread_us: float) -> float:
        return float(self.rng.normal(0, spread_us))


def _choices(session: Session) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
    """All ways out, all ways back."""
    return ways(session.branch, session.start, session.end), ways(session.branch, session.end, session.start)


def _both(there: Sequence[str], home: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*there, *home)))


def _round_trips(there: Iterable[tuple[str, ...]], home: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [_both(*pair) for pair in itertools.product(there, home)]


def _on(row: Items, told: Items) -> Items:
    """A row with what is told of its way."""
    return {key: value for key, value in row.items() if key != "via"} | told


def _mixed(over: Iterable[tuple[str, ...]]) -> Items:
    """One way, or several with equal weights."""
    listed = list(over)
    if len(listed) == 1:
        return {"via": list(listed[0])}
    return {"paths": [{"via": list(via), "weight": 1 / len(listed)} for via in listed]}


def _failures(over: Sequence[tuple[str, ...]], target: str, attempts: int, *, timeouts: int, refused: int) -> Iterator[Items]:
    """A row an outcome: what timed out exposes the way, what was refused was answered."""
    protocol = "dns" if target == "dns-1" else "tcp"
    row = {"kind": "failure", "protocol": protocol, "endpoint": target, "attempts": attempts, **_mixed(over)}
    yield {**row, "failed": timeouts, "outcome": "timeout"}
    if protocol == "tcp":
        yield {**row, "failed": refused, "outcome": "refused"}
