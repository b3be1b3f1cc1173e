"""The analyzer from windows to words, over stores in memory and a judge simple enough to check by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import attrs
import pytest

from analyzer.baselines import Baselines, Rhythm, View
from analyzer.history import Row, Window, summed
from analyzer.incidents import IncidentRules
from analyzer.network import LineFacts, Network
from analyzer.notify.notifier import Notifier
from analyzer.notify.outbox import Outbox
from analyzer.runner import BACKLOG_NS, Analyzer
from analyzer.web.models import WindowNote
from faultline.records.histogram import Histogram
from faultline.records.incident import Base, Incident, IncidentState
from faultline.records.points import Point
from faultline.records.terms import SECOND_NS, ComponentKind, LineCode, Owner, TenantId
from faultline.reports.history import LEARNED, SHADOW
from faultline.reports.material import LineCard, LinePath, PathElement
from faultline.runtime.counters import Counters

BEGIN_NS = 1_767_225_600 * SECOND_NS
TEN_S = 10 * SECOND_NS
LINE = LineCode("L1")
PLACES = {"loop": Owner.ACCESS, "core": Owner.CARRIER_CORE}
NETWORK = Network(
    lines={
        LINE: LineFacts(
            card=LineCard(code=LINE, customer="Bank"),
            tenant=TenantId("bank"),
            path=LinePath(
                elements=tuple(PathElement(base=Base(b), name=b, kind=ComponentKind.SEGMENT, owner=o) for b, o in PLACES.items())
            ),
        ),
    },
)


class OneSessionEach:
    """A judge for a line with one session over each segment: the segment of the lossy session is to blame."""

    def __init__(self) -> None:
        self.planned: list[str] = []
        """Components in planned work."""

    def evidence(
        self,
        windows: Sequence[Window],
        baselines: Baselines,
        *,
        distributions: bool,
        prior_share: float,
    ) -> Mapping[str, Any]:
        del baselines, prior_share
        observations = [
            {
                "kind": "loss",
                "source": "active",
                "via": [f"{row.tags['session']}>"],
                "sent": row.count("sent"),
                "lost": row.count("lost_forward"),
            }
            for row in summed(windows, distributions=distributions)
            if row.count("sent")
        ]
        return {"observations": observations, "window": {}, "maintenance": self.planned}

    def locate(self, evidence: Mapping[str, Any]) -> Mapping[str, Any]:
        verdicts = []
        for number, seen in enumerate(evidence["observations"]):
            ratio = seen["lost"] / seen["sent"]
            nats = seen["lost"] * math.log(max(ratio, 5e-5) / 5e-5) - (seen["sent"] - seen["lost"]) * ratio
            if nats > 10:
                verdicts.append(
                    {
                        "components": seen["via"],
                        "mode": "loss",
                        "owner": PLACES[seen["via"][0][:-1]].value,
                        "confidence": 0.95,
                        "planned": False,
                        "blames": True,
                        "text": "loss",
                        "severity": {"value": ratio, "low": ratio / 2, "high": ratio * 2},
                        "evidence": [{"observation": number, "nats": nats, "text": f"{seen['lost']} lost"}],
                    },
                )
        return {"verdicts": verdicts, "insufficient": False}

    def lines_of(self, bases: Iterable[Base]) -> Mapping[LineCode, TenantId]:
        return NETWORK.lines_of(bases)

    def bases_of(self, line: LineCode) -> frozenset[Base]:
        return NETWORK.bases_of(line)

    def lines(self) -> Mapping[LineCode, Rhythm]:
        return {LINE: Rhythm(zone=UTC)}


@attrs.define(slots=False)
class MemoryStores:
    """Stores in memory: the double of `analyzer.reading`."""

    windows: dict[int, Window] = attrs.field(factory=dict)
    points: dict[Any, Point] = attrs.field(factory=dict)
    kept: dict[str, Incident] = attrs.field(factory=dict)
    kept_evidence: dict[str, Mapping[str, Any]] = attrs.field(factory=dict)
    kept_baselines: dict[View, Mapping[str, Any]] = attrs.field(factory=dict)
    answered: int | None = None
    memory: str = ""

    def final_after(self, end_ns: int | None) -> Sequence[WindowNote]:
        return [
            WindowNote(start_ns=w.start_ns, end_ns=w.end_ns, revision=w.revision)
            for _, w in sorted(self.windows.items())
            if end_ns is None or w.end_ns > end_ns
        ]

    def window(self, note: WindowNote) -> Window:
        return self.windows[note.start_ns]

    def write(self, points: Sequence[Point]) -> None:
        self.points.update({point.identity: point for point in points})

    def put_incident(self, incident: Incident, evidence: Mapping[str, Any] | None) -> None:
        self.kept[incident.id] = incident
        if evidence is not None:
            self.kept_evidence[incident.id] = evidence

    def incidents(self) -> Sequence[Incident]:
        return sorted(self.kept.values(), key=lambda i: -i.raised_ns)

    def put_baselines(self, documents: Sequence[tuple[View, Mapping[str, Any]]]) -> None:
        self.kept_baselines.update(documents)

    def baselines(self) -> Sequence[Mapping[str, Any]]:
        return list(self.kept_baselines.values())

    def answered_until_ns(self) -> int | None:
        return self.answered

    def book_memory(self) -> Mapping[str, Any] | None:
        return json.loads(self.memory) if self.memory else None

    def put_answered(self, end_ns: int, book_memory: Mapping[str, Any]) -> None:
        self.answered = end_ns
        self.memory = json.dumps(book_memory)


class Ground:
    """A line in virtual time: each window has what was lost on it."""

    def __init__(self, folder: Path) -> None:
        self.stores = MemoryStores()
        self.counters = Counters()
        self.outbox = Outbox(folder / "outbox.sqlite")
        self.notifier = Notifier(network=NETWORK, outbox=self.outbox, deliveries=(), public_url="https://noc.example/")
        self.notifier.start()
        self.outbox.join("noc")
        self.now_ns = BEGIN_NS
        self.rules = IncidentRules(clear_after_s=30)
        self.judge = OneSessionEach()
        self.analyzer = self.another()

    def another(self) -> Analyzer:
        """An analyzer over the same stores, as after a restart."""
        return Analyzer(
            stores=self.stores,
            judge=self.judge,
            network=NETWORK,
            spans_ns=(20 * SECOND_NS, 60 * SECOND_NS, 600 * SECOND_NS),
            rules=self.rules,
            notifier=self.notifier,
            counters=self.counters,
        )

    def window(self, *, times: int = 1, sent: int = 1000, **lost: int) -> list[str]:
        """Let windows pass; returns what was said, e.g. `raise loop>`."""
        said: list[str] = []
        for _ in range(times):
            self.fill(sent=sent, **lost)
            report = self.analyzer.step(self.now_ns)
            said += [f"{event.kind.value} {event.incident.components[0]}" for event in report.events]
        return said

    def fill(self, *, sent: int = 1000, **lost: int) -> None:
        rows = tuple(
            Row(
                measurement="session",
                tags={"line": LINE, "session": place},
                fields={"sent": sent, "lost_forward": lost.get(place, 0), "lost_reverse": 0},
                histograms={"forward_delay": Histogram([5_000_000, 5_100_000] * 20)},
            )
            for place in PLACES
        )
        start = self.now_ns
        self.now_ns += TEN_S
        self.stores.windows[start] = Window(start_ns=start, end_ns=self.now_ns, revision=1, rows=rows)

    def told(self) -> list[str]:
        """Messages in the outbox, in order."""
        texts = []
        for entry in self.outbox.begin("noc", 1000):
            texts.append(entry.body["en"]["text"])
            self.outbox.told("noc", entry)
        return texts


@pytest.fixture
def ground(tmp_path: Path) -> Iterable[Ground]:
    """A line with two sessions."""
    made = Ground(tmp_path)
    yield made
    made.notifier.stop()


def test_a_fresh_fault_is_raised_at_its_second_window_with_its_begin(ground: Ground) -> None:
    """Ten minutes of health, then 1 %: named 20 s after it began, and dated to its first window."""
    assert ground.window(times=60) == []
    begin_ns = ground.now_ns
    assert ground.window(loop=10) == []
    assert ground.window(loop=10) == ["raise loop>"]
    (incident,) = ground.stores.incidents()
    assert incident.onset_ns == begin_ns
    assert incident.raised_ns - incident.onset_ns == 20 * SECOND_NS
    assert incident.context["span_s"] == 20


def test_people_are_told_of_raise_and_clear_with_the_link(ground: Ground) -> None:
    """Two alarms in the outbox, in order."""
    ground.window(times=10)
    ground.window(times=3, loop=10)
    assert ground.window(times=6)[-1:] == ["clear loop>"]
    raised, cleared = ground.told()
    assert raised.startswith("FAULT ")
    assert "https://noc.example/incidents/F2026" in raised
    assert cleared.startswith("CLEARED ")


def test_health_returns_without_waiting_for_the_long_memory(ground: Ground) -> None:
    """Ten minutes still hold the loss, but the newest windows contradict it: cleared after the hold-down of 30 s."""
    ground.window(times=30)
    ground.window(times=6, loop=50)
    last_bad_ns = ground.now_ns
    said = ground.window(times=8)
    assert said == ["clear loop>"]
    (incident,) = ground.stores.incidents()
    assert incident.cleared_ns is not None
    assert incident.cleared_ns - last_bad_ns <= 60 * SECOND_NS


def test_background_loss_is_never_raised(ground: Ground) -> None:
    """One packet in 20,000 now and then is what a healthy line does."""
    for _ in range(5):
        assert ground.window(times=9) == []
        assert ground.window(loop=1) == []


def test_a_second_fault_opens_its_own_incident(ground: Ground) -> None:
    """The first goes on, the second is raised beside it."""
    ground.window(times=10)
    assert ground.window(times=3, loop=10) == ["raise loop>"]
    assert ground.window(times=3, loop=10, core=20) == ["raise core>"]
    assert len([i for i in ground.stores.incidents() if i.state is IncidentState.OPEN]) == 2


def test_a_restart_keeps_incident_baselines_and_place(ground: Ground) -> None:
    """The next life neither raises again nor answers a window twice nor forgets what is usual."""
    ground.window(times=10)
    ground.window(times=3, loop=10)
    ground.analyzer.keep()
    learned = dict(ground.stores.kept_baselines)
    answered = ground.counters.stage("windows").snapshot().out
    ground.analyzer = ground.another()
    assert ground.window(times=2, loop=10) == []
    assert ground.counters.stage("windows").snapshot().out == answered + 2
    assert learned
    assert len(ground.told()) == 1
    assert "clear loop>" in ground.window(times=8)


def test_a_restart_after_every_window_says_the_same_at_the_same_time(ground: Ground, tmp_path: Path) -> None:
    """Rumours, rivals and counted health outlive a kill: raise, revision and clear come in the very same windows."""
    (tmp_path / "twin").mkdir()
    twin = Ground(tmp_path / "twin")
    try:
        for lost in (
            [{}] * 10 + [{"loop": 10}] * 3 + [{"core": 10}] * 4 + [{}] * 8 + [{"loop": 10}, {}, {"loop": 10}, {"loop": 10}]
        ):
            twin.analyzer.keep()
            twin.analyzer = twin.another()
            assert twin.window(**lost) == ground.window(**lost)
    finally:
        twin.notifier.stop()
    assert [i.revisions for i in twin.stores.incidents()] == [i.revisions for i in ground.stores.incidents()]
    assert len(ground.stores.incidents()) >= 2


def test_an_alarm_swallowed_by_a_crash_is_told_after_the_restart(ground: Ground) -> None:
    """The incident was stored, the outbox was not written: the next start makes up for it, once."""
    ground.window(times=10)
    notifier, ground.notifier = ground.notifier, None  # type: ignore[assignment]
    ground.analyzer = ground.another()
    ground.window(times=3, loop=10)
    assert len(ground.stores.incidents()) == 1
    ground.notifier = notifier
    assert ground.told() == []
    for _ in range(2):
        ground.analyzer = ground.another()
        ground.window(loop=10)
    assert len(ground.told()) == 1


def test_a_revision_of_a_window_corrects_the_memory_without_a_step(ground: Ground) -> None:
    """Late data showed the loss of an answered window: the next bad window is the second one, and the begin is the first."""
    ground.window(times=10)
    begin_ns = ground.now_ns
    ground.window()
    first = ground.stores.windows[begin_ns]
    ground.fill(loop=10)
    worse = ground.stores.windows.pop(begin_ns + TEN_S)
    ground.now_ns -= TEN_S
    ground.stores.windows[begin_ns] = attrs.evolve(first, revision=2, rows=worse.rows)
    assert ground.window(times=2, loop=10) == ["raise loop>"]
    (incident,) = ground.stores.incidents()
    assert incident.onset_ns == begin_ns
    assert ground.counters.value("windows_read_again") == 1
    assert ground.counters.stage("windows").snapshot().out == 13


def test_a_step_that_failed_counts_once_when_it_comes_again(ground: Ground) -> None:
    """The store refused after the engine had decided: the window is answered anew, as one sign of a fault and not as two."""
    ground.window(times=10)

    def refuse(end_ns: int, book_memory: Mapping[str, Any]) -> None:
        del book_memory
        raise OSError(f"disk full at {end_ns}")

    keep, ground.stores.put_answered = ground.stores.put_answered, refuse  # type: ignore[method-assign]
    with pytest.raises(OSError, match="disk full"):
        ground.window(loop=10)
    ground.stores.put_answered = keep  # type: ignore[method-assign]
    assert ground.analyzer.step(ground.now_ns).events == ()
    assert ground.window(loop=10) == ["raise loop>"]
    shot = ground.counters.stage("windows").snapshot()
    assert shot.dropped == {"failed": 1}
    assert shot.balanced


def test_a_backlog_is_answered_in_turns(ground: Ground) -> None:
    """At most so many windows a turn, and the turn says that more wait."""
    for _ in range(5):
        ground.fill()
    reports = [ground.analyzer.step(ground.now_ns, limit=2) for _ in range(3)]
    assert [(len(report.windows), report.more) for report in reports] == [(2, True), (2, True), (1, False)]


def test_another_inventory_is_adopted_without_a_gap(ground: Ground) -> None:
    """The incident goes on under the new judge, and nothing is raised or cleared by the change."""
    ground.window(times=10)
    ground.window(times=3, loop=10)
    ground.analyzer.adopt(OneSessionEach(), NETWORK)
    assert ground.window(times=3, loop=10) == []
    assert ground.window(times=8) == ["clear loop>"]


def test_windows_inside_a_fault_do_not_teach(ground: Ground) -> None:
    """Versions of a view's baseline stand still while its line has an incident, from the window before the first finding on."""
    ground.window(times=10)
    ground.analyzer.keep()
    version = {view: document["version"] for view, document in ground.stores.kept_baselines.items()}
    ground.window(times=6, loop=10)
    ground.analyzer.keep()
    assert {view: document["version"] for view, document in ground.stores.kept_baselines.items()} == version


