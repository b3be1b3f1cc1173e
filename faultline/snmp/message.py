"""SNMP messages: what is received, what is asked and what is answered (RFC 3416, RFC 3412 section 6).

Goes in: octets. Comes out: the parts of a v2c or v3 message with the places that security needs, variables and notifications; the
other way round questions, responses and reports. Who may send what, and whether a digest is right, is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from faultline.snmp.ber import (
    COUNTER32,
    OCTET_STRING,
    SEQUENCE,
    BerError,
    Reader,
    Value,
    encoded,
    encoded_integer,
    encoded_object_id,
)

V2C, V3 = 1, 3
"""As the version field counts."""
GET, GET_NEXT, GET_BULK = 0xA0, 0xA1, 0xA5
TRAP, INFORM, RESPONSE, REPORT = 0xA7, 0xA6, 0xA2, 0xA8
NOTIFICATIONS, ANSWERS = frozenset({TRAP, INFORM}), frozenset({RESPONSE, REPORT})
USER_BASED = 3
"""The security model of RFC 3414."""
AUTHENTICATED, ENCRYPTED, REPORTABLE = 1, 2, 4
MOST_OCTETS = 65_507
"""What fits into a datagram, and what we say that we take."""
MOST_VARIABLES = 256
MOST_TIME = 2**31 - 1
"""Of an engine's starts and seconds."""
UPTIME, TRAP_OID = "1.3.6.1.2.1.1.3.0", "1.3.6.1.6.3.1.1.4.1.0"


@attrs.frozen(slots=True, kw_only=True)
class Pdu:
    """A protocol data unit, its variables not yet read."""

    kind: int
    request: int
    variables: bytes
    """As they came: an inform is answered with the very same."""
    error: int = 0
    """Of a response; of a question for many rows, how many variables are asked for once."""
    error_index: int = 0
    """Which variable the error is of, from 1; of a question for many rows, how many rows."""
    context: bytes = b""
    """Of v3: engine and name of the context, as they came. Notifications of every context are taken."""


@attrs.frozen(slots=True, kw_only=True)
class Notification:
    """What a trap or an inform says."""

    oid: str
    """Which notification it is."""
    uptime_ticks: int
    """Hundredths of a second since the sender began."""
    request: int
    variables: tuple[tuple[str, Value], ...]
    """Without the two that are above, in the order of the message."""
    is_inform: bool

    def first(self, column: str) -> tuple[str, Value] | None:
        """The first variable of a column, or the object itself: what follows the column in its name, and its value."""
        return next(
            (
                (name[len(column) + 1 :], value)
                for name, value in self.variables
                if name == column or name.startswith(f"{column}.")
            ),
            None,
        )


@attrs.frozen(slots=True, kw_only=True)
class CommunityMessage:
    """A message of v2c."""

    community: bytes
    pdu: Pdu


@attrs.frozen(slots=True, kw_only=True)
class SecuredMessage:
    """A message of v3 under the user-based security model, its content perhaps still encrypted."""

    id: int
    flags: int
    engine_id: bytes
    """Of the authoritative engine: the sender's of a trap, the receiver's of an inform."""
    boots: int
    time_s: int
    user: bytes
    digest: bytes
    digest_at: int
    """Where it stands: it is computed over the message with zeros there."""
    salt: bytes
    content: bytes
    """The scoped PDU, or what it was encrypted to."""


Message = CommunityMessage | SecuredMessage


def parsed(octets: bytes, kinds: frozenset[int] = NOTIFICATIONS) -> Message:
    """The message of a datagram, which must be of one of these kinds (of v3: its content, when it is opened).

    Raises:
        BerError: it is none of a version and a security model that are taken.
    """
    outer = Reader(octets).enter()
    version = outer.integer()
    if version == V2C:
        return CommunityMessage(community=outer.string(), pdu=_pdu(outer, kinds))
    if version == V3:
        return _secured(octets, outer)
    raise BerError(f"version {version + 1 if version < V2C else version}")


def _secured(octets: bytes, outer: Reader) -> SecuredMessage:
    header = outer.enter()
    number, _, flags, model = header.integer(), header.integer(), header.string(), header.integer()
    if len(flags) != 1 or model != USER_BASED:
        raise BerError(f"security model {model}, {len(flags)} octets of flags")
    security = outer.enter(OCTET_STRING).enter()
    engine_id, boots, time_s, user = security.string(), security.integer(), security.integer(), security.string()
    digest = security.enter(OCTET_STRING)
    salt = security.string()
    if not (0 <= boots <= MOST_TIME and 0 <= time_s <= MOST_TIME):
        raise BerError(f"an engine's {boots} starts and {time_s} s")
    if flags[0] & ENCRYPTED:
        content = outer.string()
    else:
        start = outer.at
        outer.enter()
        content = octets[start : outer.at]
    return SecuredMessage(
        id=number,
        flags=flags[0],
        engine_id=engine_id,
        boots=boots,
        time_s=time_s,
        user=user,
        digest=octets[digest.at : digest.end],
        digest_at=digest.at,
        salt=salt,
        content=content,
    )


