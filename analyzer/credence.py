"""How far to believe those who tell, learned from incidents that are over.

Goes in: what was told, and what became of it. Comes out: a sensitivity and a false-positive rate for each voice: a way, a sender
and a name, such as LINK_DOWN by trap from pe1. Pure; no store, no clock.

Two Beta-distributed shares are counted a voice, each from a built-in prior that is worth ten sayings:
- of faults it could have told (measured incidents where it has told before), the share it told: the sensitivity;
- of what it told, the share with nothing measured behind it. By Bayes' rule P(told | healthy) is proportional to the odds of that
  share, so the built-in rate moves with these odds: nine of ten true is what the prior expects, and leaves it as it is.
What is old fades: beyond `MEMORY` sayings the counts are scaled down. When nobody tells anything, nothing is learned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from faultline.inference.likelihood_told import told_modes
from faultline.inference.observations_events import Credence, usual_credence
from faultline.inference.priors import is_work
from faultline.records.device_event import DeviceEvent
from faultline.records.incident import Base
from faultline.records.terms import Mode

Voice = tuple[str, str, str]
"""Way, sender, name."""
PRIOR = 10.0
"""Sayings that the built-in values are worth."""
PRIOR_FALSE, PRIOR_TRUE = 1.0, 9.0
"""How they are shared: one in ten has nothing behind it."""
MEMORY = 200.0
LEAST_FALSE = 1e-5
"""No voice is believed beyond this: thirty years of it would not be enough to know better."""
MOST_FALSE = 0.9
"""Of the sensitivity: who cries always says nothing, and not the contrary."""
MOST_VOICES = 5000
MOST_PLACES = 64


@attrs.define(slots=True, kw_only=True)
class Record:
    """What is known of a voice."""

    confirmed: float = 0.0
    """Sayings with a measured incident behind them."""
    unconfirmed: float = 0.0
    told: float = 0.0
    """Incidents it told, of those it could have."""
    missed: float = 0.0
    places: list[str] = attrs.field(factory=list)
    """What it has spoken of."""

    def fade(self) -> None:
        """Keep no more than the memory holds."""
        for one, other in (("confirmed", "unconfirmed"), ("told", "missed")):
            whole = getattr(self, one) + getattr(self, other)
            if whole > MEMORY:
                setattr(self, one, getattr(self, one) * MEMORY / whole)
                setattr(self, other, getattr(self, other) * MEMORY / whole)


def voice_of(event: DeviceEvent) -> Voice:
    """Who says what, and how."""
    return (event.source.value, event.sender, event.name)


class CredenceBook:
    """All voices that were ever judged."""

    def __init__(self) -> None:
        self._records: dict[Voice, Record] = {}

    def of(self, event: DeviceEvent) -> Credence:
        """How far to believe a saying."""
        usual, record = usual_credence(event), self._records.get(voice_of(event))
        return usual if record is None else learned(usual, record)

    def note_incident(self, bases: Iterable[Base], mode: Mode, events: Iterable[DeviceEvent]) -> None:
        """A measured incident is over; `events` are what was raised while it began or lasted."""
        places = frozenset(bases)
        told = {
            voice_of(event): event
            for event in events
            if event.base in places and mode in told_modes(event.name) and not is_work(event.name)
        }
        for voice, event in told.items():
            record = self._record(voice)
            record.confirmed += 1
            record.told += 1
            _note_place(record, event)
            record.fade()
        for voice, record in self._records.items():
            if voice not in told and mode in told_modes(voice[2]) and not places.isdisjoint(record.places):
                record.missed += 1
                record.fade()

    def note_unconfirmed(self, event: DeviceEvent) -> None:
        """It was told, and nothing was measured there, although somebody measures."""
        record = self._record(voice_of(event))
        record.unconfirmed += 1
        _note_place(record, event)
        record.fade()

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {"voices": [{"voice": list(voice), **attrs.asdict(record)} for voice, record in self._records.items()]}

    def restore(self, document: Mapping[str, Any]) -> None:
        """What an earlier life learned."""
        for entry in document.get("voices", ()):
            source, sender, name = entry["voice"]
            counts = {field.name: entry[field.name] for field in attrs.fields(Record)}
            self._records[str(source), str(sender), str(name)] = Record(**counts)

    def _record(self, voice: Voice) -> Record:
        known = self._records.pop(voice, None) or Record()
        self._records[voice] = known  # the newest last
        while len(self._records) > MOST_VOICES:
            del self._records[next(iter(self._records))]
        return known


def learned(usual: Credence, record: Record) -> Credence:
    """The built-in values, moved by what was counted."""
    heard = PRIOR + record.told + record.missed
    sensitivity = (PRIOR * usual.sensitivity + record.told) / heard
    odds = (PRIOR_FALSE + record.unconfirmed) / (PRIOR_TRUE + record.confirmed)
    rate = usual.false_positive_rate * odds / (PRIOR_FALSE / PRIOR_TRUE)
    return Credence(sensitivity=sensitivity, false_positive_rate=min(MOST_FALSE * sensitivity, max(LEAST_FALSE, rate)))


def _note_place(record: Record, event: DeviceEvent) -> None:
    place = event.base
    if place is not None and place not in record.places:
        record.places = [*record.places, str(place)][-MOST_PLACES:]
