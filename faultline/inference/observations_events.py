"""Evidence told by devices and people: of each thing that was said and still holds, one observation.

Goes in: events, the moment they are looked at, and how far each saying is to be believed. Comes out: observations of kind
`event`. What is over, or was said too long ago, says nothing: that nobody tells a thing is no sign that it is not so.

What one sender says of one place is one fact, however many words it takes: a port without light is told by a trap, by the log and
by the routing that ran over it. The strongest is kept. Of a place with two directions each carries half of what was said, so that
a cut cable weighs what was said once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import attrs

from faultline.inference.likelihood_told import told_modes
from faultline.inference.observations_components import worked_on
from faultline.inference.observations_rows import Observation, instant
from faultline.inference.priors import is_work
from faultline.inventory import positions
from faultline.inventory.model import Inventory
from faultline.records.device_event import DeviceEvent, EventSource
from faultline.records.incident import Base, base_of
from faultline.records.terms import SECOND_NS, ComponentId, Direction, Mode

HOUR_NS = 3600 * SECOND_NS
VALID_NS = 24 * HOUR_NS
"""A state holds until its end is told; a lost word must not hold for ever."""
PERSON_NS = 4 * HOUR_NS
"""People tell that it began and seldom that it is over."""
MOMENT_NS = 600 * SECOND_NS
"""What happens and has no end: told for as long as its traces are looked for."""
_MOMENTS = ("start", "boot", "reload", "reset", "switchover", "chang")
MOST_STANDING = 500
"""Sayings that are looked at, the newest first: a storm of alarms must not drown what was measured."""


@attrs.frozen(slots=True, kw_only=True)
class Credence:
    """How far a saying is to be believed."""

    sensitivity: float
    """Probability that it is said when it is so."""
    false_positive_rate: float
    """Probability that it stands said when it is not so."""

    @property
    def nats(self) -> float:
        """What it adds to the log odds."""
        return math.log(self.sensitivity / self.false_positive_rate)


CredenceOf = Callable[[DeviceEvent], Credence]
_SURE = Credence(sensitivity=0.9, false_positive_rate=1e-3)
_VAGUE = Credence(sensitivity=0.5, false_positive_rate=0.01)
_ANYTHING = Credence(sensitivity=0.2, false_positive_rate=0.02)
_PERSON = Credence(sensitivity=0.3, false_positive_rate=0.01)


def usual_credence(event: DeviceEvent) -> Credence:
    """Before anything is known of who says it: an interruption is told surely, the rest less so, a hunch least."""
    modes = told_modes(event.name)
    if len(modes) > len(Mode) // 2:
        return _ANYTHING
    if event.source is EventSource.PERSON:
        return _PERSON
    return _SURE if modes == {Mode.DOWN} else _VAGUE


def valid_ns(event: DeviceEvent) -> int:
    """How long a saying holds when nobody tells its end."""
    name = event.name.lower()
    if any(word in name for word in _MOMENTS):
        return MOMENT_NS
    return PERSON_NS if event.source is EventSource.PERSON and not is_work(event.name) else VALID_NS


def standing(events: Iterable[DeviceEvent], at_ns: int) -> list[DeviceEvent]:
    """What holds at a moment: of each thing the newest said until then, if it is raised and not too old; newest first."""
    newest: dict[tuple[str, str, str], DeviceEvent] = {}
    for event in events:
        if event.happened_ns <= at_ns:
            newest[event.key] = _newer(newest.get(event.key), event)
    held = [event for event in newest.values() if event.raised and at_ns - event.happened_ns < valid_ns(event)]
    return sorted(held, key=lambda event: (-event.happened_ns, event.id))


def _newer(known: DeviceEvent | None, event: DeviceEvent) -> DeviceEvent:
    """Of two that were said at once, always the same one."""
    if known is None or event.is_newer_than(known):
        return event
    return known if known.is_newer_than(event) else max(known, event, key=lambda one: one.id)


def event_observations(
    events: Iterable[DeviceEvent], inventory: Inventory, at_ns: int, credence_of: CredenceOf = usual_credence
) -> Iterator[Observation]:
    """What stands said at a moment of what the inventory knows."""
    heaviest: dict[tuple[str, Base, frozenset[Mode]], tuple[DeviceEvent, Credence]] = {}
    for event in standing(events, at_ns)[:MOST_STANDING]:
        if event.component is None or not _is_known(event.component, inventory):
            continue
        if is_work(event.name):
            for component in _worked_on(event.component, inventory):
                yield _observation(event, component, None)
            continue
        credence = credence_of(event)
        key = (event.sender, base_of(event.component), told_modes(event.name))
        known = heaviest.get(key)
        if known is None or credence.nats > known[1].nats:
            heaviest[key] = (event, credence)
    for event, credence in heaviest.values():
        components = _directions(event.component, inventory)
        share = _shared(credence, len(components))
        for component in components:
            yield _observation(event, component, share)


def _is_known(component: ComponentId, inventory: Inventory) -> bool:
    base = base_of(component)
    known = inventory.components.get(base)
    # Of a bundle nobody knows which member is meant.
    return base in inventory.sites if known is None else not known.paths


def _directions(component: ComponentId | None, inventory: Inventory) -> tuple[ComponentId, ...]:
    if component is None:
        return ()
    base = base_of(component)
    known = inventory.components.get(base)
    if known is None or (known.directed and str(component) != base):
        return (component,)
    return tuple(dict.fromkeys(positions.directed(inventory, base, direction) for direction in Direction))


def _worked_on(component: ComponentId, inventory: Inventory) -> list[ComponentId]:
    """Work on a building is work on all that is in it."""
    base = base_of(component)
    if base not in inventory.sites:
        return worked_on(inventory, [base])
    inside = [known.id for known in inventory.components.values() if known.site == base]
    return [component, *worked_on(inventory, inside)]


def _shared(credence: Credence, parts: int) -> Credence:
    """So much of it that all parts together weigh what the whole does."""
    return Credence(
        sensitivity=credence.sensitivity ** (1 / parts), false_positive_rate=credence.false_positive_rate ** (1 / parts)
    )


def _observation(event: DeviceEvent, component: ComponentId, credence: Credence | None) -> Observation:
    observation: Observation = {
        "kind": "event",
        "component": component,
        "name": event.name,
        "raised": True,
        "source": event.source.value,
        "sender": event.sender,
        "at": instant(event.happened_ns // SECOND_NS * SECOND_NS),
    }
    if event.place:
        observation["place"] = event.place
    if credence is not None:
        observation["sensitivity"] = round(credence.sensitivity, 6)
        observation["false_positive_rate"] = round(credence.false_positive_rate, 9)
    return observation
