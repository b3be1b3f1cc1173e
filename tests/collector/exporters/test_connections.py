"""IPFIX over TCP and TLS, as exporters speak it to a running collector."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
from hypothesis import given
from hypothesis import strategies as st

from collector.exporters.config import ExporterConfig, ExportersConfig
from collector.exporters.framing import Framing, FramingError
from collector.exporters.intake import ExportIntake
from collector.exporters.service import STATE_FILE, ExporterService
from collector.intake.authority import Authority
from faultline.runtime.clock import SystemClock
from faultline.runtime.counters import Counters
from faultline.store.disk import SystemDisk
from tests.collector.exporters import datagrams as d
from tests.collector.exporters.stored import Stored

TEMPLATE = d.template_set(2, 300, d.V9_FIELDS)
PATIENCE_S = 10.0


@attrs.define
class Listening:
    """A started intake, and how many flows it stored."""

    service: ExporterService
    counters: Counters
    stored: list[int]
    authority: Path

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something to come true."""
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end, self.counters.snapshots()
            time.sleep(0.02)

    def connect(self, at: int = 0) -> socket.socket:
        """A connection to one of the addresses."""
        address = self.service.addresses[at]
        return socket.create_connection((address.host, address.port), timeout=5)


@contextlib.contextmanager
def listening(folder: Path, config: ExportersConfig) -> Iterator[Listening]:
    """An intake on loopback, without a store behind it."""
    import datetime as dt  # noqa: PLC0415

    counters, stored = Counters(), list[int]()
    authority = Authority(folder / "tls", ["127.0.0.1"])
    authority.ensure(dt.datetime.now(tz=dt.UTC))
    config = attrs.evolve(config, flush_s=0.05)
    intake = ExportIntake(config, batches=Stored(stored), counters=counters)  # type: ignore[arg-type]
    service = ExporterService(
        config,
        intake=intake,
        tls=authority.files,
        folder=folder,
        disk=SystemDisk(durable=False),
        clock=SystemClock(),
        counters=counters,
    )
    service.start()
    try:
        yield Listening(service, counters, stored, authority.files.authority)
    finally:
        service.stop()


def message(*records: bytes, sequence: int = 0, template: bool = False) -> bytes:
    """An IPFIX message of this second."""
    sets = ([TEMPLATE] if template else []) + ([d.data_set(300, records)] if records else [])
    return d.ipfix(*sets, sequence=sequence, export_s=int(time.time()))


def test_messages_come_however_tcp_cuts_them(tmp_path: Path) -> None:
    """Octet by octet or many at once: the same messages."""
    with listening(tmp_path, ExportersConfig(listen_tcp=["127.0.0.1:0"], any=True)) as found, found.connect() as opened:
        octets = message(d.record(), d.record(), template=True) + message(d.record(), sequence=2)
        for at in range(0, len(octets), 7):
            opened.sendall(octets[at : at + 7])
        found.until(lambda: sum(found.stored) == 3)
    assert found.counters.value("exporter_lost", exporter="127.0.0.1", protocol="ipfix") == 0


def test_templates_end_with_their_connection(tmp_path: Path) -> None:
    """RFC 7011, 8: a new connection begins with no template; and what it says is no gap of the old one."""
    with listening(tmp_path, ExportersConfig(listen_tcp=["127.0.0.1:0"], any=True)) as found:
        with found.connect() as opened:
            opened.sendall(message(d.record(), template=True))
            found.until(lambda: sum(found.stored) == 1)
        with found.connect() as opened:
            opened.sendall(message(d.record(), sequence=77))
            found.until(lambda: found.counters.value("exporter_unknown_templates", exporter="127.0.0.1") == 1)
    assert sum(found.stored) == 1
    assert found.counters.value("exporter_gaps", exporter="127.0.0.1", protocol="ipfix") == 0
    assert all(shot.balanced for shot in found.counters.snapshots())


