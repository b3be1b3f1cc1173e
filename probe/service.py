"""The probe service: its parts, and how they are joined. Read from top to bottom, it is the way the data takes.

Capture feeds the flow pump, which feeds the spool at once, as link changes of the host do; the cutter asks every other source
(test sessions, dial tests, traces, interfaces) once an interval and feeds the spool too; the uploader empties it towards the
collector. The other way come orders: what the collector wants dialled and traced beside what the configuration says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from faultline.records.terms import ProbeId, Stream
from faultline.runtime.clock import Clock, SystemClock
from faultline.runtime.console import CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.lifecycle import Component, Service
from faultline.runtime.status import Address, StatusServer
from probe.active.active_tests import ActiveTests
from probe.active.config import SessionConfig, endpoint
from probe.active.path_watch import PathWatch
from probe.active.result import SessionInterval
from probe.applications import read_applications
from probe.clock_quality import clock_quality
from probe.config import CaptureConfig, ProbeConfig
from probe.control.limits import Limits
from probe.control.link import HttpsTaskLink
from probe.control.orders import Request, Task
from probe.control.standing import StandingOrders
from probe.control.task_client import TaskClient
from probe.cutter import Collect, Cutter
from probe.dials.config import DialConfig
from probe.dials.dial_tests import DialTests
from probe.export.link import HttpsLink
from probe.export.plain import PlainExport, PlainLink
from probe.export.uploader import Uploader
from probe.flow_pump import FlowPump, Meter
from probe.host.host_evidence import HostEvidence
from probe.lock import StateLock
from probe.paths.config import TraceConfig
from probe.paths.tracer import SessionFlow, Tracer
from probe.spool.spool import Spool
from probe.tasks.target import is_address

_SETTLE_S = 1.05
"""A reply may come up to a second after its test packet; then the interval's sessions are final."""
_QUALITY_WAIT_S = 0.3
"""How long a cut waits for the capture's own account of the interval."""


class SpoolLife:
    """The spool as a component: it opens, and at the end everything appended is on disk already."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def start(self) -> None:
        """Begin, or go on where a crash left off.

        Raises:
            CommandError: the directory cannot be used.
        """
        try:
            self._spool.open()
        except OSError as error:
            raise CommandError(
                f"probe.state_dir: {self._spool.directory}: {error.strerror or error}",
                hint="free some space, or give the directory to the probe's user",
            ) from None

    def stop(self) -> None:
        """Nothing to do."""


def build(config: ProbeConfig, *, clock: Clock | None = None) -> Service:
    """The service of a configuration, not yet started."""
    clock = clock or SystemClock()
    counters = Counters()
    spool = Spool(config.state_dir / "spool", ProbeId(config.probe), clock=clock, counters=counters, config=config.spool)
    uploader = Uploader(
        spool, lambda: HttpsLink(config.collector, clock=clock), clock=clock, counters=counters, drain_s=config.collector.drain_s
    )
    # What is joined first stops last: the uploader still sends what pump and cutter put into the spool at their stop.
    parts: list[tuple[str, Component]] = [
        ("lock", StateLock(config.state_dir)),
        ("spool", SpoolLife(spool)),
        ("upload", uploader),
    ]

    collect: dict[str, Collect] = {}
    pump: FlowPump | None = None
    if config.capture.interfaces:
        plain: PlainExport | None = None
        if config.exports:
            plain = PlainExport([(target.to, PlainLink(target)) for target in config.exports], counters=counters)
            parts.append(("plain_export", plain))
        pump = FlowPump(
            lambda: make_meter(config.capture, config.interval_s),
            spool=spool,
            counters=counters,
            also=plain.take if plain else None,
        )
        parts.append(("flows", pump))

    host: HostEvidence | None = None
    if config.host.interfaces:
        host = HostEvidence(config.host.interfaces, interval_s=config.interval_s, spool=spool, clock=clock, counters=counters)
        parts.append(("host", host))
        collect["host"] = host.collect
    dials = DialTests(config.dials, counters=counters)
    tracer = Tracer(config.traces, own_flows(config.sessions), counters=counters)
    parts += [("dials", dials), ("traces", tracer)]
    collect |= {"dials": dials.collect, "traces": tracer.collect}
    tests: ActiveTests | None = None
    if config.sessions or config.reflector:
        tests = ActiveTests(config.sessions, config.reflector, counters=counters, watch=watched_by(tracer))
        parts.append(("sessions", tests))
        collect["sessions"] = tests.collect
    if config.control.enabled:
        orders = take_orders(config, dials, tracer, counters=counters)
        parts.append(("orders", orders))
        collect["orders"] = orders.collect

    def quality(_: int, end_ns: int) -> Sequence[Mapping[str, Any]]:
        return pump.quality(end_ns, timeout_s=_QUALITY_WAIT_S) if pump else ()

    cutter = Cutter(
        spool=spool,
        clock=clock,
        counters=counters,
        collect=collect,
        quality=quality,
        host_facts=clock_facts,
        heartbeat=(Stream.EVENTS,) if pump else (Stream.EVENTS, Stream.FLOWS),
        interval_s=config.interval_s,
        settle_s=_SETTLE_S,
        before_last=pump.stop if pump else None,
    )
    parts.append(("cutter", cutter))

    def problems() -> list[str]:
        stuck = [] if cutter.alive() else ["cutter: has not turned for three intervals"]
        sources = [part.problems() for part in (pump, tests, host, dials, tracer) if part is not None]
        return [*stuck, *(problem for found in sources for problem in found), *uploader.problems()]

    if config.status.listen is not None:
        parts.append(("status", StatusServer(Address.parse(config.status.listen), counters=counters, problems=problems)))
    return Service("probe", parts, alive=cutter.alive)


def own_flows(sessions: Sequence[SessionConfig]) -> list[SessionFlow]:
    """The flows of the sessions that have a port of their own and a target by address: those that can be traced as they are."""
    found = []
    for session in sessions:
        where = endpoint(session.target)
        if session.source_port is not None and is_address(where.host):
            flow = (session.source_port, where.port)
            found.append(SessionFlow(session=session.id, address=str(ip_address(where.host)), flow=flow, source=session.source))
    return found


def watched_by(tracer: Tracer) -> Callable[[SessionInterval], None]:
    """Tells the tracer what the sessions' intervals say of their paths."""
    paths = PathWatch()

    def watch(interval: SessionInterval) -> None:
        tracer.learn_distance(interval.session, interval.distance)
        if paths.changed(interval):
            tracer.look_again(interval.session)

    return watch


