"""Evidence files from anywhere: plain or gzip, a file or standard input, of bounded size.

Goes in: a path. Comes out: the JSON document, not yet checked, or a `CommandError` that says what and where. Knows nothing of
what the document means.
"""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from pathlib import Path
from typing import IO, Any

from faultline.runtime.console import BAD_USAGE, CommandError

MOST_OCTETS = 2 << 30
"""Of a document once it is unpacked: ten million observations. A small file may unpack to anything."""
_GZIP = b"\x1f\x8b"
_HINT = "give a faultline-evidence/1 JSON file, plain or gzip"


def document(path: Path, *, most_octets: int = MOST_OCTETS) -> Any:
    """What a file holds; - is standard input.

    Raises:
        CommandError: it cannot be read, is not UTF-8 JSON, or is too large.
    """
    try:
        raw = _octets(path, most_octets)
    except OSError as error:
        hint = "name a file, or - for standard input"
        raise CommandError(f"cannot read {path}: {error.strerror or error}", hint=hint, code=BAD_USAGE) from None
    except (EOFError, zlib.error) as error:
        raise CommandError(f"{path}: gzip: {error}", hint="the file is cut or damaged", code=BAD_USAGE) from None
    if len(raw) > most_octets:
        raise CommandError(f"{path}: more than {most_octets:,} octets", hint="split it by line or by time", code=BAD_USAGE)
    return _parsed(raw, path)


def _octets(path: Path, most: int) -> bytes:
    if str(path) == "-":
        return _unpacked(sys.stdin.buffer, most)
    with path.open("rb") as file:
        return _unpacked(file, most)


def _unpacked(file: IO[bytes], most: int) -> bytes:
    """At most one octet more than allowed."""
    raw = file.read(most + 1)
    if not raw.startswith(_GZIP):
        return raw
    unpacker = zlib.decompressobj(wbits=31)
    found = unpacker.decompress(raw, most + 1)
    while unpacker.eof and unpacker.unused_data.startswith(_GZIP) and len(found) <= most:  # written in several parts
        raw, unpacker = unpacker.unused_data, zlib.decompressobj(wbits=31)
        found += unpacker.decompress(raw, most + 1 - len(found))
    if not unpacker.eof and len(found) <= most:
        raise gzip.BadGzipFile("it ends in the middle")
    return found


def _parsed(raw: bytes, path: Path) -> Any:
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not UTF-8 text", hint=_HINT, code=BAD_USAGE) from None
    except json.JSONDecodeError as error:
        where = f"{path}, line {error.lineno}, column {error.colno}"
        raise CommandError(f"{where}: {error.msg}", hint=_HINT, code=BAD_USAGE) from None
    except RecursionError:
        raise CommandError(f"{path}: nested too deeply", hint=_HINT, code=BAD_USAGE) from None
    except ValueError as error:  # an integer of thousands of digits
        raise CommandError(f"{path}: {error}", hint=_HINT, code=BAD_USAGE) from None
