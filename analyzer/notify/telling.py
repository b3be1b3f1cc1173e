"""What every kind of target shares: its name, language, words and heartbeat; what is told, and what a channel must do.

Knows no protocol and opens nothing.
"""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import Any, Protocol, TypeVar

import attrs

from analyzer.notify.alarms import Alarm
from faultline.reports.words import Language
from faultline.runtime.console import BAD_USAGE, CommandError

MOST_SECRET_OCTETS = 4096
_OWN_WORDS = ("text", "short", "sequence")
TEMPLATE_WORDS = (
    *_OWN_WORDS,
    *(
        "incident",
        "event",
        "revision",
        "line",
        "customer",
        "owner",
        "mode",
        "components",
        "confidence",
        "begin_ns",
        "end_ns",
        "link",
    ),
)
"""What a template may name."""
_NEEDED = frozenset({"incident", "sequence", "repeated"})
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


def _is_template(_: object, __: object, value: str) -> None:
    template = string.Template(value)
    if not template.is_valid():
        raise ValueError("template has a $ that names nothing; write $$ for the sign itself")
    unknown = [name for name in template.get_identifiers() if name not in TEMPLATE_WORDS]
    if unknown:
        raise ValueError(f"template names {unknown[0]!r}; it may name {', '.join(TEMPLATE_WORDS)}")


@attrs.frozen(kw_only=True)
class Target:
    """Who is told of incidents."""

    name: str = attrs.field(validator=attrs.validators.matches_re(_NAME))
    """Names its place in the outbox: keep it when the address changes."""
    language: Language = Language.EN
    """en or zh."""
    template: str = attrs.field(default="$text", validator=_is_template)
    """The words it gets: `$text` is one line with everything, `$short` 70 characters; see the reference for the rest."""
    heartbeat_s: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    """Say so when nothing had to be told for so long; 0: never."""


T = TypeVar("T", bound=Target)


def beside(target: T, folder: Path) -> T:
    """The same, with relative paths below a folder."""
    values = {field.name: getattr(target, field.name) for field in attrs.fields(type(target))}
    paths: dict[str, Any] = {name: folder / value for name, value in values.items() if isinstance(value, Path)}
    return attrs.evolve(target, **paths)


def secret(path: Path, key: str) -> str:
    """The first line of a file that holds a secret.

    Raises:
        CommandError: it cannot be read, or is empty.
    """
    try:
        with path.open("rb") as file:
            line = file.read(MOST_SECRET_OCTETS).decode().split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise CommandError(f"{key}: {path}: {reason}", hint="the analyzer must be able to read it", code=BAD_USAGE) from None
    if not line:
        raise CommandError(f"{key}: {path} is empty", hint="its first line is the secret", code=BAD_USAGE)
    return line


@attrs.frozen(slots=True, kw_only=True)
class Told:
    """One thing to tell one target."""

    sequence: int
    """In the outbox; 0 of a test message."""
    repeated: bool
    """It may have been told before."""
    alarm: Alarm
    text: str
    """By the target's template."""

    @property
    def fields(self) -> dict[str, str]:
        """The facts of the alarm and of its telling, as text."""
        own = {"sequence": str(self.sequence)} | ({"repeated": "true"} if self.repeated else {})
        return dict(self.alarm.fields) | own

    @property
    def needed_fields(self) -> dict[str, str]:
        """Those of them that a receiver cannot do without."""
        return {name: value for name, value in self.fields.items() if name in _NEEDED}


def told_of(target: Target, told: Alarm, *, sequence: int, repeated: bool = False) -> Told:
    """An alarm in a target's words; what is not known is an empty word."""
    words: dict[str, Any] = dict.fromkeys(TEMPLATE_WORDS, "") | dict(told.fields)
    words |= {"text": told.text, "short": told.short, "sequence": sequence}
    return Told(sequence=sequence, repeated=repeated, alarm=told, text=string.Template(target.template).substitute(words))


class NotTakenError(Exception):
    """The receiver was reached and refuses this very message; another one it may take."""


class NotSentError(OSError):
    """Nothing of the message left: it cannot have arrived."""


class Channel(Protocol):
    """Brings messages to one target; used by one thread at a time."""

    @property
    def acknowledges(self) -> bool:
        """Whether what was sent is known to have arrived."""

    def send(self, told: Told) -> None:
        """Return once the receiver has it, as far as the protocol can tell.

        Raises:
            NotTakenError: the receiver will not have this message.
            OSError: it may be tried again; `NotSentError` when it certainly did not arrive.
        """

    def heartbeat(self, sequence: int) -> None:
        """Say that the way is alive, and up to which sequence everything was told.

        Raises:
            OSError: it is not.
        """

    def close(self) -> None:
        """Let go of connections."""
