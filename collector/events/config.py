"""What a person writes under `collector.events`: where to listen for devices, who may speak, and what their words mean."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import attrs

from collector.events.alarm_socket.reading import AlarmFields
from collector.events.limits import FloodLimits
from faultline.runtime.status import Address
from faultline.snmp.keys import Digest, Privacy


def _is_address(_: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    if value is None:
        return
    try:
        Address.parse(value)
    except ValueError as error:
        raise ValueError(f"{attribute.name} {error}") from None


def _are_networks(_: object, attribute: attrs.Attribute[list[str]], values: list[str]) -> None:
    for value in values:
        try:
            ipaddress.ip_network(value)
        except ValueError as error:
            raise ValueError(f"{attribute.name} holds {value!r}: {error}") from None


@attrs.frozen(slots=True, kw_only=True)
class SnmpUser:
    """Who may notify by SNMPv3. Messages below the level that the keys here make possible are refused."""

    name: str = attrs.field(validator=attrs.validators.min_len(1))
    digest: Digest = Digest.SHA256
    """sha1, sha224, sha256, sha384, sha512."""
    password_file: Path
    """Its first line is the authentication password, 8 characters or more."""
    privacy: Privacy | None = Privacy.AES128
    """aes128, aes192, aes256; none: authenticated, and readable by everybody on the way."""
    privacy_password_file: Path | None = None
    """None: the same password."""


@attrs.frozen(slots=True, kw_only=True)
class TrapsConfig:
    """SNMP traps and informs, v2c and v3, over UDP."""

    listen: str | None = attrs.field(default=None, validator=_is_address)
    """HOST:PORT, usually 0.0.0.0:162; none: not heard."""
    senders: list[str] = attrs.field(factory=list, validator=_are_networks)
    """Addresses and networks of devices that may send."""
    relays: list[str] = attrs.field(factory=list, validator=_are_networks)
    """Of proxies that pass on what devices said and name them in snmpTrapAddress."""
    communities_file: Path | None = None
    """A community of v2c a line; none: v2c is refused."""
    users: list[SnmpUser] = attrs.field(factory=list)
    """Of v3."""

    def __attrs_post_init__(self) -> None:
        if self.listen and not (self.senders or self.relays):
            raise ValueError("senders is empty: nobody would be heard")
        if self.listen and not self.users and self.communities_file is None:
            raise ValueError("users is empty and there is no communities_file: nobody would be heard")
        names = [user.name for user in self.users]
        if len(set(names)) != len(names):
            raise ValueError("users has the same name twice")


@attrs.frozen(slots=True, kw_only=True)
class SyslogConfig:
    """Syslog of RFC 3164 and RFC 5424."""

    udp: str | None = attrs.field(default=None, validator=_is_address)
    """HOST:PORT, usually 0.0.0.0:514; none: not heard."""
    tcp: str | None = attrs.field(default=None, validator=_is_address)
    """HOST:PORT; counted octets and lines are told apart; none: not heard."""
    senders: list[str] = attrs.field(factory=list, validator=_are_networks)
    """Addresses and networks of devices that may send."""
    relays: list[str] = attrs.field(factory=list, validator=_are_networks)
    """Of syslog servers that pass on what devices said, with the device's name or address as the host."""

    def __attrs_post_init__(self) -> None:
        if (self.udp or self.tcp) and not (self.senders or self.relays):
            raise ValueError("senders is empty: nobody would be heard")


@attrs.frozen(slots=True, kw_only=True)
class AlarmSocketConfig:
    """A carrier's alarm server, of which we are a client."""

    name: str = attrs.field(validator=attrs.validators.min_len(1))
    """Of the server: the sender of its events."""
    address: str = attrs.field(validator=_is_address)
    """HOST:PORT."""
    user: str = attrs.field(validator=attrs.validators.min_len(1))
    """Account there."""
    key_file: Path
    """Its secret, on the first line."""
    fields: AlarmFields = attrs.field(factory=AlarmFields)
    """How it calls the fields of an alarm."""


@attrs.frozen(slots=True, kw_only=True)
class EventsConfig:
    """Events that devices tell."""

    rules: Path | None = None
    """events.yaml: what the words of devices mean, before the rules built in; none: these alone."""
    traps: TrapsConfig = attrs.field(factory=TrapsConfig)
    syslog: SyslogConfig = attrs.field(factory=SyslogConfig)
    alarm_sockets: list[AlarmSocketConfig] = attrs.field(factory=list)
    """Alarm servers to connect to."""
    limits: FloodLimits = attrs.field(factory=FloodLimits)
    """How much is heard."""

    @property
    def enabled(self) -> bool:
        """Whether anything is heard."""
        return bool(self.traps.listen or self.syslog.udp or self.syslog.tcp or self.alarm_sockets)

    def beside(self, folder: Path) -> EventsConfig:
        """The same, with relative paths below a folder."""

        def placed(path: Path | None) -> Path | None:
            return None if path is None else folder / path

        users = [
            attrs.evolve(
                user, password_file=folder / user.password_file, privacy_password_file=placed(user.privacy_password_file)
            )
            for user in self.traps.users
        ]
        traps = attrs.evolve(self.traps, communities_file=placed(self.traps.communities_file), users=users)
        sockets = [attrs.evolve(one, key_file=folder / one.key_file) for one in self.alarm_sockets]
        return attrs.evolve(self, rules=placed(self.rules), traps=traps, alarm_sockets=sockets)

    @alarm_sockets.validator
    def _check_names(self, _: object, values: list[AlarmSocketConfig]) -> None:
        names = [one.name for one in values]
        if len(set(names)) != len(names):
            raise ValueError("alarm_sockets has the same name twice")
