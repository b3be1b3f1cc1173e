"""The inventory file as plain data: read, changed and written without its records, so that nothing in it is lost on the way.

Comments are not kept: a file that people write by hand and lists write to is two files, or its comments are in its history.
"""

from __future__ import annotations

import functools
import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from faultline.inventory.reading import FORMAT, SECTIONS
from faultline.runtime.console import CommandError

Document = dict[str, Any]
_PLAIN = re.compile(r"[^\W\d_][\w./-]*(?: [\w./-]+)*")
"""Texts that no reader of YAML takes for anything else."""
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def empty() -> Document:
    """An inventory with nothing in it."""
    return {"format": FORMAT, "tenants": [], "components": [], "lines": []}


def dump(document: Mapping[str, Any]) -> str:
    """Its text, sections in the order of the format, one entry a line."""
    lines = [f"format: {FORMAT}"]
    for section in SECTIONS:
        entries = document.get(section)
        if section == "format" or not entries:
            continue
        lines.append(f"{section}:")
        lines.extend(_entries(entries))
    return "\n".join(lines) + "\n"


def _entries(entries: Iterable[Any]) -> Iterable[str]:
    """One flow mapping an entry: as easy to read as a row of the list it came from, and a comparison shows whole entries."""
    for entry in entries:
        yield f"  - {_flow(entry)}"


def _flow(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(inner) for inner in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(str(key))}: {_flow(inner)}" for key, inner in value.items()) + "}"
    return str(value) if isinstance(value, int) else _quoted(str(value))


@functools.lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    """In quotes where it needs them; keys and words of closed lists come again and again."""
    # A text in JSON's quotes is one in YAML's, too.
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text, ensure_ascii=False)


def write(path: Path, text: str) -> None:
    """Replace the file as a whole: who reads it meanwhile sees the old one or the new one.

    Raises:
        CommandError: it cannot be written.
    """
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary = Path(name)
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written: {error.strerror or error}", hint="check the folder and its permissions"
        ) from None
