"""One file a finished hour: many small files of an hour become one of the next generation, while readers read on.

The new file is entered and the old ones retired in one transaction; the old files stay on disk for readers that hold their names.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from faultline.records.terms import SECOND_NS, TenantId
from faultline.store.archive import HOUR_NS, ArchiveFile, FlowArchive, archive_file, enter, partition
from faultline.store.state import StateStore

SETTLE_NS = 900 * SECOND_NS
"""An hour is left alone until this long after its end: what is late comes by then, as a rule."""
_MOST_ROWS = 4_000_000
"""Files beyond this in sum are left as they are: they are large enough, and memory is bounded."""


class Compaction:
    """Over an archive."""

    def __init__(self, archive: FlowArchive, *, state: StateStore) -> None:
        self._archive = archive
        self._state = state

    def run(self, now_ns: int, *, limit: int = 4) -> int:
        """Compact finished hours that have more than one file, oldest first. Gives how many hours."""
        with self._state.reading() as db:
            hours = db.execute(
                "SELECT tenant, hour_ns FROM archive_files WHERE retired_ns IS NULL AND hour_ns + ? <= ?"
                " GROUP BY tenant, hour_ns HAVING count(*) > 1 AND sum(rows) <= ? ORDER BY hour_ns LIMIT ?",
                (HOUR_NS + SETTLE_NS, now_ns, _MOST_ROWS, limit),
            ).fetchall()
        for tenant, hour_ns in hours:
            self._one(TenantId(tenant), hour_ns, now_ns)
        return len(hours)

    def _one(self, tenant: TenantId, hour_ns: int, now_ns: int) -> None:
        with self._state.reading() as db:
            old = [
                archive_file(row)
                for row in db.execute(
                    "SELECT path, tenant, hour_ns, generation, first_batch, last_batch, rows FROM archive_files"
                    " WHERE retired_ns IS NULL AND tenant = ? AND hour_ns = ? ORDER BY path",
                    (tenant, hour_ns),
                )
            ]
        first, last = min(file.first_batch for file in old), max(file.last_batch for file in old)
        generation = max(file.generation for file in old) + 1
        parts = [pq.ParquetFile(self._archive.folder / file.path).read() for file in old]
        whole = pa.concat_tables(parts, promote_options="default")
        file = ArchiveFile(
            path=f"{partition(tenant, hour_ns)}/g{generation}-{first:012d}-{last:012d}.parquet",
            tenant=tenant,
            hour_ns=hour_ns,
            generation=generation,
            first_batch=first,
            last_batch=last,
            rows=whole.num_rows,
        )
        octets = self._archive.write(file.path, whole)
        with self._state.transaction() as db:
            enter(db, file, octets)
            db.executemany("UPDATE archive_files SET retired_ns = ? WHERE path = ?", [(now_ns, file.path) for file in old])
