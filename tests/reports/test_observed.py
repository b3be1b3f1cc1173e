"""Every kind of evidence as a sentence, in both languages."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest

from faultline.reports.observed import kind_word, observation_sentence
from faultline.reports.sentences import Speaker
from faultline.reports.words import Language

DELAY = {"n": 50, "min_us": 5000, "median_us": 9400, "p90_us": 14000}
USUAL = {"n": 9000, "min_us": 5000, "median_us": 5300, "mad_us": 120, "p90_us": 6100}
MEDIAN = "median delay 9.4 ms, usually 5.3 ms from Ce to Loop (50 samples)"
CASES: list[tuple[dict[str, Any], str]] = [
    (
        {"kind": "loss", "source": "active", "via": ["ce", "loop>"], "sent": 4000, "lost": 31, "background": 5e-5},
        "31 of 4000 test packets lost (0.78 %) from Ce to Loop; expected 0.2",
    ),
    (
        {"kind": "loss", "source": "active", "via": ["ce", "loop>", "loop<", "ce"], "sent": 9, "lost": 9, "round_trip": True},
        "9 of 9 test packets lost (100 %) at Ce, there and back",
    ),
    (
        {
            "kind": "loss",
            "source": "passive",
            "paths": [{"via": ["ce", "p1"], "weight": 0.5}, {"via": ["ce", "p2"], "weight": 0.5}],
            "sent": 900,
            "lost": 4,
            "more_paths": 3,
        },
        "4 of 900 TCP segments lost (0.44 %) from Ce to P1, on one of 2 equal paths, and on 3 more paths, all together",
    ),
    (
        {"kind": "delay", "via": ["ce", "loop>"], **DELAY, "baseline": USUAL},
        f"{MEDIAN}; the fastest as ever (5 ms), one in ten above 14 ms (usually 6.1 ms): a queue",
    ),
    (
        {"kind": "delay", "via": ["ce", "loop>"], **DELAY, "min_us": 9100, "baseline": USUAL},
        f"{MEDIAN}; even the fastest took 9.1 ms (usually 5 ms): a longer way, not a queue",
    ),
    (
        {"kind": "delay", "via": ["ce", "loop>"], **DELAY, "min_us": 7100, "baseline": USUAL},
        f"{MEDIAN}; between 7.1 ms for the fastest and more than 14 ms for one in ten: a queue that hardly empties",
    ),
    ({"kind": "delay", "via": ["ce", "loop>"], **DELAY}, "median delay 9.4 ms from Ce to Loop (50 samples); no baseline yet"),
    (
        {"kind": "failure", "protocol": "tcp", "endpoint": "svc", "attempts": 60, "failed": 21, "outcome": "refused"},
        "21 of 60 TCP connection attempts were refused to Svc",
    ),
    (
        {
            "kind": "failure",
            "protocol": "dns",
            "via": ["ce", "dns"],
            "endpoint": "dns",
            "attempts": 6,
            "failed": 6,
            "outcome": "timeout",
        },
        "6 of 6 DNS queries timed out to Dns, from Ce to Dns",
    ),
    (
        {
            "kind": "response",
            "endpoint": "svc",
            "n": 300,
            "median_us": 90000,
            "baseline": {"n": 9, "median_us": 8000, "mad_us": 1},
        },
        "Svc answers in 90 ms, usually 8 ms (300 answers)",
    ),
    (
        {"kind": "zero_window", "endpoint": "srv", "seconds": 60, "closed_seconds": 22.4},
        "Srv kept its receive window closed 22.4 s of 60 s (37.3 %)",
    ),
    (
        {"kind": "mtu", "via": ["pe1", "core>"], "size": 1500, "sent": 20, "lost": 20},
        "20 of 20 packets of 1500 octets lost from Pe1 to Core",
    ),
    (
        {
            "kind": "zero_window",
            "endpoint": "srv",
            "seconds": 30,
            "closed_seconds": 3,
            "view": "vantage ce-wan L-1 srv zero_window",
        },
        "Srv kept its receive window closed 3 s of 30 s (10 %), seen at ce-wan on L-1",
    ),
    ({"kind": "counter", "component": "loop", "name": "if_in_errors", "raised": True}, "Loop reports damaged packets received"),
    ({"kind": "counter", "component": "loop", "name": "unheard_of", "raised": False}, "Loop was asked and reports no unheard_of"),
    (
        {"kind": "event", "component": "loop>", "name": "LOS", "raised": True, "source": "trap"},
        "Loop: LOS, told by an SNMP trap",
    ),
    (
        {"kind": "event", "component": "loop>", "name": "LOS", "raised": True, "source": "trap", "sender": "ce", "place": "ge-1"}
        | {"at": "2026-01-01T00:00:05Z"},
        "Ce told LOS on Loop (ge-1) at 00:00:05 UTC (trap)",
    ),
    (
        {"kind": "event", "component": "ce", "name": "POWER", "raised": True, "source": "person", "sender": "noc", "place": "ce"},
        "noc told POWER on Ce (by word of mouth)",
    ),
    (
        {"kind": "silence", "probe": "probe:ce-1", "site": "branch", "missed": 6, "expected": 6, "paths": [{}, {}]},
        "probe ce-1 in Branch was silent: 6 of 6 reports missing",
    ),
    (
        {"kind": "route_change", "from": "ce-wan", "to": "fw-wan", "components": ["p1", "p2"]},
        "the route from ce-wan to fw-wan changed: P1 or P2",
    ),
]


@pytest.mark.parametrize(("observation", "sentence"), CASES, ids=[sentence[:24] for _, sentence in CASES])
def test_an_observation_is_a_sentence_with_its_numbers(speaker: Speaker, observation: dict[str, Any], sentence: str) -> None:
    """Names instead of ids; the statistic that tells a queue from a longer way is told with the delay."""
    assert observation_sentence(speaker, observation) == sentence


@pytest.mark.parametrize(("observation", "sentence"), CASES, ids=[sentence[:24] for _, sentence in CASES])
def test_every_kind_has_its_chinese_words(speaker: Speaker, observation: dict[str, Any], sentence: str) -> None:
    """No blank is left open, and no English sentence slips through."""
    chinese = Speaker(language=Language.ZH, names=speaker.names)
    said = observation_sentence(chinese, observation)
    assert "{" not in said
    assert said != sentence
    assert any(ord(letter) > 0x2E7F for letter in said)
    assert kind_word(chinese, observation) != kind_word(speaker, observation)


def test_who_told_it_is_said_by_the_lines_clock(speaker: Speaker) -> None:
    """Not by the clock of whoever wrote the evidence."""
    told = {"kind": "event", "component": "loop", "name": "LOS", "raised": True, "source": "syslog", "sender": "ce"}
    chinese = Speaker(language=Language.ZH, names=speaker.names, tz=timezone(timedelta(hours=8)))
    assert observation_sentence(chinese, told | {"at": "2026-01-01T00:00:05Z"}).startswith(
        "Ce 于 08:00:05 UTC+08:00 上报 Loop LOS"
    )


def test_an_unknown_kind_is_named_not_hidden(speaker: Speaker) -> None:
    """A newer analyzer's evidence is still listed."""
    assert observation_sentence(speaker, {"kind": "omen"}) == "omen"
    assert kind_word(speaker, {"kind": "omen"}) == "omen"
