"""The user-based security model of SNMPv3, as the one who is spoken to needs it (RFC 3414, 3826, 7860).

Goes in: a message and the time. Comes out: its content, authenticated, timely and decrypted; or why it is refused, with the
report that the sender is to get. Of a trap the sender is the authority on its engine and its clock: the first authentic message
teaches both, and later ones must not go back. Of an inform the receiver is: senders ask for its engine first (discovery).

Each user has one level of security, and messages below it are refused.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from enum import StrEnum

import attrs

from faultline.records.terms import SECOND_NS
from faultline.snmp.keys import LocalKeys, User, localised
from faultline.snmp.message import (
    AUTHENTICATED,
    ENCRYPTED,
    MOST_TIME,
    REPORTABLE,
    SecuredMessage,
    scoped_report,
    secured,
)

WINDOW_S = 150
"""A message may be so old (RFC 3414 section 2.2.3)."""
LEAST_ENGINE_OCTETS, MOST_ENGINE_OCTETS = 5, 32
_SALT_OCTETS = 8
_MOST_ENGINES = 50_000
"""Remembered clocks and keys; only authentic messages add to them."""


class Refusal(StrEnum):
    """Why a message is not taken; each is a counter that a report names."""

    LEVEL = "unsupported_level"
    TIME = "not_in_time_window"
    USER = "unknown_user"
    ENGINE = "unknown_engine"
    """Of an inform or of a question for our engine: the first message of every sender of informs."""
    DIGEST = "wrong_digest"
    DECRYPTION = "not_decrypted"

    @property
    def oid(self) -> str:
        """The counter's name (SNMP-USER-BASED-SM-MIB)."""
        return f"1.3.6.1.6.3.15.1.1.{list(Refusal).index(self) + 1}.0"


@attrs.frozen(slots=True, kw_only=True)
class Opened:
    """A message whose sender is known."""

    content: bytes
    keys: LocalKeys


@attrs.frozen(slots=True, kw_only=True)
class Refused:
    """A message that is not taken."""

    reason: Refusal
    report: bytes | None
    """For the sender, when it asked for one."""


@attrs.define(slots=True, kw_only=True)
class _EngineClock:
    boots: int
    time_s: int
    """The newest that was heard, and when."""
    heard_ns: int


class Salts:
    """Numbers that no two encrypted messages share (RFC 3826 section 3.1.2.1).

    Args:
        first: random, so that no two starts use one twice.
    """

    def __init__(self, first: int) -> None:
        self._last = first

    def next(self) -> bytes:
        """A salt that was not used."""
        self._last = (self._last + 1) % (1 << 8 * _SALT_OCTETS)
        return self._last.to_bytes(_SALT_OCTETS, "big")


def sealed(message: SecuredMessage, keys: LocalKeys | None) -> bytes:
    """The octets of a message: encrypted under its salt and signed, as far as its flags say. Its content is still readable."""
    if keys is None or not message.flags & AUTHENTICATED:
        return secured(attrs.evolve(message, digest=b""))[0]
    content = message.content
    if message.flags & ENCRYPTED:
        content = keys.encrypted(content, boots=message.boots, time_s=message.time_s, salt=message.salt)
    octets, at = secured(attrs.evolve(message, digest=bytes(keys.user.digest.octets), content=content))
    digest = keys.digest_of(octets, at)
    return octets[:at] + digest + octets[at + len(digest) :]


def is_authentic(octets: bytes, message: SecuredMessage, keys: LocalKeys) -> bool:
    """Whether the digest of a message is one of these keys."""
    if len(message.digest) != keys.user.digest.octets:
        return False
    return hmac.compare_digest(keys.digest_of(octets, message.digest_at), message.digest)


