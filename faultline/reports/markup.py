"""HTML and SVG as values: text in, escaped markup out.

The one place where escaping happens for reports and pictures; nothing that comes from outside reaches a page by another way.
Pure Python, so the probe can write reports too.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

VOID = frozenset({"br", "hr", "img", "meta", "link", "input"})


class Markup(str):
    """Text that is markup already. `__html__` makes template engines leave it as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        """For template engines that escape by themselves."""
        return str(self)


def text(*children: object) -> Markup:
    """Children joined; plain text escaped, markup kept, None left out, iterables flattened."""
    return Markup("".join(_each(children)))


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element.

    Attribute names: a trailing underscore is dropped (`class_`), other underscores become hyphens (`data_owner`), except
    `viewBox` and its kind, which are given as they are. An attribute that is None or False is left out; True stands without a
    value.
    """
    shown = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        shown.append(f" {label}" if value is True else f' {label}="{escape(_number(value), quote=True)}"')
    opening = f"<{name}{''.join(shown)}>"
    return Markup(opening if name in VOID else f"{opening}{text(*children)}</{name}>")


def _each(children: Iterable[object]) -> Iterable[str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            yield child
        elif isinstance(child, (str, int, float)):
            yield escape(_number(child), quote=False)
        elif isinstance(child, Iterable):
            yield from _each(child)
        else:
            raise TypeError(f"{type(child).__name__} is not markup")


def _number(value: object) -> str:
    """Floats with two decimals at most: the same report on every machine, and small pictures."""
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".") or "0"
    return str(value)
