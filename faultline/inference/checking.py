"""Values of a JSON document, checked one by one: every mistake with where it is.

Goes in: values, and where they stand. Comes out: numbers and ids that can be used, and the list of mistakes. Knows nothing of
what the values mean.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Container, Mapping
from typing import Any

import attrs

LARGEST = 1e15
"""Beyond this nothing is a count of packets or a time in microseconds, and sums would no longer be exact."""
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60
_SHORT.maxlong = 40
_SHORT.maxlevel = 2


@attrs.define(slots=True, kw_only=True)
class Checker:
    """Collects mistakes; every getter returns something usable so that the rest is checked too."""

    problems: list[str] = attrs.field(factory=list)

    def need(
        self, item: Mapping[str, Any], key: str, where: str, *, low: float | None = None, high: float | None = None
    ) -> float:
        """A number that must be there."""
        value = item.get(key)
        if value is None:
            self.problems.append(f"{where}.{key}: missing")
            return low or 0.0
        return self.number(value, f"{where}.{key}", low=low, high=high)

    def maybe(
        self, item: Mapping[str, Any], key: str, where: str, *, low: float | None = None, high: float | None = None
    ) -> float | None:
        """A number that may be absent or null."""
        value = item.get(key)
        return None if value is None else self.number(value, f"{where}.{key}", low=low, high=high)

    def number(self, value: Any, where: str, *, low: float | None = None, high: float | None = None) -> float:
        """A finite number within its bounds."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not -math.inf < value < math.inf:
            self.problems.append(f"{where}: {shown(value)} is not a number")
            return low or 0.0
        if (low is not None and value < low) or (high is not None and value > high):
            bounds = f"at least {low:g}" if high is None else f"between {low:g} and {high:g}"
            self.problems.append(f"{where}: {shown(value)} is not {bounds}")
            return low or 0.0
        if abs(value) > LARGEST:
            self.problems.append(f"{where}: {shown(value)} is beyond {LARGEST:g}")
            return low or 0.0
        return float(value)

    def one_of(self, value: Any, options: Container[str], what: str, words: str) -> bool:
        """Whether a value is one of a closed list; when not, that is a mistake. `what` comes before the value."""
        if isinstance(value, str) and value in options:
            return True
        self.problems.append(f"{what} {shown(value)} is not {words}")
        return False


def is_id(value: Any) -> bool:
    """Ids are strings or integers."""
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def shown(value: Any) -> str:
    """A value as a message quotes it: cut, whatever it is."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # an integer of more digits than Python writes out
        return f"an integer of {value.bit_length()} bits"
