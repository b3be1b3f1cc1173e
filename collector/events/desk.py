"""Where sayings become events: what they are of, whose they are, and how they get into the store.

Goes in: sayings from every receiver, in their threads. Comes out: events in the book, written by one thread. It accounts for
every message: stage `events` takes each one in, passes on what is kept, and drops with a reason what is not.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from collector.events.reading import Saying
from faultline.inventory.told import Place, Whereabouts, words_of
from faultline.records.device_event import DeviceEvent, EventSource, event_id
from faultline.records.terms import UNASSIGNED
from faultline.runtime.counters import Counters
from faultline.runtime.log import QuietBursts, logger
from faultline.store.device_events import Appended, DeviceEventBook

A_TIME = 500
"""Events of one transaction: batches wait no longer than that takes."""
STAGE = "events"
_CHATTER = frozenset({"no_rule", "discovery"})
"""Reasons that nobody needs to hear of."""


class EventDesk:
    """Between receivers and the store.

    Args:
        book: where events are kept.
        most_waiting: events that wait at most.
        counters: of the service.
    """

    def __init__(self, book: DeviceEventBook, *, most_waiting: int, counters: Counters) -> None:
        self._book = book
        self._most_waiting = most_waiting
        self._counters = counters
        self._stage = counters.stage(STAGE)
        self._lock = threading.Lock()
        self._waiting: deque[DeviceEvent] = deque()
        self.whereabouts: Whereabouts | None = None
        """Of the present inventory."""
        self._quiet = QuietBursts()
        self._log = logger("events")

    def adopt(self, whereabouts: Whereabouts) -> None:
        """Take up an inventory. What was said before stays where it was put."""
        self.whereabouts = whereabouts

    # ---- receivers' threads
    def arrived(self) -> None:
        """A message came; it ends in one of the next two."""
        self._stage.take()

    def refuse(self, reason: str, *, sender: str, now_ns: int, detail: str = "") -> None:
        """It is no event."""
        self._stage.drop(reason)
        if reason in _CHATTER:
            return
        with self._lock:
            shown, held_back = self._quiet.allow(f"{reason} {sender}", now_ns)
        if shown:
            self._log.warning("message refused", reason=reason, sender=sender, detail=detail, held_back=held_back)

    def offer(self, saying: Saying, *, source: EventSource, speaker: str, now_ns: int) -> bool:
        """It is one. False: too many wait, and it is lost."""
        event = event_of(saying, source=source, speaker=speaker, whereabouts=self.whereabouts, now_ns=now_ns)
        with self._lock:
            if len(self._waiting) >= self._most_waiting:
                self._stage.drop("too_many_waiting")
                return False
            self._waiting.append(event)
        return True

    def refuse_whole(self, reason: str, count: int = 1) -> None:
        """Messages that came and are no events."""
        self._stage.take(count)
        self._stage.drop(reason, count)

    def write(self, events: Sequence[DeviceEvent], *, beside: Callable[[], None]) -> None:
        """Write events at once, and something beside them or neither: for senders that can be asked again."""
        outcomes = self._book.append(events, beside=beside)
        self._stage.take(len(events))
        for event, outcome in zip(events, outcomes, strict=True):
            self._settle(event, outcome)

    # ---- the writer's thread
    def keep(self) -> None:
        """Write what waits. What cannot be written waits on."""
        while True:
            with self._lock:
                batch = [self._waiting[at] for at in range(min(len(self._waiting), A_TIME))]
            if not batch:
                return
            outcomes = self._book.append(batch)
            with self._lock:
                for _ in batch:
                    self._waiting.popleft()
            for event, outcome in zip(batch, outcomes, strict=True):
                self._settle(event, outcome)

    def _settle(self, event: DeviceEvent, outcome: Appended) -> None:
        if outcome is Appended.REPEATED:
            self._stage.drop("repeated")
            return
        self._stage.done()
        if outcome is Appended.LATE:
            self._counters.count("events_late")
        if event.component is None:
            self._counters.count("events_without_place")
        self._log.debug(
            "event told",
            event_name=event.name,
            raised=event.raised,
            sender=event.sender,
            place=event.place,
            component=event.component,
            source=event.source.value,
        )


def event_of(saying: Saying, *, source: EventSource, speaker: str, whereabouts: Whereabouts | None, now_ns: int) -> DeviceEvent:
    """What a device said, by its address or as a relay names it, at its place in the inventory."""
    device = whereabouts.named(speaker) if whereabouts else None
    sender = device or speaker
    if whereabouts is None or device is None:
        words = words_of(interface=saying.interface, index=saying.index, peer=saying.peer)
        place = Place(name=words, component=None)
    elif saying.is_of_part:
        place = whereabouts.port(
            device, interface=saying.interface, index=saying.index, peer=saying.peer, arriving=saying.arriving
        )
    else:
        place = whereabouts.device(device)
    return DeviceEvent(
        id=event_id(source, sender, saying.token),
        source=source,
        sender=sender,
        place=place.name,
        component=place.component,
        name=saying.name,
        raised=saying.raised,
        told_ns=saying.told_ns,
        received_ns=now_ns,
        tenant=whereabouts.tenant(place.component) if whereabouts else UNASSIGNED,
        text=saying.text,
    )
