"""A double of the batches of flows: counts rows and stores nothing."""

from __future__ import annotations

import attrs
import pyarrow as pa


@attrs.define
class Stored:
    """Rows of each batch."""

    rows: list[int] = attrs.field(factory=list)

    def put(self, table: pa.Table, **_: int) -> None:
        """Count."""
        self.rows.append(table.num_rows)
