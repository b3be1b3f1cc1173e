"""TCP over the plant: segments of one connection in an interval, where each transmission was lost, and what that looks like.

Goes in: a connection's usual rate, the way of its data and of its acknowledgements. Comes out: transmissions with the place where
each was lost, and the counts that a metering process at any place would make of them (the definitions are in
docs/explanation: side of the loss). The sender is a model, not a stack: it slows down with loss and stalls on a dead line.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from appliance.simnet import noise
from appliance.simnet.plant import Hop, Plant, Times
from faultline.records.terms import SECOND_NS

DEAD = 0.5
"""Beyond this loss a connection makes no progress worth modelling: its timer doubles and it waits."""
_MOST_ROUNDS = 6
"""A segment lost so often in a row is not sent again within the interval."""
_RETRANSMIT_NS = 220_000_000
"""Typical time to the repetition: between a fast retransmission and the smallest timeout of 200 ms."""
_STALLED_AT_S = (0.2, 0.6, 1.4, 3.0, 6.2, 12.6, 25.4, 51.0, 102.2)
"""Repetitions of a stalled connection after its last progress: the timer doubles from 200 ms."""
_SLOWS_BY = 8.0
"""A loss ratio of 1 % costs a request/response connection about 8 % of its rate: each loss costs a timeout."""
HOLE_SHARE = 0.85
"""Of the segments lost upstream so many leave a hole that proves it; a lost last segment of a request leaves none."""
INFERRED_SHARE = 0.5
"""Of the rest so many are told by a silence."""


@attrs.frozen(slots=True, kw_only=True)
class Sending:
    """All transmissions of one direction of a connection in an interval."""

    places: NDArray[np.float64]
    """Where each was lost, as a place on the line; NaN: it arrived."""
    sent_ns: Times
    rising: bool
    """Data go towards higher places."""
    proven: NDArray[np.float64]
    """For each a draw of 0..1: whether its loss leaves a hole."""
    repeats: NDArray[np.bool_]
    """It is a repetition of a segment that a stalled connection already sent in an earlier interval or second."""

    def reached(self, place: float) -> NDArray[np.bool_]:
        """Which transmissions came past a place."""
        arrived = np.isnan(self.places)
        found: NDArray[np.bool_] = arrived | (self.places > place if self.rising else self.places < place)
        return found

    def counts(self, place: float) -> dict[str, int]:
        """What metering at a place counts of this direction."""
        reached = self.reached(place)
        lost = ~np.isnan(self.places)
        stalled = self.repeats & reached
        upstream = lost & ~reached & ~self.repeats
        downstream = int((lost & reached & ~self.repeats).sum()) + int(stalled.sum())
        proven = int((upstream & (self.proven < HOLE_SHARE)).sum())
        inferred = int((upstream & (self.proven >= 1 - (1 - HOLE_SHARE) * INFERRED_SHARE)).sum())
        return {
            "tcp_segments": int(reached.sum()),
            "loss_upstream": proven,
            "loss_downstream": downstream,
            "loss_upstream_inferred": inferred,
            "retransmissions": proven + downstream,
        }

    @property
    def delivered(self) -> int:
        """Segments that arrived."""
        return int(np.isnan(self.places).sum())

    @property
    def lost(self) -> int:
        """Transmissions that did not."""
        return len(self.places) - self.delivered


@attrs.frozen(slots=True, kw_only=True)
class Ways:
    """The way of a connection's data, and that of the acknowledgements: a dead one stalls the connection too."""

    plant: Plant
    there: Sequence[Hop]
    back: Sequence[Hop]

    def loss(self, at_ns: Times) -> NDArray[np.float64]:
        """Share of segments that are lost, or whose acknowledgement is."""
        passed = np.ones(at_ns.shape)
        for hop in (*self.there, *self.back):
            passed *= 1.0 - self.plant.loss(hop, at_ns)
        found: NDArray[np.float64] = 1.0 - passed
        return found

    def dead(self, at_ns: int) -> bool:
        """Whether a connection makes no progress at a moment."""
        return bool(self.loss(np.array([at_ns], np.int64))[0] >= DEAD)


def send(
    ways: Ways, *, segments: int, start_ns: int, end_ns: int, stalled_since_ns: int | None, draw: np.random.Generator
) -> Sending:
    """One direction of a connection in an interval, with its repetitions.

    Args:
        ways: through the network.
        segments: how many it would send on a good day.
        start_ns: start of the interval.
        end_ns: its end.
        stalled_since_ns: when the last progress was made, for a connection that is stalled since before the interval.
        draw: chance.
    """
    new_ns = np.sort(start_ns + (draw.random(segments) * (end_ns - start_ns)).astype(np.int64))
    loss = ways.loss(new_ns)
    paced = draw.random(segments) < 1.0 / (1.0 + _SLOWS_BY * loss)
    places, moments = _transmit(ways, new_ns[(loss < DEAD) & paced], end_ns, draw)
    repeated_ns = np.asarray(_repeated(ways, start_ns, end_ns, stalled_since_ns), np.int64)
    repeated_places = _pass(ways, repeated_ns, draw)
    return Sending(
        places=np.concatenate([places, repeated_places]),
        sent_ns=np.concatenate([moments, repeated_ns]),
        rising=not ways.there or ways.there[0].place <= ways.there[-1].place,
        proven=draw.random(len(places) + len(repeated_places)),
        repeats=np.concatenate([np.zeros(len(places), bool), np.ones(len(repeated_places), bool)]),
    )


def _repeated(ways: Ways, start_ns: int, end_ns: int, since_ns: int | None) -> list[int]:
    """Moments in the interval at which a stalled connection repeats its oldest segment."""
    if since_ns is None:
        # Looked at ten times a second: a stall that begins within the interval.
        steps = np.arange(start_ns, end_ns, SECOND_NS // 10, dtype=np.int64)
        dead = steps[ways.loss(steps) >= DEAD]
        if not dead.size:
            return []
        since_ns = int(dead[0])
    moments = [since_ns + int(after_s * SECOND_NS) for after_s in _STALLED_AT_S]
    return [at_ns for at_ns in moments if start_ns <= at_ns < end_ns and ways.dead(at_ns)]


def _transmit(ways: Ways, new_ns: Times, end_ns: int, draw: np.random.Generator) -> tuple[NDArray[np.float64], Times]:
    """Segments until they arrive, each repetition a while after the loss."""
    places: list[NDArray[np.float64]] = []
    moments: list[Times] = []
    waiting = new_ns
    for _ in range(_MOST_ROUNDS):
        if not waiting.size:
            break
        found = _pass(ways, waiting, draw)
        places.append(found)
        moments.append(waiting)
        waiting = np.minimum(waiting[~np.isnan(found)] + _RETRANSMIT_NS, end_ns - 1)
    empty = np.zeros(0, np.int64)
    return np.concatenate([np.zeros(0), *places]), np.concatenate([empty, *moments])


def _pass(ways: Ways, at_ns: Times, draw: np.random.Generator) -> NDArray[np.float64]:
    """Where each packet is lost; NaN when nowhere."""
    places = np.full(at_ns.shape, np.nan)
    for hop in ways.there:
        lost = noise.happens(draw, ways.plant.loss(hop, at_ns)) & np.isnan(places)
        places[lost] = hop.place
    return places