def test_each_step_writes_health_and_the_worst_lines(ground: Ground) -> None:
    """Components that were measured have a state each window; the faulty one says so; the line leads the wall."""
    ground.window(times=3)
    ground.window(times=2, loop=10)
    start_ns = ground.now_ns - TEN_S
    health = {
        p.tags["component"]: p.fields
        for p in ground.stores.points.values()
        if p.measurement == "segment_health" and p.time_ns == start_ns
    }
    assert health["loop"]["state"] == 3
    assert health["loop"]["probability"] == 0.95
    assert health["core"] == {"state": 0, "owner": "carrier_core"}
    wall = [p for p in ground.stores.points.values() if p.measurement == "worst_lines" and p.time_ns == start_ns]
    assert [(p.tags["rank"], p.fields["line"], p.fields["state"]) for p in wall] == [("01", "L1", 3)]
    (event,) = [p for p in ground.stores.points.values() if p.measurement == "incident"]
    assert event.fields["event"] == "raise"


def test_learning_is_said_until_the_first_baseline_stands(ground: Ground) -> None:
    """A moment at first, nothing once two clean windows taught."""
    ground.window()
    assert ground.analyzer.belief.learning == {LINE: BEGIN_NS + 3 * TEN_S}
    ground.window(times=2)
    assert ground.analyzer.belief.learning == {LINE: None}


