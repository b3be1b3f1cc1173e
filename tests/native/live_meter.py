"""Meters interfaces of the namespace it runs in, for a test: prints one JSON object when its standard input ends.

Arguments: `INTERFACE=POINT` each; `ra=lan rb=wan` without any. Octets are shown in hexadecimal.

Keys: records (rows of every interval), intervals (start, end, records, when given, first, last) and quality (rows).
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import pyarrow as pa

from faultline.native import LiveMeter, decode_batch, seal_batch

HEADER = {"probe": "p", "incarnation": 1, "stream": "flows", "seq": 1, "wall_ns": 1, "monotonic_ns": 1}


def main() -> None:
    """Until the standard input ends."""
    asked = [tuple(argument.split("=")) for argument in sys.argv[1:] or ("ra=lan", "rb=wan")]
    meter = LiveMeter([(interface, point) for interface, point in asked], interval_s=1)
    meter.start()
    print("metering", flush=True)  # noqa: T201 - the test waits for it
    stopping = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        meter.stop()
        stopping.set()

    threading.Thread(target=wait, daemon=True).start()
    found: dict[str, list[Any]] = {"records": [], "intervals": [], "quality": []}
    while True:
        stopped = stopping.is_set()
        interval = meter.take(1.0)
        if interval is None:
            if stopped:
                break
            continue
        found["intervals"].append(
            [interval.start_ns, interval.end_ns, interval.records, time.time_ns(), interval.first_ns, interval.last_ns]
        )
        found["quality"] += interval.quality
        header = HEADER | {"watermark_ns": interval.end_ns, "records": interval.records}
        rows = pa.table(decode_batch(seal_batch(header, interval.messages, export_s=1)).table("flow")).to_pylist()
        shown = [{key: value.hex() if isinstance(value, bytes) else value for key, value in row.items()} for row in rows]
        found["records"] += shown
    print(json.dumps(found))  # noqa: T201 - read by the test


if __name__ == "__main__":
    main()
