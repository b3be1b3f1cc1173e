"""The asker's half of SNMP: questions and informs to an agent, and what comes back (RFC 3414 section 4, RFC 3416).

Goes in: a unit, the octets that came back, the time. Comes out: the datagram to send, and an answer; `Learnt` when what came back
only taught us who the peer is, so that the question is to be sent again; None when the octets answer no question of ours. No
socket and no clock: waiting and repeating are the edge's.
"""

from __future__ import annotations

import hmac
from enum import Enum
from typing import Protocol

import attrs

from faultline.records.terms import SECOND_NS
from faultline.snmp.ber import BerError
from faultline.snmp.keys import LocalKeys, User, localised
from faultline.snmp.message import (
    ANSWERS,
    AUTHENTICATED,
    ENCRYPTED,
    GET,
    MOST_TIME,
    REPORT,
    REPORTABLE,
    CommunityMessage,
    Pdu,
    SecuredMessage,
    bindings,
    community_message,
    parsed,
    scoped,
    scoped_pdu,
    unit,
    variables_of,
)
from faultline.snmp.usm import LEAST_ENGINE_OCTETS, MOST_ENGINE_OCTETS, Refusal, Salts, is_authentic, sealed


class RefusedByPeerError(Exception):
    """The peer says why it does not take our message."""

    def __init__(self, reason: Refusal | str) -> None:
        self.reason = reason
        super().__init__(reason.value if isinstance(reason, Refusal) else reason)


class Learnt(Enum):
    """What came back was no answer yet."""

    PEER = "peer"
    """Its engine, or its clock: send the question again."""


class Asker(Protocol):
    """Speaks to one peer. A number (below 2^31) ties an answer to its question."""

    def question(self, said: bytes, number: int, now_ns: int) -> bytes:
        """The datagram for a unit whose request has this number; of v3 first a question for who the peer is."""

    def answer(self, datagram: bytes, number: int, now_ns: int) -> Pdu | Learnt | None:
        """What came back.

        Raises:
            RefusedByPeerError: the peer refuses, by name.
        """


class CommunityAsker:
    """Of v2c."""

    def __init__(self, community: str) -> None:
        self._community = community.encode()

    def question(self, said: bytes, number: int, now_ns: int) -> bytes:
        """See `Asker`."""
        del number, now_ns
        return community_message(self._community, said)

    def answer(self, datagram: bytes, number: int, now_ns: int) -> Pdu | Learnt | None:
        """See `Asker`."""
        del now_ns
        try:
            message = parsed(datagram, ANSWERS)
        except BerError:
            return None
        if not isinstance(message, CommunityMessage) or not hmac.compare_digest(message.community, self._community):
            return None
        return message.pdu if message.pdu.request == number else None


@attrs.frozen(slots=True, kw_only=True)
class _Peer:
    """The authoritative engine, and its clock as far as it told us authentically; zeros ask for it."""

    keys: LocalKeys
    engine_id: bytes
    boots: int = 0
    time_s: int = 0
    heard_ns: int = 0

    def time_at(self, now_ns: int) -> int:
        elapsed_s = max(now_ns - self.heard_ns, 0) // SECOND_NS if self.heard_ns else 0
        return min(self.time_s + elapsed_s, MOST_TIME)


class UserAsker:
    """Of v3, in a user's name.

    Args:
        first_salt: see `Salts`.
        context: name of the context asked.
    """

    def __init__(self, user: User, *, first_salt: int, context: str = "") -> None:
        self._user = user
        self._context = context.encode()
        self._salts = Salts(first_salt)
        self._peer: _Peer | None = None

    def forget(self) -> None:
        """Ask again who the peer is: it may have been replaced."""
        self._peer = None

    def question(self, said: bytes, number: int, now_ns: int) -> bytes:
        """See `Asker`."""
        peer = self._peer
        if peer is None:
            asks_who = attrs.evolve(_EMPTY, id=number, flags=REPORTABLE, content=scoped(_who_are_you(number), b""))
            return sealed(asks_who, None)
        level = self._user.level
        message = attrs.evolve(
            _EMPTY,
            id=number,
            flags=level | REPORTABLE,
            engine_id=peer.engine_id,
            boots=peer.boots,
            time_s=peer.time_at(now_ns),
            user=self._user.name.encode(),
            salt=self._salts.next() if level & ENCRYPTED else b"",
            content=scoped(said, peer.engine_id, self._context),
        )
        return sealed(message, peer.keys)

    def answer(self, datagram: bytes, number: int, now_ns: int) -> Pdu | Learnt | None:
        """See `Asker`."""
        try:
            message = parsed(datagram, ANSWERS)
            if not isinstance(message, SecuredMessage) or message.id != number:
                return None
            if message.flags & AUTHENTICATED:
                return self._of_peer(datagram, message, number, now_ns)
            return self._of_anybody(message)
        except BerError:
            return None

    def _of_anybody(self, message: SecuredMessage) -> Learnt | None:
        """Without a digest only who the peer is may be learnt, and why it does not take what we say."""
        if message.flags & ENCRYPTED:
            return None
        reason = _reason(scoped_pdu(message.content, ANSWERS))
        if reason is Refusal.ENGINE:
            is_one = LEAST_ENGINE_OCTETS <= len(message.engine_id) <= MOST_ENGINE_OCTETS
            if self._peer is not None or not is_one:
                return None
            self._peer = _Peer(keys=localised(self._user, message.engine_id), engine_id=message.engine_id)
            return Learnt.PEER
        if reason is None or reason is Refusal.TIME:
            return None
        raise RefusedByPeerError(reason)

    def _of_peer(self, datagram: bytes, message: SecuredMessage, number: int, now_ns: int) -> Pdu | Learnt | None:
        peer = self._peer
        ours = peer is not None and message.engine_id == peer.engine_id and message.user == self._user.name.encode()
        if peer is None or not ours or not is_authentic(datagram, message, peer.keys):
            return None
        if (message.boots, message.time_s) > (peer.boots, peer.time_s):
            self._peer = attrs.evolve(peer, boots=message.boots, time_s=message.time_s, heard_ns=now_ns)
        content = peer.keys.decrypted(message) if message.flags & ENCRYPTED else message.content
        pdu = scoped_pdu(content, ANSWERS)
        if pdu.kind == REPORT:
            reason = _reason(pdu)
            if reason is Refusal.TIME:
                return Learnt.PEER
            raise RefusedByPeerError(reason or "report")
        at_level = message.flags & (AUTHENTICATED | ENCRYPTED) == self._user.level
        return pdu if at_level and pdu.request == number else None


def _who_are_you(number: int) -> bytes:
    """A question without variables: of an unknown peer it asks who it is (RFC 3414 section 4)."""
    return unit(GET, number, variables_of(()))


def _reason(pdu: Pdu) -> Refusal | None:
    """Which counter a report names."""
    names = {name for name, _ in bindings(pdu)} if pdu.kind == REPORT else set()
    return next((refusal for refusal in Refusal if refusal.oid in names), None)


_EMPTY = SecuredMessage(id=0, flags=0, engine_id=b"", boots=0, time_s=0, user=b"", digest=b"", digest_at=0, salt=b"", content=b"")