def test_an_early_incident_says_until_when_delays_cannot_be_judged(ground: Ground) -> None:
    """A line that is ill from its first window on has no baseline; one that was learned from says nothing of it."""
    ground.window(times=2, loop=10)
    (early,) = ground.stores.incidents()
    assert early.context["learning_until_ns"] == ground.now_ns + 2 * TEN_S
    ground.window(times=10)
    ground.window(times=3, loop=10)
    assert "learning_until_ns" not in ground.stores.incidents()[0].context


def test_windows_older_than_the_memory_are_dropped_and_counted(ground: Ground) -> None:
    """After a long stop the stage still balances, with the reason."""
    ground.window(times=2)
    ground.fill()
    ground.now_ns += BACKLOG_NS + TEN_S
    ground.analyzer.step(ground.now_ns)
    shot = ground.counters.stage("windows").snapshot()
    assert shot.dropped == {"beyond_memory": 1}
    assert shot.balanced


def learning_rules(ground: Ground, shadow_s: int) -> None:
    """A new line is learned so long before anybody is told of it."""
    ground.rules = IncidentRules(clear_after_s=30, shadow_s=shadow_s)
    ground.analyzer = ground.another()


def test_a_fault_on_a_new_line_is_written_down_and_nobody_is_told(ground: Ground) -> None:
    """In shadow incidents are raised, revised and cleared as ever, without a message; after it people are told."""
    learning_rules(ground, 300)
    ground.window(times=5)
    assert ground.window(times=3, loop=30) == ["raise loop>"]
    (incident,) = ground.stores.incidents()
    assert (incident.notified, incident.planned, incident.revisions[0].reason) == (False, False, SHADOW)
    assert ground.window(times=5) == ["clear loop>"]
    assert ground.told() == []
    ground.window(times=20)
    assert ground.window(times=3, loop=30) == ["raise loop>"]
    assert len(ground.told()) == 1


