"""From incident events to the outbox: words in every language a target may want, written once, before anybody is told."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.incidents import IncidentEvent
from analyzer.network import Network
from analyzer.notify.alarms import Alarm, alarm, alarm_document
from analyzer.notify.delivery import SyslogDelivery
from analyzer.notify.outbox import Outbox
from faultline.records.incident import Incident
from faultline.reports.sentences import Speaker
from faultline.reports.words import Language


class Notifier:
    """Puts what people should hear into the outbox; a component that owns the outbox and its deliveries."""

    def __init__(self, *, network: Network, outbox: Outbox, deliveries: Sequence[SyslogDelivery], public_url: str | None) -> None:
        self.network = network
        """Replaced whole when the inventory changes."""
        self._outbox = outbox
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
        written = 0
        for event in events:
            if event.notify and self._put(event, now_ns):
                written += 1
                for delivery in self._deliveries:
                    delivery.new_entry()
        if written:
            self._outbox.prune([d.target.name for d in self._deliveries], now_ns)
        return written

    def _put(self, event: IncidentEvent, now_ns: int) -> bool:
        incident = event.incident
        body = {language.value: alarm_document(self._alarm(event, incident, language)) for language in Language}
        return self._outbox.put(incident.id, len(incident.revisions), body, now_ns)

    def _alarm(self, event: IncidentEvent, incident: Incident, language: Language) -> Alarm:
        cards = [self.network.lines[code].card for code in incident.lines if code in self.network.lines]
        link = f"{self._public_url}/incidents/{incident.id}" if self._public_url else None
        speaker = Speaker(language=language, names=self.network.names())
        return alarm(event.kind, incident, cards=cards, speaker=speaker, link=link)
