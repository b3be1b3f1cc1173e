"""How many packets a second one core meters, every TCP rule on, against a dpkt loop that only counts, in the same run.

The capture is made here: TCP connections with handshake, data and acknowledgements both ways, some of them with a loss. Ratios
carry over to other machines, absolute numbers do not.
"""

from __future__ import annotations

import io
import os
import random
import struct
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dpkt

from faultline import native

FLOWS = 15_000
AT_ONCE = 2_000
ROUNDS = 10
PAYLOAD = 1_000
KEPT = 160
DPKT_PACKETS = 60_000
BASE_S = 1_700_000_000
FIN, SYN, ACK = 0x01, 0x02, 0x10


def segment(number: int, *, client: bool, seq: int, ack: int, flags: int, payload: int) -> bytes:
    """A frame cut to `KEPT` octets."""
    ends = (0x0A000000 | number, 0xC0A80000 | number % 251)
    ports = (1024 + number % 50_000, 443)
    (source, destination), (source_port, destination_port) = (ends, ports) if client else (ends[::-1], ports[::-1])
    total = 40 + payload
    checksum = seq * 31 + ack * 17 + flags & 0xFFFF
    header = struct.pack("!BBHHHBBHII", 0x45, 0, total, seq & 0xFFFF, 0x4000, 60, 6, 0, source, destination)
    tcp = struct.pack("!HHIIBBHHH", source_port, destination_port, seq, ack, 0x50, flags, 500, checksum, 0)
    return bytes(12) + b"\x08\x00" + header + tcp + bytes(min(payload, KEPT - 54))


def connection(number: int, dice: random.Random) -> Iterator[bytes]:
    """Frames of one connection."""

    def of(*, client: bool, seq: int, ack: int, flags: int = ACK, payload: int = 0) -> bytes:
        return segment(number, client=client, seq=seq, ack=ack, flags=flags, payload=payload)

    yield of(client=True, seq=99, ack=0, flags=SYN)
    yield of(client=False, seq=199, ack=100, flags=SYN | ACK)
    yield of(client=True, seq=100, ack=200)
    seq, ack = 100, 200
    for _ in range(ROUNDS):
        yield of(client=True, seq=seq, ack=ack, payload=100)
        seq += 100
        for part in range(2):
            yield of(client=False, seq=ack + part * PAYLOAD, ack=seq, payload=PAYLOAD)
        if dice.random() < 0.02:
            yield of(client=False, seq=ack, ack=seq, payload=PAYLOAD)
        ack += 2 * PAYLOAD
        yield of(client=True, seq=seq, ack=ack)
    yield of(client=True, seq=seq, ack=ack, flags=FIN | ACK)
    yield of(client=False, seq=ack, ack=seq + 1, flags=FIN | ACK)


def write_capture(path: Path) -> int:
    """The capture; gives the number of packets."""
    dice = random.Random(1)
    packets, waiting, number = 0, [], 0
    with path.open("wb", buffering=1 << 20) as out:
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        while waiting or number < FLOWS:
            while len(waiting) < AT_ONCE and number < FLOWS:
                waiting.append(connection(number, dice))
                number += 1
            for at in range(len(waiting) - 1, -1, -1):
                frame = next(waiting[at], None)
                if frame is None:
                    waiting[at] = waiting[-1]
                    waiting.pop()
                    continue
                packets += 1
                seconds, rest = divmod(packets, 1_000_000)
                wire = 14 + int.from_bytes(frame[16:18], "big")
                out.write(struct.pack("<IIII", BASE_S + seconds, rest * 1000, len(frame), wire) + frame)
    return packets


class Nowhere(io.RawIOBase):
    """Takes records and forgets them."""

    def write(self, octets: Any) -> int:
        return len(octets)


def count_with_dpkt(path: Path) -> int:
    """Octets by address and port pairs: the least a flow meter does."""
    flows: dict[tuple[bytes, bytes, int, int], int] = defaultdict(int)
    seen = 0
    with path.open("rb") as file:
        for _, octets in dpkt.pcap.Reader(file):
            packet = dpkt.ethernet.Ethernet(octets).data
            flows[packet.src, packet.dst, packet.data.sport, packet.data.dport] += packet.len
            seen += 1
            if seen == DPKT_PACKETS:
                break
    return seen


def best_of(times: int, work: Callable[[], Any]) -> float:
    """The shortest of several runs, in seconds."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    """Print the table."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.pcap"
        packets = write_capture(path)
        rates = {
            f"meter, {form}": packets / best_of(3, lambda form=form: native.meter_files([str(path)], Nowhere(), format=form))
            for form in ("ipfix", "jsonl", "csv")
        }
        rates["dpkt loop that only counts"] = DPKT_PACKETS / best_of(2, lambda: count_with_dpkt(path))
    slowest = min(rates.values())
    sys.stdout.write(f"{packets:,} packets, {FLOWS:,} connections\n")
    for name, rate in rates.items():
        sys.stdout.write(f"{name:30} {rate / 1e6:8.3f} M packets/s per core   x {rate / slowest:6.1f}\n")


if __name__ == "__main__":
    main()
