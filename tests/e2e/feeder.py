"""A probe that measures nothing real: numbered flow records into a real spool, carried by the real uploader, until it is killed.

    python -m tests.e2e.feeder probe.yaml tally.txt --rows 5 --pause 0.02

Each batch that is durable in the spool is one line of the tally: its sequence and the numbers of its records. A new life goes on
far behind the last number that was written down, so that no number is ever used twice.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import threading
from pathlib import Path
from typing import Any

from faultline.native import encode_records
from faultline.records.terms import SECOND_NS, ProbeId, Stream
from faultline.runtime.clock import SystemClock
from faultline.runtime.counters import Counters
from probe.config import ProbeConfig, read_config
from probe.export.backoff import Backoff
from probe.export.link import HttpsLink
from probe.export.uploader import Uploader
from probe.spool.spool import Spool

TEN_S = 10 * SECOND_NS
LEAP = 10_000


def make_rows(first: int, count: int, now_ns: int) -> list[dict[str, Any]]:
    """Flows with a number each, of one packet, in the interval under way."""
    start_ns = now_ns // TEN_S * TEN_S
    return [
        {
            "start_ns": now_ns,
            "end_ns": now_ns,
            "flow_start_ns": start_ns,
            "interval_start_ns": start_ns,
            "flow_id": number,
            "observation_point": "wan",
            "protocol": 17,
            "source_address": "10.1.1.5",
            "source_port": 5000,
            "destination_address": "10.9.0.9",
            "destination_port": 53,
            "encapsulation": "",
            "end_reason": 2,
            "packets": 1,
            "octets": 100,
            "frame_octets": 114,
            "reverse_packets": 0,
            "reverse_octets": 0,
            "reverse_frame_octets": 0,
            "duplicates": 0,
            "reverse_duplicates": 0,
        }
        for number in range(first, first + count)
    ]


def next_number(tally: Path) -> int:
    """Behind everything an earlier life may have used; a torn last line is no number."""
    used = [0]
    with contextlib.suppress(FileNotFoundError):
        for line in tally.read_text().splitlines():
            words = line.split()
            if len(words) == 3:
                used.append(int(words[1]) + int(words[2]))
    return max(used) + LEAP


def feed(config: ProbeConfig, tally: Path, *, rows: int, pause_s: float, batches: int) -> None:
    """Until SIGTERM, or so many batches."""
    clock, counters = SystemClock(), Counters()
    spool = Spool(config.state_dir / "spool", ProbeId(config.probe), clock=clock, counters=counters, config=config.spool)
    spool.open()
    quick = Backoff(base_s=0.05, cap_s=0.3)  # tests have no time
    uploader = Uploader(
        spool,
        lambda: HttpsLink(config.collector, clock=clock),
        clock=clock,
        counters=counters,
        backoff=quick,
        drain_s=config.collector.drain_s,
    )
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    uploader.start()
    number = next_number(tally)
    made = 0
    with tally.open("a") as file:
        file.write(f"0 {number} 0\n")  # a life that is killed before its first line must not lend its numbers to the next
        file.flush()
        while not stopping.wait(pause_s):
            if made < batches:
                now_ns = clock.wall_ns()
                messages = encode_records("flow", make_rows(number, rows, now_ns), export_s=now_ns // SECOND_NS)
                span: dict[str, Any] = {"first_ns": now_ns, "last_ns": now_ns, "watermark_ns": now_ns // TEN_S * TEN_S}
                seq = spool.append(Stream.FLOWS, messages, records=rows, **span)
                if seq is not None:
                    file.write(f"{seq} {number} {rows}\n")
                    file.flush()
                number += rows
                made += 1
    uploader.stop()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("tally", type=Path)
    parser.add_argument("--rows", type=int, default=5)
    parser.add_argument("--pause", type=float, default=0.02)
    parser.add_argument("--batches", type=int, default=1 << 30)
    options = parser.parse_args()
    feed(read_config(options.config), options.tally, rows=options.rows, pause_s=options.pause, batches=options.batches)


if __name__ == "__main__":
    main()
