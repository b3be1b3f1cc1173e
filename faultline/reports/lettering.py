"""Letters in pictures: about how wide a text is drawn, and what of a name fits a room.

Pictures are made without knowing the reader's fonts; widths are those of common ones.
"""

from __future__ import annotations

LETTER = 6.4
"""Width of a letter of a name, as wide as fonts commonly make it."""
WIDE_LETTER = 0x2E7F
"""Letters beyond are ideographs: twice as wide."""


def text_width(text: str) -> float:
    """About how wide a text is drawn."""
    return LETTER * sum(2 if ord(letter) > WIDE_LETTER else 1 for letter in text)


def cut(name: str, room: float) -> str:
    """As much of a name as fits, and a sign that there is more."""
    if text_width(name) <= room:
        return name
    shown = name
    while len(shown) > 1 and text_width(shown) + LETTER > room:
        shown = shown[:-1]
    return shown.rstrip() + "…"


def two_lines(name: str, room: float) -> list[str]:
    """At most two, broken at the space nearest to the middle."""
    spaces = [at for at, letter in enumerate(name) if letter == " "]
    if text_width(name) <= room or not spaces:
        return [name]
    at = min(spaces, key=lambda space: abs(space - len(name) / 2))
    return [name[:at], name[at + 1 :]]
