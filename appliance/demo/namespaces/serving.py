"""A server of the bank's data centre: `python -m appliance.demo.namespaces.serving ADDRESS SERVICE...`.

Goes in: requests over the network, and lines on standard input that spoil a service: `svc-teller slow 4` (so many times its usual
time), `svc-file stall 0.8` (share of time in which uploads are not read, so that the window closes), `svc-web refuse 1` (share of
time in which nobody listens), `dns-1 mute 0.5` (share of queries without an answer). Comes out: answers, and `set` for each line.
Standard library only: it starts at once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import signal
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address
from typing import cast

from appliance.demo.namespaces import names
from appliance.demo.namespaces.applications import (
    ANSWER,
    BACK_UP,
    DNS_PORT,
    FILE,
    GET,
    PORTS,
    PUT,
    REQUEST,
    RESTORE,
    TELLER,
    WEB,
    obey,
    send_blocks,
    send_bulk,
    swallow,
    tune,
)

_USUAL_S = {TELLER: 0.008, WEB: 0.015}
"""What a service takes for a request itself: well above what the machine adds when it is busy."""
_SPREAD = 0.15
"""Standard deviation of its logarithm."""
_STALL_S = 5.0
"""A service that does not read for a share of the time does so once in every such span."""
_REFUSE_S = (0.2, 0.8)
"""One that refuses for a share of the time does so once in spans drawn from here: no dial test keeps step with it."""
_FILLING_S = 0.7
"""How long uploads need to fill the window once nobody reads."""
_LITTLE_ROOM, _MUCH_ROOM = 16 << 10, 1 << 20
"""Receive buffers, of which the kernel takes twice as much. Uploads fill the little one in no time; it is set where
connections are accepted, because a window that was offered cannot be taken back. With it a backup would be its own queue."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER without time: closed with RST, as the kernel of a host does whose program has died."""


class Conduct:
    """How a service treats those who have reached it."""

    def __init__(self) -> None:
        self.slow_factor = 1.0
        self.stalled_share = 0.0

    async def work(self, service: str) -> None:
        """Take the time a request takes."""
        usual_s = _USUAL_S[service] * random.lognormvariate(0, _SPREAD)
        await asyncio.sleep(usual_s * self.slow_factor)


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Conduct], Awaitable[None]]


async def answer_tellers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, conduct: Conduct) -> None:
    """The teller application: one answer a request, as many as the connection lasts."""
    while True:
        number, octets, wanted = REQUEST.unpack(await reader.readexactly(REQUEST.size))
        await reader.readexactly(octets)
        await conduct.work(TELLER)
        writer.write(ANSWER.pack(number, wanted) + bytes(wanted))
        await writer.drain()


async def answer_browser(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, conduct: Conduct) -> None:
    """A web server: one page a connection."""
    await reader.readuntil(b"\r\n\r\n")
    await conduct.work(WEB)
    page = bytes(random.randint(2_000, 12_000))  # noqa: S311 - no secret
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + page)
    await writer.drain()


async def _give(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Conduct) -> None:
    await send_blocks(writer)


async def _take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, conduct: Conduct) -> None:
    taking = asyncio.create_task(swallow(reader))
    connection = cast("asyncio.Transport", writer.transport)
    try:
        while not taking.done():
            pause_s = min(_STALL_S, conduct.stalled_share * _STALL_S + _FILLING_S) if conduct.stalled_share else 0.0
            if pause_s:
                connection.pause_reading()
                await asyncio.sleep(pause_s)
                connection.resume_reading()
            await asyncio.wait([taking], timeout=_STALL_S - pause_s)
    finally:
        taking.cancel()


async def _back_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Conduct) -> None:
    plain = writer.get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _MUCH_ROOM)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, _MUCH_ROOM)
    await swallow(reader)


async def _restore(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Conduct) -> None:
    await send_bulk(writer)


_WISHES: dict[bytes, Talk] = {PUT: _take, GET: _give, BACK_UP: _back_up, RESTORE: _restore}


async def move_files(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, conduct: Conduct) -> None:
    """The file service: does what the first octet asks for."""
    await _WISHES[await reader.readexactly(1)](reader, writer, conduct)


TALKS: dict[str, Talk] = {TELLER: answer_tellers, WEB: answer_browser, FILE: move_files}


class Service:
    """One TCP service: its listening socket, its connections, and how it behaves."""

    def __init__(self, name: str, address: str) -> None:
        self._name = name
        self._address = address
        self._conduct = Conduct()
        self._connections: set[asyncio.StreamWriter] = set()
        self._listening = asyncio.create_task(self._listen(0))

    def spoil(self, how: str, much: float) -> None:
        """Behave otherwise from now on."""
        match how:
            case "slow":
                self._conduct.slow_factor = much
            case "stall":
                self._conduct.stalled_share = much
            case "refuse":
                self._listening.cancel()
                self._listening = asyncio.create_task(self._listen(much))
            case _:
                raise ValueError(f"{self._name} cannot {how}")

    async def _listen(self, refused_share: float) -> None:
        if refused_share == 1:  # a program that has died; while it is only short of room its old connections live on
            self._drop_connections()
        while refused_share < 1:
            span_s = random.uniform(*_REFUSE_S)  # noqa: S311 - no secret
            await asyncio.sleep(refused_share * span_s)
            with contextlib.closing(await asyncio.start_server(self._serve, self._address, PORTS[self._name])) as server:
                server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _LITTLE_ROOM)
                await (asyncio.sleep((1 - refused_share) * span_s) if refused_share else asyncio.Event().wait())

    def _drop_connections(self) -> None:
        for writer in tuple(self._connections):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tune(writer)
        self._connections.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, KeyError):
            await TALKS[self._name](reader, writer, self._conduct)
        self._connections.discard(writer)
        writer.close()


class Resolver(asyncio.DatagramProtocol):
    """A name server that knows one address, and may fall mute."""

    def __init__(self, address: IPv4Address) -> None:
        self._address = address
        self._mute_share = 0.0
        self._transport: asyncio.DatagramTransport | None = None

    def spoil(self, how: str, much: float) -> None:
        """Behave otherwise from now on."""
        if how != "mute":
            raise ValueError(f"a resolver cannot {how}")
        self._mute_share = much

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It listens."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A query."""
        answer = names.answer(data, self._address)
        if self._transport and answer and random.random() >= self._mute_share:  # noqa: S311 - no secret
            self._transport.sendto(answer, addr)


async def _resolve(address: IPv4Address) -> Resolver:
    resolver = Resolver(address)
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: resolver, local_addr=(str(address), DNS_PORT))
    return resolver


async def serve(address: str, services: Sequence[str]) -> None:
    """Until the process ends."""
    serving: dict[str, Service | Resolver] = {name: Service(name, address) for name in services if name in PORTS}
    for name in (name for name in services if name not in PORTS):
        serving[name] = await _resolve(IPv4Address(address))
    obey(lambda words: serving[words[0]].spoil(words[1], float(words[2])))
    await asyncio.Event().wait()


def main() -> None:
    """Serve what the command line names."""
    parser = argparse.ArgumentParser(description="A server of the demo's data centre.")
    parser.add_argument("address")
    parser.add_argument("services", nargs="+")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    asyncio.run(serve(chosen.address, chosen.services))


if __name__ == "__main__":
    main()
