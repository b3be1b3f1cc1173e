"""Two interfaces spliced in user space, with a delay and bursts of loss in each direction.

`python -m appliance.demo.namespaces.relay A Z`. Goes in: frames of two interfaces, and lines on standard input:
`a_to_z delay 12.5` (milliseconds from now on), `z_to_a burst 0.02` (share lost from now on), `count`. Comes out: the same frames
on the other side, in order. On standard output: `ready`, then a line for each one taken: `set`, or the counts as JSON. It ends
when its standard input does.

The kernel of a small machine has no netem, so a delay needs somebody who holds frames back, and a burst somebody who remembers
the packet before. The relay stands on its segment from the set-up on and does neither: what it costs itself belongs to the
baseline. A delayed frame gets a little more or less, drawn from the seed, as on a real detour; frames never overtake each other.
Standard library only: it starts at once.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import select
import socket
import sys
import time
from collections import deque

from appliance.demo.namespaces.bursts import Bursts

_STANDARD_INPUT = 0
_ETH_P_ALL = 0x0003
_IPV4 = b"\x08\x00"
_TYPE = slice(12, 14)
"""Where a frame says what it carries."""
_SOL_PACKET = 263
_IGNORE_OUTGOING = 23
"""PACKET_IGNORE_OUTGOING, Linux 4.20: what we send ourselves must not come back."""
_FRAME_OCTETS = 65536
_BATCH = 64
_QUEUE_FRAMES = 20_000
"""Half a second at the 40,000 frames a second a person might push through by hand; beyond it frames are dropped and counted."""
_BUFFER_OCTETS = 8 << 20
_VARIATION = 0.02
"""Spread of a delay as a share of it."""


class Way:
    """One direction: frames wait in order until they are due."""

    def __init__(self, source: socket.socket, target: socket.socket, draw: random.Random) -> None:
        self.source = source
        self.target = target
        self.delay_s = 0.0
        self.bursts: Bursts | None = None
        self.arrived = 0
        self.lost = 0
        """What the bursts took."""
        self.overrun = 0
        """What found no room: none of it was asked for."""
        self._draw = draw
        self._waiting: deque[tuple[float, bytes]] = deque()

    def take(self, now_s: float) -> None:
        """Read what has come; pass it on at once when nothing is to be delayed."""
        for _ in range(_BATCH):
            try:
                frame = self.source.recv(_FRAME_OCTETS)
            except BlockingIOError:
                return
            except OSError:  # the interface is down: there is nothing to read until it is up again
                return
            self.arrived += 1
            # IPv4 only: a lost ARP request would add a silence of a second that no burst explains.
            if self.bursts and frame[_TYPE] == _IPV4 and self.bursts.lose():
                self.lost += 1
            elif self.delay_s == 0 and not self._waiting:
                self._send(frame)
            elif len(self._waiting) < _QUEUE_FRAMES:
                self._waiting.append((self._due_s(now_s), frame))
            else:
                self.overrun += 1

    def _due_s(self, now_s: float) -> float:
        due_s = now_s + self.delay_s * (1 + self._draw.uniform(-_VARIATION, _VARIATION))
        return max(due_s, self._waiting[-1][0]) if self._waiting else due_s

    def release(self, now_s: float) -> None:
        """Send what is due."""
        while self._waiting and self._waiting[0][0] <= now_s:
            self._send(self._waiting.popleft()[1])

    def _send(self, frame: bytes) -> None:
        try:
            self.target.send(frame)
        except OSError:  # down, or its queue is full: a wire loses it, too
            self.overrun += 1

    @property
    def next_s(self) -> float | None:
        """When the oldest frame is due."""
        return self._waiting[0][0] if self._waiting else None


def open_interface(name: str) -> socket.socket:
    """Every frame that arrives on an interface, none that leaves it."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # protocol 0: silent until it is bound
    opened.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_OCTETS)
    opened.bind((name, _ETH_P_ALL))
    opened.setblocking(False)
    return opened


def _obey(line: str, ways: dict[str, Way], draw: random.Random) -> None:
    match line.split():
        case [direction, "delay", delay_ms]:
            ways[direction].delay_s = float(delay_ms) / 1000
            _tell("set")
        case [direction, "burst", rate]:
            ways[direction].bursts = Bursts(float(rate), draw)
            _tell("set")
        case ["count"]:
            _tell(
                json.dumps(
                    {name: {"arrived": way.arrived, "lost": way.lost, "overrun": way.overrun} for name, way in ways.items()}
                )
            )
        case _:
            _tell(f"not understood: {line}")


def _tell(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def _hurry() -> None:
    """Ahead of others on a busy machine: a relay that waits for the processor is a delay nobody injected."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def relay(a: socket.socket, z: socket.socket, *, seed: int) -> None:
    """Splice until standard input ends."""
    draw = random.Random(seed)  # noqa: S311 - repeatable, not secret
    ways = {"a_to_z": Way(a, z, draw), "z_to_a": Way(z, a, draw)}
    by_source = {a: ways["a_to_z"], z: ways["z_to_a"]}
    sources: list[int | socket.socket] = [_STANDARD_INPUT, *by_source]
    _tell("ready")
    while True:
        due = [way.next_s for way in ways.values() if way.next_s is not None]
        wait_s = max(0.0, min(due) - time.monotonic()) if due else None
        # select, not epoll: its timeout has microseconds.
        readable, _, _ = select.select(sources, [], [], wait_s)
        now_s = time.monotonic()
        for source, way in by_source.items():
            if source in readable:
                way.take(now_s)
        if _STANDARD_INPUT in readable:
            lines = os.read(_STANDARD_INPUT, 4096).decode()
            if not lines:
                return
            for line in lines.splitlines():
                _obey(line, ways, draw)
        for way in ways.values():
            way.release(now_s)


def main() -> None:
    """Splice the interfaces named on the command line."""
    parser = argparse.ArgumentParser(description="Splice two interfaces, each direction with a delay and bursts of loss.")
    parser.add_argument("a")
    parser.add_argument("z")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    _hurry()
    relay(open_interface(chosen.a), open_interface(chosen.z), seed=chosen.seed)


if __name__ == "__main__":
    main()
