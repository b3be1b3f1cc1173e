"""Syslog as devices send it: messages of both RFCs and of neither, framing, and patterns that no text makes slow."""

from __future__ import annotations

import contextlib
import datetime as dt
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.events.syslog.framing import Framing, FramingError
from collector.events.syslog.message import MOST_OCTETS, MOST_TEXT, SyslogError, parsed
from collector.events.syslog.pattern import Pattern, PatternError

GAPS = ("interface", "state", "peer")


def at(text: str) -> int:
    """An instant in nanoseconds."""
    return int(dt.datetime.fromisoformat(text).timestamp() * 1e6) * 1000


NOW_NS = at("2026-11-25T01:30:00+00:00")


@pytest.mark.parametrize(
    ("octets", "told", "text"),
    [
        (b"<189>Nov 25 01:02:03 pe1 link down", "2026-11-25T01:02:03+00:00", "pe1 link down"),
        (b"<189>Nov  5 01:02:03.25 pe1 x", "2026-11-05T01:02:03.250000+00:00", "pe1 x"),
        (b"<189>12: *Nov 25 01:02:03.500 UTC: %SYS-5-X: y", "2026-11-25T01:02:03.500000+00:00", "UTC: %SYS-5-X: y"),
        (b"<189>Nov 25 2026 01:02:03 PE1 %%01A/4/B(l)[1]:x", "2026-11-25T01:02:03+00:00", "PE1 %%01A/4/B(l)[1]:x"),
        (b"<189>%Nov 25 01:02:03:123 2026 PE1 A/5/B: x", "2026-11-25T01:02:03.123000+00:00", "PE1 A/5/B: x"),
        (
            b'<28>1 2026-11-25T09:02:03.5+08:00 pe1 mib2d 7 ID [a b="c"] x',
            "2026-11-25T01:02:03.500000+00:00",
            'mib2d 7 ID [a b="c"] x',
        ),
        (b"<28>1 - pe1 mib2d - - - x", None, "mib2d - - - x"),
        (b"<28>no time at all", None, "no time at all"),
        (b"<28>Feb 30 01:02:03 pe1 x", None, "Feb 30 01:02:03 pe1 x"),
        (b"<28>Jan  1 1950 00:00:00 pe1 x", None, "pe1 x"),
        ("<28>Nov 25 01:02:03 pe1 端口".encode(), "2026-11-25T01:02:03+00:00", "pe1 端口"),
        ("<28>Nov 25 01:02:03 pe1 端口".encode("gbk"), "2026-11-25T01:02:03+00:00", "pe1 端口"),
        (b"<28>\xef\xbb\xbfNov 25 01:02:03 pe1 a\r\n  b\0", "2026-11-25T01:02:03+00:00", "pe1 a b"),
    ],
)
def test_a_message_is_read_as_devices_write_it(octets: bytes, told: str | None, text: str) -> None:
    """The time where it stands, a year in front or behind or none, UTF-8 or GBK; spaces and line ends are one space."""
    found = parsed(octets, NOW_NS)
    assert (found.told_ns, found.text) == (None if told is None else at(told), text)


def test_priority_is_facility_and_severity() -> None:
    """RFC 5424 section 6.2.1."""
    assert (parsed(b"<191>x", NOW_NS).facility, parsed(b"<191>x", NOW_NS).severity) == (23, 7)


@pytest.mark.parametrize("octets", [b"", b"hello", b"<192>x", b"<>x", b"<1x>y", b"<1234>x"])
def test_without_a_priority_it_is_no_syslog(octets: bytes) -> None:
    """Other protocols come to the port, too."""
    with pytest.raises(SyslogError):
        parsed(octets, NOW_NS)


def test_a_year_that_is_not_told_is_the_nearest() -> None:
    """A message of New Year's Eve that comes after midnight, and a clock that is ahead of ours."""
    assert parsed(b"<1>Dec 31 23:59:59 x", at("2027-01-01T00:00:03+00:00")).told_ns == at("2026-12-31T23:59:59+00:00")
    assert parsed(b"<1>Jan  1 00:00:03 x", at("2026-12-31T23:59:59+00:00")).told_ns == at("2027-01-01T00:00:03+00:00")


