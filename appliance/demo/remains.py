"""Folders of runs, and what a crashed run has left: found by its folder, ended by its process ids, removed.

A run writes `run.json` into its folder as soon as it has one: its own process and every process it started, each with the moment
it started, because a process id alone may belong to somebody else by now.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_PREFIX = "faultline-demo-"
_STATE = "run.json"
_END_S = 5.0


def name_folder() -> Path:
    """Where a run's folder will be. It is named before it is made, so that an interruption in between leaves nothing unknown."""
    return Path(tempfile.gettempdir()) / f"{_PREFIX}{secrets.token_hex(8)}"


def make_folder(folder: Path) -> None:
    """Make a run's folder, readable by its user only, with this process written down in it."""
    folder.mkdir(mode=0o700)
    write_down(folder, ())


def write_down(folder: Path, pids: Iterable[int]) -> None:
    """Say which processes belong to this run."""
    document = {"driver": _identity(os.getpid()), "processes": [_identity(pid) for pid in pids]}
    temporary = folder / f"{_STATE}.tmp"
    temporary.write_text(json.dumps(document), encoding="utf-8")
    temporary.replace(folder / _STATE)


def clean_crashed_runs() -> list[str]:
    """End and remove what runs left whose driver is gone; says what it did, one line each."""
    told = []
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            document = json.loads((folder / _STATE).read_text(encoding="utf-8"))
            if _lives(document["driver"]):
                continue
            ended = sum(_end(entry) for entry in document["processes"])
            remove(folder)
            told.append(
                f"an earlier run (process {document['driver']['pid']}) had crashed: ended {ended} processes, removed {folder}"
            )
    return told


def remove(folder: Path) -> None:
    """Remove a run's folder."""
    shutil.rmtree(folder, ignore_errors=True)


def _identity(pid: int) -> dict[str, Any]:
    return {"pid": pid, "started": _started(pid)}


def _started(pid: int) -> int | None:
    """Start of a process in clock ticks since boot; None when there is none, or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets and may hold anything, brackets too.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def _lives(entry: dict[str, Any]) -> bool:
    return entry["started"] is not None and _started(int(entry["pid"])) == entry["started"]


def _end(entry: dict[str, Any]) -> bool:
    if not _lives(entry):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(entry["pid"]), signal.SIGKILL)
    deadline_s = time.monotonic() + _END_S
    while _lives(entry) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return True
