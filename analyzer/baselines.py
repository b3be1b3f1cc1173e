"""What is usual: a robust histogram per view, metric, day class and hour, learned from clean windows only.

Goes in: histograms of clean windows with their time. Comes out: the baseline a delay is compared with, and whether it is still
being learned. Knows nothing of incidents: whoever feeds it decides what is clean.

- A slot (day class and hour of the customer's calendar, batch windows apart) answers once it has `SLOT_WINDOWS` windows. Until
  then the view's other clean windows do, with a widened spread (cold start), once there are at least `FEWEST_WINDOWS`; before
  that there is no baseline and no delay verdict.
- Forgetting: past `MOST_SAMPLES` a slot's counts are halved, so a lasting change becomes usual after about as many samples again.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any

import attrs

from faultline.inventory.calendar import PLAIN, Calendar
from faultline.records.histogram import Histogram, bucket_middle
from faultline.records.terms import SECOND_NS

FORMAT = "faultline-baseline/1"
FEWEST_WINDOWS = 2
SLOT_WINDOWS = 30
"""Five minutes of clean windows of 10 s."""
MOST_SAMPLES = 200_000
RECENT_WINDOWS = 60
"""The cold-start histogram forgets beyond ten minutes, by halving."""
COLD_WIDENING = 2.0
"""Factor on the spread of a baseline of few windows: they share one moment's conditions, not an hour's."""


@attrs.frozen(slots=True, kw_only=True, order=True)
class View:
    """What is looked at: a session's or a vantage's view of a line in a direction, and the metric."""

    line: str
    name: str
    """Session, dial test or vantage."""
    direction: str
    """`a_to_z`, `z_to_a`, or empty for a round trip."""
    metric: str
    endpoint: str = ""
    """Of a vantage's view of one service or host; else empty."""


@attrs.frozen(slots=True, kw_only=True)
class Usual:
    """A baseline, in nanoseconds."""

    n: int
    min_ns: int
    median_ns: int
    mad_ns: float
    p90_ns: int
    mean: float
    """Mean of the values: of a view whose values are 0 and 1, the share of the ones."""
    learning: bool
    """From few windows, spread already widened."""


@attrs.define(slots=True)
class _Slot:
    histogram: Histogram = attrs.field(factory=Histogram)
    windows: int = 0

    def add(self, histogram: Histogram, most_samples: int, most_windows: int | None) -> None:
        self.histogram.merge(histogram)
        self.windows += 1
        if self.histogram.n > most_samples or (most_windows is not None and self.windows > most_windows):
            self.histogram = _halved(self.histogram)
            self.windows //= 2


