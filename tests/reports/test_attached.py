"""What was told and what others measured, in words and without what was said freely."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from faultline.records.device_event import DeviceEvent, EventSource, event_id
from faultline.records.line_result import VALUES, LineResult, ResultKind
from faultline.records.terms import SECOND_NS, ComponentId, LineCode, TenantId
from faultline.reports.attached import MOST_EVENTS, results_list, told_list, value_words
from faultline.reports.sentences import Speaker
from faultline.reports.words import CATALOGUE, Language

T_NS = 1_767_225_600 * SECOND_NS
SHANGHAI = timezone(timedelta(hours=8))
EN, ZH = (Speaker(language=language, names={"loop": "Access loop 1", "pe1": "PE 1"}) for language in (Language.EN, Language.ZH))


def make_event(number: int = 0, *, raised: bool = True) -> DeviceEvent:
    """PE 1 on its port to the loop."""
    return DeviceEvent(
        id=event_id(EventSource.TRAP, "pe1", str(number)),
        source=EventSource.TRAP,
        sender="pe1",
        place="ge-0/0/1",
        component=ComponentId("loop"),
        name="LINK_DOWN",
        raised=raised,
        received_ns=T_NS + number * SECOND_NS,
        tenant=TenantId("bank"),
        text="of Another Customer",
    )


def test_what_was_told_is_listed_newest_first_by_the_lines_clock() -> None:
    """With names for components; its free words stay out, and so do the oldest of a storm."""
    shown = told_list(EN, [make_event(), make_event(1, raised=False)], SHANGHAI)
    assert shown.index("LINK_DOWN is over") < shown.index("<b>LINK_DOWN</b>")
    assert "2026-01-01 08:00:00 UTC+08:00" in shown
    assert "Access loop 1 (ge-0/0/1), told by PE 1 (trap)" in shown
    assert "Another Customer" not in shown
    assert told_list(EN, [make_event(n) for n in range(2 * MOST_EVENTS)], SHANGHAI).count("<li") == MOST_EVENTS
    assert "No" in told_list(EN, [], SHANGHAI)


def test_a_result_is_told_with_its_units_and_what_was_made_of_it() -> None:
    """In either language; who took it stands beside it, and markup in words is none."""
    result = LineResult(
        line=LineCode("L1"),
        kind=ResultKind.OPTICAL_POWER,
        taken_ns=T_NS,
        received_ns=T_NS,
        sender="noc",
        by="OTDR <3>",
        passed=False,
        values={"received_dbm": -27.4, "wavelength_nm": 1310},
        text="cable <b>wet</b>",
    )
    shown = results_list(EN, [result], SHANGHAI)
    assert "failed; received -27.4 dBm; at 1310 nm; cable &lt;b&gt;wet&lt;/b&gt;" in shown
    assert "OTDR &lt;3&gt;" in shown
    assert "不合格" in results_list(ZH, [result], SHANGHAI)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, values in VALUES.items() for name in values])
def test_every_value_has_its_words(kind: ResultKind, name: str) -> None:
    """A new one without them fails here; small and large ones are told by their order of magnitude."""
    assert f"result.{kind.value}" in CATALOGUE
    assert f"result.value.{name}" in CATALOGUE
    assert "1.2e-09" in value_words(EN, name, 1.2e-9)
    assert "9.5e+08" in value_words(ZH, name, 9.5e8)
