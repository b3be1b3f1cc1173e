"""Times as people write them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from analyzer.planning.works.times import UnusableError, instant_ns, written

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-01 02:00",
        "2026/12/1 2:00",
        "2026-12-01T02:00:00",
        "2026-12-01T02:00:00+08:00",
        "2026-11-30T18:00Z",
        " 2026-12-01 02:00 ",
    ],
)
def test_one_instant_in_many_spellings(text: str) -> None:
    """With an offset the zone does not matter; without one it is the lines'."""
    assert written(instant_ns(text, SHANGHAI), SHANGHAI) == "2026-12-01T02:00:00+08:00"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("2026-03-29 02:30", "skipped by the clocks of Europe/Berlin"),
        ("2026-10-25 02:30", "shown twice by the clocks of Europe/Berlin"),
        ("2026-02-30 02:30", "not a time"),
        ("tomorrow", "not a time"),
        ("2026-12-01", "not a time"),
    ],
)
def test_a_time_that_is_none_or_two_is_refused(text: str, wrong: str) -> None:
    """With what to write instead."""
    with pytest.raises(UnusableError, match=wrong) as caught:
        instant_ns(text, BERLIN)
    assert caught.value.remedy


def test_nobodys_clock_needs_an_offset() -> None:
    """Lines of several zones do not say which one is meant."""
    with pytest.raises(UnusableError, match="several time zones"):
        instant_ns("2026-12-01 02:00", None)
    assert instant_ns("2026-12-01 02:00 +08:00", None) == instant_ns("2026-12-01 02:00", SHANGHAI)
