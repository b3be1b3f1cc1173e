"""What customers are told."""

from __future__ import annotations

import string

import attrs
import pytest

from analyzer.planning.works.affected import Period, impact
from analyzer.planning.works.notices import Notice, notices
from analyzer.planning.works.words import WORDS
from faultline.inventory import Inventory
from faultline.records.terms import SECOND_NS, LineCode, TenantId
from faultline.reports.words import Language

START_NS = 1_796_061_600 * SECOND_NS
"""2026-12-01 02:00 in Shanghai."""
NIGHT = Period(start_ns=START_NS, end_ns=START_NS + 7200 * SECOND_NS)


def told(known: Inventory, *names: str, reason: str = "", language: Language = Language.EN) -> dict[str, Notice]:
    """Customer → notice."""
    return {n.customer: n for n in notices(impact(known, names, NIGHT), known, language=language, reason=reason)}


def test_every_word_is_there_in_both_languages() -> None:
    """With the same values in it."""
    for key, texts in WORDS.items():
        fields = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in texts]
        assert fields[0] == fields[1], key
        assert all(texts), key


@pytest.mark.parametrize("language", list(Language))
def test_a_notice_speaks_of_its_customer_alone(known: Inventory, language: Language) -> None:
    """No other customer's name, id or line, and no component, occurs in it."""
    found = told(known, "pe1", language=language)
    assert set(found) == {"First Bank", "Second Bank"}
    for foreign in ("Second", "S-1", "second", "pe1"):
        assert foreign not in found["First Bank"].text
    for foreign in ("First", "F-1", "F-2", "first", "Teller", "pe1"):
        assert foreign not in found["Second Bank"].text


def test_times_are_by_the_clock_of_the_lines(known: Inventory) -> None:
    """A customer with lines in two zones reads each with its own."""
    abroad = attrs.evolve(known.lines[LineCode("F-2")], time_zone="Europe/London")
    known = attrs.evolve(known, lines={**known.lines, abroad.code: abroad})
    text = told(known, "pe1")["First Bank"].text
    assert "2026-12-01 02:00:00 UTC+08:00 to 2026-12-01 04:00:00 UTC+08:00" in text
    assert "2026-11-30 18:00:00 UTC to 2026-11-30 20:00:00 UTC" in text
    assert text.index("UTC+08:00") < text.index("F-1") < text.index("18:00:00 UTC") < text.index("- F-2")


def test_a_reason_that_names_another_customer_is_left_out(known: Inventory) -> None:
    """For the others; he himself reads it."""
    found = told(known, "pe1", reason="move Second Bank to another card")
    assert "another card" not in found["First Bank"].text
    assert "move Second Bank to another card" in found["Second Bank"].text
    assert all("cut-over" in notice.text for notice in told(known, "pe1", reason="cut-over").values())


def test_customers_of_one_tenant_do_not_read_of_each_other(known: Inventory) -> None:
    """A carrier may keep several customers' lines under one tenant."""
    lines = {code: attrs.evolve(line, customer=f"Shop {code}", tenant=TenantId("first")) for code, line in known.lines.items()}
    known = attrs.evolve(known, lines=lines)
    found = told(known, "pe1", reason="for Shop F-2")
    assert "Shop F-2" in found["Shop F-2"].text
    assert all("F-2" not in notice.text for customer, notice in found.items() if customer != "Shop F-2")


def test_what_becomes_of_a_line_and_its_backup_is_said(known: Inventory) -> None:
    """Interrupted or diverted; the backup untouched, sharing, or none known; what cannot be reached."""
    text = told(known, "pe1")["First Bank"].text
    assert "- F-1 (AA), Ningbo - Shanghai: it will be interrupted." in text
    assert "Its backup F-2 crosses the same place and will be interrupted, too." in text
    assert "Cannot be reached over it: Teller service." in text
    assert "Its backup F-2 is not touched by this work." in told(known, "loop-1")["First Bank"].text
    assert "No backup of it is known to us." in told(known, "loop-4")["Second Bank"].text
    diverted = told(known, "p1")["First Bank"].text
    assert "moves to another path" in diverted
    assert "backup" not in diverted
    assert "Teller" not in diverted


def test_an_open_end_is_not_made_up(known: Inventory) -> None:
    """Without a declared window the notice gives the beginning alone."""
    (notice,) = notices(impact(known, ["loop-4"], Period(start_ns=NIGHT.start_ns)), known, language=Language.ZH)
    assert "2026-12-01 02:00:00 UTC+08:00" in notice.text
    assert "结束时间另行通知" in notice.text
