"""Echo requests from inside a namespace: `python ping.py ADDRESS COUNT INTERVAL_S OCTETS`; prints what came back as JSON."""

import json
import select
import socket
import struct
import sys
import time

IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3
"""Linux: never in fragments, whatever is known of the path."""
TIMEOUT_S = 1.0
HEADER_OCTETS = 28
"""Of IP and ICMP."""


def checksum(octets: bytes) -> int:
    """RFC 1071."""
    octets += bytes(len(octets) % 2)
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def main(address: str, count: int, interval_s: float, octets: int) -> None:
    """Send, listen a second longer, print."""
    echo = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    echo.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    echo.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
    echo.connect((address, 0))
    sent_s: dict[int, float] = {}
    trips_ms: list[float] = []
    next_s = time.monotonic()
    end_s: float | None = None
    while True:
        now_s = time.monotonic()
        if len(sent_s) < count and now_s >= next_s:
            number = len(sent_s)
            body = struct.pack("!BBHHH", 8, 0, 0, 77, number) + bytes(octets - HEADER_OCTETS)
            packet = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
            sent_s[number] = time.monotonic()
            echo.send(packet)
            next_s += interval_s
        if len(sent_s) == count and end_s is None:
            end_s = now_s + TIMEOUT_S
        if end_s is not None and (now_s > end_s or len(trips_ms) == count):
            break
        wait_s = max(0.0, (next_s if end_s is None else end_s) - time.monotonic())
        if select.select([echo], [], [], wait_s)[0]:
            answer = echo.recv(2048)[20:]
            kind, _, _, identifier, number = struct.unpack("!BBHHH", answer[:8])
            if kind == 0 and identifier == 77:
                trips_ms.append((time.monotonic() - sent_s[number]) * 1000)
    sys.stdout.write(json.dumps({"sent": count, "received": len(trips_ms), "ms": sorted(trips_ms)}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
