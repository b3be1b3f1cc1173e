"""Dial tests on real sockets of the loopback interface: services and resolvers that answer, refuse, hang and err."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from faultline.records.histogram import Histogram
from faultline.records.terms import SECOND_NS
from faultline.runtime.config import ConfigError, structure
from faultline.runtime.counters import Counters
from probe.dials.config import DialConfig
from probe.dials.dial_tests import DialTests


@contextmanager
def running(*dials: DialConfig) -> Iterator[tuple[DialTests, Counters]]:
    """Dial tests, started; ended here."""
    counters = Counters()
    tests = DialTests(dials, counters=counters)
    tests.start()
    try:
        yield tests, counters
    finally:
        tests.stop()


def until(tests: DialTests, attempts: int, *, within_s: float = 10) -> list[dict[str, Any]]:
    """Rows with so many attempts, added up by test."""
    deadline = time.monotonic() + within_s
    rows: list[dict[str, Any]] = []
    while sum(row["scheduled"] for row in rows) < attempts:
        assert time.monotonic() < deadline, rows
        time.sleep(0.05)
        rows += [dict(row) for row in tests.collect(0, time.time_ns() + SECOND_NS)["dial"]]
    return rows


def total(rows: Sequence[dict[str, Any]], field: str) -> int:
    """Over all rows."""
    return sum(row[field] for row in rows)


@contextmanager
def listening() -> Iterator[int]:
    """A service that takes connections."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


@contextmanager
def resolver(reply: Callable[[bytes], Sequence[bytes]]) -> Iterator[int]:
    """A resolver that answers each question with these datagrams."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind(("127.0.0.1", 0))
        channel.settimeout(0.1)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    asked, peer = channel.recvfrom(512)
                except TimeoutError:
                    continue
                for datagram in reply(asked):
                    channel.sendto(datagram, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield channel.getsockname()[1]
        finally:
            done.set()
            thread.join()


def answered(asked: bytes, flags: int) -> bytes:
    """An answer without records."""
    return asked[:2] + flags.to_bytes(2) + asked[4:]


def tcp(port: int, **more: Any) -> DialConfig:
    """A quick test of a port."""
    return DialConfig(id="svc", protocol="tcp", target=f"127.0.0.1:{port}", interval_s=0.2, **more)


def dns(port: int, **more: Any) -> DialConfig:
    """A quick test of a resolver."""
    return DialConfig(
        id="dns", protocol="dns", target=f"127.0.0.1:{port}", query="www.bank.example", interval_s=0.2, timeout_s=0.3, **more
    )


def stage(counters: Counters) -> Any:
    """Counters of the stage."""
    return counters.stage("dials").snapshot()


def test_a_service_that_takes_connections_is_done_with_its_time() -> None:
    """Each attempt is in the distribution; the counters balance."""
    with listening() as port, running(tcp(port, source="127.0.0.3")) as (tests, counters):
        rows = until(tests, 4)
    assert total(rows, "done") == total(rows, "scheduled") >= 4
    times = [Histogram.decode(row["response_time"]) for row in rows]
    assert sum(count for found in times for _, count in found) == total(rows, "done")
    assert all(0 < (found.max or 1) < SECOND_NS for found in times)
    assert stage(counters).balanced
    assert set(stage(counters).dropped) <= {"skipped_stopping"}


def test_a_port_nobody_listens_on_is_refused() -> None:
    """By RST, and by ICMP for a resolver; neither is a timeout."""
    with listening() as port:
        pass
    with running(tcp(port), dns(port)) as (tests, counters):
        rows = until(tests, 8)
    assert total(rows, "refused") == total(rows, "scheduled")
    assert stage(counters).dropped["failed_refused"] >= 8


def test_a_full_backlog_times_out() -> None:
    """A SYN that is not answered within the timeout: timed out, after that time and not before."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, socket.socket() as first, socket.socket() as second:
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        with running(tcp(server.getsockname()[1], timeout_s=0.3)) as (tests, _):
            rows = until(tests, 2)
    assert total(rows, "timed_out") == total(rows, "scheduled")