class Security:
    """Opens messages and closes answers.

    Args:
        users: who may notify.
        engine_id: ours.
        boots: how often we started; more with every start.
        began_ns: when this start was.
        first_salt: of the messages we encrypt; random, so that no two starts use one twice.
    """

    def __init__(self, users: Iterable[User], *, engine_id: bytes, boots: int, began_ns: int, first_salt: int) -> None:
        self._users = {user.name.encode(): user for user in users}
        self.engine_id = engine_id
        self._boots = boots
        self._began_ns = began_ns
        self._salts = Salts(first_salt)
        self._keys: dict[tuple[bytes, bytes], LocalKeys] = {}
        self._clocks: dict[bytes, _EngineClock] = {}
        self._refused = dict.fromkeys(Refusal, 0)

    def open(self, octets: bytes, message: SecuredMessage, now_ns: int) -> Opened | Refused:
        """What a message holds, or why it is refused (RFC 3414 section 3.2)."""
        user = self._sender(message)
        if isinstance(user, Refusal):
            return self._refuse(user, message, now_ns)
        keys = self._keys.get((message.engine_id, message.user)) or localised(user, message.engine_id)
        if not is_authentic(octets, message, keys):
            return self._refuse(Refusal.DIGEST, message, now_ns)
        self._remember(message, keys)
        if not self._is_timely(message, now_ns):
            return self._refuse(Refusal.TIME, message, now_ns, keys=keys)
        if not message.flags & ENCRYPTED:
            return Opened(content=message.content, keys=keys)
        if len(message.salt) != _SALT_OCTETS:
            return self._refuse(Refusal.DECRYPTION, message, now_ns)
        return Opened(content=keys.decrypted(message), keys=keys)

    def close(self, message: SecuredMessage, content: bytes, keys: LocalKeys, now_ns: int) -> bytes:
        """An answer to a message of a user, as secure as the message was."""
        return self._closed(message, content, keys, keys.user.level, now_ns)

    def _sender(self, message: SecuredMessage) -> User | Refusal:
        """Who says it is, as far as that can be seen without a key."""
        if not LEAST_ENGINE_OCTETS <= len(message.engine_id) <= MOST_ENGINE_OCTETS:
            return Refusal.ENGINE
        if message.flags & REPORTABLE and message.engine_id != self.engine_id:
            return Refusal.ENGINE  # who wants an answer asks for our engine first
        user = self._users.get(message.user)
        if user is None:
            return Refusal.USER
        return user if message.flags & (AUTHENTICATED | ENCRYPTED) == user.level else Refusal.LEVEL

    def _remember(self, message: SecuredMessage, keys: LocalKeys) -> None:
        if len(self._keys) >= _MOST_ENGINES:
            self._keys.clear()  # they are computed again; who knows a password could fill them
        self._keys[(message.engine_id, message.user)] = keys

    def _time_s(self, now_ns: int) -> int:
        return max(now_ns - self._began_ns, 0) // SECOND_NS

    def _is_timely(self, message: SecuredMessage, now_ns: int) -> bool:
        if message.engine_id != self.engine_id:
            return self._is_timely_there(message, now_ns)
        return message.boots == self._boots != MOST_TIME and abs(message.time_s - self._time_s(now_ns)) <= WINDOW_S

    def _is_timely_there(self, message: SecuredMessage, now_ns: int) -> bool:
        """By the sender's clock, as far as we heard it (section 3.2, 7b)."""
        if message.boots == MOST_TIME:
            return False  # an engine that can count no further (section 2.2.2)
        known = self._clocks.get(message.engine_id)
        if known is None:
            if len(self._clocks) >= _MOST_ENGINES:
                return False  # to forget a clock would let old messages in again
            self._clocks[message.engine_id] = _EngineClock(boots=message.boots, time_s=message.time_s, heard_ns=now_ns)
            return True
        if (message.boots, message.time_s) > (known.boots, known.time_s):
            known.boots, known.time_s, known.heard_ns = message.boots, message.time_s, now_ns
            return True
        now_there_s = known.time_s + max(now_ns - known.heard_ns, 0) // SECOND_NS
        return message.boots == known.boots and message.time_s >= now_there_s - WINDOW_S

    def _refuse(self, reason: Refusal, message: SecuredMessage, now_ns: int, *, keys: LocalKeys | None = None) -> Refused:
        self._refused[reason] += 1
        if not message.flags & REPORTABLE:
            return Refused(reason=reason, report=None)
        content = scoped_report(reason.oid, self._refused[reason], self.engine_id)
        # Only a sender who proved itself learns our time authentically (section 3.2, 7a).
        return Refused(reason=reason, report=self._closed(message, content, keys, AUTHENTICATED if keys else 0, now_ns))

    def _closed(self, message: SecuredMessage, content: bytes, keys: LocalKeys | None, flags: int, now_ns: int) -> bytes:
        time_s = self._time_s(now_ns)
        salt = self._salts.next() if flags & ENCRYPTED else b""
        answer = attrs.evolve(
            message, flags=flags, engine_id=self.engine_id, boots=self._boots, time_s=time_s, salt=salt, content=content
        )
        return sealed(answer, keys)
