"""Patterns of messages: plain words with gaps, `Interface {interface}, changed state to {state}`.

Goes in: a pattern, a text. Comes out: the words in the gaps, or None. `{name}` is one word, without space, up to what follows it;
`{*}` is anything, or nothing. There is no way back while matching: after its first words a pattern is followed by one search per
gap, so that no text of a stranger takes longer than its length times the number of places where the first words stand. That is
why patterns are no regular expressions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_GAP = re.compile(r"\{(\*|[a-z]{1,16})\}")
ANYTHING = "*"
_AFTER_WORDS = ".,;:)]"
"""At the end of a pattern these end a word's sentence and are not of the word."""


class PatternError(ValueError):
    """Text that is no pattern; the message says why."""


class Pattern:
    """A compiled pattern.

    Args:
        text: as a person writes it.
        gaps: names that may be used.

    Raises:
        PatternError: it is none.
    """

    def __init__(self, text: str, gaps: Iterable[str]) -> None:
        self.text = text
        literals, names, at = [], [], 0
        for gap in _GAP.finditer(text):
            literals.append(text[at : gap.start()])
            names.append(gap[1])
            at = gap.end()
        literals.append(text[at:])
        if not literals[0].strip():
            raise PatternError("begin with words of the message: a pattern that begins with a gap is searched everywhere")
        if any(not literal for literal in literals[1:-1]):
            raise PatternError("two gaps without anything between them")
        named = [name for name in names if name != ANYTHING]
        unknown = set(named) - set(gaps)
        if unknown or len(set(named)) != len(named):
            raise PatternError(f"gaps are {', '.join(f'{{{gap}}}' for gap in gaps)}, each once, and {{*}}")
        if "{" in "".join(literals) or "}" in "".join(literals):
            raise PatternError("a brace that is no gap")
        self.gaps = frozenset(named)
        self._first = literals[0]
        self._rest = list(zip(names, literals[1:], strict=True))

    def match(self, text: str) -> dict[str, str] | None:
        """The words in the gaps, where the pattern is anywhere in the text; the first place counts."""
        at = text.find(self._first)
        while at >= 0:
            found = self._follow(text, at + len(self._first))
            if found is not None:
                return found
            at = text.find(self._first, at + 1)
        return None

    def _follow(self, text: str, at: int) -> dict[str, str] | None:
        found: dict[str, str] = {}
        for name, literal in self._rest:
            if name != ANYTHING:
                # A word has at least one character, also where what follows it could be found at once.
                end = text.find(literal, at + 1) if literal else _end_of_word(text, at)
                word = text[at:end].rstrip("" if literal else _AFTER_WORDS)
                if end < 0 or not word or any(character.isspace() for character in word):
                    return None
                found[name] = word
            else:
                end = text.find(literal, at)
                if end < 0:
                    return None
            at = end + len(literal)
        return found


def _end_of_word(text: str, at: int) -> int:
    while at < len(text) and not text[at].isspace():
        at += 1
    return at
