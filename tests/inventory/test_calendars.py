"""Days that are alike, and calendars in the file."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.inventory import Inventory
from faultline.inventory.calendar import PLAIN, Batch, Calendar, DayClass, Days
from faultline.records.terms import LineCode

from .mistaking import Mistakes, check_told

YEAR = Calendar(
    holidays=(Days(date(2026, 10, 1), date(2026, 10, 7)),),
    working_days=(Days(date(2026, 9, 20), date(2026, 9, 20)), Days(date(2026, 10, 10), date(2026, 10, 10))),
    month_end_days=2,
    batches=(
        Batch(start=time(22), end=time(4)),
        Batch(start=time(18), end=time(22), on=frozenset({DayClass.MONTH_END})),
    ),
)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 9, 30), DayClass.MONTH_END),
        (date(2026, 9, 29), DayClass.MONTH_END),
        (date(2026, 9, 28), DayClass.WORKDAY),
        (date(2026, 10, 1), DayClass.HOLIDAY),
        (date(2026, 10, 3), DayClass.HOLIDAY),
        (date(2026, 10, 10), DayClass.WORKDAY),
        (date(2026, 10, 11), DayClass.WEEKEND),
        (date(2026, 10, 31), DayClass.WEEKEND),
        (date(2026, 10, 30), DayClass.MONTH_END),
    ],
)
def test_days_have_the_class_of_their_calendar(day: date, expected: DayClass) -> None:
    """Holidays on any day of the week, weekends that are worked for them, the last two working days of a month."""
    assert YEAR.day_class(day) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 10, 12, 23), True),  # noqa: DTZ001 - the customer's own time
        (datetime(2026, 10, 13, 3, 59), True),  # noqa: DTZ001
        (datetime(2026, 10, 13, 4), False),  # noqa: DTZ001
        (datetime(2026, 10, 30, 19), True),  # noqa: DTZ001
        (datetime(2026, 10, 29, 22), True),  # noqa: DTZ001
        (datetime(2026, 10, 28, 19), False),  # noqa: DTZ001
    ],
)
def test_batches_run_over_midnight_and_on_days_of_their_class(moment: datetime, expected: bool) -> None:  # noqa: FBT001
    """A batch belongs to the day it begins on."""
    assert YEAR.in_batch(moment) is expected


@given(day=st.dates(date(2000, 1, 1), date(2100, 12, 31)))
def test_without_a_calendar_monday_to_friday_are_worked(day: date) -> None:
    """And no batch runs."""
    assert PLAIN.day_class(day) is (DayClass.WEEKEND if day.isoweekday() > 5 else DayClass.WORKDAY)
    assert not PLAIN.in_batch(datetime.combine(day, time(12)))


@given(
    day=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    number=st.integers(0, 10),
    length=st.integers(0, 20),
    first=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
)
def test_a_month_has_as_many_last_working_days_as_it_can(day: date, number: int, length: int, first: date) -> None:
    """Whatever the holidays, a month has so many of them, or is worked less."""
    year = Calendar(holidays=(Days(first, first + timedelta(days=length)),), month_end_days=number)
    month = [day.replace(day=1) + timedelta(days=n) for n in range(31)]
    month = [one for one in month if one.month == day.month]
    worked = [one for one in month if year.is_worked(one)]
    ends = [one for one in month if year.day_class(one) is DayClass.MONTH_END]
    assert ends == (worked[-number:] if number else [])


def test_a_lines_calendar_is_its_customers(example: Inventory) -> None:
    """The example's bank keeps China's."""
    line = example.lines[LineCode("CN-NB-0017")]
    assert example.calendar_of(line).day_class(date(2026, 10, 10)) is DayClass.WORKDAY
    assert example.calendar_of(line).month_end_days == 2


MISTAKES: Mistakes = {
    "no such calendar": ("calendar: china", "calendar: chyna", "tenants[0].calendar", "no calendar", "did you mean 'china'"),
    "no day": ("2026-10-01/2026-10-07", "2026-10-32", "calendars[0].holidays[2]", "is no day", "2026-10-01"),
    "days the other way round": (
        "2026-10-01/2026-10-07",
        "2026-10-07/2026-10-01",
        "calendars[0].holidays[2]",
        "ends before",
        "write",
    ),
    "a year too many": (
        "2026-10-01/2026-10-07",
        "2026-10-01/2036-10-07",
        "calendars[0].holidays[2]",
        "more than a year",
        "write",
    ),
    "a day twice": ("2026-10-01/2026-10-07", "2026-01-03", "calendars[0].holidays[2]", "days in common", "once"),
    "a weekday that is worked": (
        "2026-10-10]",
        "2026-10-12]",
        "calendars[0].working_days[4]",
        "is a Monday and worked",
        "weekends",
    ),
    "too many days": ("month_end_days: 2", "month_end_days: 20", "calendars[0].month_end_days", "not between 1 and 10", "2 for"),
    "no time": ('start: "22:00"', 'start: "25:00"', "calendars[0].batches[0].start", "no time of day", "22:00"),
    "no such class": (
        "days: [month_end]",
        "days: [monthend]",
        "calendars[0].batches[1].days[0]",
        "is not one of",
        "kinds of days",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_line_its_key_and_what_to_do(name: str, example_text: str) -> None:
    """One mistake in the file is one problem: where, what is wrong, what to do."""
    check_told(example_text, MISTAKES[name], alone=True)
