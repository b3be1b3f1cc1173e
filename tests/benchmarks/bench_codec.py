"""How fast flow records become a sealed batch and columns again, and foreign export becomes rows, on one core."""

from __future__ import annotations

import random
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

from faultline import native
from faultline.records.fields import Column, FieldType, table
from faultline.records.histogram import Histogram

ROWS = 20_000
COPIES = 5
BASE_NS = 1_700_000_000_000_000_000


def value_of(column: Column, number: int, dice: random.Random) -> Any:
    """Something like what a busy link's flows hold."""
    return {
        FieldType.U8: 6,
        FieldType.U16: 443,
        FieldType.U32: 5,
        FieldType.U64: dice.randrange(1000),
        FieldType.I64: -1,
        FieldType.F64: 0.5,
        FieldType.BOOL: False,
        FieldType.STRING: "eth0",
        FieldType.OCTETS: b"",
        FieldType.ADDRESS: f"10.0.{number >> 8 & 255}.{number & 255}",
        FieldType.TIME_NS: BASE_NS + number,
        FieldType.HIST: Histogram([dice.randrange(10**7)]).encode(),
        FieldType.LIST: b"",
    }[column.field.type]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and result, the best of three."""
    best, result = float("inf"), None
    for _ in range(3):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def netflow5() -> bytes:
    """A full v5 datagram."""
    return struct.pack("!HHIIIIBBH", 5, 30, 1, 1, 1, 0, 0, 0, 0) + bytes(48 * 30)


def main() -> None:
    """Print the table."""
    dice = random.Random(1)
    columns = table().records["flow"].columns
    rows = [{column.name: value_of(column, number, dice) for column in columns} for number in range(ROWS)]
    header = {"probe": "p", "incarnation": 1, "stream": "flows", "seq": 1, "wall_ns": 1, "monotonic_ns": 1, "watermark_ns": 1}
    total = ROWS * COPIES
    encode_s, messages = timed(lambda: native.encode_records("flow", rows, export_s=1))
    seal_s, batch = timed(lambda: native.seal_batch(header | {"records": total}, messages * COPIES, export_s=1))
    header_s, _ = timed(lambda: native.batch_header(batch))
    decode_s, _ = timed(lambda: native.decode_batch(batch))
    zstd_s, packed = timed(lambda: native.zstd_compress(batch))
    foreign = native.ExportDecoder()
    foreign_s, _ = timed(lambda: [foreign.datagram(netflow5(), "r") for _ in range(1000)])
    lines = [
        ("encode rows of Python", f"{ROWS / encode_s:,.0f} records/s"),
        ("seal a batch", f"{total / seal_s:,.0f} records/s"),
        ("check seal, read header", f"{total / header_s:,.0f} records/s"),
        (f"decode to {len(columns)} columns", f"{total / decode_s:,.0f} records/s"),
        ("octets a record", f"{len(batch) / total:.0f}"),
        ("zstd level 3", f"{len(batch) / zstd_s / 1e6:.0f} MB/s to {len(packed) / len(batch):.0%}"),
        ("NetFlow v5 to rows", f"{30_000 / foreign_s:,.0f} records/s"),
    ]
    for name, figure in lines:
        sys.stdout.write(f"{name:28} {figure:>24}\n")


if __name__ == "__main__":
    main()
