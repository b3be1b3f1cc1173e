"""The lost segments of a flow record: the octets of its `loss_events` column in, one object a segment out.

The layout is that of the fields that the field table lists for it; the classes are those of `native/flowmeter/src/tcp/losses.rs`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum

import attrs

from faultline.records.ntp import from_ntp, to_ntp

_LAYOUT = struct.Struct("!IIQB")


class LossError(ValueError):
    """Octets that are no list of lost segments."""


class LossClass(IntEnum):
    """What became of a segment, as one observation point saw it."""

    UPSTREAM = 1
    """Lost between its sender and the point."""
    DOWNSTREAM = 2
    """It, or its acknowledgement, lost between the point and its receiver."""
    SPURIOUS = 3
    """Sent again in vain."""
    INFERRED = 4
    """Probably lost between its sender and the point, without a hole."""


@attrs.frozen(slots=True, kw_only=True)
class Loss:
    """One retransmitted segment."""

    sequence: int
    octets: int
    """Its length in sequence numbers: payload, SYN and FIN."""
    at_ns: int
    """When the retransmission passed, by the probe's clock."""
    of: LossClass


def losses_of(octets: bytes) -> tuple[Loss, ...]:
    """The segments in the order of their retransmissions.

    Raises:
        LossError: the last one is cut, or a class is unknown.
    """
    if len(octets) % _LAYOUT.size:
        raise LossError(f"{len(octets)} octets are not lost segments of {_LAYOUT.size} each")
    try:
        return tuple(
            Loss(sequence=sequence, octets=length, at_ns=from_ntp(at), of=LossClass(of))
            for sequence, length, at, of in _LAYOUT.iter_unpack(octets)
        )
    except ValueError as error:
        raise LossError(str(error)) from None


def octets_of(losses: Iterable[Loss]) -> bytes:
    """The octets of the column."""
    return b"".join(_LAYOUT.pack(loss.sequence, loss.octets, to_ntp(loss.at_ns), loss.of) for loss in losses)
