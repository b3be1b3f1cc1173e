"""Log-likelihood of yes and no: counters, events, silence.

Goes in: one observation. Comes out: its row, and the modes that what was said can be a sign of.
"""

from __future__ import annotations

import math
import re

import attrs

from faultline.inference.faults import State
from faultline.inference.observed import (
    Silence,
    Told,
)
from faultline.records.terms import Mode

SILENT_SENSITIVITY, SILENT_FALSE = 0.98, 1e-8
SILENT_SHARE = 0.3
"""A probe that missed this share of its reports is called silent."""


@attrs.frozen(slots=True, kw_only=True)
class ToldRow:
    """Yes or no, from a counter, an event, a silence or a changed route."""

    healthy: float
    faulty: float
    modes: frozenset[Mode]
    flat: frozenset[Mode] = frozenset(Mode)

    def loglik(self, state: State) -> float:
        """One of two numbers."""
        return self.faulty if state.modes & self.modes else self.healthy


_NAMES: tuple[tuple[tuple[str, ...], frozenset[Mode]], ...] = (
    (("discard", "drop", "queue", "congest", "overrun"), frozenset({Mode.CONGESTION, Mode.LOSS})),
    (("error", "crc", "fcs", "align", "degrad", "loss"), frozenset({Mode.LOSS, Mode.DOWN})),
    (("down", "link", "oper", "carrier", "power", "unreach"), frozenset({Mode.DOWN})),
    (("mtu", "fragment"), frozenset({Mode.MTU})),
)
_SIGNALS = frozenset({"los", "lof", "ais", "rdi"})
"""What transmission equipment calls an interrupted signal."""
_ANY = frozenset(Mode) - {Mode.ROUTE}


def told_modes(name: str) -> frozenset[Mode]:
    """Modes that what a device says can be a sign of; an unknown name may be a sign of any."""
    lower = name.lower()
    if _SIGNALS & set(re.split(r"[^a-z]+", lower)):
        return frozenset({Mode.DOWN})
    return next((modes for words, modes in _NAMES if any(word in lower for word in words)), _ANY)


def told_row(observation: Told, *, alike: int = 1) -> ToldRow:
    """The row of a counter or an event.

    Args:
        observation: what was told.
        alike: clean polls of the same place about the same modes, this one included. A fault that one counter does not show the
            others do not show either: together they say what one says.
    """
    modes = told_modes(observation.name)
    state = modes == {Mode.DOWN}
    sensitivity = observation.sensitivity if observation.sensitivity is not None else (0.98 if state else 0.6)
    alarm = observation.false_positive_rate if observation.false_positive_rate is not None else (1e-3 if state else 0.01)
    row = yes_or_no(observation.raised, sensitivity, alarm, modes)
    if observation.raised or alike <= 1:
        return row
    return ToldRow(healthy=row.healthy / alike, faulty=row.faulty / alike, modes=modes)


def yes_or_no(raised: bool, sensitivity: float, alarm: float, modes: frozenset[Mode]) -> ToldRow:  # noqa: FBT001 - the datum itself
    """log(sens) against log(fpr) when raised, their complements when polled clean."""
    sensitivity, alarm = (min(1 - 1e-9, max(1e-9, value)) for value in (sensitivity, alarm))
    if raised:
        return ToldRow(healthy=math.log(alarm), faulty=math.log(sensitivity), modes=modes)
    return ToldRow(healthy=math.log1p(-alarm), faulty=math.log1p(-sensitivity), modes=modes)


def silence_row(observation: Silence) -> ToldRow:
    """The row of a probe's silence: missing reports share one cause, so that they are one fact and not many."""
    modes = frozenset({Mode.DOWN})
    if observation.expected <= 0:
        return ToldRow(healthy=0.0, faulty=0.0, modes=modes)
    silent = observation.missed / observation.expected >= SILENT_SHARE
    return yes_or_no(silent, SILENT_SENSITIVITY, SILENT_FALSE, modes)
