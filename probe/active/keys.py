"""Keys of authenticated sessions: a file with one key in hex for every session, or lines `SSID HEX`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from faultline.runtime.console import BAD_USAGE, CommandError

_MAX_SSID = 0xFFFF
_FEWEST_OCTETS = 8


@attrs.frozen(slots=True, kw_only=True)
class Keys:
    """Which key belongs to which session."""

    common: bytes | None = attrs.field(default=None, repr=False)
    by_ssid: Mapping[int, bytes] = attrs.field(factory=dict, repr=False)

    def of(self, ssid: int) -> bytes | None:
        """The session's key; None: no key, so nothing of it is accepted."""
        return self.by_ssid.get(ssid, self.common)


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
    common: bytes | None = None
    by_ssid: dict[int, bytes] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        key = _key(words[-1])
        if key is None or len(words) > 2:  # noqa: PLR2004 - SSID and key
            raise _wrong(path, number, "not a key")
        if len(words) == 1:
            if common is not None:
                raise _wrong(path, number, "a second key for every session")
            common = key
        elif not words[0].isdecimal() or not 0 < int(words[0]) <= _MAX_SSID or int(words[0]) in by_ssid:
            raise _wrong(path, number, f"{words[0]} is no SSID from 1 to {_MAX_SSID}, or has a key already")
        else:
            by_ssid[int(words[0])] = key
    if common is None and not by_ssid:
        raise _wrong(path, 1, "no key in it")
    return Keys(common=common, by_ssid=by_ssid)


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
