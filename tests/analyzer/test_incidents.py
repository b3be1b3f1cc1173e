"""The incident state machine: what it says, what it keeps to itself, and what it must never do."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.findings import Finding
from analyzer.incidents import IncidentBook, IncidentEvent, IncidentRules, Step
from faultline.records.incident import Base, EventKind, IncidentState, base_of, incident_document, incident_from_document
from faultline.records.terms import SECOND_NS, LineCode, TenantId

TEN_S = 10 * SECOND_NS
PLACES = {"lan": "customer", "ce": "customer", "loop": "access", "core": "carrier_core", "dc": "destination"}
EVERYWHERE = frozenset(Base(place) for place in PLACES)


def make_finding(*components: str, mode: str = "loss", confidence: float = 0.95, line: str = "L1", **verdict: Any) -> Finding:
    """A blaming entry on some components of line L1."""
    owner = PLACES[base_of(components[0])]
    entry = {
        "components": list(components),
        "mode": mode,
        "owner": owner,
        "confidence": confidence,
        "planned": False,
        "blames": True,
        "text": f"{mode} on {components[0]}",
        "evidence": [{"observation": 0, "nats": 12.0, "text": f"40 of 2000 lost across {components[0]}"}],
    }
    return Finding(
        verdict=entry | verdict,
        onset_ns=0,
        lines=frozenset({LineCode(line)}),
        tenants=frozenset({TenantId("bank")}),
    )


class Story:
    """A book and its time: one step after the other, ten seconds each."""

    def __init__(self, **rules: int) -> None:
        self.book = IncidentBook(IncidentRules(**{"clear_after_s": 30, **rules}))
        self.now_ns = 1_700_000_000 * SECOND_NS
        self.events: list[IncidentEvent] = []

    def step(self, *findings: Finding, times: int = 1, **kwargs: Any) -> list[IncidentEvent]:
        said: list[IncidentEvent] = []
        for _ in range(times):
            self.now_ns += TEN_S
            kwargs.setdefault("observed", EVERYWHERE)
            said += self.book.observe(Step(end_ns=self.now_ns, length_ns=TEN_S, findings=findings, **kwargs))
        self.events += said
        return said


def kinds(events: list[IncidentEvent]) -> list[str]:
    """What was said, in order."""
    return [event.kind.value for event in events]


def test_one_finding_is_a_rumour_two_are_an_incident() -> None:
    """A place is raised when the second consecutive step finds it, and not before."""
    story = Story()
    assert story.step(make_finding("loop>")) == []
    (event,) = story.step(make_finding("loop>"))
    assert (event.kind, event.notify) == (EventKind.RAISE, True)
    assert event.incident.lines == ("L1",)
    assert event.incident.components == ("loop>",)


def test_a_single_bad_step_now_and_then_is_never_raised() -> None:
    """Findings that are not consecutive do not add up."""
    story = Story()
    for _ in range(10):
        story.step(make_finding("loop>"))
        story.step()
    assert story.events == []
    story.step()
    assert story.book.rumours == ()


def test_n_of_m_allows_a_gap_when_configured() -> None:
    """With 3 of 5, three findings with gaps raise."""
    story = Story(raise_needed=3, raise_of=5)
    assert not story.step(make_finding("loop>"))
    assert not story.step()
    assert not story.step(make_finding("loop>"))
    assert not story.step()
    assert kinds(story.step(make_finding("loop>"))) == ["raise"]


def test_the_begin_is_the_earliest_onset_of_the_findings_that_raised() -> None:
    """The onset estimate of the first finding survives until the raise."""
    story = Story()
    early = make_finding("loop>")
    story.step(Finding(verdict=early.verdict, onset_ns=5, lines=early.lines))
    (event,) = story.step(Finding(verdict=early.verdict, onset_ns=9, lines=early.lines))
    assert event.incident.onset_ns == 5


def test_another_owner_revises_the_incident_of_the_same_line_and_says_why() -> None:
    """The id stays, the event tells from what to what, and because of which evidence."""
    story = Story()
    (raised,) = story.step(make_finding("loop>"), times=2)
    assert story.step(make_finding("core>")) == []
    (revised,) = story.step(make_finding("core>"))
    assert revised.kind is EventKind.REVISE
    assert revised.incident.id == raised.incident.id
    reason = revised.incident.revisions[-1].reason
    assert reason.startswith("moved from access network (loop>) to carrier core (core>)")
    assert "because 40 of 2000 lost across core>" in reason
    assert story.step(make_finding("core>"), times=5) == []


def test_alternating_evidence_does_not_flicker() -> None:
    """Access, core, access, core: one raise, no revision, no clear."""
    story = Story()
    story.step(make_finding("loop>"), times=2)
    for _ in range(20):
        story.step(make_finding("core>"))
        story.step(make_finding("loop>"))
    assert kinds(story.events) == ["raise"]


def test_another_mode_of_the_same_place_is_said_in_words() -> None:
    """What was taken for delay turns out to be a queue."""
    story = Story()
    story.step(make_finding("loop>", mode="delay"), times=2)
    (revised,) = story.step(make_finding("loop>", mode="congestion"), times=2)
    assert revised.incident.revisions[-1].reason.startswith("now congestion instead of added delay because ")


def route_change(name: str = "ce to fw") -> Finding:
    """A route that changed, as the localiser tells it."""
    return make_finding("dc", mode="route", blames=False, owner="unknown", components=[name])


def test_a_changed_route_is_written_down_and_nobody_is_told() -> None:
    """One incident that blames nobody, from the second step on; over when it is no longer news."""
    story = Story()
    (event,) = story.step(route_change(), times=5)
    assert (event.kind, event.notify, event.incident.informational) == (EventKind.RAISE, False, True)
    story.step(times=5)
    assert kinds(story.events) == ["raise", "clear"]
    assert not any(event.notify for event in story.events)


def test_a_fault_beside_a_changed_route_is_an_incident_of_its_own() -> None:
    """Neither is taken for a revision of the other, whichever comes first."""
    for first, second in ((route_change(), make_finding("loop>")), (make_finding("loop>"), route_change())):
        story = Story()
        story.step(first, times=3)
        story.step(first, second, times=3)
        assert kinds(story.events) == ["raise", "raise"]
        assert sorted(event.notify for event in story.events) == [False, True]
        assert len(story.book.open_incidents) == 2


def test_revisions_that_come_back_need_ever_more_evidence() -> None:
    """Two steps each way: the first revision comes, the following ones need twice as many steps every time."""
    story = Story()
    story.step(make_finding("loop>"), times=2)
    for _ in range(10):
        story.step(make_finding("core>"), times=2)
        story.step(make_finding("loop>"), times=2)
    assert kinds(story.events) == ["raise", "revise"]


def test_clear_needs_the_hold_down_of_measured_health() -> None:
    """Three healthy steps clear at a hold-down of 30 s; the end is where the fault was last seen."""
    story = Story()
    story.step(make_finding("loop>"), times=2)
    last_bad_ns = story.now_ns
    assert story.step(times=2) == []
    (event,) = story.step()
    assert event.kind is EventKind.CLEAR
    assert event.incident.state is IncidentState.CLEARED
    assert event.incident.ended_ns == last_bad_ns
    assert event.incident.cleared_ns == story.now_ns
    assert story.book.open_incidents == ()


def test_absence_of_evidence_is_not_recovery() -> None:
    """Steps that measured nothing on the component never clear it; a relapse starts the hold-down anew."""
    story = Story()
    story.step(make_finding("loop>"), times=2)
    assert story.step(times=50, observed=frozenset({Base("core")})) == []
    story.step(times=2)
    story.step(make_finding("loop>"))
    assert story.step(times=2) == []
    assert kinds(story.step()) == ["clear"]


def test_a_weak_suspicion_keeps_an_open_incident_but_opens_none() -> None:
    """Insufficient answers neither raise nor let an incident end."""
    story = Story()
    assert story.step(times=10, supported=frozenset({Base("loop")})) == []
    story.step(make_finding("loop>"), times=2)
    assert story.step(times=10, supported=frozenset({Base("loop")})) == []
    assert kinds(story.step(times=3)) == ["clear"]


def test_a_second_fault_opens_its_own_incident_while_the_first_goes_on() -> None:
    """Both are found in the same steps, so neither is a revision of the other."""
    story = Story()
    story.step(make_finding("loop>"), times=2)
    events = story.step(make_finding("loop>"), make_finding("dc<", mode="delay"), times=2)
    assert kinds(events) == ["raise"]
    assert len(story.book.open_incidents) == 2


def test_both_directions_of_a_segment_are_one_incident() -> None:
    """The opposite direction rides along as a further verdict."""
    story = Story()
    story.step(make_finding("loop>"), make_finding("loop<", confidence=0.9), times=2)
    (incident,) = story.book.open_incidents
    assert incident.components == ("loop>",)
    assert [entry["components"] for entry in incident.further] == [["loop<"]]


def test_two_incidents_that_turn_out_to_be_one_are_merged_into_the_older() -> None:
    """A class that spans both places ends the younger one by name."""
    story = Story()
    story.step(make_finding("loop>"), times=2)
    story.step(make_finding("loop>"), make_finding("ce>"), times=2)
    older, younger = story.book.open_incidents
    events = story.step(make_finding("loop>", "ce>"), times=1)
    assert kinds(events) == ["clear"]
    assert events[0].incident.id == younger.id
    assert events[0].incident.merged_into == older.id
    assert [incident.id for incident in story.book.open_incidents] == [older.id]


def test_a_new_fault_after_measured_health_is_a_new_incident() -> None:
    """When the first place was already healthy for the steps a revision needs, another place is another story."""
    story = Story(clear_after_s=300)
    story.step(make_finding("loop>"), times=2)
    story.step(times=5)
    events = story.step(make_finding("core>"), times=2)
    assert kinds(events) == ["raise"]
    assert len(story.book.open_incidents) == 2


def test_planned_work_is_recorded_and_nobody_is_told() -> None:
    """Raise and clear of a planned incident carry notify false."""
    story = Story()
    story.step(make_finding("loop>", planned=True, blames=False), times=2)
    story.step(times=3)
    assert kinds(story.events) == ["raise", "clear"]
    assert [event.notify for event in story.events] == [False, False]


def test_a_fault_that_outlives_its_window_is_raised_then() -> None:
    """The first two steps after the planned window page."""
    story = Story()
    story.step(make_finding("loop>", planned=True, blames=False), times=3)
    assert story.step(make_finding("loop>")) == []
    (event,) = story.step(make_finding("loop>"))
    assert (event.kind, event.notify) == (EventKind.RAISE, True)
    assert event.incident.revisions[-1].reason == "outlived its planned window"


def test_what_the_work_left_in_the_memory_of_a_long_span_pages_nobody() -> None:
    """All that speaks for the finding is of the time of the work; a sign after it pages."""
    story = Story()
    story.step(make_finding("loop>", planned=True, blames=False), times=3)
    ended_ns = story.now_ns
    assert story.step(attrs.evolve(make_finding("loop>"), last_ns=ended_ns), times=5) == []
    events = story.step(attrs.evolve(make_finding("loop>"), last_ns=ended_ns + 6 * TEN_S), times=2)
    assert [event.incident.revisions[-1].reason for event in events] == ["outlived its planned window"]


def test_an_incident_survives_a_restart() -> None:
    """Documents read back give the same book: the next finding of the place says nothing new."""
    story = Story()
    story.step(make_finding("loop>"), times=2)
    (incident,) = story.book.open_incidents
    again = incident_from_document(incident_document(incident))
    assert again == incident
    story.book = IncidentBook(IncidentRules(clear_after_s=30), open_incidents=[again])
    assert story.step(make_finding("loop>")) == []
    assert kinds(story.step(times=3)) == ["clear"]


def test_a_document_that_is_no_incident_is_refused() -> None:
    """Another format or a missing field is an error that says which."""
    story = Story()
    story.step(make_finding("loop>"), times=2)
    document = incident_document(story.book.open_incidents[0])
    with pytest.raises(ValueError, match="format"):
        incident_from_document(document | {"format": "x"})
    del document["onset_ns"]
    with pytest.raises(ValueError, match="onset_ns"):
        incident_from_document(document)


def test_a_rule_that_can_never_be_met_is_refused() -> None:
    """Three of two is a configuration error."""
    with pytest.raises(ValueError, match="raise_needed 3 is more than raise_of 2"):
        IncidentRules(raise_needed=3, raise_of=2)


@st.composite
def steps(draw: st.DrawFn) -> list[tuple[list[Finding], frozenset[Base], frozenset[Base]]]:
    """Arbitrary stories: any places in any combination and mode, planned or not, any sight and suspicion."""
    component = st.builds(lambda place, mark: place + mark, st.sampled_from(sorted(PLACES)), st.sampled_from(["", ">", "<"]))
    finding = st.builds(
        lambda components, mode, confidence, line, planned: make_finding(
            *components,
            mode=mode,
            confidence=confidence,
            line=line,
            planned=planned,
            blames=not planned,
        ),
        st.lists(component, min_size=1, max_size=3, unique=True),
        st.sampled_from(["loss", "delay", "down"]),
        st.floats(0.5, 1.0),
        st.sampled_from(["L1", "L2"]),
        st.booleans(),
    )
    places = st.frozensets(st.sampled_from(sorted(EVERYWHERE)))
    one = st.tuples(st.lists(finding, max_size=3), places, places)
    repeated = st.tuples(one, st.integers(1, 4)).map(lambda pair: [pair[0]] * pair[1])
    return [step for chunk in draw(st.lists(repeated, max_size=12)) for step in chunk]


@given(steps(), st.integers(1, 3), st.integers(0, 60))
def test_whatever_is_found_the_story_told_is_a_consistent_one(
    story_steps: list[tuple[list[Finding], frozenset[Base], frozenset[Base]]],
    revise_needed: int,
    clear_after_s: int,
) -> None:
    """Every incident is raised once, first, and cleared at most once; open incidents share no component.

    Ids, begin and raise never change; people hear of nothing they were not told of before; revisions are dense and in order.
    """
    story = Story(revise_needed=revise_needed, clear_after_s=clear_after_s)
    told: dict[str, list[IncidentEvent]] = {}
    for findings, supported, observed in story_steps:
        for event in story.step(*findings, supported=supported, observed=observed):
            told.setdefault(event.incident.id, []).append(event)
        bases = [incident.bases for incident in story.book.open_incidents]
        assert sum(map(len, bases)) == len(frozenset().union(*bases))
        assert {i.id for i in story.book.open_incidents} == {
            key for key, events in told.items() if events[-1].kind is not EventKind.CLEAR
        }
    for events in told.values():
        said = kinds(events)
        assert said[0] == "raise"
        assert "clear" not in said[:-1]
        assert len({(e.incident.raised_ns, e.incident.onset_ns) for e in events}) == 1
        heard = [event.kind for event in events if event.notify]
        assert not heard or heard[0] is EventKind.RAISE
        assert heard.count(EventKind.RAISE) <= 1
        assert [r.number for r in events[-1].incident.revisions] == list(range(1, len(events) + 1))
        assert [e.incident.revisions[-1].event for e in events] == [e.kind for e in events]
        times = [r.time_ns for r in events[-1].incident.revisions]
        assert times == sorted(times)
        assert incident_from_document(incident_document(events[-1].incident)) == events[-1].incident
