"""SNMP targets: traps and informs of v2c and v3 over UDP.

A trap has no acknowledgement: it counts as told once the kernel took it. An inform counts once the receiver's answer came; when
the answer is lost it is sent again, and a receiver knows it by its sequence.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from enum import StrEnum
from pathlib import Path

import attrs

from analyzer.notify.outbox import Outbox
from analyzer.notify.snmp import heartbeat_variables, notification_variables
from analyzer.notify.syslog_channel import is_address
from analyzer.notify.telling import NotSentError, NotTakenError, Target, Told, secret
from faultline.records.terms import SECOND_NS
from faultline.runtime.clock import Clock
from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.status import Address
from faultline.snmp.asking import Asker, CommunityAsker, Learnt, RefusedByPeerError, UserAsker
from faultline.snmp.engine import ENTERPRISE, Engine, begun, known
from faultline.snmp.keys import Digest, LocalKeys, Privacy, User, localised, user_of
from faultline.snmp.message import (
    ENCRYPTED,
    INFORM,
    MOST_OCTETS,
    MOST_TIME,
    TRAP,
    Pdu,
    SecuredMessage,
    community_message,
    scoped,
    unit,
)
from faultline.snmp.usm import Salts, sealed

ANSWER_S = 2.0
SENDINGS = 3
"""Of one inform, before the delivery's longer patience takes over."""
_LEARNINGS = 2
"""Who the peer is, and what time it has."""
_ENGINE = "snmp_engine"


class Version(StrEnum):
    """Of SNMP."""

    V2C = "v2c"
    V3 = "v3"


@attrs.frozen(slots=True, kw_only=True)
class SnmpTarget(Target):
    """A receiver of traps or informs."""

    address: str = attrs.field(validator=is_address)
    """HOST:PORT, usually port 162."""
    version: Version = Version.V3
    """v3, or v2c, which anybody on the way can read and forge."""
    inform: bool = True
    """Informs are acknowledged, traps are not."""
    community_file: Path | None = None
    """v2c: its first line is the community."""
    user: str | None = None
    """v3: who we are there."""
    digest: Digest = Digest.SHA256
    """v3: sha1, sha224, sha256, sha384, sha512."""
    password_file: Path | None = None
    """v3: its first line is the authentication password, 8 characters or more."""
    privacy: Privacy | None = Privacy.AES128
    """v3: aes128, aes192, aes256; none: readable by everybody on the way."""
    privacy_password_file: Path | None = None
    """v3: none: the same password."""
    enterprise: int = attrs.field(default=ENTERPRISE, validator=[attrs.validators.ge(1), attrs.validators.lt(2**32)])
    """Number under which the MIB stands; 32473 is the one for documentation."""

    def __attrs_post_init__(self) -> None:
        if self.version is Version.V2C and self.community_file is None:
            raise ValueError("version v2c needs a community_file")
        if self.version is Version.V3 and (self.user is None or self.password_file is None):
            raise ValueError("version v3 needs user and password_file")


