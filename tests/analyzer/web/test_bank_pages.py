"""The bank's pages: lines worst first, a line with everything that is known of it, an incident with its doubt and its history."""

from __future__ import annotations

import re

import pytest

from analyzer.views import StoredViews
from analyzer.web.models import LineState
from faultline.records.terms import LineCode
from faultline.reports.fault import fault_report
from faultline.reports.words import Language

Bank = StoredViews


def plain(page: str) -> str:
    """The words of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<style>.*?</style>", "", page)))


def test_the_list_names_of_each_line_its_worst_incident(bank: Bank) -> None:
    """The most certain open one; a line of two incidents still has one row."""
    page = bank.lines_page(Language.EN)
    assert {row.state for row in page.rows} == {LineState.FAULT}
    assert page.counts == {LineState.FAULT: 4}
    by_line = {str(row.card.code): row for row in page.rows}
    worst = by_line["CN-NB-0017"].worst
    assert worst is not None
    assert (worst.owner.value, len(by_line["CN-NB-0017"].incidents)) == ("access", 2)


def test_a_line_shows_sessions_that_are_filed_under_another_line(bank: Bank) -> None:
    """The data centre's sessions test a part of every line; each has both directions, A to Z first."""
    page = bank.line_page(LineCode("CN-SZ-0021"), Language.EN)
    assert page is not None
    names = [view.name for view in page.sessions]
    assert {"ce-3-pe", "pe2-pe3-1", "pe2-pe3-2", "pe3-fw", "fw-srv"} <= set(names)
    assert names.index("ce-3-host") < names.index("pe2-pe3-1") < names.index("fw-srv")
    assert {tuple(series.label for series in view.delay.series) for view in page.sessions} == {("A → Z", "Z → A")}
    back = next(view for view in page.sessions if view.name == "fw-ce-3")
    assert (back.first, back.last) == ("fw-wan", "ce-3-wan")


def test_routes_are_told_by_the_names_of_who_answered(bank: Bank) -> None:
    """A flow that changed its path shows the one before; who is not known stays an address, who is silent None."""
    page = bank.line_page(LineCode("CN-SZ-0021"), Language.EN)
    assert page is not None
    first, second = page.traces
    assert first.hops == ("PE2", "P1", "PE3", None, "firewall")
    assert first.previous is None
    assert second.hops[1] == "P2"
    assert second.previous == first.hops


def test_dropped_batches_silent_probes_and_planned_work_are_on_their_lines_only(bank: Bank) -> None:
    """Each line's page tells what is missing of it."""
    pages = {code: bank.line_page(LineCode(code), Language.EN) for code in ("CN-SZ-0021", "CN-NJ-0034", "CN-HZ-0018")}
    suzhou, nanjing, hangzhou = (page for page in pages.values() if page is not None)
    assert [(d.probe, d.stream, d.batches) for d in suzhou.dropped] == [("ce-3", "flows", 12)]
    assert (nanjing.dropped, hangzhou.dropped) == ((), ())
    assert [v.name for v in nanjing.path.vantages if v.silent] == ["ce-4-lan", "ce-4-wan"]
    assert [len(page.planned) for page in (suzhou, nanjing, hangzhou)] == [1, 1, 0]


@pytest.mark.parametrize("language", sorted(Language))
def test_the_report_of_every_incident_stands_in_both_languages(bank: Bank, language: Language) -> None:
    """No open blank, no id where a name belongs, nothing loaded from elsewhere."""
    for incident in bank.incidents():
        material = bank.material(incident.id, language)
        assert material is not None
        page = fault_report(material, language)
        words = plain(page)
        assert "{" not in words
        assert not re.search(r"\b(loop|core|branch|srv|svc|dns)-\d\b(?!-)", re.sub(r"\bsrv-1-host\b", "", words)), incident.id
        assert not re.search(r"<(link|script|img|iframe)\b|https?://|url\(", page)


def test_an_ambiguous_verdict_says_what_would_tell(bank: Bank) -> None:
    """Two members of the core, the test between them, and how the verdict moved."""
    material = bank.material("F20260105-0103-c0de01", Language.EN)
    assert material is not None
    words = plain(fault_report(material))
    assert "It is one of these two: core segment PE2-P1 or core segment P1-PE3." in words
    assert "A test from pe2-mirror to P1 would tell." in words
    assert "moved from access network to carrier core; from added delay to congestion" in words
    assert "because median delay 19.4 ms, usually 5.3 ms from PE2 to PE3" in words
