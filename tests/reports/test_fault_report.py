"""The fault report: what a reader of either language finds in it, and what it must not do."""

# ruff: noqa: RUF001 - Chinese punctuation, and dashes between numbers

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import attrs
import pytest

from faultline.records.incident import Base, EventKind, Incident, IncidentId, IncidentState, Revision
from faultline.records.terms import SECOND_NS, ComponentKind, LineCode, Mode, Owner, TenantId
from faultline.reports.fault import fault_report
from faultline.reports.material import FaultMaterial, LineCard, LinePath, PathElement, PathVantage, Plot, QualityRow, Series
from faultline.reports.words import CATALOGUE, Language

BEGIN_NS = 1_767_225_600 * SECOND_NS  # 2026-01-01T00:00:00Z
STEP_NS = 10 * SECOND_NS


def make_path() -> LinePath:
    """The demo's line."""
    rows = [
        ("lan-a", "branch LAN", ComponentKind.SEGMENT, Owner.CUSTOMER),
        ("ce", "CE-17", ComponentKind.DEVICE, Owner.CUSTOMER),
        ("loop-a", "access loop 17", ComponentKind.SEGMENT, Owner.ACCESS),
        ("pe-1", "PE-1", ComponentKind.DEVICE, Owner.CARRIER_CORE),
        ("core", "core PE-1 to PE-2", ComponentKind.SEGMENT, Owner.CARRIER_CORE),
        ("pe-2", "PE-2", ComponentKind.DEVICE, Owner.CARRIER_CORE),
        ("loop-z", "data-centre loop", ComponentKind.SEGMENT, Owner.ACCESS),
        ("fw", "firewall", ComponentKind.DEVICE, Owner.DESTINATION),
        ("srv", "payment server", ComponentKind.SERVER, Owner.DESTINATION),
    ]
    return LinePath(
        elements=tuple(PathElement(base=Base(base), name=name, kind=kind, owner=owner) for base, name, kind, owner in rows),
        vantages=(PathVantage(name="branch", position=0.5), PathVantage(name="pe-1", position=3.0)),
    )


def make_incident(**changes: Any) -> Incident:
    """0.8 % loss on the access loop from A to Z."""
    verdict = {
        "components": ["loop-a>"],
        "mode": "loss",
        "owner": "access",
        "confidence": 0.93,
        "planned": False,
        "blames": True,
        "text": "loss on loop-a>",
        "severity": {"value": 0.008, "low": 0.006, "high": 0.011},
        "candidates": [{"id": "loop-a>", "probability": 0.93}, {"id": "ce", "probability": 0.05}],
        "owners": {"access": 0.93, "customer": 0.05, "carrier_core": 0.02},
        "evidence": [{"observation": 0, "nats": 41.2, "text": "31 of 4000 lost"}],
        "against": [{"observation": 1, "nats": -0.8, "text": "0 of 4000 lost"}],
        "next_step": "Send the access team to <loop 17>.",
    }
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
        lines=(LineCode("L-1"),),
        state=IncidentState.OPEN,
        planned=False,
        notified=True,
        onset_ns=BEGIN_NS,
        raised_ns=BEGIN_NS + 20 * SECOND_NS,
        updated_ns=BEGIN_NS + 90 * SECOND_NS,
        verdict=verdict,
        context={
            "floor": [{"components": ["loop-a>"], "mode": "loss", "value": 0.0021}],
            "next_test": {"from": "ce", "to": "pe-1"},
        },
        revisions=(said,),
    )
    return attrs.evolve(incident, **changes)


def make_material(**changes: Any) -> FaultMaterial:
    """A whole report's data; the plot has a gap of three windows."""
    times = [BEGIN_NS + STEP_NS * number for number in range(-20, 9) if number not in {-8, -7, -6}]
    plot = Plot(
        title="Loss ratio",
        unit="ratio",
        step_ns=STEP_NS,
        start_ns=times[0],
        end_ns=times[-1] + STEP_NS,
        series=(Series(label="A → Z", points=tuple((t, 0.008 if t >= BEGIN_NS else 0.0) for t in times)),),
    )
    material = FaultMaterial(
        incident=make_incident(),
        line=LineCard(code=LineCode("L-1"), customer='Bank <script>alert("x")</script>', a_end="Harbin", z_end="Beijing"),
        path=make_path(),
        evidence={
            "observations": [
                {
                    "kind": "loss",
                    "source": "active",
                    "via": ["ce", "loop-a>", "pe-1"],
                    "sent": 4000,
                    "lost": 31,
                    "background": 5e-5,
                },
                {"kind": "loss", "source": "passive", "via": ["lan-a>", "ce"], "sent": 4000, "lost": 0},
            ],
        },
        plots=(plot,),
        quality=(
            QualityRow(name="branch", clock_class="ntp", clock_error_ns=1_200_000, capture_loss_ratio=0.0, missing_windows=0),
        ),
        made_ns=BEGIN_NS + 100 * SECOND_NS,
    )
    return attrs.evolve(material, **changes)


