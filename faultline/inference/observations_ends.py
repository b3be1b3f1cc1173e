"""Evidence about the ends of a line out of its TCP traffic as a whole: round trips to the end, server response, closed windows.

Each is taken from the one vantage nearest to the end it speaks of: every vantage farther off sees the same samples through more
of the line. What test packets measure better, and what is known of each endpoint by itself (`observations_endpoints`), is not
told a second time here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from faultline.inference.observations_lateness import of_stamps
from faultline.inference.observations_rows import (
    Ground,
    Observation,
    crossed,
    delay_numbers,
    response_numbers,
    seconds,
    with_quality,
)
from faultline.inference.observations_tcp import Sight, by_direction, capture_quality
from faultline.inference.observations_ways import told
from faultline.inventory.endpoints import HOSTS
from faultline.inventory.model import Line
from faultline.records.incident import Base
from faultline.records.terms import SECOND_NS, ComponentId, Direction, LineCode

FEWEST_SAMPLES = 10
INTERVAL_S = 10
"""A flow record, and so each flow counted in `tcp_flows`, stands for one interval."""


@attrs.frozen(slots=True, kw_only=True)
class Elsewhere:
    """What other evidence of the same window says better."""

    tested: frozenset[LineCode] = frozenset()
    """Lines whose delay test sessions watch."""
    timed: frozenset[ComponentId] = frozenset()
    """Components that test packets with a baseline crossed."""
    endpoints: frozenset[LineCode] = frozenset()
    """Lines whose endpoints are known one by one."""


def end_observations(sights: Iterable[Sight], ground: Ground, *, elsewhere: Elsewhere) -> Iterator[Observation]:
    """What the traffic of all lines says of their ends."""
    for group in by_direction(sights):
        nearest, code = group[::-1], group[0].line.code
        yield from _round_trips(nearest, ground, elsewhere)
        if code not in elsewhere.endpoints:
            yield from _first(_response(sight, ground) for sight in nearest)
            yield from _first(_closed_windows(sight, ground) for sight in group)


def _first(found: Iterable[Observation | None]) -> Iterator[Observation]:
    yield from [observation for observation in found if observation is not None][:1]


def _round_trips(nearest: list[Sight], ground: Ground, elsewhere: Elsewhere) -> Iterator[Observation]:
    """From the nearest vantage; where no session tests the line, from the farthest too, for all that lies between.

    Where test packets time all of the way from the nearest, they have the word: an acknowledgement that waited for a slow answer
    is not the way's, and from farther off it would only be laid on more of it.
    """
    whole = nearest[0].line.code not in elsewhere.tested
    seen = [(sight, made) for sight in nearest if (made := _round_trip(sight, ground)) is not None]
    if seen and crossed([seen[0][1]]) <= elsewhere.timed:
        return
    for sight, observation in [*seen[:1], *(seen[-1:] if whole and len(seen) > 1 else [])]:
        yield with_quality(observation, capture_quality(sight))


def _round_trip(sight: Sight, ground: Ground) -> Observation | None:
    """From the vantage to the end and back, the receiver's own delay included.

    Because of that share, a median that rose while the minimum stayed is another mix of traffic as likely as the line (longer
    think times, delayed acknowledgements of RFC 1122), and is no evidence.
    """
    histogram = sight.row.histograms.get("data_rtt")
    usual = ground.usual(line=sight.line.code, name=sight.vantage, direction=sight.direction.value, metric="data_rtt")
    if histogram is None or histogram.n < FEWEST_SAMPLES or usual is None:
        return None
    median_rise = (histogram.quantile(0.5) or 0) - usual.median_ns
    minimum_rise = (histogram.min or 0) - usual.min_ns
    if median_rise > usual.mad_ns and minimum_rise < median_rise / 2:
        return None
    ways = ground.ways.to_end_and_back(sight.line, sight.position, sight.direction)
    way = told(ways)
    if not way:
        return None
    view = sight.view("data_rtt")
    return {"kind": "delay", "source": "passive", "view": view, **way, **delay_numbers(histogram, usual), "round_trip": True}


def _response(sight: Sight, ground: Ground) -> Observation | None:
    """The time to an answer; `direction` is that of the requests, so the server is at the end they go to.

    Of a connection that lasts, nobody knows how much of it is the way between vantage and server now: the localiser is told the
    way, and weighs it with what else measures it.
    """
    server = host_at(sight.line, sight.direction, ground)
    histogram = sight.row.histograms.get("application_response")
    usual = ground.usual(line=sight.line.code, name=sight.vantage, direction=sight.direction.value, metric="application_response")
    if server is None or histogram is None or histogram.n < FEWEST_SAMPLES or usual is None:
        return None
    there_and_back = told(ground.ways.to_end_and_back(sight.line, sight.position, sight.direction))
    way: Observation = {**there_and_back, "round_trip": True} if there_and_back else {}
    view = sight.view("application_response")
    observation = {"kind": "response", "view": view, "endpoint": server, **way, **response_numbers(histogram, usual)}
    return with_quality(observation, {**capture_quality(sight), **of_stamps(ground.late(sight.vantage))})


def _closed_windows(sight: Sight, ground: Ground) -> Observation | None:
    """How long the sender of this direction kept its receive windows closed, of the time its flows lasted."""
    host = host_at(sight.line, sight.direction.opposite, ground)
    closed_ns, flows = sight.row.fields.get("zero_window_ns"), sight.row.fields.get("tcp_flows")
    if host is None or not isinstance(closed_ns, int) or not isinstance(flows, int) or flows <= 0:
        return None
    whole_ns = flows * INTERVAL_S * SECOND_NS
    observation = {
        "kind": "zero_window",
        "view": sight.view("zero_window"),
        "endpoint": host,
        "seconds": seconds(whole_ns),
        "closed_seconds": seconds(min(closed_ns, whole_ns)),
    }
    return with_quality(observation, capture_quality(sight))


def host_at(line: Line, towards: Direction, ground: Ground) -> Base | None:
    """The server or resolver that a line ends with on that side; None when its path ends with a network."""
    last = line.path[-1 if towards is Direction.A_TO_Z else 0]
    return last if ground.inventory.components[last].kind in HOSTS else None
