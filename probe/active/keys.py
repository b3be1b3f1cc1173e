"""Keys of authenticated sessions: a file with one key in hex for every session, or lines `SSID HEX`.

A session may have two keys while it changes from one to the other: its sender uses the first, a reflector takes both and answers
with the one that was used. So a key is changed without a packet lost: the new one is added at the reflector, then the sender
changes to it, then the old one is removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from faultline.runtime.console import BAD_USAGE, CommandError

_MAX_SSID = 0xFFFF
_FEWEST_OCTETS = 8
_MOST_KEYS = 2
"""Of one session. Each costs the reflector one more hash of a packet that is forged."""


@attrs.frozen(slots=True, kw_only=True)
class Keys:
    """Which key belongs to which session."""

    common: tuple[bytes, ...] = attrs.field(default=(), repr=False)
    by_ssid: Mapping[int, tuple[bytes, ...]] = attrs.field(factory=dict, repr=False)

    def accepted(self, ssid: int) -> tuple[bytes, ...]:
        """The session's keys; none: nothing of it is accepted."""
        return self.by_ssid.get(ssid, self.common)

    def sending(self, ssid: int) -> bytes | None:
        """The key that the session's sender uses."""
        return next(iter(self.accepted(ssid)), None)


def read_keys(path: Path) -> Keys:
    """Read a key file; empty lines and lines that begin with # do not count.

    Raises:
        CommandError: it cannot be read, or a line is not a key.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise CommandError(f"key file {path}: {error.strerror}", hint="check the path", code=BAD_USAGE) from None
    except UnicodeDecodeError:
        raise _wrong(path, 1, "not text") from None
    common: tuple[bytes, ...] = ()
    by_ssid: dict[int, tuple[bytes, ...]] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        key = _key(words[-1])
        if key is None or len(words) > 2:  # noqa: PLR2004 - SSID and key
            raise _wrong(path, number, "not a key")
        if len(words) == 1:
            common = _with(common, key, path, number)
        elif not words[0].isdecimal() or not 0 < int(words[0]) <= _MAX_SSID:
            raise _wrong(path, number, f"{words[0]} is no SSID from 1 to {_MAX_SSID}")
        else:
            by_ssid[int(words[0])] = _with(by_ssid.get(int(words[0]), ()), key, path, number)
    if not common and not by_ssid:
        raise _wrong(path, 1, "no key in it")
    return Keys(common=common, by_ssid=by_ssid)


def _with(keys: tuple[bytes, ...], key: bytes, path: Path, number: int) -> tuple[bytes, ...]:
    if len(keys) == _MOST_KEYS:
        raise _wrong(path, number, f"a session has at most {_MOST_KEYS} keys, the one to send with first")
    return (*keys, key)


def _key(text: str) -> bytes | None:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        return None
    return key if len(key) >= _FEWEST_OCTETS else None


def _wrong(path: Path, number: int, text: str) -> CommandError:
    return CommandError(
        f"key file {path}, line {number}: {text}",
        hint=f"one key of at least {_FEWEST_OCTETS} octets in hex, or lines `SSID HEX`; `openssl rand -hex 32` makes one",
        code=BAD_USAGE,
    )