def plain(page: str) -> str:
    """The words of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<style>.*?</style>", "", page)))


def test_the_report_says_where_whose_how_bad_how_sure_and_what_next() -> None:
    """Verdict, owner, confidence, numbers for and against, alternatives, floor and next step stand in plain words."""
    words = plain(fault_report(make_material()))
    for expected in (
        "Access loop 17 (access network) loses 0.8 % (0.6 % – 1.1 %) of the packets from A to Z.",
        "93 %",
        "31 of 4000 test packets lost (0.78 %) from CE-17 to PE-1; expected 0.2",
        "0 of 4000 TCP segments lost (0 %) from branch LAN to CE-17 ",
        "+41.2",
        "-0.8",
        "A test from CE-17 to PE-1 would tell them apart best.",
        "packet loss on access loop 17 from A to Z: 0.21 %",
        "Send the access team to &lt;loop 17&gt;.",
        "ntp ± 1.2 ms",
        "2026-01-01 00:00:00 UTC",
        "no data",
    ):
        assert expected in words, expected


def test_the_chinese_report_says_the_same_in_chinese() -> None:
    """Sentences are composed from the numbers, not translated word by word; times are in the line's zone."""
    line = LineCard(code=LineCode("L-1"), customer="某银行", time_zone="Asia/Shanghai")
    page = fault_report(make_material(line=line), Language.ZH)
    assert '<html lang="zh-CN">' in page
    words = plain(page)
    for expected in (
        "故障报告",
        "access loop 17（接入网）A→Z 方向丢包 0.8 %",
        "置信度",
        "支持证据",
        "派接入维护人员处理",
        "2026-01-01 08:00:00 UTC+08:00",
    ):
        assert expected in words, expected
    assert "Send the access team" not in words


def test_the_same_material_gives_the_same_octets() -> None:
    """No clock, no random number, no order of a set."""
    assert fault_report(make_material()) == fault_report(make_material())


def test_what_comes_from_outside_is_escaped() -> None:
    """A customer's name cannot bring a script into the report."""
    page = fault_report(make_material())
    assert "<script>alert" not in page
    assert "Bank &lt;script&gt;" in page


def test_the_report_loads_nothing_from_elsewhere_and_is_well_formed() -> None:
    """One file: no link, script, image or address; every element is closed."""
    page = fault_report(make_material())
    assert not re.search(r"<(link|script|img|iframe)\b|https?://|url\(", page)
    stack: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, name: str, attrs: Any) -> None:
            assert len({key for key, _ in attrs}) == len(attrs)
            if name != "meta":
                stack.append(name)

        def handle_endtag(self, name: str) -> None:
            assert stack.pop() == name

    reader = Reader()
    reader.feed(page)
    reader.close()
    assert stack == []


def test_tests_and_tools_can_read_the_verdict_from_attributes() -> None:
    """The data attributes carry id, owner, mode, components and the suspect's probability."""
    page = fault_report(make_material())
    assert 'data-incident="F20260101-0000-abcdef" data-state="open" data-owner="access" data-mode="loss"' in page
    assert 'data-components="loop-a&gt;"' in page
    assert re.search(
        r'class="element suspect" data-component="loop-a" data-element-owner="access" data-probability="0.930"', page
    )


def test_a_gap_in_the_data_is_a_gap_in_the_picture() -> None:
    """Three missing windows split the line in two and are marked once."""
    page = fault_report(make_material())
    assert 'data-gaps="1"' in page
    assert len(re.findall(r'<path d="[^"]+" class="line s0">', page)) == 2


def test_a_cleared_incident_has_an_end_and_a_planned_one_says_so() -> None:
    """State, end and the planned notice follow the incident."""
    over = make_incident(state=IncidentState.CLEARED, ended_ns=BEGIN_NS + 100 * SECOND_NS, cleared_ns=BEGIN_NS + 200 * SECOND_NS)
    words = plain(fault_report(make_material(incident=over)))
    assert "Until 2026-01-01 00:01:40 UTC" in words
    assert "Duration 100 s" in words
    assert "planned work: nobody is paged" in plain(fault_report(make_material(incident=make_incident(planned=True))))


def test_owners_that_cannot_be_told_apart_are_shown_with_their_shares() -> None:
    """A class over a demarcation names both owners instead of one."""
    verdict = make_incident().verdict | {
        "owner": "unknown",
        "components": ["ce", "loop-a>"],
        "owners": {"access": 0.55, "customer": 0.45},
    }
    words = plain(fault_report(make_material(incident=make_incident(verdict=verdict))))
    assert "CE-17 or access loop 17 (access network 55 %, customer side 45 %) loses" in words


@pytest.mark.parametrize("mode", sorted(Mode))
@pytest.mark.parametrize("language", sorted(Language))
def test_every_mode_has_its_sentence(mode: Mode, language: Language) -> None:
    """No mode of the closed list is left without words, with or without a severity."""
    verdict = {key: value for key, value in make_incident().verdict.items() if key != "severity"} | {"mode": mode.value}
    assert "{" not in plain(fault_report(make_material(incident=make_incident(verdict=verdict)), language))


def test_empty_states_say_what_is_missing() -> None:
    """Without line, plots, quality, floor and evidence the report still stands and says so."""
    verdict = make_incident().verdict | {"evidence": [], "against": [], "candidates": []}
    bare = FaultMaterial(incident=make_incident(verdict=verdict, context={}), line=None, made_ns=BEGIN_NS)
    words = plain(fault_report(bare))
    for expected in (
        "Nothing measured speaks against it.",
        "Nothing was measured on this line in these minutes.",
        "Not computed for this verdict.",
        "No statement about clocks and captures was stored.",
    ):
        assert expected in words, expected


def test_the_catalogue_has_every_word_in_both_languages_with_the_same_blanks() -> None:
    """A sentence's blanks are the same in English and Chinese, and no word is empty."""
    for key, (english, chinese) in CATALOGUE.items():
        assert english, key
        assert chinese, key
        assert sorted(re.findall(r"{(\w+)}", english)) == sorted(re.findall(r"{(\w+)}", chinese)), key
