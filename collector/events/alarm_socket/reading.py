"""Alarms of the socket to events: by the names that the server gives its fields, the rules for titles, and the inventory.

Goes in: an alarm's JSON. Comes out: an event, or why it is none.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs

from collector.events.reading import Reader
from faultline.inventory.told import Place, Whereabouts
from faultline.records.device_event import DeviceEvent, EventSource, event_id
from faultline.records.terms import UNASSIGNED

MOST_WORD = 256
_SEPARATORS = " /|:,;-"
"""Between a device's name and its port's, where a server writes both into one field."""


class NotAnEventError(ValueError):
    """An alarm that no event comes of; its text is the counter's reason."""


def _is_zone(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{attribute.name} {value!r} is no time zone, as Asia/Shanghai") from None


@attrs.frozen(slots=True, kw_only=True)
class AlarmFields:
    """How a server calls the fields of an alarm."""

    title: str = "alarmTitle"
    status: str = "alarmStatus"
    raised: list[str] = attrs.field(factory=lambda: ["1"])
    """Values of the status of an alarm that stands."""
    over: list[str] = attrs.field(factory=lambda: ["0"])
    """And of one that is over."""
    time: str = "eventTime"
    """As 2026-11-25 01:02:03."""
    time_zone: str = attrs.field(default="UTC", validator=_is_zone)
    """Of that time."""
    device: str = "neName"
    """An id, address or name of a component of the inventory."""
    part: str = "objectName"
    """An interface of the device, alone or behind the device's name."""


class AlarmReader:
    """Makes events of alarms.

    Args:
        name: of the server, the events' sender.
        fields: how it calls them.
        reader: rules for titles.
    """

    def __init__(self, *, name: str, fields: AlarmFields, reader: Reader) -> None:
        self._name = name
        self._fields = fields
        self._reader = reader
        self._zone = ZoneInfo(fields.time_zone)

    def event_of(self, alarm: Mapping[str, Any], *, whereabouts: Whereabouts | None, now_ns: int) -> DeviceEvent:
        """The event of an alarm.

        Raises:
            NotAnEventError: its title has no rule, or it does not say whether it stands.
        """
        named = self._reader.of_title(_word(alarm, self._fields.title))
        if named is None:
            raise NotAnEventError("no_rule")
        name, arriving = named
        raised = self._raised(_word(alarm, self._fields.status))
        place = self._place(alarm, whereabouts, arriving=arriving)
        return DeviceEvent(
            id=event_id(EventSource.ALARM_SOCKET, self._name, json.dumps(alarm, sort_keys=True)),
            source=EventSource.ALARM_SOCKET,
            sender=self._name,
            place=place.name,
            component=place.component,
            name=name,
            raised=raised,
            told_ns=self._told_ns(_word(alarm, self._fields.time)),
            received_ns=now_ns,
            tenant=whereabouts.tenant(place.component) if whereabouts else UNASSIGNED,
            text=" ".join(_word(alarm, key) for key in (self._fields.title, self._fields.device, self._fields.part)).strip(),
        )

    def _raised(self, status: str) -> bool:
        if status in self._fields.raised:
            return True
        if status in self._fields.over:
            return False
        raise NotAnEventError("unknown_status")

    def _place(self, alarm: Mapping[str, Any], whereabouts: Whereabouts | None, *, arriving: bool) -> Place:
        device, part = _word(alarm, self._fields.device), _word(alarm, self._fields.part)
        words = f"{device} {part}".strip()
        base = whereabouts.named(device) if whereabouts else None
        if whereabouts is None or base is None:
            return Place(name=words, component=None)
        interface = part.removeprefix(device).lstrip(_SEPARATORS)
        if not interface:
            return Place(name=base, component=whereabouts.device(base).component)
        port = whereabouts.port(base, interface=interface, arriving=arriving)
        return Place(name=f"{base} {port.name}", component=port.component)

    def _told_ns(self, text: str) -> int | None:
        try:
            when = dt.datetime.fromisoformat(text)
        except ValueError:
            return None
        aware = when if when.tzinfo else when.replace(tzinfo=self._zone)
        try:
            return max(int(aware.timestamp() * 1000), 0) * 1_000_000 or None
        except OverflowError:  # the year 1 or 9999 in a zone beside UTC
            return None


def _word(alarm: Mapping[str, Any], key: str) -> str:
    value = alarm.get(key)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    return " ".join(str(value)[:MOST_WORD].encode(errors="replace").decode().split())
