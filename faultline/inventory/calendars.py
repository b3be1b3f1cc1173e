"""Calendars of the inventory, and what can be wrong with them."""

from __future__ import annotations

from datetime import date, time, timedelta

from faultline.inventory.calendar import Batch, Calendar, DayClass, Days
from faultline.inventory.entry import Entry

MOST_DAYS = 366
"""A holiday is no longer than a year: a mistyped year would make it one."""
MOST_MONTH_END_DAYS = 10
_A_DAY = "write a day as 2026-10-01, several in a row as 2026-10-01/2026-10-07"
_A_TIME = "write it as 22:00"


def calendar_of(entry: Entry, *, calendar: str | None) -> Calendar | None:
    """The calendar of an entry; None when it is not sound, with the reasons noted."""
    entry.only("id", "holidays", "working_days", "month_end_days", "batches")
    holidays, working_days = _days(entry, "holidays"), _days(entry, "working_days")
    month_end = entry.number("month_end_days", most=MOST_MONTH_END_DAYS, example="2 for the last two working days of a month")
    batches = tuple(batch for inner in entry.entries("batches") for batch in [_batch(inner)] if batch is not None)
    plain = Calendar(holidays=holidays)
    for at, days in enumerate(working_days):
        worked = next((day for day in _each(days) if plain.is_worked(day)), None)
        if worked is not None:
            wrong = f"{worked} is a {worked:%A} and worked anyhow"
            entry.wrong("working_days", wrong, "list weekends that are worked, or correct the date", at=at)
    if calendar is None:
        return None
    return Calendar(id=calendar, holidays=holidays, working_days=working_days, month_end_days=month_end or 0, batches=batches)


def _days(entry: Entry, key: str) -> tuple[Days, ...]:
    found: list[Days] = []
    for at, text in entry.texts(key):
        first, _, last = text.partition("/")
        try:
            days = Days(date.fromisoformat(first), date.fromisoformat(last or first))
        except ValueError:
            entry.wrong(key, f"{text!r} is no day", _A_DAY, at=at)
            continue
        if not 0 <= (days.last - days.first).days < MOST_DAYS:
            entry.wrong(key, f"{text!r} ends before it begins, or more than a year after it", _A_DAY, at=at)
            continue
        twice = next((other for other in found if days.first in other or other.first in days), None)
        if twice is not None:
            entry.wrong(key, f"{days} and {twice} have days in common", "list each day once", at=at)
        found.append(days)
    return tuple(found)


def _each(days: Days) -> list[date]:
    return [days.first + timedelta(days=number) for number in range((days.last - days.first).days + 1)]


def _batch(entry: Entry) -> Batch | None:
    entry.only("start", "end", "days")
    start, end = _time(entry, "start"), _time(entry, "end")
    on = set()
    for at, text in entry.texts("days"):
        if text in set(DayClass):
            on.add(DayClass(text))
        else:
            entry.wrong("days", f"{text!r} is not one of {', '.join(DayClass)}", "name kinds of days", at=at)
    if start is None or end is None:
        return None
    return Batch(start=start, end=end, on=frozenset(on) or frozenset(DayClass))


def _time(entry: Entry, key: str) -> time | None:
    text = entry.text(key, required=True, remedy=_A_TIME)
    try:
        found = time.fromisoformat(text) if text is not None else None
    except ValueError:
        found = None
    if text is not None and (found is None or found.tzinfo is not None):
        entry.wrong(key, f"{text!r} is no time of day", _A_TIME)
        return None
    return found
