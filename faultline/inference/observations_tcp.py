"""Evidence of the line's own TCP traffic: where along the line segments were lost.

Every vantage sees the same losses: to the far vantage they are upstream, to the near one downstream. Taking each vantage's
two counts as evidence would count a lost segment once a vantage, and a handful of strays would look like a fault. So the
vantages of a direction that see the same traffic are put in order, and each loss is counted where it lies:

- between the sender and the first vantage: that vantage's `loss_upstream`, of the segments that passed it and those that did not;
- between two neighbours: what is downstream of the nearer one and not downstream of the farther one (`bracket`);
- between the last vantage and the receiver: its `loss_downstream`. Repeats that were proven spurious (RFC 2883) are not in it.

The difference is taken downstream because a lost tail leaves no hole: the farther vantage would not see it as upstream, so the
difference of upstream counts is only a lower bound. Two meters do not class every repeat alike, so the background is raised by
`DISAGREEMENT` of what lies beyond. A vantage that sees other traffic than the busiest one, or loses packets while capturing, is
left out; alone it is used as it is, with its quality.

A slice with one segment at most is `bracket` too: wherever in it the loss was, and whether a segment or its acknowledgement was
lost, the place is the same. The rest of a line seen from one vantage is `passive`: lost acknowledgements of all of it look
like lost segments.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import attrs

from faultline.inference.observations_rows import Ground, Observation, SeenRow, count, ratio, with_quality
from faultline.inventory import positions
from faultline.inventory.model import Inventory, Line, Position
from faultline.records.incident import base_of
from faultline.records.terms import Direction, LineCode, VantageId

MOST_CAPTURE_LOSS = 0.01
"""A capture that misses more than this takes no part in a chain."""
MOST_ONE_SIDED = 0.2
"""Nor does one that sees only one direction of more than this share of its flows: it cannot tell the side of a loss."""
SAME_TRAFFIC = 0.02
"""Two vantages see the same traffic when what the sender sent, as far as each can tell, agrees to this share..."""
SAME_TRAFFIC_SEGMENTS = 10
"""... or to this many segments, which may be under way when a window ends."""
DISAGREEMENT = 0.03
"""Share of the repeats of farther losses that two meters may class differently."""
BACKGROUND = 5e-4
"""TCP fills queues until they drop: ten times the loss of a healthy path seen with test packets."""


@attrs.frozen(slots=True, kw_only=True)
class Sight:
    """A vantage's counts of one direction of a line."""

    line: Line
    direction: Direction
    vantage: VantageId
    position: Position
    row: SeenRow
    segments: int
    upstream: int
    downstream: int

    @property
    def told_sent(self) -> int:
        """Segments the sender sent, as far as this vantage can tell."""
        return self.segments + self.upstream + (count(self.row, "loss_upstream_inferred") or 0)

    @property
    def is_good(self) -> bool:
        """Whether the capture was good enough to stand in a chain."""
        capture, one_sided = ratio(self.row, "capture_loss_ratio") or 0.0, ratio(self.row, "one_sided_ratio") or 0.0
        return capture <= MOST_CAPTURE_LOSS and one_sided <= MOST_ONE_SIDED

    @property
    def order(self) -> float:
        """Rises in the direction of the packets."""
        return self.position.place if self.direction is Direction.A_TO_Z else -self.position.place


def sight_of(row: SeenRow, inventory: Inventory) -> Sight | None:
    """A `line_quality` row at its place; None when the inventory has no such place or no segment was judged."""
    line = inventory.lines.get(LineCode(row.tags.get("line", "")))
    vantage = inventory.vantages.get(VantageId(row.tags.get("vantage", "")))
    position = vantage.positions.get(line.code) if line and vantage else None
    segments = count(row, "tcp_segments")
    if line is None or vantage is None or position is None or not segments:
        return None
    return Sight(
        line=line,
        direction=Direction(row.tags["direction"]),
        vantage=vantage.id,
        position=position,
        row=row,
        segments=segments,
        upstream=count(row, "loss_upstream") or 0,
        downstream=count(row, "loss_downstream") or 0,
    )


def chains_of(sights: Iterable[Sight]) -> Iterator[list[Sight]]:
    """For each line and direction the vantages that see the same traffic, in the packets' order, at least one."""
    groups: dict[tuple[LineCode, Direction], list[Sight]] = {}
    for sight in sights:
        groups.setdefault((sight.line.code, sight.direction), []).append(sight)
    for _, group in sorted(groups.items()):
        yield _chain(group)


def _chain(group: Sequence[Sight]) -> list[Sight]:
    busiest = max(group, key=lambda s: (s.is_good, s.told_sent, -s.order, s.vantage))
    same = [sight for sight in group if sight is busiest or (busiest.is_good and sight.is_good and _same(sight, busiest))]
    by_place: dict[float, Sight] = {}
    for sight in sorted(same, key=lambda s: (s.order, -s.told_sent, s.vantage)):
        by_place.setdefault(sight.order, sight)  # two captures at one place see the same losses
    return list(by_place.values())


def _same(one: Sight, other: Sight) -> bool:
    """Whether both saw the same traffic. A lost tail is missing at the far one, so losses may explain a difference too."""
    allowed = max(SAME_TRAFFIC_SEGMENTS, SAME_TRAFFIC * other.told_sent, one.downstream, other.downstream)
    return abs(one.told_sent - other.told_sent) <= allowed


def tcp_losses(chain: Sequence[Sight], ground: Ground) -> Iterator[Observation]:
    """The losses of one direction, each counted where it lies."""
    first, last = chain[0], chain[-1]
    before = positions.from_sender(first.line, ground.inventory, first.position, first.direction)
    if before:
        source = "passive" if _is_long(before, ground.inventory) else "bracket"
        yield _loss(source, before, first.segments + first.upstream, first.upstream, first)
    for near, far in itertools.pairwise(chain):
        lost = min(near.segments, max(0, near.downstream - far.downstream))
        inside = positions.via(near.line, ground.inventory, near.position, far.position)
        yield _loss("bracket", inside, near.segments, lost, near, far, beyond=far.downstream)
    after = positions.to_receiver(last.line, ground.inventory, last.position, last.direction)
    if after:
        source = "passive" if _is_long(after, ground.inventory) else "bracket"
        yield _loss(source, after, max(last.segments, last.downstream), last.downstream, last)


def _is_long(via: Sequence[str], inventory: Inventory) -> bool:
    return sum(inventory.components[base_of(component)].directed for component in via) > 1


def _loss(source: str, via: Sequence[str], sent: int, lost: int, *seen_by: Sight, beyond: int = 0) -> Observation:
    observation: Observation = {"kind": "loss", "source": source, "via": list(via), "sent": sent, "lost": lost}
    if source == "bracket":  # of a passive count the localiser knows better how wide the background is
        observation["background"] = round(BACKGROUND + DISAGREEMENT * min(1.0, beyond / sent), 7)
    return with_quality(observation, worst_quality(seen_by))


def worst_quality(seen_by: Iterable[Sight]) -> dict[str, float | None]:
    """Of several captures the worst."""
    rows = [sight.row for sight in seen_by]
    return {
        name: max((value for row in rows if (value := ratio(row, name)) is not None), default=None)
        for name in ("capture_loss_ratio", "one_sided_ratio")
    }