def slot_of(time_ns: int, tz: tzinfo, calendar: Calendar = PLAIN) -> str:
    """Day class and hour of a moment in the line's zone, e.g. `workday-09`; `workday-02-batch` while a batch runs."""
    when = datetime.fromtimestamp(time_ns // SECOND_NS, tz=tz).replace(tzinfo=None)
    batch = "-batch" if calendar.in_batch(when) else ""
    return f"{calendar.day_class(when.date()).value}-{when:%H}{batch}"


@attrs.frozen(slots=True, kw_only=True)
class Rhythm:
    """When a line's days are alike: its zone and its customer's calendar."""

    zone: tzinfo
    calendar: Calendar = PLAIN

    def slot(self, time_ns: int) -> str:
        """See `slot_of`."""
        return slot_of(time_ns, self.zone, self.calendar)


class Baselines:
    """All baselines of an analyzer."""

    def __init__(self) -> None:
        self._slots: dict[View, dict[str, _Slot]] = {}
        self._recent: dict[View, _Slot] = {}
        self._versions: dict[View, int] = {}
        self._changed: set[View] = set()
        self._since_ns: dict[View, int] = {}
        self._begun_ns: dict[str, int] = {}
        """When the first view of each line began to learn."""

    def train(self, view: View, histogram: Histogram, slot: str, *, at_ns: int = 0) -> None:
        """Learn from one clean window, of a moment."""
        if not histogram:
            return
        self._begin(view, at_ns)
        self._slots.setdefault(view, {}).setdefault(slot, _Slot()).add(histogram, MOST_SAMPLES, None)
        self._recent.setdefault(view, _Slot()).add(histogram, MOST_SAMPLES, RECENT_WINDOWS)
        self._versions[view] = self._versions.get(view, 0) + 1
        self._changed.add(view)

    def usual(self, view: View, slot: str) -> Usual | None:
        """The baseline for that view at such a time; None before there are enough clean windows."""
        own = self._slots.get(view, {}).get(slot)
        if own is not None and own.windows >= SLOT_WINDOWS:
            return _usual(own.histogram, learning=False)
        recent = self._recent.get(view)
        if recent is not None and recent.windows >= FEWEST_WINDOWS:
            return _usual(recent.histogram, learning=True)
        return None

    def _begin(self, view: View, at_ns: int) -> None:
        since_ns = self._since_ns.setdefault(view, at_ns)
        self._begun_ns[view.line] = min(since_ns, self._begun_ns.get(view.line, since_ns))

    def begun_ns(self, line: str) -> int | None:
        """When learning of a line began; None: nothing of it is known."""
        return self._begun_ns.get(line)

    def windows(self, view: View) -> int:
        """How many clean windows the view has learned from lately."""
        recent = self._recent.get(view)
        return recent.windows if recent else 0

    def views(self) -> Iterator[View]:
        """Every view with something learned."""
        return iter(sorted(self._slots))

    def take_changed(self) -> list[tuple[View, dict[str, Any]]]:
        """Documents of the views trained since the last call, to be stored."""
        changed, self._changed = sorted(self._changed), set()
        return [(view, self._document(view)) for view in changed]

    def _document(self, view: View) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": self._versions[view],
            "view": attrs.asdict(view),
            "since_ns": self._since_ns[view],
            "recent": _slot_document(self._recent[view]),
            "slots": {name: _slot_document(slot) for name, slot in sorted(self._slots[view].items())},
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take a stored view back.

        Raises:
            ValueError: it is not a baseline document.
        """
        if document.get("format") != FORMAT:
            raise ValueError(f"format {document.get('format')!r} is not {FORMAT}")
        view = View(**document["view"])
        self._slots[view] = {name: _slot_from(entry) for name, entry in document["slots"].items()}
        self._recent[view] = _slot_from(document["recent"])
        self._versions[view] = document["version"]
        self._begin(view, document.get("since_ns", 0))


def document_id(view: View) -> str:
    """Name of a view's document."""
    return "|".join([view.line, view.name, view.direction, view.metric, *([view.endpoint] if view.endpoint else [])])


def _usual(histogram: Histogram, *, learning: bool) -> Usual | None:
    low, median, p90, mad = histogram.min, histogram.quantile(0.5), histogram.quantile(0.9), histogram.mad()
    if low is None or median is None or p90 is None or mad is None:
        return None
    # Half a bucket is the least spread the histogram can resolve: a line so steady that all samples share a bucket has MAD 0.
    resolved = max(float(mad), abs(median) / 128)
    widened = resolved * COLD_WIDENING if learning else resolved
    mean = sum(bucket_middle(bucket) * count for bucket, count in histogram) / histogram.n
    return Usual(n=histogram.n, min_ns=low, median_ns=median, mad_ns=widened, p90_ns=p90, mean=mean, learning=learning)


def _halved(histogram: Histogram) -> Histogram:
    made = Histogram()
    for bucket, count in histogram:
        kept = (count + 1) // 2
        made.add_bucket(bucket, kept)
    return made


def _slot_document(slot: _Slot) -> dict[str, Any]:
    return {"windows": slot.windows, "histogram": base64.b64encode(slot.histogram.encode()).decode()}


def _slot_from(document: Mapping[str, Any]) -> _Slot:
    return _Slot(Histogram.decode(base64.b64decode(document["histogram"])), int(document["windows"]))
