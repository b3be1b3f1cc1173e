"""What tests of device events share: messages as devices make them, and a desk in front of a store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from collector.events.desk import STAGE, EventDesk
from collector.events.doors import Gate, SyslogDoor, TrapDoor
from collector.events.limits import Flood, FloodLimits, Senders
from collector.events.reading import Reader
from collector.events.rules import Rules, built_in
from collector.events.snmp_receiver import SnmpReceiver
from faultline import inventory
from faultline.inventory.told import Whereabouts
from faultline.records.device_event import DeviceEvent
from faultline.records.terms import SECOND_NS
from faultline.runtime.counters import Counters, StageSnapshot
from faultline.snmp.ber import (
    OCTET_STRING,
    SEQUENCE,
    TIME_TICKS,
    encoded,
    encoded_integer,
    encoded_object_id,
)
from faultline.snmp.keys import Digest, LocalKeys, Privacy, User, localised, user_of
from faultline.snmp.message import TRAP, TRAP_OID, UPTIME, V2C, SecuredMessage, secured
from faultline.snmp.usm import Security
from faultline.store.device_events import DeviceEventBook
from faultline.store.state import StateStore

NOW_NS = 1_800_000_000 * SECOND_NS
PE, STRANGER, RELAY = "192.0.2.7", "203.0.113.9", "198.51.100.250"
OUR_ENGINE = bytes.fromhex("80007ed9050102030405060708")
THEIR_ENGINE = bytes.fromhex("8000000001020304")
LINK_DOWN, LINK_UP = "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.6.3.1.1.5.4"
IF_INDEX, IF_NAME = "1.3.6.1.2.1.2.2.1.1", "1.3.6.1.2.1.31.1.1.1.1"
NOC = user_of("noc", digest=Digest.SHA256, password="authpassword", privacy=Privacy.AES128, privacy_password="privpassword")

INVENTORY = {
    "format": "faultline-inventory/1",
    "tenants": [{"id": "bank"}],
    "components": [
        {"id": "ce", "kind": "device", "owner": "customer"},
        {"id": "loop", "kind": "segment", "owner": "access"},
        {"id": "pe", "kind": "device", "owner": "carrier_core", "management": [PE, "127.0.0.1"]},
    ],
    "lines": [
        {
            "code": "L1",
            "tenant": "bank",
            "a_end": {"name": "A", "prefixes": ["10.1.0.0/24"]},
            "z_end": {"name": "Z", "prefixes": ["10.2.0.0/24"]},
            "path": ["ce", "loop", "pe"],
        }
    ],
    "interfaces": [
        {"device": "pe", "interface": "GigabitEthernet0/0/1", "index": 17, "component": "loop", "peers": ["172.16.0.2"]}
    ],
}


def variables(oid: str, *pairs: tuple[str, int | str | bytes], uptime: int = 12345) -> bytes:
    """Of a notification, as they stand in a message; octets are a value that is encoded already."""

    def pair(name: str, value: bytes) -> bytes:
        return encoded(SEQUENCE, encoded_object_id(name), value)

    first = [pair(UPTIME, encoded_integer(uptime, TIME_TICKS)), pair(TRAP_OID, encoded_object_id(oid))]
    rest = [pair(name, _encoded(value)) for name, value in pairs]
    return encoded(SEQUENCE, *first, *rest)


def _encoded(value: int | str | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    return encoded_integer(value) if isinstance(value, int) else encoded(OCTET_STRING, value.encode())


def unit(body: bytes, *, kind: int = TRAP, request: int = 7) -> bytes:
    """A trap or an inform around variables."""
    return encoded(kind, encoded_integer(request), encoded_integer(0), encoded_integer(0), body)


def community_message(pdu: bytes, community: str = "s3cret") -> bytes:
    """Of v2c."""
    return encoded(SEQUENCE, encoded_integer(V2C), encoded(OCTET_STRING, community.encode()), pdu)


def user_message(
    pdu: bytes,
    *,
    user: User = NOC,
    engine_id: bytes = THEIR_ENGINE,
    boots: int = 5,
    time_s: int = 1000,
    flags: int | None = None,
    salt: bytes = b"\0\0\0\0\0\0\0\1",
) -> bytes:
    """Of v3, as a device that holds the user's keys makes it."""
    keys: LocalKeys = localised(user, engine_id)
    content = encoded(SEQUENCE, encoded(OCTET_STRING, engine_id), encoded(OCTET_STRING), pdu)
    if user.privacy is not None:
        content = keys.encrypted(content, boots=boots, time_s=time_s, salt=salt.ljust(8))
    message = SecuredMessage(
        id=77,
        flags=user.level if flags is None else flags,
        engine_id=engine_id,
        boots=boots,
        time_s=time_s,
        user=user.name.encode(),
        digest=bytes(user.digest.octets),
        digest_at=0,
        salt=salt if user.privacy else b"",
        content=content,
    )
    octets, at = secured(message)
    digest = keys.digest_of(octets, at)
    return octets[:at] + digest + octets[at + len(digest) :]


def link_down(*pairs: tuple[str, int | str], uptime: int = 12345, request: int = 7) -> bytes:
    """A linkDown of interface 17, of v2c."""
    return community_message(unit(variables(LINK_DOWN, (f"{IF_INDEX}.17", 17), *pairs, uptime=uptime), request=request))


def snmp_receiver(*users: User) -> SnmpReceiver:
    """Ours, in its third life."""
    security = Security(users or (NOC,), engine_id=OUR_ENGINE, boots=3, began_ns=NOW_NS - 100 * SECOND_NS, first_salt=41)
    return SnmpReceiver(["public", "s3cret"], security)


@attrs.frozen(kw_only=True)
class Desk:
    """Doors, desk and store, without sockets."""

    traps: TrapDoor
    syslog: SyslogDoor
    desk: EventDesk
    book: DeviceEventBook
    counters: Counters

    def kept(self) -> list[DeviceEvent]:
        """Write what waits; everything that is kept."""
        self.desk.keep()
        return self.book.between(0, 1 << 62)

    @property
    def stage(self) -> StageSnapshot:
        """The account."""
        return next(shot for shot in self.counters.snapshots() if shot.name == STAGE)


def make_desk(state: StateStore, *, limits: FloodLimits | None = None, rules: Rules | None = None) -> Desk:
    """A desk that hears one device."""
    limits, counters, book, reader = limits or FloodLimits(), Counters(), DeviceEventBook(state), Reader(rules or built_in())
    desk = EventDesk(book, most_waiting=limits.waiting, counters=counters)
    desk.adopt(Whereabouts(inventory.parse(INVENTORY, "inventory")))
    gate, senders = Gate(Flood(limits), desk), Senders([PE, "198.51.100.0/24"], relays=[RELAY])
    return Desk(
        traps=TrapDoor(gate=gate, senders=senders, snmp=snmp_receiver(), reader=reader, desk=desk),
        syslog=SyslogDoor(gate=gate, senders=senders, reader=reader, desk=desk),
        desk=desk,
        book=book,
        counters=counters,
    )


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateStore]:
    """An empty store."""
    made = StateStore(tmp_path / "state.db", durable=False)
    yield made
    made.close()


@pytest.fixture
def desk(state: StateStore) -> Desk:
    """With the usual limits."""
    return make_desk(state)
