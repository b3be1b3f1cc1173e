"""Rows of a list to changes of lines, every mistake with file, row, column and what to do.

Goes in: a sheet, a profile. Comes out: one `LineChange` a row, in the order of the list, and problems. What the other lines of
the inventory are is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from analyzer.planning.lists.columns import REQUIRED, Attribute, Mapped, Profile, folded, map_columns
from analyzer.planning.lists.sheet import Row, Sheet
from analyzer.planning.lists.values import READERS, Action, CellError
from faultline.inventory.problems import Problem

_ADD_COLUMN = "add the column, or a default in the profile"
_LOST = "\N{REPLACEMENT CHARACTER}"
"""Stands where a program could not read a character: opened with another encoding than it was written in."""


@attrs.frozen(slots=True, kw_only=True)
class Origin:
    """Where a line was said."""

    where: str
    row: int
    titles: Mapping[Attribute, str]

    def problem(self, attribute: Attribute | None, wrong: str, remedy: str) -> Problem:
        """A mistake there."""
        title = self.titles.get(attribute, attribute.value) if attribute is not None else ""
        return Problem(where=self.where, line=self.row, key=title, wrong=wrong, remedy=remedy)


@attrs.frozen(slots=True, kw_only=True)
class LineChange:
    """What a row says of a line."""

    action: Action | None
    """None: the list is no delta; the line is as the row has it."""
    code: str
    values: Mapping[Attribute, Any]
    """Attributes the row has, action and code left out."""
    origin: Origin


@attrs.frozen(slots=True, kw_only=True)
class Listed:
    """What a list says."""

    changes: tuple[LineChange, ...]
    is_delta: bool
    problems: tuple[Problem, ...]
    unknown_columns: tuple[str, ...] = ()


def read_rows(sheet: Sheet, profile: Profile) -> Listed:
    """Read every row."""
    mapped = map_columns(sheet.columns, profile)
    if mapped.problems:
        found = [
            Problem(where=sheet.where, line=None, key="", wrong=text.split("; ")[0], remedy=text.partition("; ")[2])
            for text in mapped.problems
        ]
        return Listed(changes=(), is_delta=False, problems=tuple(found), unknown_columns=mapped.unknown)
    titles = {attribute: title for title, attribute in mapped.attributes.items()}
    is_delta = Attribute.ACTION in titles
    problems: list[Problem] = []
    changes: list[LineChange] = []
    seen: dict[str, int] = {}
    for row in sheet.rows:
        origin = Origin(where=sheet.where, row=row.number, titles=titles)
        change = _change(row, mapped, profile, origin, problems, is_delta=is_delta)
        if change is None:
            continue
        if change.code in seen and not is_delta:
            wrong = f"{change.code!r} is in row {seen[change.code]} already"
            problems.append(origin.problem(Attribute.CODE, wrong, "a line has one row: remove or correct one of them"))
        seen.setdefault(change.code, row.number)
        changes.append(change)
    return Listed(changes=tuple(changes), is_delta=is_delta, problems=tuple(problems), unknown_columns=mapped.unknown)


def _change(
    row: Row, mapped: Mapped, profile: Profile, origin: Origin, problems: list[Problem], *, is_delta: bool
) -> LineChange | None:
    texts = dict(profile.defaults)
    texts |= {attribute: row.cells[title] for title, attribute in mapped.attributes.items() if title in row.cells}
    values: dict[Attribute, Any] = {}
    sound = True
    for attribute, text in texts.items():
        try:
            values[attribute] = READERS[attribute](_translated(attribute, _legible(text), profile))
        except CellError as error:
            problems.append(origin.problem(attribute, error.wrong, error.remedy))
            sound = False
    action = Action(values.pop(Attribute.ACTION)) if Attribute.ACTION in values else None
    if is_delta and action is None and Attribute.ACTION not in texts:
        problems.append(origin.problem(Attribute.ACTION, "empty", f"one of {', '.join(Action)}"))
        sound = False
    needed = REQUIRED if action is Action.ADD or not is_delta else (Attribute.CODE,)
    for attribute in needed:
        if attribute not in texts:
            remedy = "fill the cell (merged cells count for their first row only)" if attribute in origin.titles else _ADD_COLUMN
            problems.append(origin.problem(attribute, "empty", remedy))
            sound = False
    if not sound:
        return None
    return LineChange(action=action, code=values.pop(Attribute.CODE), values=values, origin=origin)


def _legible(text: str) -> str:
    if _LOST in text:
        raise CellError(f"{text!r} has lost characters", "open the original with its encoding (GBK or UTF-8) and save it again")
    return text


def _translated(attribute: Attribute, text: str, profile: Profile) -> str:
    words = profile.values.get(attribute, {})
    return next((ours for theirs, ours in words.items() if folded(theirs) == folded(text)), text)