def test_no_route_is_unreachable() -> None:
    """What this host says itself: the address is not one it can send from."""
    with running(tcp(9, source="192.0.2.200")) as (tests, counters):
        rows = until(tests, 2)
    assert total(rows, "unreachable") == total(rows, "scheduled")
    assert stage(counters).dropped["failed_eaddrnotavail"] >= 2


def test_a_resolver_is_done_when_it_answers_the_question() -> None:
    """A forged answer with another number and one to another question come first, and are not taken for it."""

    def reply(asked: bytes) -> list[bytes]:
        forged = bytes((asked[0] ^ 1,)) + answered(asked, 0x8185)[1:]
        return [forged, b"noise", answered(asked, 0x8180)]

    with resolver(reply) as port, running(dns(port)) as (tests, _):
        rows = until(tests, 3)
    assert total(rows, "done") == total(rows, "scheduled")


@pytest.mark.parametrize(("flags", "code"), [(0x8182, "servfail"), (0x8185, "refused"), (0x8183, "nxdomain")])
def test_an_error_of_a_resolver_is_counted_with_its_code(flags: int, code: str) -> None:
    """An answer came, and it was not what was asked for."""
    with resolver(lambda asked: [answered(asked, flags)]) as port, running(dns(port)) as (tests, counters):
        rows = until(tests, 2)
    assert total(rows, "error_answers") == total(rows, "scheduled")
    assert stage(counters).dropped[f"failed_{code}"] >= 2


def test_a_silent_resolver_times_out() -> None:
    """Nothing comes back."""
    with resolver(lambda _: []) as port, running(dns(port)) as (tests, _):
        rows = until(tests, 2)
    assert total(rows, "timed_out") == total(rows, "scheduled")


def test_ordered_tests_run_beside_the_configured_ones_until_they_are_taken_back() -> None:
    """Both have rows; after the order is taken back only the configured one has."""
    with listening() as port:
        configured = tcp(port)
        ordered = DialConfig(id="ordered", protocol="tcp", target=f"127.0.0.1:{port}", interval_s=0.2)
        with running(configured) as (tests, _):
            tests.order([ordered])
            assert {row["dial"] for row in until(tests, 4)} == {"svc", "ordered"}
            tests.order([])
            time.sleep(0.3)
            until(tests, 1)
            assert {row["dial"] for row in tests.collect(0, time.time_ns())["dial"]} == {"svc"}


def test_a_request_is_made_at_once() -> None:
    """Without any standing test, well before a minute is over."""
    with listening() as port, running() as (tests, _):
        time.sleep(0.1)
        tests.request("r1", tcp(port), time.time_ns() + SECOND_NS)
        (row,) = until(tests, 1, within_s=2)
    assert (row["request_id"], row["done"]) == ("r1", 1)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("target", "svc.bank.example:80", "expected an address, not a name"),
        ("target", "10.0.0.1", "expected HOST:PORT"),
        ("target", "10.0.0.1:0", "no port"),
        ("target", "239.0.0.1:80", "not the address of one host"),
        ("target", "255.255.255.255:80", "not the address of one host"),
        ("protocol", "http", "protocol"),
        ("interval_s", 0.01, "interval_s"),
        ("timeout_s", 60, "timeout_s"),
        ("query", "www.bank.example", "dns only"),
        ("source", "eth0", "source"),
        ("id", " x", "id"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_named_by_its_key(key: str, value: object, said: str) -> None:
    """The key's path, and what is wrong."""
    document = {"id": "d", "protocol": "tcp", "target": "10.0.0.1:80", key: value}
    with pytest.raises(ConfigError, match=said):
        structure(document, DialConfig, root="probe.dials[0]", where="probe.yaml")
