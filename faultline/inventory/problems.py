"""What is wrong with an inventory: every mistake at once, each with file, line, key path, what is wrong and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import attrs

MOST_SHOWN = 50
"""A file of 16,000 lines with one systematic mistake must not fill the terminal; `InventoryError.problems` has them all."""


@attrs.frozen(slots=True, kw_only=True)
class Problem:
    """One mistake."""

    where: str
    """The file, or what the document was called."""
    line: int | None
    """From 1; None when the document did not come from a file."""
    key: str
    """Path of the key, e.g. `lines[0].path[3]`; empty for the file as a whole."""
    wrong: str
    remedy: str

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        return ": ".join(part for part in (place, self.key, f"{self.wrong}; {self.remedy}") if part)


class InventoryError(ValueError):
    """The inventory cannot be used; `problems` names every mistake, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: p.line or 0))
        shown = [str(problem) for problem in self.problems[:MOST_SHOWN]]
        if len(self.problems) > MOST_SHOWN:
            shown.append(f"and {len(self.problems) - MOST_SHOWN} more")
        super().__init__("\n".join(shown))


class Problems:
    """Mistakes found so far."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.found: list[Problem] = []
        self._known: set[Problem] = set()

    def add(self, line: int | None, key: str, wrong: str, remedy: str) -> None:
        """Note one; the same one is noted once, however often its key is looked at."""
        problem = Problem(where=self.where, line=line, key=key, wrong=wrong, remedy=remedy)
        if problem not in self._known:
            self._known.add(problem)
            self.found.append(problem)

    def raise_any(self) -> None:
        """Raise all of them together, if there is one.

        Raises:
            InventoryError: something is wrong.
        """
        if self.found:
            raise InventoryError(self.found)


def meant(word: str, known: Iterable[str], *, otherwise: str) -> str:
    """What to do about a word that is not among the known ones."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else otherwise
