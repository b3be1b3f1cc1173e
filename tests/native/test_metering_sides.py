"""The side of a loss on real TCP: the kernel's own drop counters before and after an observation point are the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from faultline.records.bracket import between, seen_of
from tests.native.chain import Chain, Drops

pytestmark = pytest.mark.net

POINT = ("point", "to2")
LEAST_RECALL = 0.6
"""Of lost requests and replies of one segment, seen or inferred; most runs find nine in ten."""
RIGHT_SIDE = 0.98
"""Of the retransmitted segments that show a side."""


def chance(per_mille: int) -> str:
    """Each packet by itself."""
    return f"numgen random mod 1000 < {per_mille}"


def bursts(length: int, of: int) -> str:
    """So many in a row out of so many."""
    return f"numgen inc mod {of} < {length}"


@pytest.fixture
def chain() -> Iterator[Callable[[str], Chain]]:
    """Makes the line with a congestion control; gone after the test."""
    made: list[Chain] = []

    def make(congestion: str) -> Chain:
        made.append(Chain(congestion))
        made[-1].start()
        return made[-1]

    yield make
    for line in made:
        line.stop()


def sums(records: Sequence[Mapping[str, Any]], prefix: str) -> Counter[str]:
    """Counters of a direction over all records."""
    total: Counter[str] = Counter()
    for record in records:
        total.update({key.removeprefix(prefix): value for key, value in record.items() if isinstance(value, int)})
    return total if prefix else Counter({key: value for key, value in total.items() if not key.startswith("reverse_")})


def upstream(counts: Counter[str]) -> int:
    """All that was lost before the point."""
    return counts["loss_upstream"] + counts["loss_upstream_inferred"]


CASES = {
    "cubic-before": ("cubic", "upload", chance(20), None),
    "cubic-after": ("cubic", "upload", None, chance(20)),
    "cubic-rarely": ("cubic", "upload", chance(2), chance(2)),
    "cubic-both": ("cubic", "upload", chance(10), chance(10)),
    "cubic-back": ("cubic", "download", chance(20), chance(10)),
    "cubic-heavily": ("cubic", "upload", chance(50), None),
    "cubic-bursts": ("cubic", "upload", bursts(3, 400), bursts(4, 700)),
    "bbr-both": ("bbr", "upload", chance(10), chance(20)),
}


@pytest.mark.parametrize("case", CASES)
def test_bulk_losses_are_on_the_right_side(chain: Callable[[str], Chain], case: str) -> None:
    """Of what shows a side, 98 % shows the right one; with losses on both, each count is the counter's within 5 % or three."""
    congestion, kind, before, after = CASES[case]
    line, forth = chain(congestion), kind == "upload"
    # The packets of a download meet the far node first.
    rules = [("near" if forth else "far", before), ("far" if forth else "near", after)]
    line.drop(*(Drops(node=node, chance=words, to_server=forth) for node, words in rules if words))
    counts = sums(line.measure(kind, POINT)["point"], "" if forth else "reverse_")
    lost_before, lost_after = (line.dropped(node) if words else 0 for node, words in rules)
    shown = (upstream(counts), counts["loss_downstream"])
    print(case, "truth", (lost_before, lost_after), "shown", shown, dict(counts))  # noqa: T201 - shown when it fails
    assert lost_before + lost_after > 20
    wrong = max(0, shown[0] - lost_before) + max(0, shown[1] - lost_after)
    assert wrong <= (1 - RIGHT_SIDE) * sum(shown)
    for told, truth in zip(shown, (lost_before, lost_after), strict=True):
        # A repetition that is lost before the point as well is not always seen: it is as likely as any other loss.
        again = lost_before / (counts["tcp_segments"] + lost_before)
        assert abs(told - truth) <= max(3, (0.05 + again) * truth)
    assert counts["acked_unseen_octets"] == 0


def test_requests_of_one_segment_tell_less(chain: Callable[[str], Chain]) -> None:
    """A lost request or reply leaves no hole: what is inferred is never more than was lost, and kept apart."""
    line = chain("cubic")
    line.drop(Drops(node="near", chance=chance(30), over=55), Drops(node="far", chance=chance(30), to_server=False))
    records = line.measure("talk", POINT, seconds=6)["point"]
    asked, answered = sums(records, ""), sums(records, "reverse_")
    truth = (line.dropped("near"), line.dropped("far"))
    print("truth", truth, "shown", upstream(asked), upstream(answered))  # noqa: T201
    for counts, lost in zip((asked, answered), truth, strict=True):
        assert upstream(counts) <= lost
    assert asked["loss_upstream_inferred"] + answered["loss_upstream_inferred"] > 0
    assert upstream(asked) + upstream(answered) >= LEAST_RECALL * sum(truth)


def test_two_points_tell_what_was_lost_between_them(chain: Callable[[str], Chain]) -> None:
    """Segment by segment: certain losses never exceed the truth, doubt covers the rest, and losses elsewhere are not theirs."""
    line = chain("cubic")
    line.drop(Drops(node="near", chance=chance(2)), Drops(node="point", chance=chance(6)), Drops(node="far", chance=chance(2)))
    found = line.measure("upload", ("point", "to2"), ("far", "to3"))
    told = between(seen_of(found["point"], reverse=False), seen_of(found["far"], reverse=False))
    truth = line.dropped("point")
    print("truth", truth, told)  # noqa: T201
    assert truth > 10
    assert told.lost <= truth <= told.lost + told.unsure
    assert told.is_usable
    assert told.contradictions == 0


def test_super_segments_are_counted_as_what_is_on_the_wire(chain: Callable[[str], Chain]) -> None:
    """Where hosts merge segments a probe sees fewer and longer ones: it counts nearly what passes a link where nobody merges."""
    line = chain("cubic")
    line.let_hosts_merge(1, 2)
    found = line.measure("upload", POINT, ("far", "to3"), seconds=1.5)
    merged, wire = sums(found["point"], ""), sums(found["far"], "")
    print({name: (merged[name], wire[name]) for name in ("super_segments", "packets", "octets", "tcp_segments")})  # noqa: T201
    assert merged["super_segments"] > 100
    assert wire["super_segments"] == 0
    # The kernel cuts what it had merged at the seams as well: one packet more for a super-segment, or none.
    for name in ("packets", "tcp_segments"):
        assert 0 <= wire[name] - merged[name] <= merged["super_segments"], name
    assert 0 <= wire["octets"] - merged["octets"] <= 60 * merged["super_segments"]
    assert merged["tcp_payload_octets"] == wire["tcp_payload_octets"]