class SnmpChannel:
    """To one receiver.

    Args:
        outbox: keeps our engine over starts.
        beside: the service may be running: a start of ours would make receivers refuse what it sends.
    """

    def __init__(
        self, target: SnmpTarget, *, outbox: Outbox, clock: Clock, beside: bool = False, answer_s: float = ANSWER_S
    ) -> None:
        self._beside = beside
        self._target = target
        self._address = Address.parse(target.address)
        self._outbox = outbox
        self._clock = clock
        self._answer_s = answer_s
        self._began_ns = clock.monotonic_ns()
        self._community = secret(target.community_file, f"snmp {target.name}: community_file") if target.community_file else ""
        self._user = _user(target) if target.version is Version.V3 else None
        self._salts = Salts(secrets.randbits(64))
        self._asker: Asker = CommunityAsker(self._community)
        if self._user is not None:
            self._asker = UserAsker(self._user, first_salt=secrets.randbits(64))
        self._number = secrets.randbits(24)
        self._engine: tuple[Engine, LocalKeys, int] | None = None
        self._socket: socket.socket | None = None
        self.acknowledges = target.inform

    def send(self, told: Told) -> None:
        """See `Channel`."""
        self._notify(notification_variables(told, enterprise=self._target.enterprise, up_ns=self._up_ns))

    def heartbeat(self, sequence: int) -> None:
        """See `Channel`."""
        self._notify(heartbeat_variables(sequence, enterprise=self._target.enterprise, up_ns=self._up_ns))

    def close(self) -> None:
        """See `Channel`."""
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()
        if isinstance(self._asker, UserAsker):
            self._asker.forget()

    @property
    def _up_ns(self) -> int:
        return self._clock.monotonic_ns() - self._began_ns

    def _notify(self, variables: bytes) -> None:
        self._number = (self._number + 1) % 2**31
        if len(variables) > MOST_OCTETS // 2:
            raise NotTakenError(f"{len(variables)} octets do not fit into a datagram")
        if self._socket is None:
            self._socket = self._connect()
        try:
            if self._target.inform:
                self._inform(self._socket, unit(INFORM, self._number, variables))
            else:
                self._socket.send(self._trap(unit(TRAP, self._number, variables)))
        except ConnectionRefusedError as error:  # nobody listens there: of an inform, or of the trap before, which is lost
            raise NotSentError(f"{self._address}: {error.strerror}") from error

    def _connect(self) -> socket.socket:
        try:
            family, kind, proto, _, where = socket.getaddrinfo(self._address.host, self._address.port, type=socket.SOCK_DGRAM)[0]
            sock = socket.socket(family, kind, proto)
            sock.connect(where)
        except OSError as error:
            raise NotSentError(f"{self._address}: {error.strerror or error}") from error
        return sock

    # ---- traps: we are the authority on our engine
    def _trap(self, said: bytes) -> bytes:
        if self._user is None:
            return community_message(self._community.encode(), said)
        if self._engine is None:
            self._engine = self._begun(self._user)
        engine, keys, began_ns = self._engine
        level = self._user.level
        message = SecuredMessage(
            id=self._number,
            flags=level,
            engine_id=engine.id,
            boots=engine.boots,
            time_s=min(max(self._clock.wall_ns() - began_ns, 0) // SECOND_NS, MOST_TIME),
            user=self._user.name.encode(),
            digest=b"",
            digest_at=0,
            salt=self._salts.next() if level & ENCRYPTED else b"",
            content=scoped(said, engine.id),
        )
        return sealed(message, keys)

    def _begun(self, user: User) -> tuple[Engine, LocalKeys, int]:
        """A start of our engine, counted durably before the first trap; who sends beside the service speaks for its start."""
        name = f"{_ENGINE} {self._target.name}"
        kept = self._outbox.fact(name)
        if kept is not None and self._beside:
            engine, began_ns = known(kept)
        else:
            began_ns = self._clock.wall_ns()
            engine = begun(kept)
            self._outbox.put_fact(name, engine.kept(began_ns))
        return engine, localised(user, engine.id), began_ns

    # ---- informs: the receiver is
    def _inform(self, sock: socket.socket, said: bytes) -> None:
        sendings = learnings = 0
        while sendings < SENDINGS and learnings <= _LEARNINGS * SENDINGS:
            sock.send(self._asker.question(said, self._number, self._clock.monotonic_ns()))
            heard = self._answer(sock)
            if isinstance(heard, Pdu):
                if heard.error:
                    raise NotTakenError(f"{self._address} answers with error {heard.error}")
                return
            if heard is Learnt.PEER:
                learnings += 1
            else:
                sendings += 1
        raise OSError(f"{self._address} does not answer informs")

    def _answer(self, sock: socket.socket) -> Pdu | Learnt | None:
        """What came back in time; octets that answer nothing of ours do not lengthen the wait."""
        until = time.monotonic() + self._answer_s
        while (left_s := until - time.monotonic()) > 0:
            sock.settimeout(left_s)
            with contextlib.suppress(TimeoutError):
                datagram = sock.recv(MOST_OCTETS)
                try:
                    heard = self._asker.answer(datagram, self._number, self._clock.monotonic_ns())
                except RefusedByPeerError as error:
                    raise NotSentError(f"{self._address} refuses user {self._target.user}: {error}") from error
                if heard is not None:
                    return heard
        return None


def _user(target: SnmpTarget) -> User:
    key = f"snmp {target.name}"
    if target.user is None or target.password_file is None:
        raise RuntimeError("checked by SnmpTarget")
    private = target.privacy_password_file
    try:
        return user_of(
            target.user,
            digest=target.digest,
            password=secret(target.password_file, f"{key}: password_file"),
            privacy=target.privacy,
            privacy_password=secret(private, f"{key}: privacy_password_file") if private else None,
        )
    except ValueError as error:
        raise CommandError(f"{key}: {error}", hint="see docs/how-to/connect-your-nms.md", code=BAD_USAGE) from None
