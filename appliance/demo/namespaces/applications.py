"""What the bank's programs agree on: ports, how requests and answers look, how their sockets are set.

Shared by those who serve and those who use. Knows nothing of when anything is sent. Standard library only: it starts at once.

Everything is paced by the applications and small beside the links, so TCP itself never fills a queue: in a healthy network no
segment is lost. The congestion control is named, because what a kernel takes by default differs and shows in how it resends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import sys
from collections.abc import Callable

TELLER, WEB, FILE = "svc-teller", "svc-web", "svc-file"
PORTS = {TELLER: 8200, WEB: 8080, FILE: 8201}
DNS_PORT = 53
REQUEST = struct.Struct("!IHH")
"""Of a teller: number, octets that follow, octets wanted back."""
ANSWER = struct.Struct("!II")
"""To a teller: number, octets that follow."""
PUT, GET, BACK_UP, RESTORE = b"P", b"G", b"B", b"R"
"""First octet of a file connection: a file there or back at an even pace; the same as fast as the network takes it. One way each:
what comes back on the same connection would keep putting off the test of a closed window."""
BLOCK_OCTETS = 2800
"""Two full segments."""
BLOCK_EVERY_S = 0.06
"""About 47 kB/s: far below what any window or queue here would notice."""
CONGESTION_CONTROL = b"cubic"
_BULK_OCTETS = 1 << 16
_BULK_PACE = 3_000_000
"""Octets a second that a backup does not exceed, so that one beside the narrow place does not take the whole machine."""
_SO_MAX_PACING_RATE = 47
"""Linux 3.13; not among the names of `socket`."""
_STANDARD_INPUT = 0


def tune(writer: asyncio.StreamWriter) -> None:
    """Name the congestion control, and send small things at once."""
    plain = writer.get_extra_info("socket")
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError):  # a kernel without it keeps its own
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONGESTION_CONTROL)


def acknowledge(writer: asyncio.StreamWriter) -> None:
    """Send the acknowledgement now.

    A terminal that thinks before it asks again would keep it back for up to 40 ms (RFC 1122), and a probe beside it could not
    tell those from the line's.
    """
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


async def send_blocks(writer: asyncio.StreamWriter) -> None:
    """A file at an even pace, until the connection ends."""
    block = bytes(BLOCK_OCTETS)
    while True:
        writer.write(block)
        await writer.drain()
        await asyncio.sleep(BLOCK_EVERY_S)


async def send_bulk(writer: asyncio.StreamWriter) -> None:
    """A file as fast as it goes, until the connection ends."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, _SO_MAX_PACING_RATE, _BULK_PACE)
    block = bytes(_BULK_OCTETS)
    while True:
        writer.write(block)
        await writer.drain()


async def swallow(reader: asyncio.StreamReader) -> None:
    """Take what comes, until the connection ends."""
    while await reader.read(_BULK_OCTETS):
        pass


def obey(command: Callable[[list[str]], None]) -> None:
    """Hand every line of standard input to somebody, in words, and confirm each with `set`."""
    loop = asyncio.get_running_loop()
    rest = b""

    def read() -> None:
        nonlocal rest
        octets = os.read(_STANDARD_INPUT, 4096)
        if not octets:
            loop.remove_reader(_STANDARD_INPUT)
        *lines, rest = (rest + octets).split(b"\n")
        for line in lines:
            command(line.decode().split())
            sys.stdout.write("set\n")
            sys.stdout.flush()

    loop.add_reader(_STANDARD_INPUT, read)
