"""The flow archive: Parquet files by tenant and hour. The ledger says which files it is; a folder listing never does.

    <folder>/tenant=bank/date=2026-01-31/hour=08/g0-000000000001-000000000042.parquet

`g0` files hold the flows of one range of the ledger's batches; all files of a range are committed with the range in one
transaction, so after a crash the range is written again under the same names. A file that is not committed does not exist for
readers and is removed at the next start. `compaction` makes one file of a finished hour.
"""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from faultline.records.terms import SECOND_NS, Level, TenantId
from faultline.store.disk import Disk
from faultline.store.state import StateStore

HOUR_NS = Level.HOUR.length_ns
ROW_GROUP = 120_000
"""Rows a group: large enough to compress well, small enough to skip by (line, start)."""
GRACE_NS = 600 * SECOND_NS
"""A file that was replaced stays this long for readers that hold its name."""
_UPTO = "archived_upto"
_MEMORY = "512MB"
_THREADS = 2


@attrs.frozen(slots=True, kw_only=True)
class ArchiveFile:
    """One file of the archive."""

    path: str
    """Below the archive's folder."""
    tenant: TenantId
    hour_ns: int
    generation: int
    first_batch: int
    last_batch: int
    rows: int


class FlowArchive:
    """Over a folder and a state store. Tables need the columns `tenant`, `line` and `start_ns`."""

    def __init__(self, folder: Path, *, state: StateStore, disk: Disk) -> None:
        self.folder = folder
        self._state = state
        self._disk = disk

    def archived_upto(self) -> int:
        """Number of the last batch of the ledger whose flows are archived; 0 before the first."""
        return int(self._state.fact(_UPTO) or 0)

    def append(self, table: pa.Table | None, *, last_batch: int) -> int:
        """Archive the flows of all batches after `archived_upto()` up to `last_batch`; None when they hold none. Gives rows.

        Raises:
            OSError: nothing was committed; the same call may be made again.
        """
        first_batch = self.archived_upto() + 1
        files = []
        for tenant, hour_ns, part in _partitions(table) if table is not None else ():
            file = ArchiveFile(
                path=f"{partition(tenant, hour_ns)}/g0-{first_batch:012d}-{last_batch:012d}.parquet",
                tenant=tenant,
                hour_ns=hour_ns,
                generation=0,
                first_batch=first_batch,
                last_batch=last_batch,
                rows=part.num_rows,
            )
            files.append((file, self.write(file.path, part)))
        with self._state.transaction() as db:
            for file, octets in files:
                enter(db, file, octets)
            self._state.put_fact(_UPTO, str(last_batch))
        return sum(file.rows for file, _ in files)

    def write(self, path: str, part: pa.Table) -> int:
        """A durable file that is not yet part of the archive; gives its octets."""
        sink = io.BytesIO()
        pq.write_table(ordered(part), sink, compression="zstd", row_group_size=ROW_GROUP)
        octets = sink.getvalue()
        self._disk.write_whole(self.folder / path, octets)
        return len(octets)

    def files(self, *, tenant: TenantId | None, start_ns: int, end_ns: int) -> list[ArchiveFile]:
        """Files with flows that may start in [start_ns, end_ns). None: of every tenant."""
        with self._state.reading() as db:
            rows = db.execute(
                "SELECT path, tenant, hour_ns, generation, first_batch, last_batch, rows FROM archive_files"
                " WHERE retired_ns IS NULL AND hour_ns > ? AND hour_ns < ? AND (? IS NULL OR tenant = ?) ORDER BY path",
                (start_ns - HOUR_NS, end_ns, tenant, tenant),
            ).fetchall()
        return [archive_file(row) for row in rows]

    def search(
        self,
        *,
        tenant: TenantId | None,
        start_ns: int,
        end_ns: int,
        where: str = "true",
        parameters: Sequence[Any] = (),
        columns: str = "*",
        limit: int | None = None,
    ) -> pa.Table:
        """Flows that start in [start_ns, end_ns), by start.

        Args:
            tenant: whose flows; None: every tenant's, for the carrier's own use.
            start_ns: first start.
            end_ns: end of starts, not included.
            where: a condition in SQL over the columns, written by this program; values stand in `parameters`.
            parameters: values for the `?` in `where`.
            columns: what to select, written by this program.
            limit: at most so many rows.
        """
        paths = [str(self.folder / file.path) for file in self.files(tenant=tenant, start_ns=start_ns, end_ns=end_ns)]
        if not paths:
            return pa.table({})
        source = "read_parquet(?, union_by_name = true, hive_partitioning = true, hive_types_autocast = false)"
        query = (
            f"SELECT {columns} FROM (SELECT * EXCLUDE (date, hour) FROM {source})"  # noqa: S608 - see the arguments
            f" WHERE start_ns >= ? AND start_ns < ? AND ({where}) ORDER BY start_ns" + (f" LIMIT {int(limit)}" if limit else "")
        )
        with duckdb.connect(":memory:", config={"threads": _THREADS, "memory_limit": _MEMORY}) as engine:
            return engine.sql(query, params=[paths, start_ns, end_ns, *parameters]).to_arrow_table()

    def clean(self, now_ns: int) -> int:
        """Remove files that were replaced or expired long enough ago. Gives how many."""
        with self._state.reading() as db:
            old = [
                str(row[0])
                for row in db.execute("SELECT path FROM archive_files WHERE retired_ns < ? LIMIT 256", (now_ns - GRACE_NS,))
            ]
        for path in old:
            self._disk.remove(self.folder / path)
        with self._state.transaction() as db:
            db.executemany("DELETE FROM archive_files WHERE path = ?", [(path,) for path in old])
        return len(old)

    def clean_orphans(self) -> int:
        """At a start: remove files that were written but never committed. Gives how many."""
        with self._state.reading() as db:
            known = {str(row[0]) for row in db.execute("SELECT path FROM archive_files")}
        orphans = [path for path in self._disk.walk(self.folder) if str(path.relative_to(self.folder)) not in known]
        for path in orphans:
            self._disk.remove(path)
        return len(orphans)

    def expire(self, *, before_ns: int, now_ns: int) -> int:
        """Retire whole hours that ended before a moment. Gives how many files."""
        with self._state.transaction() as db:
            done = db.execute(
                "UPDATE archive_files SET retired_ns = ? WHERE retired_ns IS NULL AND hour_ns + ? <= ?",
                (now_ns, HOUR_NS, before_ns),
            )
            return done.rowcount


