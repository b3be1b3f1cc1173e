"""Alarm texts and RFC 5424 messages, octet by octet."""

from __future__ import annotations

import re
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.notify.alarms import SHORT_LIMIT, Alarm, alarm, alarm_document, alarm_from_document
from analyzer.notify.syslog import Charset, Standard, SyslogFormat, counted, syslog_heartbeat, syslog_message
from analyzer.notify.telling import Target, Told, told_of
from faultline.records.incident import EventKind, Incident, IncidentId, IncidentState, Revision
from faultline.records.terms import SECOND_NS, LineCode, Mode, Owner, TenantId
from faultline.reports.history import OUTLIVED
from faultline.reports.material import LineCard
from faultline.reports.sentences import Speaker
from faultline.reports.words import Language

BEGIN_NS = 1_767_225_600 * SECOND_NS  # 2026-01-01T00:00:00Z
CARDS = (
    LineCard(
        code=LineCode("SDH-0017"),
        customer="Harbin City Bank",
        a_end="Harbin",
        z_end="Beijing",
        backup=LineCode("SDH-0018"),
        time_zone="Asia/Shanghai",
    ),
    LineCard(code=LineCode("SDH-0021"), customer="Another"),
)
NAMES = {"loop-a": "access loop 17"}


def make_incident(**changes: Any) -> Incident:
    """0.8 % loss on an access loop, raised after 20 s."""
    said = Revision(
        number=1,
        event=EventKind.RAISE,
        time_ns=BEGIN_NS + 20 * SECOND_NS,
        owner=Owner.ACCESS,
        mode=Mode.LOSS,
        components=("loop-a>",),
        confidence=0.93,
        reason="found in enough consecutive steps",
    )
    incident = Incident(
        id=IncidentId("F20260101-0000-abcdef"),
        tenants=(TenantId("bank"),),
        lines=(LineCode("SDH-0017"), LineCode("SDH-0021")),
        state=IncidentState.OPEN,
        planned=False,
        notified=True,
        onset_ns=BEGIN_NS,
        raised_ns=said.time_ns,
        updated_ns=said.time_ns,
        verdict={
            "components": ["loop-a>"],
            "mode": "loss",
            "owner": "access",
            "confidence": 0.93,
            "severity": {"value": 0.008, "low": 0.006, "high": 0.011},
            "next_step": "Send the access team.",
        },
        revisions=(said,),
    )
    return attrs.evolve(incident, **changes)


def make_alarm(event: EventKind = EventKind.RAISE, language: Language = Language.EN, **changes: Any) -> Alarm:
    """The alarm of that incident."""
    speaker = Speaker(language=language, names=NAMES)
    return alarm(event, make_incident(**changes), cards=CARDS, speaker=speaker, link="https://noc.example/i/1")


def test_the_alarm_text_holds_everything_the_specification_names() -> None:
    """Customer, circuit, A to Z, owner and segment, confidence, since, impact, backup, next step, link."""
    assert make_alarm().text == (
        "FAULT F20260101-0000-abcdef; Harbin City Bank circuit SDH-0017 Harbin – Beijing; "  # noqa: RUF001
        "packet loss 0.8 %, access loop 17 from A to Z, access network (Confidence 93 %); Since 2026-01-01 08:00:00 UTC+08:00; "
        "impact: SDH-0021, backup line SDH-0018; next: Send the access team; https://noc.example/i/1"
    )


def test_a_revision_tells_from_what_to_what() -> None:
    """The reason stands in the text of the revise event."""
    first = make_incident().revisions[0]
    reason = "verdict revised: owner from access to carrier_core because 40 of 2000 lost"
    second = attrs.evolve(first, number=2, event=EventKind.REVISE, reason=reason)
    told = make_alarm(EventKind.REVISE, revisions=(first, second))
    assert reason in told.text
    assert told.revision == 2


def test_a_clear_tells_how_long_it_lasted_and_asks_for_nothing() -> None:
    """No next step, no impact; the duration."""
    told = make_alarm(EventKind.CLEAR, ended_ns=BEGIN_NS + 300 * SECOND_NS, state=IncidentState.CLEARED)
    assert "lasted 5 min" in told.text
    assert "next:" not in told.text
    assert told.fields["end_ns"] == str(BEGIN_NS + 300 * SECOND_NS)


def test_the_short_form_fits_an_sms_and_keeps_what_matters_most() -> None:
    """At most 70 characters with event, line, mode, confidence and id, in both languages, however long the place is."""
    for language in Language:
        for components in (["loop-a>"], ["a-very-long-component-name-that-goes-on-and-on>"]):
            verdict = dict(make_incident().verdict) | {"components": components}
            told = make_alarm(language=language, verdict=verdict)
            assert len(told.short) <= SHORT_LIMIT
            for needed in ("SDH-0017", "93%", "F20260101-0000-abcdef"):
                assert needed in told.short


def test_an_alarm_survives_the_outbox() -> None:
    """Its document reads back equal."""
    assert alarm_from_document(alarm_document(make_alarm())) == make_alarm()


def to_tell(told: Alarm, *, repeated: bool = False) -> Told:
    """As the seventh thing in the outbox."""
    return told_of(Target(name="noc"), told, sequence=7, repeated=repeated)


