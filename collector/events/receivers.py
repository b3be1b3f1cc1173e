"""The receivers of a configuration, joined: doors behind sockets, one gate before them all, one desk behind; and alarm clients.

Secrets are read here, from files that nobody else may need to read.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from collector.events.alarm_socket.client import AlarmClient
from collector.events.alarm_socket.reading import AlarmReader
from collector.events.config import EventsConfig, SnmpUser, TrapsConfig
from collector.events.desk import EventDesk
from collector.events.doors import Gate, SyslogDoor, TrapDoor
from collector.events.engine import begin
from collector.events.limits import Flood, Senders
from collector.events.reading import Reader
from collector.events.rules import read_rules
from collector.events.snmp_receiver import SnmpReceiver
from collector.events.tcp import TcpReceiver
from collector.events.udp import UdpReceiver
from faultline.runtime.clock import Clock
from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.lifecycle import Component
from faultline.runtime.status import Address
from faultline.snmp.keys import User, user_of
from faultline.snmp.usm import Security
from faultline.store.state import StateStore

MOST_SECRET = 4096
"""Octets of a file with secrets that are read."""


def receivers(
    config: EventsConfig, *, desk: EventDesk, state: StateStore, clock: Clock, counters: Counters
) -> list[tuple[str, Component]]:
    """What listens, with names; not yet started.

    Raises:
        CommandError: rules or secrets cannot be used.
    """
    if not config.enabled:
        return []
    reader = Reader(read_rules(config.rules))
    gate = Gate(Flood(config.limits), desk)
    made: list[tuple[str, Component]] = []
    if config.traps.listen is not None:
        door = TrapDoor(
            gate=gate,
            senders=Senders(config.traps.senders, config.traps.relays),
            snmp=_snmp(config.traps, state=state, now_ns=clock.wall_ns()),
            reader=reader,
            desk=desk,
        )
        listen = Address.parse(config.traps.listen)
        key = "collector.events.traps.listen"
        made.append(("traps", UdpReceiver(listen, key=key, door=door.hear, clock=clock, counters=counters)))
    syslog = SyslogDoor(gate=gate, senders=Senders(config.syslog.senders, config.syslog.relays), reader=reader, desk=desk)
    if config.syslog.udp is not None:
        listen, key = Address.parse(config.syslog.udp), "collector.events.syslog.udp"
        made.append(("syslog-udp", UdpReceiver(listen, key=key, door=syslog.hear, clock=clock, counters=counters)))
    if config.syslog.tcp is not None:
        listen, key = Address.parse(config.syslog.tcp), "collector.events.syslog.tcp"
        tcp = TcpReceiver(listen, key=key, allows=syslog.senders.allows, door=syslog.hear, clock=clock, counters=counters)
        made.append(("syslog-tcp", tcp))
    for at, server in enumerate(config.alarm_sockets):
        client = AlarmClient(
            name=server.name,
            address=Address.parse(server.address),
            user=server.user,
            key=_lines(server.key_file, f"alarm_sockets[{at}].key_file")[0],
            reader=AlarmReader(name=server.name, fields=server.fields, reader=reader),
            desk=desk,
            state=state,
            clock=clock,
            counters=counters,
        )
        made.append((f"alarms-{server.name}", client))
    return made


def _snmp(config: TrapsConfig, *, state: StateStore, now_ns: int) -> SnmpReceiver:
    communities = [] if config.communities_file is None else _lines(config.communities_file, "traps.communities_file")
    users = [_user(user, f"traps.users[{at}]") for at, user in enumerate(config.users)]
    engine = begin(state, now_ns)
    security = Security(users, engine_id=engine.id, boots=engine.boots, began_ns=now_ns, first_salt=secrets.randbits(63))
    return SnmpReceiver(communities, security)


def _user(config: SnmpUser, key: str) -> User:
    password = _lines(config.password_file, f"{key}.password_file")[0]
    other = config.privacy_password_file
    try:
        return user_of(
            config.name,
            digest=config.digest,
            password=password,
            privacy=config.privacy,
            privacy_password=None if other is None else _lines(other, f"{key}.privacy_password_file")[0],
        )
    except ValueError as error:
        raise CommandError(f"collector.events.{key}: {error}", code=BAD_USAGE) from None


def _lines(path: Path, key: str) -> list[str]:
    """Lines of a file with secrets that are not empty; at least one."""
    try:
        with path.open(encoding="utf-8") as file:
            found = [line for line in (text.strip("\r\n") for text in file.read(MOST_SECRET).splitlines()) if line]
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise CommandError(
            f"collector.events.{key}: {path}: {why}", hint="check the path and who may read it", code=BAD_USAGE
        ) from None
    if not found:
        raise CommandError(f"collector.events.{key}: {path} is empty", hint="write the secret on its first line", code=BAD_USAGE)
    return found
