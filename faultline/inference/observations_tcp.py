"""Evidence of the line's own TCP traffic: two observations a vantage and direction, for the two sides of a loss.

A segment that was lost before it came past exposes only what lies between its sender and the vantage; one that was lost after
that, only what lies between the vantage and its receiver. One vantage's retransmissions are never end-to-end loss.

Repeats that were proven spurious (RFC 2883) are in neither count. Losses inferred from a host's packet numbers are upstream
losses: the last segment of a request leaves no hole behind. What is usual on each side of a vantage, learned from its own clean
windows, is the background; where nothing is learned yet it is left to the localiser, who then trusts TCP little. Every vantage
sees the same losses, each with its own capture and its own part of the line: they are witnesses, not more packets, and are
weighed as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from faultline.inference.observations_rows import Ground, Observation, SeenRow, count, ratio, with_quality
from faultline.inference.observations_ways import told
from faultline.inventory.model import Inventory, Line, Position
from faultline.records.terms import Direction, LineCode, VantageId

MOST_CAPTURE_LOSS = 0.01
"""A capture that misses more than this is no witness where others are."""
MOST_ONE_SIDED = 0.2
"""Nor is one that sees only one direction of more than this share of its flows: it cannot tell the side of a loss."""
LEAST_BACKGROUND = 5e-5
"""Loss ratio of a healthy path: what was never seen to happen still may."""


@attrs.frozen(slots=True, kw_only=True)
class Side:
    """Segments sent over one side of a vantage, and those of them that were lost there."""

    sent: int
    lost: int


def tcp_sides(row: SeenRow) -> tuple[Side, Side] | None:
    """What a `line_quality` row says of the way to the vantage and of the way after it; None when no segment was judged."""
    segments = count(row, "tcp_segments")
    if not segments:
        return None
    upstream = (count(row, "loss_upstream") or 0) + (count(row, "loss_upstream_inferred") or 0)
    downstream = count(row, "loss_downstream") or 0
    # What was lost upstream never came past, so it is not among the segments.
    return Side(sent=segments + upstream, lost=upstream), Side(sent=max(segments, downstream), lost=downstream)


@attrs.frozen(slots=True, kw_only=True)
class Sight:
    """A vantage's counts of one direction of a line."""

    line: Line
    direction: Direction
    vantage: VantageId
    position: Position
    row: SeenRow
    upstream: Side
    downstream: Side

    @property
    def is_good(self) -> bool:
        """Whether the capture was good enough to be a witness beside others."""
        capture, one_sided = ratio(self.row, "capture_loss_ratio") or 0.0, ratio(self.row, "one_sided_ratio") or 0.0
        return capture <= MOST_CAPTURE_LOSS and one_sided <= MOST_ONE_SIDED

    def view(self, metric: str) -> str:
        """What looks at what, as one text."""
        return f"vantage {self.vantage} {self.line.code} {self.direction.value} {metric}"

    @property
    def order(self) -> float:
        """Rises in the direction of the packets."""
        return self.position.place if self.direction is Direction.A_TO_Z else -self.position.place


def sight_of(row: SeenRow, inventory: Inventory) -> Sight | None:
    """A `line_quality` row at its place; None when the inventory has no such place or no segment was judged."""
    line = inventory.lines.get(LineCode(row.tags.get("line", "")))
    vantage = inventory.vantages.get(VantageId(row.tags.get("vantage", "")))
    position = vantage.positions.get(line.code) if line and vantage else None
    sides = tcp_sides(row)
    if line is None or vantage is None or position is None or sides is None:
        return None
    return Sight(
        line=line,
        direction=Direction(row.tags["direction"]),
        vantage=vantage.id,
        position=position,
        row=row,
        upstream=sides[0],
        downstream=sides[1],
    )


def tcp_losses(sights: Iterable[Sight], ground: Ground) -> Iterator[Observation]:
    """What the vantages of all lines say of losses, line by line in the packets' direction."""
    for group in by_direction(sights):
        good = [sight for sight in group if sight.is_good]
        for sight in good or group:
            yield from _losses(sight, ground)


def by_direction(sights: Iterable[Sight]) -> Iterator[list[Sight]]:
    """Those of one line and direction together, from the sender on."""
    groups: dict[tuple[LineCode, Direction], list[Sight]] = {}
    for sight in sights:
        groups.setdefault((sight.line.code, sight.direction), []).append(sight)
    for _, group in sorted(groups.items()):
        yield sorted(group, key=lambda sight: (sight.order, sight.vantage))


def _losses(sight: Sight, ground: Ground) -> Iterator[Observation]:
    line, place, direction = sight.line, sight.position, sight.direction
    before = ground.ways.from_sender(line, place, direction)
    after = ground.ways.to_receiver(line, place, direction)
    for metric, side, ways in (("loss_upstream", sight.upstream, before), ("loss_downstream", sight.downstream, after)):
        crossed = told(ways)
        if not crossed:
            continue
        observation: Observation = {"kind": "loss", "source": "passive", "view": sight.view(metric), **crossed}
        observation |= {"sent": side.sent, "lost": side.lost}
        usual = ground.usual(line=line.code, name=sight.vantage, direction=direction.value, metric=metric)
        if usual is not None:
            # Half a loss more than was seen (Jeffreys): a short memory without losses does not make one impossible.
            learned = (usual.mean * usual.n + 0.5) / (usual.n + 1)
            observation["background"] = round(max(LEAST_BACKGROUND, learned), 7)
        yield with_quality(observation, capture_quality(sight))


def capture_quality(sight: Sight) -> dict[str, float | None]:
    """How good the capture was."""
    return {name: ratio(sight.row, name) for name in ("capture_loss_ratio", "one_sided_ratio")}
