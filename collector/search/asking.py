"""Puts a question to the archive: DuckDB in memory over the ledger's list of files, within a limit of memory and threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import duckdb

from collector.search.compiling import MACROS
from collector.search.question import Question, query_of
from faultline.records.terms import TenantId
from faultline.store.archive import FlowArchive

_PROGRESS_S = 0.5
_BATCH = 10_000


class SearchError(Exception):
    """The archive could not answer: the message says why."""


@attrs.frozen(slots=True, kw_only=True)
class Limits:
    """What an answer may cost."""

    memory_octets: int = 1 << 30
    """Beyond it the engine uses the folder for temporary files, or gives up where it cannot."""
    threads: int = 2
    temporary: Path | None = None


@attrs.define(slots=True, kw_only=True)
class Answered:
    """An answer under way."""

    files: int
    rows: int
    """Flows in those files: what had to be looked at, at most."""
    columns: list[str]
    found: Iterator[dict[str, Any]]


def ask(
    archive: FlowArchive,
    question: Question,
    *,
    tenant: TenantId | None,
    limits: Limits,
    progress: Callable[[float], None] = lambda _: None,
) -> Answered:
    """The answer to a question; rows come as they are read. `progress` hears per cent, from another thread.

    Raises:
        SearchError: it needs more memory than it may have, or a file cannot be read.
    """
    files = archive.files(tenant=tenant, start_ns=question.start_ns, end_ns=question.end_ns)
    if not files:
        return Answered(files=0, rows=0, columns=[], found=iter(()))
    query = query_of(question, [str(archive.folder / file.path) for file in files])
    engine = duckdb.connect(":memory:", config=_settings(limits))
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(engine, done, progress), name="search-progress", daemon=True)
    try:
        for macro in MACROS:
            engine.execute(macro)
        watcher.start()
        reader = engine.execute(query.text, list(query.parameters))
        columns = [column[0] for column in reader.description or ()]
    except duckdb.Error as error:
        raise SearchError(_first_line(error)) from None
    finally:
        done.set()
    return Answered(files=len(files), rows=sum(file.rows for file in files), columns=columns, found=_rows(engine, columns))


def _settings(limits: Limits) -> dict[str, str | bool | int | float | list[str]]:
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": limits.threads,
        "memory_limit": f"{limits.memory_octets >> 10}KiB",
        "autoinstall_known_extensions": False,
    }
    if limits.temporary is not None:
        settings["temp_directory"] = str(limits.temporary)
    return settings


def _rows(engine: duckdb.DuckDBPyConnection, columns: list[str]) -> Iterator[dict[str, Any]]:
    """Rows without what is absent."""
    try:
        while batch := engine.fetchmany(_BATCH):
            for row in batch:
                yield {name: value for name, value in zip(columns, row, strict=True) if value is not None}
    except duckdb.Error as error:
        raise SearchError(_first_line(error)) from None
    finally:
        engine.close()


def _watch(engine: duckdb.DuckDBPyConnection, done: threading.Event, progress: Callable[[float], None]) -> None:
    while not done.wait(_PROGRESS_S):
        try:
            percent = float(engine.query_progress())
        except (duckdb.Error, AttributeError):
            return
        if percent >= 0:
            progress(percent)


def _first_line(error: duckdb.Error) -> str:
    return str(error).splitlines()[0]
