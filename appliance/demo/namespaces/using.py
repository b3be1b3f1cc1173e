"""The people of one branch: `python -m appliance.demo.namespaces.using --teller ADDRESS --web ... --file ... --dns ... --seed N`.

Goes in: what the bank's servers answer, and lines on standard input: `back-up PORT`, `restore PORT` start a backup to the data
centre, or a restore from there, from this source port, as fast as the line takes it. Comes out: traffic, and on standard output
a line of JSON a second: what was answered, how long it took, what failed; `set` for each line taken.
Standard library only: it starts at once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import signal
import sys
import time
from collections.abc import Iterator

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
    acknowledge,
    obey,
    send_blocks,
    send_bulk,
    swallow,
    tune,
)

_TELLERS = 6
_THINK_S = 0.05
"""Six tellers' terminals with nearly 20 transactions a second each: over 200 packets a second in each direction."""
_BROWSE_EVERY_S = 0.25
_LOOK_UP_EVERY_S = 0.25
_PATIENCE_S = 2.0
"""A person presses the button again after it."""
_RETRY_S = 0.5
_NAME = "teller.bank.example"


class Tally:
    """What the users saw since the last line."""

    def __init__(self) -> None:
        self.answered = 0
        self.failed = 0
        self.slowest_ms = 0.0
        self.sum_ms = 0.0

    def note(self, begun_s: float) -> None:
        """One answer to what began then."""
        took_ms = (time.monotonic() - begun_s) * 1000
        self.answered += 1
        self.sum_ms += took_ms
        self.slowest_ms = max(self.slowest_ms, took_ms)

    def document(self) -> dict[str, float]:
        """As it is printed."""
        line: dict[str, float] = {"answered": self.answered, "failed": self.failed}
        if self.answered:
            line |= {"sum_ms": round(self.sum_ms, 3), "slowest_ms": round(self.slowest_ms, 3)}
        return line


class Branch:
    """Everybody at one branch."""

    def __init__(self, *, servers: dict[str, str], resolver: str, seed: int) -> None:
        self._servers = servers
        self._resolver = resolver
        self._draw = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._tally = Tally()
        self._busy: set[asyncio.Task[None]] = set()

    async def work(self) -> None:
        """All users, until the process ends."""
        tellers = [self._telling() for _ in range(_TELLERS)]
        for user in (*tellers, self._browsing(), self._filing(PUT), self._filing(GET), self._looking_up()):
            self._busy.add(asyncio.create_task(user))
        while True:
            await asyncio.sleep(1)
            sys.stdout.write(json.dumps(self._tally.document()) + "\n")
            sys.stdout.flush()
            self._tally = Tally()

    def obey(self, words: list[str]) -> None:
        """Start a backup or a restore."""
        wish = {"back-up": BACK_UP, "restore": RESTORE}[words[0]]
        self._busy.add(asyncio.create_task(self._moving(wish, int(words[1]))))

    # ---- users -----------------------------------------------------------------------------------------------------
    async def _telling(self) -> None:
        """A terminal: a transaction, a moment's thought, the next one; it connects again when the line dropped it."""
        while True:
            with self._what_may_fail():
                reader, writer = await self._connect(TELLER)
                await self._transactions(reader, writer)
            await asyncio.sleep(_RETRY_S)

    async def _transactions(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        while True:
            begun_s = time.monotonic()
            octets, wanted = self._draw.randint(80, 400), self._draw.randint(200, 1200)
            writer.write(REQUEST.pack(number, octets, wanted) + bytes(octets))
            _, follows = ANSWER.unpack(await reader.readexactly(ANSWER.size))
            await reader.readexactly(follows)
            acknowledge(writer)
            self._tally.note(begun_s)
            number = (number + 1) & 0xFFFFFFFF
            await asyncio.sleep(self._draw.uniform(0.5, 1.5) * _THINK_S)

    async def _browsing(self) -> None:
        """Pages, each over a connection of its own."""
        while True:
            begun_s = time.monotonic()
            with self._what_may_fail():
                async with asyncio.timeout(_PATIENCE_S):
                    reader, writer = await self._connect(WEB)
                    writer.write(b"GET / HTTP/1.1\r\nHost: web.bank.example\r\nConnection: close\r\n\r\n")
                    await swallow(reader)
                    writer.close()
                self._tally.note(begun_s)
            await asyncio.sleep(self._draw.uniform(0.5, 1.5) * _BROWSE_EVERY_S)

    async def _filing(self, wish: bytes) -> None:
        """Files there, or back."""
        while True:
            with self._what_may_fail():
                reader, writer = await self._connect(FILE)
                writer.write(wish)
                await (send_blocks(writer) if wish == PUT else swallow(reader))
            await asyncio.sleep(_RETRY_S)

    async def _looking_up(self) -> None:
        """Names, each from a port of its own."""
        while True:
            begun_s = time.monotonic()
            with self._what_may_fail():
                async with asyncio.timeout(_PATIENCE_S):
                    await self._look_up()
                self._tally.note(begun_s)
            await asyncio.sleep(self._draw.uniform(0.5, 1.5) * _LOOK_UP_EVERY_S)

    async def _look_up(self) -> None:
        query = names.ask(_NAME)
        waiting = _Waiting(query)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: waiting, remote_addr=(self._resolver, DNS_PORT)
        )
        try:
            transport.sendto(query)
            await waiting.answered
        finally:
            transport.close()

    async def _moving(self, wish: bytes, port: int) -> None:
        while True:
            with self._what_may_fail():
                reader, writer = await self._connect(FILE, source_port=port)
                writer.write(wish)
                await (send_bulk(writer) if wish == BACK_UP else swallow(reader))
            await asyncio.sleep(_RETRY_S)

    async def _connect(self, service: str, *, source_port: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        local = ("0.0.0.0", source_port) if source_port else None
        reader, writer = await asyncio.open_connection(self._servers[service], PORTS[service], local_addr=local)
        tune(writer)
        return reader, writer

    @contextlib.contextmanager
    def _what_may_fail(self) -> Iterator[None]:
        try:
            yield
        except (OSError, asyncio.IncompleteReadError):  # time that is over is an OSError, too
            self._tally.failed += 1


class _Waiting(asyncio.DatagramProtocol):
    """One query's answer."""

    def __init__(self, query: bytes) -> None:
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._query = query

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 - asyncio's signature
        """Maybe the answer."""
        if names.answers(self._query, data) and not self.answered.done():
            self.answered.set_result(None)


async def use(branch: Branch) -> None:
    """Until the process ends."""
    obey(branch.obey)
    await branch.work()


def main() -> None:
    """Use what the command line names."""
    parser = argparse.ArgumentParser(description="The people of a branch of the demo's bank.")
    for server in ("teller", "web", "file", "dns"):
        parser.add_argument(f"--{server}", required=True)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    servers = {TELLER: chosen.teller, WEB: chosen.web, FILE: chosen.file}
    asyncio.run(use(Branch(servers=servers, resolver=chosen.dns, seed=chosen.seed)))


if __name__ == "__main__":
    main()