def test_what_is_no_ipfix_ends_its_connection_and_no_other(tmp_path: Path) -> None:
    """After such octets nobody knows where a message begins: the connection is cut and counted, another goes on."""
    with listening(tmp_path, ExportersConfig(listen_tcp=["127.0.0.1:0"], any=True)) as found, found.connect() as good:
        with found.connect() as bad:
            bad.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert bad.recv(1) == b""
        good.sendall(message(d.record(), template=True))
        found.until(lambda: sum(found.stored) == 1)
        assert found.counters.value("exporters_connections_cut") == 1


def test_strangers_and_too_many_are_turned_away(tmp_path: Path) -> None:
    """Who is not allowed is not listened to; beyond the bound nobody is."""
    config = ExportersConfig(listen_tcp=["127.0.0.1:0"], allow=[ExporterConfig(address="192.0.2.1")])
    with listening(tmp_path / "one", config) as found, found.connect() as opened:
        assert opened.recv(1) == b""
        assert found.counters.value("exporters_connections_refused", reason="not_allowed") == 1
    config = ExportersConfig(listen_tcp=["127.0.0.1:0"], any=True, max_connections=1)
    with listening(tmp_path / "two", config) as found, found.connect(), found.connect() as second:
        assert second.recv(1) == b""
        assert found.counters.value("exporters_connections_refused", reason="too_many") == 1


def test_tls_shows_the_collectors_certificate_and_asks_for_theirs(tmp_path: Path) -> None:
    """An exporter checks the collector; where authorities are configured one without a certificate is not heard."""
    config = ExportersConfig(listen_tls=["127.0.0.1:0"], any=True)
    with listening(tmp_path, config) as found:
        trust = ssl.create_default_context(cafile=str(found.authority))
        with trust.wrap_socket(found.connect(), server_hostname="127.0.0.1") as spoken:
            spoken.sendall(message(d.record(), template=True))
            found.until(lambda: sum(found.stored) == 1)
    with listening(tmp_path, attrs.evolve(config, tls_clients=found.authority)) as found:
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            spoken = trust.wrap_socket(found.connect(), server_hostname="127.0.0.1")
            with spoken:
                spoken.sendall(message(d.record(), template=True))
                spoken.recv(1)
        found.until(lambda: found.counters.value("exporters_connections_cut") == 1)
        assert found.stored == []


def test_datagrams_come_over_udp_and_their_templates_are_on_disk_at_a_stop(tmp_path: Path) -> None:
    """A collector that starts again knows the templates of the one before, without a new one."""
    config = ExportersConfig(listen=["127.0.0.1:0"], any=True)
    with listening(tmp_path, config) as found, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        sending.sendto(message(d.record(), template=True), ("127.0.0.1", found.service.addresses[0].port))
        found.until(lambda: sum(found.stored) == 1)
    assert (tmp_path / STATE_FILE).stat().st_size > 0
    with listening(tmp_path, config) as found, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        sending.sendto(message(d.record(), sequence=1), ("127.0.0.1", found.service.addresses[0].port))
        found.until(lambda: sum(found.stored) == 1)


def test_a_spoilt_memory_costs_a_wait_and_nothing_else(tmp_path: Path) -> None:
    """A file that was cut is told and left; the intake starts."""
    (tmp_path / STATE_FILE).write_bytes(b"\x00\x00\x00\x09127.0")
    with listening(tmp_path, ExportersConfig(listen=["127.0.0.1:0"], any=True)) as found:
        assert found.service.problems() == []


@given(st.binary(max_size=200), st.integers(1, 50))
def test_framing_gives_whole_messages_or_gives_up(octets: bytes, cut: int) -> None:
    """Whatever comes, each message is as long as it says and none is made of less."""
    framing = Framing()
    found = []
    with contextlib.suppress(FramingError):
        for at in range(0, len(octets), cut):
            found += list(framing.feed(octets[at : at + cut]))
    assert octets.startswith(b"".join(found))
    assert all(len(one) == int.from_bytes(one[2:4]) >= 16 for one in found)