def test_a_fault_that_outlives_the_shadow_is_told_then(ground: Ground) -> None:
    """The line is known by now, and it is still ill: raised to people once, and the reason says so."""
    learning_rules(ground, 200)
    ground.window(times=10)
    assert ground.window(times=5, loop=30) == ["raise loop>"]
    assert ground.told() == []
    assert ground.window(times=12, loop=30) == ["raise loop>"]
    (text,) = ground.told()
    assert text.startswith("FAULT ")
    (incident,) = ground.stores.incidents()
    assert [r.reason for r in incident.revisions] == [SHADOW, LEARNED]
    assert incident.notified


def test_a_small_loss_is_learned_in_shadow_and_not_after_it(ground: Ground) -> None:
    """What a new line loses from its first packet on may be its nature; on a known line it is a fault and does not teach."""
    learning_rules(ground, 600)
    view = View(line=LINE, name="loop", direction="", metric="forward_delay")
    for _ in range(30):
        ground.window(sent=100_000, loop=60)
    assert ground.analyzer._engine is not None
    learned = ground.analyzer._engine.baselines.windows(view)
    assert learned > 20
    assert ground.told() == []
    ground.rules = IncidentRules(clear_after_s=30)
    ground.analyzer.keep()
    ground.analyzer = ground.another()
    ground.window(times=10, sent=100_000, loop=60)
    assert ground.analyzer._engine is not None
    assert ground.analyzer._engine.baselines.windows(view) <= learned + 1


def test_planned_work_does_not_teach(ground: Ground) -> None:
    """While something of a line is worked on, nothing of it is usual, even where nothing fails."""
    ground.window(times=10)
    ground.analyzer.keep()
    ground.judge.planned.append("core>")
    ground.window(times=6)
    ground.analyzer.keep()
    versions = {document["version"] for document in ground.stores.kept_baselines.values()}
    ground.judge.planned.clear()
    ground.window(times=6)
    ground.analyzer.keep()
    assert max(versions) <= 10
    assert min(document["version"] for document in ground.stores.kept_baselines.values()) > max(versions)