def scoped_pdu(content: bytes, kinds: frozenset[int] = NOTIFICATIONS) -> Pdu:
    """The unit inside a v3 message, decrypted.

    Raises:
        BerError: it is none; of encrypted content that also is what a wrong key gives.
    """
    scoped = Reader(content).enter()
    start = scoped.at
    scoped.string()
    scoped.string()
    context = content[start : scoped.at]
    return attrs.evolve(_pdu(scoped, kinds), context=context)


def _pdu(outer: Reader, kinds: frozenset[int]) -> Pdu:
    start = outer.at
    kind, inside, end = outer.next()
    fields = Reader(outer.octets, inside, end)
    request = fields.integer()
    if kind not in kinds:
        raise BerError(f"octet {start}: a unit {kind:#04x}, which nobody expects here")
    error, error_index = fields.integer(), fields.integer()
    at = fields.at
    fields.enter()
    return Pdu(kind=kind, request=request, variables=outer.octets[at : fields.at], error=error, error_index=error_index)


def bindings(pdu: Pdu) -> tuple[tuple[str, Value], ...]:
    """Names and values of a unit's variables.

    Raises:
        BerError: they are none, or too many.
    """
    rest = Reader(pdu.variables).enter()
    variables: list[tuple[str, Value]] = []
    while rest.more:
        if len(variables) == MOST_VARIABLES:
            raise BerError(f"more than {MOST_VARIABLES} variables")
        pair = rest.enter()
        variables.append((pair.object_id(), pair.value()))
    return tuple(variables)


def notification(pdu: Pdu) -> Notification:
    """What a unit says.

    Raises:
        BerError: its variables are none, or the two that every notification begins with are not there.
    """
    variables = bindings(pdu)
    if len(variables) < 2 or variables[0][0] != UPTIME or variables[1][0] != TRAP_OID:  # noqa: PLR2004 - these two
        raise BerError("a notification without its uptime and its name")
    uptime, oid = variables[0][1], variables[1][1]
    if not isinstance(uptime, int) or not isinstance(oid, str):
        raise BerError("a notification whose uptime or name is of another type")
    return Notification(oid=oid, uptime_ticks=uptime, request=pdu.request, variables=variables[2:], is_inform=pdu.kind == INFORM)


# ---- what is said
def unit(kind: int, request: int, variables: bytes, *, first: int = 0, second: int = 0) -> bytes:
    """A protocol data unit around a sequence of variables; the two numbers are those of `Pdu.error` and `Pdu.error_index`."""
    return encoded(kind, encoded_integer(request), encoded_integer(first), encoded_integer(second), variables)


def variables_of(pairs: Iterable[tuple[str, bytes]]) -> bytes:
    """A sequence of variables from names and values that are already encoded."""
    return encoded(SEQUENCE, *(encoded(SEQUENCE, encoded_object_id(name), value) for name, value in pairs))


def community_message(community: bytes, said: bytes) -> bytes:
    """A unit in a message of v2c."""
    return encoded(SEQUENCE, encoded_integer(V2C), encoded(OCTET_STRING, community), said)


def scoped(said: bytes, engine_id: bytes, context: bytes = b"") -> bytes:
    """A unit as the content of a v3 message, not yet encrypted."""
    return encoded(SEQUENCE, encoded(OCTET_STRING, engine_id), encoded(OCTET_STRING, context), said)


# ---- what is answered
def community_response(message: CommunityMessage) -> bytes:
    """The answer to an inform of v2c."""
    return community_message(message.community, _response(message.pdu))


def scoped_response(pdu: Pdu) -> bytes:
    """The answer to an inform of v3, not yet encrypted."""
    return encoded(SEQUENCE, pdu.context, _response(pdu))


def scoped_report(oid: str, count: int, engine_id: bytes) -> bytes:
    """A report of a counter of the security model: why a message was not taken."""
    return scoped(unit(REPORT, 0, variables_of([(oid, encoded_integer(count, COUNTER32))])), engine_id)


def _response(pdu: Pdu) -> bytes:
    return unit(RESPONSE, pdu.request, pdu.variables)


def secured(message: SecuredMessage) -> tuple[bytes, int]:
    """The octets of a v3 message, and where its digest stands."""
    content = encoded(OCTET_STRING, message.content) if message.flags & ENCRYPTED else message.content
    salt = encoded(OCTET_STRING, message.salt)
    octets = encoded(
        SEQUENCE,
        encoded_integer(V3),
        encoded(
            SEQUENCE,
            encoded_integer(message.id),
            encoded_integer(MOST_OCTETS),
            encoded(OCTET_STRING, bytes((message.flags,))),
            encoded_integer(USER_BASED),
        ),
        encoded(
            OCTET_STRING,
            encoded(
                SEQUENCE,
                encoded(OCTET_STRING, message.engine_id),
                encoded_integer(message.boots),
                encoded_integer(message.time_s),
                encoded(OCTET_STRING, message.user),
                encoded(OCTET_STRING, message.digest),
                salt,
            ),
        ),
        content,
    )
    return octets, len(octets) - len(content) - len(salt) - len(message.digest)
