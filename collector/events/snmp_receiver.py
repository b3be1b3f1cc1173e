"""Datagrams to notifications: the whole of receiving SNMP without a socket.

Goes in: a datagram, and the time. Comes out: the notification and its answer, or why there is none. It does not know what a
notification means; the edge knows who may send at all.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable

import attrs

from faultline.snmp.ber import BerError
from faultline.snmp.message import (
    INFORM,
    CommunityMessage,
    Notification,
    SecuredMessage,
    community_response,
    notification,
    parsed,
    scoped_pdu,
    scoped_response,
)
from faultline.snmp.usm import Refusal, Refused, Security

MALFORMED = "malformed"
UNKNOWN_COMMUNITY = "unknown_community"
DISCOVERY = "discovery"
"""A sender of informs asked who we are: what follows is its inform."""


@attrs.frozen(slots=True, kw_only=True)
class Heard:
    """What became of a datagram: a notification, or a reason why there is none."""

    notification: Notification | None = None
    reason: str | None = None
    detail: str = ""
    """For the log."""
    reply: bytes | None = None
    """To the sender; of an inform once the notification is taken."""


class SnmpReceiver:
    """Opens datagrams.

    Args:
        communities: those of v2c that are taken; none: v2c is refused.
        security: of v3.
    """

    def __init__(self, communities: Iterable[str], security: Security) -> None:
        self._communities = [community.encode() for community in communities]
        self._security = security

    def receive(self, datagram: bytes, now_ns: int) -> Heard:
        """What a datagram says; any octets are an answer, never an error."""
        try:
            message = parsed(datagram)
            if isinstance(message, CommunityMessage):
                return self._of_community(message)
            return self._of_user(datagram, message, now_ns)
        except BerError as error:
            return Heard(reason=MALFORMED, detail=str(error))

    def _of_community(self, message: CommunityMessage) -> Heard:
        known = [hmac.compare_digest(message.community, community) for community in self._communities]
        if not any(known):
            return Heard(reason=UNKNOWN_COMMUNITY)
        reply = community_response(message) if message.pdu.kind == INFORM else None
        return Heard(notification=notification(message.pdu), reply=reply)

    def _of_user(self, datagram: bytes, message: SecuredMessage, now_ns: int) -> Heard:
        opened = self._security.open(datagram, message, now_ns)
        if isinstance(opened, Refused):
            asked = opened.reason is Refusal.ENGINE and opened.report is not None
            return Heard(reason=DISCOVERY if asked else opened.reason.value, reply=opened.report)
        pdu = scoped_pdu(opened.content)
        reply = None
        if pdu.kind == INFORM:
            reply = self._security.close(message, scoped_response(pdu), opened.keys, now_ns)
        return Heard(notification=notification(pdu), reply=reply)
