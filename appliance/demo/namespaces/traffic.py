"""Traffic of the demo line: tellers' transactions over lasting connections, and a file in each direction.

`python -m appliance.demo.namespaces.traffic serve ADDRESS` in the data centre, `... use ADDRESS` at the branch. The user prints a
line of JSON a second: what was answered, how long it took, what the files moved. Standard library only.

Everything is paced by the application and small beside the links, so TCP itself never fills a queue: in a healthy network no
segment is lost. The congestion control is named, because what a kernel takes by default differs and shows in how it resends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import signal
import socket
import struct
import sys
import time

TELLER_PORT = 8200
FILE_PORT = 8201
CONGESTION_CONTROL = b"cubic"
_REQUEST = struct.Struct("!IHH")
"""Number, octets that follow, octets wanted back."""
_ANSWER = struct.Struct("!II")
"""Number, octets that follow."""
_TELLERS = 10
_THINK_S = 0.04
"""Ten tellers' terminals with 25 transactions a second each: about 250 packets a second in each direction."""
_BLOCK_OCTETS = 2800
"""Two full segments."""
_BLOCK_EVERY_S = 0.06
"""About 47 kB/s: far below what any window or queue here would notice."""
_RETRY_S = 0.5


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


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The teller application: one answer a request, as many as the connection lasts."""
    tune(writer)
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
        while True:
            number, octets, wanted = _REQUEST.unpack(await reader.readexactly(_REQUEST.size))
            await reader.readexactly(octets)
            writer.write(_ANSWER.pack(number, wanted) + bytes(wanted))
            await writer.drain()
    writer.close()


async def exchange_file(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The file service: takes an upload and sends a download on the same connection, both paced."""
    tune(writer)
    with contextlib.suppress(ConnectionError, TimeoutError):
        await asyncio.gather(_send_blocks(writer), _swallow(reader))
    writer.close()


async def _send_blocks(writer: asyncio.StreamWriter) -> None:
    block = bytes(_BLOCK_OCTETS)
    while True:
        writer.write(block)
        await writer.drain()
        await asyncio.sleep(_BLOCK_EVERY_S)


async def _swallow(reader: asyncio.StreamReader) -> int:
    total = 0
    while octets := await reader.read(65536):
        total += len(octets)
    return total


class Tally:
    """What the users saw since the last line."""

    def __init__(self) -> None:
        self.answered = 0
        self.slowest_ms = 0.0
        self.sum_ms = 0.0

    def note(self, took_s: float) -> None:
        """One transaction."""
        self.answered += 1
        self.sum_ms += took_s * 1000
        self.slowest_ms = max(self.slowest_ms, took_s * 1000)

    def take(self) -> dict[str, float]:
        """What was seen; begin anew."""
        line: dict[str, float] = {"answered": self.answered}
        if self.answered:
            line |= {"mean_ms": round(self.sum_ms / self.answered, 3), "slowest_ms": round(self.slowest_ms, 3)}
        self.__init__()  # type: ignore[misc] # the same tally, empty
        return line


async def teller(address: str, seed: int, tally: Tally) -> None:
    """A terminal: a transaction, a moment's thought, the next one; it connects again when the line dropped it."""
    draw = random.Random(seed)  # noqa: S311 - repeatable, not secret
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(address, TELLER_PORT)
            tune(writer)
            await _transactions(reader, writer, draw, tally)
        await asyncio.sleep(_RETRY_S)


async def _transactions(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, draw: random.Random, tally: Tally) -> None:
    number = 0
    while True:
        begun_s = time.monotonic()
        octets, wanted = draw.randint(80, 400), draw.randint(200, 1200)
        writer.write(_REQUEST.pack(number, octets, wanted) + bytes(octets))
        _, follows = _ANSWER.unpack(await reader.readexactly(_ANSWER.size))
        await reader.readexactly(follows)
        acknowledge(writer)
        tally.note(time.monotonic() - begun_s)
        number = (number + 1) & 0xFFFFFFFF
        await asyncio.sleep(draw.uniform(0.5, 1.5) * _THINK_S)


async def filer(address: str) -> None:
    """Files in both directions."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(address, FILE_PORT)
            await exchange_file(reader, writer)
        await asyncio.sleep(_RETRY_S)


async def serve(address: str) -> None:
    """Both services until the process ends."""
    servers = [
        await asyncio.start_server(answer, address, TELLER_PORT),
        await asyncio.start_server(exchange_file, address, FILE_PORT),
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def use(address: str, seed: int) -> None:
    """All users until the process ends."""
    tally = Tally()
    users = [asyncio.create_task(teller(address, seed * 1000 + number, tally)) for number in range(_TELLERS)]
    users.append(asyncio.create_task(filer(address)))
    while True:
        await asyncio.sleep(1)
        sys.stdout.write(json.dumps(tally.take()) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Serve or use, as the command line says."""
    parser = argparse.ArgumentParser(description="Traffic of the demo line.")
    parser.add_argument("role", choices=("serve", "use"))
    parser.add_argument("address")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    asyncio.run(serve(chosen.address) if chosen.role == "serve" else use(chosen.address, chosen.seed))


if __name__ == "__main__":
    main()