def test_a_long_message_is_cut_and_stays_text() -> None:
    """In the middle of a character too; patterns are looked for in its beginning."""
    for pad in range(3):
        found = parsed(b"<1>" + b"x" * pad + "端".encode() * MOST_OCTETS, NOW_NS)
        assert len(found.text) == MOST_TEXT
        assert set(found.text) <= {"x", "端"}


@given(st.binary(max_size=200), st.sampled_from([b"", b"<13>", b"<13>1 ", b"<13>Nov 25 "]))
def test_no_octets_are_more_than_refused(octets: bytes, head: bytes) -> None:
    """Whatever a stranger sends."""
    with contextlib.suppress(SyslogError):
        assert len(parsed(head + octets, NOW_NS).text) <= MOST_TEXT


# ---- framing
MESSAGES = [b"<13>one", b"<14>two words", "<15>端口".encode()]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.lists(st.booleans(), min_size=3, max_size=3))
def test_messages_come_out_however_they_were_cut_and_framed(cuts: list[int], counted: list[bool]) -> None:
    """Counted and ended by LF, mixed on one connection, in pieces of any size."""
    framed = [
        b"%d %s" % (len(message), message) if count else message + b"\n" for message, count in zip(MESSAGES, counted, strict=True)
    ]
    found: list[bytes] = []
    stream, framing, start = b"".join(framed), Framing(), 0
    for cut in (*cuts, len(stream)):
        found += framing.feed(stream[start : start + cut])
        start += cut
    assert found == MESSAGES


def test_the_last_line_of_a_connection_needs_no_end() -> None:
    """And CR, NUL and empty lines belong to no message."""
    framing = Framing()
    assert list(framing.feed(b"<13>a\r\n\n<13>b\0<13>c")) == [b"<13>a", b"<13>b"]
    assert framing.rest() == b"<13>c"
    assert framing.rest() == b""


@pytest.mark.parametrize("octets", [b"99999 ", b"123456", b"0 x", b"12a <", b"x" * (MOST_OCTETS + 1)])
def test_a_connection_that_cannot_be_read_is_given_up(octets: bytes) -> None:
    """Counts that are none, lines without end: nothing is held for them."""
    with pytest.raises(FramingError):
        list(Framing().feed(octets))


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_no_stream_is_held_beyond_a_message(pieces: list[bytes]) -> None:
    """What waits is bounded, whatever comes."""
    framing = Framing()
    with contextlib.suppress(FramingError):
        for piece in pieces:
            list(framing.feed(piece))
    assert len(framing._held) <= MOST_OCTETS + 100


# ---- patterns
@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("Interface {interface}, changed state to {state}", "x Interface Gi0/1, changed state to down", ("Gi0/1", "down")),
        ("Interface {interface}, changed state to {state}", "Interface a b, changed state to down", None),
        (
            "Interface {interface}, changed state to {state}",
            "Interface a b, Interface Gi0/1, changed state to up.",
            ("Gi0/1", "up"),
        ),
        ("on {interface} is {*}state {state}", "on ge-0 is in state up", ("ge-0", "up")),
        ("on {interface} is {*}state {state}", "on ge-0 is state up", ("ge-0", "up")),
        ("port {interface}", "port ", None),
        ("port {interface}", "a port", None),
        ("port {interface} ({state})", "port 1 (down)", ("1", "down")),
    ],
)
def test_gaps_take_words(pattern: str, text: str, found: tuple[str, ...] | None) -> None:
    """One word each, never empty; what does not follow at one place may follow at the next."""
    words = Pattern(pattern, GAPS).match(text)
    assert (None if words is None else tuple(words.values())) == found


@pytest.mark.parametrize(
    "pattern", ["", " {interface}", "{*}x", "a {b}", "a {interface}{state}", "a {state} b {state}", "a {Interface}", "a } b"]
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    """With the reason, when the file is read."""
    with pytest.raises(PatternError, match=r"."):
        Pattern(pattern, GAPS)


@given(
    st.lists(st.sampled_from(["{*}", "{interface}", "{state}", "a", "ab", " ", "down"]), min_size=1, max_size=9),
    st.text(alphabet="ab down", max_size=60),
)
def test_no_text_makes_a_pattern_slow(parts: list[str], text: str) -> None:
    """Repetitions that would send a regular expression back and forth for hours."""
    try:
        pattern = Pattern("a" + "".join(parts), GAPS)
    except PatternError:
        return
    start_s = time.process_time()
    pattern.match((text or "a") * 100)
    assert time.process_time() - start_s < 1.0