def partition(tenant: TenantId, hour_ns: int) -> str:
    """Folder of a tenant's hour, in the form Hive, Spark, Trino and ClickHouse know."""
    moment = datetime.fromtimestamp(hour_ns // SECOND_NS, tz=UTC)
    return f"tenant={quote(tenant, safe='')}/date={moment:%Y-%m-%d}/hour={moment:%H}"


def ordered(part: pa.Table) -> pa.Table:
    """By line, then start: what is asked for together lies together."""
    return part.sort_by([("line", "ascending"), ("start_ns", "ascending")])


def archive_file(row: Sequence[Any]) -> ArchiveFile:
    """From the ledger's columns, in the order of the record."""
    return ArchiveFile(
        path=row[0],
        tenant=TenantId(row[1]),
        hour_ns=row[2],
        generation=row[3],
        first_batch=row[4],
        last_batch=row[5],
        rows=row[6],
    )


def enter(db: sqlite3.Connection, file: ArchiveFile, octets: int) -> None:
    """Make a file part of the archive, with the transaction around."""
    db.execute(
        "INSERT OR REPLACE INTO archive_files (path, tenant, hour_ns, generation, first_batch, last_batch, rows, octets)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (file.path, file.tenant, file.hour_ns, file.generation, file.first_batch, file.last_batch, file.rows, octets),
    )


def _partitions(table: pa.Table) -> Iterator[tuple[TenantId, int, pa.Table]]:
    """Parts by tenant and hour of the start; the tenant is in the path, not in the file."""
    hours = np.asarray(table.column("start_ns")) // HOUR_NS * HOUR_NS
    tenants = pc.dictionary_encode(table.column("tenant")).combine_chunks()
    names: Mapping[int, str] = dict(enumerate(tenants.dictionary.to_pylist()))
    codes = np.asarray(tenants.indices)
    bare = table.drop_columns(["tenant"])
    for code, name in names.items():
        for hour_ns in np.unique(hours[codes == code]):
            yield TenantId(name), int(hour_ns), bare.filter(pa.array((codes == code) & (hours == hour_ns)))
