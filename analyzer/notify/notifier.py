"""From incident events to the outbox: words in every language a target may want, written once, before anybody is told."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from analyzer.incidents import IncidentEvent
from analyzer.network import Network
from analyzer.notify.alarms import Alarm, alarm, alarm_document
from analyzer.notify.delivery import Delivery
from analyzer.notify.mutes import MuteBook, Sayable
from analyzer.notify.outbox import Item, Outbox
from faultline.records.incident import EventKind, Incident
from faultline.reports.sentences import Speaker
from faultline.reports.words import Language


class Notifier:
    """Puts what people should hear into the outbox; a component that owns the outbox and its deliveries."""

    def __init__(self, *, network: Network, outbox: Outbox, deliveries: Sequence[Delivery], public_url: str | None) -> None:
        self.network = network
        """Replaced whole when the inventory changes."""
        self._outbox = outbox
        self._mutes = MuteBook(outbox)
        self._deliveries = deliveries
        self._public_url = public_url.rstrip("/") if public_url else None

    def start(self) -> None:
        """Open the outbox and start deliveries."""
        self._outbox.open()
        for delivery in self._deliveries:
            delivery.start()

    def stop(self) -> None:
        """Stop deliveries, then close the outbox."""
        for delivery in self._deliveries:
            delivery.stop()
        self._outbox.close()

    def tell(self, events: Sequence[IncidentEvent], now_ns: int) -> int:
        """Write what is to be told; returns how many entries are new. Telling again what was told is harmless."""
        written = self._mutes.tell([self._sayable(event) for event in events if event.notify], now_ns)
        if written:
            for delivery in self._deliveries:
                delivery.new_entry()
            self._outbox.prune([d.target.name for d in self._deliveries], now_ns)
        return written

    def problems(self) -> list[str]:
        """Targets that are not told."""
        return [f"notify {d.target.name}: {d.problem}" for d in self._deliveries if d.problem is not None]

    def _sayable(self, event: IncidentEvent) -> Sayable:
        return Sayable(
            incident=event.incident.id,
            ends=event.kind is EventKind.CLEAR,
            lines=frozenset(event.incident.lines),
            bases=frozenset(event.incident.bases),
            item=lambda begins: self._item(attrs.evolve(event, kind=EventKind.RAISE) if begins else event),
        )

    def _item(self, event: IncidentEvent) -> Item:
        incident = event.incident
        body = {language.value: alarm_document(self._alarm(event, incident, language)) for language in Language}
        return Item(incident=incident.id, revision=len(incident.revisions), body=body)

    def _alarm(self, event: IncidentEvent, incident: Incident, language: Language) -> Alarm:
        cards = [self.network.lines[code].card for code in incident.lines if code in self.network.lines]
        link = f"{self._public_url}/incidents/{incident.id}" if self._public_url else None
        speaker = Speaker(language=language, names=self.network.names())
        return alarm(event.kind, incident, cards=cards, speaker=speaker, link=link)
