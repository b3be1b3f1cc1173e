"""One attempt on its socket: a TCP connection opened and closed, or a question to a resolver and its answer. Edge.

What an attempt that fails counts as:
- the far end said no (RST, or ICMP port unreachable): refused;
- no route, no address, ICMP host or network unreachable, this host's own packet filter: unreachable;
- this host has no socket left: skipped, for it says nothing of the way or the service;
- the resolver answers with anything but NOERROR: an error answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import secrets
import socket
import time
from collections.abc import Iterator

import attrs

from probe.dials.book import Outcome
from probe.dials.config import DialConfig
from probe.dials.dns import NO_ERROR, AnswerError, question, response_code

_OWN = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRINUSE, errno.EAGAIN})
_LARGEST_ANSWER_OCTETS = 4096


@attrs.frozen(slots=True, kw_only=True)
class Result:
    """How an attempt ended."""

    outcome: Outcome
    reason: str
    """A word to count by."""
    response_ns: int | None = None


async def attempt(dial: DialConfig) -> Result:
    """Make it, within the test's timeout."""
    try:
        async with asyncio.timeout(dial.timeout_s):
            return await (_connect(dial) if dial.protocol == "tcp" else _ask(dial))
    except TimeoutError:
        return Result(outcome=Outcome.TIMED_OUT, reason="timed_out")
    except ConnectionRefusedError:
        return Result(outcome=Outcome.REFUSED, reason="refused")
    except ConnectionError as error:  # reset while it was being opened: the far end's doing as well
        return Result(outcome=Outcome.REFUSED, reason=_word(error))
    except OSError as error:
        outcome = Outcome.SKIPPED if error.errno in _OWN else Outcome.UNREACHABLE
        return Result(outcome=outcome, reason=_word(error))


def _word(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "other").lower()


@contextlib.contextmanager
def _socket(dial: DialConfig, kind: socket.SocketKind) -> Iterator[socket.socket]:
    with socket.socket(dial.where.family, kind) as channel:
        channel.setblocking(False)
        if dial.source is not None:
            channel.bind((dial.source, 0))
        yield channel


async def _connect(dial: DialConfig) -> Result:
    with _socket(dial, socket.SOCK_STREAM) as channel:
        began_ns = time.monotonic_ns()
        await asyncio.get_running_loop().sock_connect(channel, dial.where.peer)
        return Result(outcome=Outcome.DONE, reason="connected", response_ns=time.monotonic_ns() - began_ns)


async def _ask(dial: DialConfig) -> Result:
    loop = asyncio.get_running_loop()
    asked = question(dial.query or "", secrets.randbits(16))
    with _socket(dial, socket.SOCK_DGRAM) as channel:
        channel.connect(dial.where.peer)  # from nobody else does the kernel take a datagram
        began_ns = time.monotonic_ns()
        await loop.sock_sendall(channel, asked)
        while True:
            answer = await loop.sock_recv(channel, _LARGEST_ANSWER_OCTETS)
            response_ns = time.monotonic_ns() - began_ns
            with contextlib.suppress(AnswerError):  # a late or a forged one: the right one may still come
                code = response_code(answer, asked)
                if code == NO_ERROR:
                    return Result(outcome=Outcome.DONE, reason=code, response_ns=response_ns)
                return Result(outcome=Outcome.ERROR_ANSWER, reason=code)
