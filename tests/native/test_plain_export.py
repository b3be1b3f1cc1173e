"""Flow records as other collectors take them, read back by our own decoder of others' exports and by a real nfcapd."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.native import ExportDecoder, MalformedError, PlainEncoder, meter_files
from faultline.runtime.counters import Counters
from probe.export.plain import PlainExport, PlainLink
from probe.export.targets import PlainConfig, Target
from tests.native.captures import CLIENT, CLIENT_6, SERVER, SERVER_6, Talk, meter

CONVERSATIONS = 300


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Queries over UDP with an answer each, a connection with a lost segment, and one of IPv6 that nobody answers."""
    talk = Talk()
    talk.say(0, 0, -1, 0, flags=2).say(30, 1, -1, 0, flags=18).say(50, 0, 0, 0)
    talk.say(60, 0, 0, 0, 100).say(100, 1, 0, 100, 1000).say(400, 1, 0, 100, 1000).say(420, 0, 100, 1000)
    made = talk.capture
    made.tcp(500, CLIENT_6, SERVER_6, seq=1, flags=2)
    for number in range(CONVERSATIONS):
        client = (CLIENT[0], 10_000 + number)
        made.udp(600 + number, client, (SERVER[0], 9000), b"question").udp(601 + number, (SERVER[0], 9000), client, b"answer" * 9)
    return made.write(tmp_path_factory.mktemp("plain") / "it.pcap")


def _messages(path: Path) -> bytes:
    out = io.BytesIO()
    meter_files([str(path)], out, format="ipfix", idle_timeout_s=0, active_timeout_s=0)
    return out.getvalue()


def _decoded(path: Path, dialect: str) -> list[dict[str, Any]]:
    decoder = ExportDecoder()
    datagrams = PlainEncoder(dialect).encode(_messages(path))
    rows = [row["record"] for octets, _ in datagrams for row in decoder.datagram(octets, "it")]
    assert decoder.take_problems() == []
    assert all(found["lost"] == 0 for found in decoder.summary()["sequence_gaps"].values())
    return rows


@pytest.mark.parametrize("dialect", ["ipfix", "netflow9"])
def test_every_direction_with_packets_is_a_record_of_its_own(capture: Path, dialect: str) -> None:
    """Packets and octets of the plain records are those of the biflows, direction by direction."""
    theirs = sorted((row["packetDeltaCount"], row["octetDeltaCount"]) for row in _decoded(capture, dialect))
    ours = [
        (record[f"{way}packets"], record[f"{way}octets"])
        for record in meter(capture)[0]
        for way in ("", "reverse_")
        if record[f"{way}packets"]
    ]
    assert theirs == sorted(ours)
    assert len(ours) == 2 * CONVERSATIONS + 3


def test_the_dialect_of_nprobe_has_both_ways_in_a_record_and_its_own_elements_for_tcp(capture: Path) -> None:
    """Retransmissions and latencies stand under PEN 35632; latencies are half of the round trip, as nProbe has them."""
    rows = _decoded(capture, "nprobe")
    assert len(rows) == CONVERSATIONS + 2
    row = next(row for row in rows if row["protocolIdentifier"] == 6 and row["packetDeltaCount"] > 1)
    assert (row["35632/109"], row["35632/110"]) == ("00000000", "00000001")
    assert (row["35632/124"], row["35632/123"]) == ("0000000f", "0000000a")


@given(octets=st.binary(max_size=200), at=st.integers(0, 400))
def test_octets_that_are_no_messages_raise_one_error(octets: bytes, at: int) -> None:
    """Whatever is given to the encoder, it translates it or says that it is malformed."""
    whole = b"\0\x0a\0\x14" + bytes(16)
    with contextlib.suppress(MalformedError):
        PlainEncoder("ipfix").encode(whole[:at] + octets)


@pytest.mark.parametrize("text", ["udp://x", "http://x:1", "udp://x:99999", "tcp://:4739", "udp://x:1/y", "x:1"])
def test_what_is_no_collector_is_refused(text: str) -> None:
    """A target has a scheme, a host and a port, and nothing else."""
    with pytest.raises(ValueError, match="collector is"):
        Target.parse(text)


def test_a_new_connection_begins_with_the_templates(capture: Path) -> None:
    """A collector that was away reads the records that come after it is back."""
    messages = _messages(capture)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        link = PlainLink(PlainConfig(to=f"tcp://127.0.0.1:{server.getsockname()[1]}"))
        for turn in range(2):
            link.send(messages)
            link.close()
            accepted, _ = server.accept()
            with accepted:
                received = b"".join(iter(lambda: accepted.recv(65536), b""))  # noqa: B023 - read before the next turn
            rows = ExportDecoder().datagram(received, "it")
            assert len(rows) == 2 * CONVERSATIONS + 3, turn


def test_a_collector_that_is_away_costs_its_records_and_nothing_else(capture: Path) -> None:
    """Records for a port where nobody listens are dropped with a reason; those for another collector go out."""
    counters = Counters()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        away = f"tcp://127.0.0.1:{closed.getsockname()[1]}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        here = f"udp://127.0.0.1:{listening.getsockname()[1]}"
        export = PlainExport([(to, PlainLink(PlainConfig(to=to))) for to in (away, here)], counters=counters)
        export.start()
        export.take(_messages(capture), 302)
        export.stop()
    snapshot = counters.stage("plain_export").snapshot()
    assert snapshot.document()["in"] == 604
    assert snapshot.document()["dropped"] == {"unreachable": 302}
    assert snapshot.balanced


@contextlib.contextmanager
def _nfcapd(folder: Path) -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = ["nfcapd", "-w", str(folder), "-p", str(port), "-b", "127.0.0.1", "-t", "3600", "-B", "4000000"]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 10
        while f":{port:04X} " not in Path("/proc/net/udp").read_text(encoding="ascii"):
            assert time.monotonic() < deadline, "nfcapd does not listen"
            time.sleep(0.05)
        yield port
        time.sleep(0.5)
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=20)


@pytest.mark.e2e
@pytest.mark.sample
@pytest.mark.skipif(shutil.which("nfcapd") is None, reason="needs nfdump (packaging/setup.sh test installs it)")
@pytest.mark.parametrize("dialect", ["ipfix", "netflow9", "nprobe"])
def test_a_real_nfcapd_counts_the_same_flows_packets_and_octets(capture: Path, tmp_path: Path, dialect: str) -> None:
    """What nfdump finds in the files of an unmodified nfcapd is what was metered."""
    with _nfcapd(tmp_path) as port:
        link = PlainLink(PlainConfig(to=f"udp://127.0.0.1:{port}", dialect=dialect))
        link.send(_messages(capture))
        link.close()
    done = subprocess.run(["nfdump", "-R", str(tmp_path), "-o", "json"], capture_output=True, text=True, check=True, timeout=30)
    flows = json.loads(done.stdout)
    records = meter(capture)[0]
    packets = sum(record["packets"] + record["reverse_packets"] for record in records)
    octets = sum(record["octets"] + record["reverse_octets"] for record in records)
    assert sum(flow["in_packets"] + flow.get("out_packets", 0) for flow in flows) == packets
    assert sum(flow["in_bytes"] + flow.get("out_bytes", 0) for flow in flows) == octets
    assert len(flows) == (len(records) if dialect == "nprobe" else 2 * CONVERSATIONS + 3)
