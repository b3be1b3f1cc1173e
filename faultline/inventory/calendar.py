"""Which days are alike: holidays, working days made up for them, the end of a month, and the nights that batches run in. Pure.

Goes in: a date, or a moment in the customer's own time. Comes out: its class. Knows nothing of time zones, of files and of what
is done with a class.

    calendar.day_class(date(2026, 10, 10))       a Saturday that is worked, for a holiday on a weekday: DayClass.WORKDAY
    calendar.in_batch(datetime(2026, 10, 31, 1)) whether a batch runs then
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from enum import StrEnum

import attrs

_SATURDAY = 5
_DAY = timedelta(days=1)


class DayClass(StrEnum):
    """Days that look alike."""

    WORKDAY = "workday"
    MONTH_END = "month_end"
    """The last working days of a month: books are closed."""
    WEEKEND = "weekend"
    HOLIDAY = "holiday"


@attrs.frozen(slots=True)
class Days:
    """From the first to the last of some days in a row, both included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        """Whether a day is one of them."""
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}/{self.last}"


@attrs.frozen(slots=True, kw_only=True)
class Batch:
    """A time of day at which batches run. Where its end is not after its start it ends on the day after."""

    start: time
    end: time
    on: frozenset[DayClass] = frozenset(DayClass)
    """Classes of the days it begins on."""

    def holds(self, moment: datetime, begun_on: DayClass, *, yesterday: bool) -> bool:
        """Whether it runs at a moment, if it began on that day or the day before."""
        if begun_on not in self.on:
            return False
        is_over_midnight = self.end <= self.start
        if yesterday:
            return is_over_midnight and moment.time() < self.end
        return self.start <= moment.time() and (is_over_midnight or moment.time() < self.end)


@attrs.frozen(slots=True, kw_only=True)
class Calendar:
    """Somebody's year. Without any days in it: Monday to Friday are worked, and no batch runs."""

    id: str = ""
    holidays: tuple[Days, ...] = ()
    working_days: tuple[Days, ...] = ()
    """Weekends that are worked, to make up for a holiday."""
    month_end_days: int = 0
    """How many of the last working days of a month are its end."""
    batches: tuple[Batch, ...] = ()

    def is_worked(self, day: date) -> bool:
        """Whether it is a working day."""
        if any(day in days for days in self.working_days):
            return True
        return day.weekday() < _SATURDAY and not any(day in days for days in self.holidays)

    def day_class(self, day: date) -> DayClass:
        """What the day is like."""
        if not self.is_worked(day):
            return DayClass.HOLIDAY if any(day in days for days in self.holidays) else DayClass.WEEKEND
        later = sum(self.is_worked(other) for other in _rest_of_month(day))
        return DayClass.MONTH_END if later < self.month_end_days else DayClass.WORKDAY

    def in_batch(self, moment: datetime) -> bool:
        """Whether a batch runs at a moment of the customer's own time."""
        today = moment.date()
        begun = ((self.day_class(today), False), (self.day_class(today - _DAY), True))
        return any(batch.holds(moment, day, yesterday=yesterday) for batch in self.batches for day, yesterday in begun)


PLAIN = Calendar()
"""Of those who have declared none."""


def _rest_of_month(day: date) -> Iterator[date]:
    _, length = calendar.monthrange(day.year, day.month)
    return (day.replace(day=number) for number in range(day.day + 1, length + 1))