def test_the_syslog_message_is_rfc_5424() -> None:
    """Priority, version, UTC timestamp, names, message id, structured data, byte order mark, text."""
    message = syslog_message(to_tell(make_alarm()), SyslogFormat(hostname="noc-1"))
    head, text = message.split(b"\xef\xbb\xbf", 1)
    assert head.startswith(b"<163>1 2026-01-01T00:00:20.000000Z noc-1 faultline - RAISE [faultline@32473 ")
    assert b' incident="F20260101-0000-abcdef"' in head
    assert b' line="SDH-0017,SDH-0021" customer="Harbin City Bank" owner="access" mode="loss"' in head
    assert b' confidence="0.930"' in head
    assert head.endswith(b"] ")
    assert text.decode() == make_alarm().text


def test_severities_follow_what_happened() -> None:
    """An interruption is critical, a degradation an error, an end a notice."""
    down = dict(make_incident().verdict) | {"mode": "down"}
    form = SyslogFormat(hostname="h")
    assert syslog_message(to_tell(make_alarm(verdict=down)), form).startswith(b"<162>")
    assert syslog_message(to_tell(make_alarm()), form).startswith(b"<163>")
    assert syslog_message(to_tell(make_alarm(EventKind.CLEAR)), form).startswith(b"<165>")


def test_values_cannot_break_out_of_the_structured_data() -> None:
    """Quote, backslash and bracket are escaped."""
    told = attrs.evolve(make_alarm(), fields={"customer": 'a"b\\c]d'})
    assert rb'[faultline@32473 customer="a\"b\\c\]d" sequence="7"] ' in syslog_message(
        to_tell(told), SyslogFormat(hostname="h", bom=False)
    )


@given(value=st.text(max_size=400), words=st.text(max_size=600), limit=st.integers(480, 3000), bom=st.booleans())
def test_no_message_is_longer_than_allowed_or_broken(value: str, words: str, limit: int, *, bom: bool) -> None:
    """Whatever text comes in, the message is valid UTF-8 within the limit, and its structured data is closed."""
    told = attrs.evolve(make_alarm(), text=words, fields={"incident": "F1", "customer": value})
    message = syslog_message(to_tell(told), SyslogFormat(hostname="h", bom=bom, max_octets=limit))
    assert len(message) <= limit
    assert re.match(r'<163>1 \S+ h faultline - RAISE \[faultline@32473( \w+="([^"\\\]]|\\["\\\]])*")*\] ', message.decode())


def test_octet_counting_frames_by_length() -> None:
    """A newline inside the text stays inside the message."""
    assert counted(b"a\nb") == b"3 a\nb"


def test_an_overrun_says_that_it_is_one() -> None:
    """Whoever is called knows that work was going on there; what follows is told as of any fault."""
    said = attrs.evolve(make_incident().revisions[0], reason=OUTLIVED)
    assert "; planned work overruns: its window is over, the fault is not; Since" in make_alarm(revisions=(said,)).text
    assert "计划作业超时" in make_alarm(language=Language.ZH, revisions=(said,)).text
    assert "overruns" not in make_alarm().text
    assert "overruns" not in make_alarm(EventKind.CLEAR, revisions=(said,), ended_ns=BEGIN_NS).text


def test_a_repeated_message_says_so_and_a_gap_can_be_seen() -> None:
    """The sequence stands in every message, `repeated` in those that may have been told before."""
    form = SyslogFormat(hostname="h", bom=False)
    assert b' sequence="7"]' in syslog_message(to_tell(make_alarm()), form)
    assert b' sequence="7" repeated="true"]' in syslog_message(to_tell(make_alarm(), repeated=True), form)
    assert b'HEARTBEAT [faultline@32473 sequence="7"] alive' in syslog_heartbeat(7, BEGIN_NS, form)


def test_old_receivers_get_rfc_3164_in_their_charset() -> None:
    """No year, no structured data, the facts before the text, no newline; Chinese as GBK, cut between characters."""
    form = SyslogFormat(hostname="h", standard=Standard.RFC3164, charset=Charset.GBK, max_octets=481)
    told = attrs.evolve(make_alarm(language=Language.ZH), text="接入网\n" + "故障" * 200)
    message = syslog_message(to_tell(told), form)
    head, _, text = message.decode("gbk").partition(" h faultline: ")
    assert re.fullmatch(r"<163>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d", head)
    assert text.startswith("RAISE incident=")
    assert "sequence=7 接入网 故障" in text
    assert len(message) <= 481
    assert b"\n" not in message
    assert b"HEARTBEAT sequence=7" in syslog_heartbeat(7, BEGIN_NS, form)


def test_a_template_chooses_the_words() -> None:
    """`$short`, facts by name, an unknown fact is an empty word; a name that nobody knows is refused with those there are."""
    target = Target(name="chat", template="$sequence $event $line|$end_ns| $$")
    told = told_of(target, make_alarm(), sequence=7)
    assert told.text == f"7 raise {make_alarm().fields['line']}|| $"
    with pytest.raises(ValueError, match="template names 'custommer'; it may name text, short"):
        Target(name="chat", template="$custommer")
    with pytest.raises(ValueError, match="names nothing"):
        Target(name="chat", template="5 $")