def take_orders(config: ProbeConfig, dials: DialTests, tracer: Tracer, *, counters: Counters) -> TaskClient:
    """What the collector orders goes to those who run it."""

    def order(tasks: Sequence[Task]) -> None:
        dials.order([task for task in tasks if isinstance(task, DialConfig)])
        tracer.order([task for task in tasks if isinstance(task, TraceConfig)])

    def request(asked: Request) -> None:
        if isinstance(asked.task, DialConfig):
            dials.request(asked.id, asked.task, asked.expires_ns)
        else:
            tracer.request(asked.id, asked.task, asked.expires_ns)

    own = {dial.id for dial in config.dials} | {trace.id for trace in config.traces}
    limits = Limits([ip_network(network) for network in config.control.allow])
    return TaskClient(
        StandingOrders(limits, own=own),
        config.control,
        lambda: HttpsTaskLink(config.collector, wait_s=config.control.wait_s),
        state_dir=config.state_dir,
        collector=config.collector.url,
        order=order,
        request=request,
        counters=counters,
    )


def clock_facts() -> dict[str, Any]:
    """What probe_health says of the host's clock."""
    quality = clock_quality()
    return {"clock_class": quality.clock_class, "clock_error_ns": quality.error_ns}


def make_meter(capture: CaptureConfig, interval_s: int) -> Meter:
    """A live meter of the configured interfaces; opens the capture sockets."""
    from faultline.native._native import LiveMeter  # noqa: PLC0415 - a probe that does not capture does without it

    rules = capture.applications
    return LiveMeter(
        [(interface.name, interface.observation_point or interface.name) for interface in capture.interfaces],
        interval_s=interval_s,
        idle_timeout_s=capture.idle_timeout_s,
        max_flows=capture.max_flows,
        promiscuous=capture.promiscuous,
        exclude_ports=capture.exclude_ports,
        ring_octets=capture.ring_octets,
        applications=read_applications(rules, option="probe.capture.applications") if rules else None,
    )
