"""`collector decode` on files."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import dpkt
import pytest
import typer
from typer.testing import CliRunner

from collector import decode
from faultline import native
from faultline.runtime.console import BAD_USAGE, FAILED, CommandError

SRC = bytes([192, 0, 2, 9])


@pytest.fixture
def app() -> typer.Typer:
    """The command alone."""
    made = typer.Typer()
    decode.register(made)
    return made


def events(*names: str, sequence: int = 0) -> bytes:
    """IPFIX messages of our own records, a few octets each."""
    rows = [{"interface": name, "event_ns": 1, "event": "link_up"} for name in names]
    return native.encode_records("link_event", rows, export_s=1, sequence=sequence)


def ran(app: typer.Typer, *arguments: str | Path) -> tuple[list[dict[str, Any]], dict[str, Any], Exception | None]:
    """Rows, summary and error of a run."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    summary = json.loads(result.stderr.splitlines()[-1])["summary"] if '"summary"' in result.stderr else {}
    return rows, summary, result.exception if isinstance(result.exception, CommandError) else None


def interfaces(rows: list[dict[str, Any]]) -> list[str]:
    """What the rows speak of."""
    return [row["record"]["interfaceName"] for row in rows]


def capture(path: Path, *payloads: bytes, link: int = dpkt.pcap.DLT_EN10MB, pcapng: bool = False) -> Path:
    """A capture of UDP datagrams from 192.0.2.9, with a TCP segment and something else over UDP among them."""
    with path.open("wb") as file:
        writer = (dpkt.pcapng.Writer if pcapng else dpkt.pcap.Writer)(file, linktype=link)
        for payload in (*payloads, b"not export at all"):
            udp = dpkt.udp.UDP(sport=2055, dport=4739, data=payload, ulen=8 + len(payload))
            writer.writepkt(_frame(link, dpkt.ip.IP(src=SRC, dst=SRC, p=17, data=udp)), ts=1.0)
        writer.writepkt(_frame(link, dpkt.ip.IP(src=SRC, dst=SRC, p=6, data=dpkt.tcp.TCP(dport=179))), ts=2.0)
    return path


def _frame(link: int, ip: Any) -> bytes:
    ip.len = len(ip)
    if link == dpkt.pcap.DLT_RAW:
        return bytes(ip)
    return bytes(dpkt.ethernet.Ethernet(src=bytes(6), dst=bytes(6), type=dpkt.ethernet.ETH_TYPE_IP, data=ip))


@pytest.mark.parametrize("pcapng", [False, True], ids=["pcap", "pcapng"])
@pytest.mark.parametrize("link", [dpkt.pcap.DLT_EN10MB, dpkt.pcap.DLT_RAW], ids=["ethernet", "raw"])
def test_export_inside_a_capture_is_found_on_any_port(app: typer.Typer, tmp_path: Path, *, link: int, pcapng: bool) -> None:
    """The exporter is the sender's address; packets that are no export are passed over and counted."""
    path = capture(tmp_path / "a.pcap", events("eth0"), events("eth1", sequence=1), link=link, pcapng=pcapng)
    rows, summary, error = ran(app, path)
    assert error is None
    assert interfaces(rows) == ["eth0", "eth1"]
    assert {row["exporter"] for row in rows} == {"192.0.2.9"}
    assert summary["records"] == 2
    assert summary["passed_over"] == {"packets": 2, "fragments": 0}
    assert summary["sequence_gaps"] == {}


def test_templates_are_remembered_across_files(app: typer.Typer, tmp_path: Path) -> None:
    """A file of templates and a file of data, as routers' captures are often kept."""
    template = struct.pack("!HHHHHH", 2, 12, 256, 1, 2, 4)
    data = struct.pack("!HHI", 256, 8, 42)
    for name, body, sequence in (("templates.dat", template, 0), ("data.dat", data, 0)):
        (tmp_path / name).write_bytes(struct.pack("!HHIII", 10, 16 + len(body), 1, sequence, 3) + body)
    rows, summary, _ = ran(app, tmp_path / "templates.dat", tmp_path / "data.dat", "--exporter", "10.9.8.7")
    assert rows == [
        {
            "exporter": "10.9.8.7",
            "protocol": "ipfix",
            "domain": 3,
            "sequence": 0,
            "template": 256,
            "export_ns": 1_000_000_000,
            "record": {"packetDeltaCount": 42},
        }
    ]
    assert summary["unknown_templates"] == 0


def test_a_spooled_batch_is_an_ipfix_file(app: typer.Typer, tmp_path: Path) -> None:
    """The probe's own batches are read like any other exporter's file, header and seal included."""
    header = {"probe": "p1", "incarnation": 1, "stream": "events", "seq": 1, "wall_ns": 1, "monotonic_ns": 1, "watermark_ns": 1}
    batch = native.seal_batch(header | {"records": 2}, events("eth0", "eth1"), export_s=1)
    (tmp_path / "batch.ipfix").write_bytes(batch)
    rows, summary, error = ran(app, tmp_path / "batch.ipfix", "-o", tmp_path / "rows.jsonl")
    assert (rows, error) == ([], None)
    written = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["record"]["32473/9"] for row in written] == [6, 5, 5, 8]
    assert summary["sequence_gaps"] == {}


def test_a_cut_ipfix_file_gives_what_is_whole(app: typer.Typer, tmp_path: Path) -> None:
    """The message before the cut is printed, the cut one is counted, the exit code says so."""
    (tmp_path / "cut.ipfix").write_bytes(events("eth0") + events("eth1")[:-3])
    rows, summary, error = ran(app, tmp_path / "cut.ipfix")
    assert interfaces(rows) == ["eth0"]
    assert summary["malformed"] == {"malformed message": 1}
    assert isinstance(error, CommandError)
    assert error.code == FAILED
    assert "the last message has" in error.message


def test_a_cut_capture_gives_what_is_whole(app: typer.Typer, tmp_path: Path) -> None:
    """Packets before the cut are decoded; the message says after how many it came."""
    path = capture(tmp_path / "a.pcap", events("eth0"))
    path.write_bytes(path.read_bytes() + b"\x00" * 7)
    rows, _, error = ran(app, path)
    assert interfaces(rows) == ["eth0"]
    assert isinstance(error, CommandError)
    assert "after 3 packets" in error.message


@pytest.mark.parametrize("content", [b"a text file\n", b"\xff" * 100, bytes(100)], ids=["text", "ones", "zeros"])
def test_a_file_of_something_else_is_said_in_one_line(app: typer.Typer, tmp_path: Path, content: bytes) -> None:
    """What is no export is a failure with a message, not silence."""
    (tmp_path / "else.bin").write_bytes(content)
    rows, _, error = ran(app, tmp_path / "else.bin")
    assert rows == []
    assert isinstance(error, CommandError)
    assert error.code == FAILED
    assert "holds no NetFlow, IPFIX or sFlow" in error.message


def test_an_empty_file_holds_nothing(app: typer.Typer, tmp_path: Path) -> None:
    """No octets, no records, and that is said as well."""
    (tmp_path / "empty.bin").write_bytes(b"")
    rows, summary, error = ran(app, tmp_path / "empty.bin")
    assert rows == []
    assert summary["records"] == 0
    assert isinstance(error, CommandError)
    assert "empty" in error.message


def test_a_missing_file_is_bad_usage(app: typer.Typer, tmp_path: Path) -> None:
    """Said before anything is read."""
    _, _, error = ran(app, tmp_path / "none.bin")
    assert isinstance(error, CommandError)
    assert error.code == BAD_USAGE


def test_bad_files_beside_good_ones_cost_nothing(app: typer.Typer, tmp_path: Path) -> None:
    """Every file that can be read is read, whatever stands before it."""
    (tmp_path / "bad.bin").write_bytes(b"nonsense")
    (tmp_path / "good.ipfix").write_bytes(events("eth0"))
    rows, _, error = ran(app, tmp_path / "bad.bin", tmp_path / "good.ipfix")
    assert interfaces(rows) == ["eth0"]
    assert isinstance(error, CommandError)
    assert "bad.bin" in error.message


def test_fragments_are_counted(app: typer.Typer, tmp_path: Path) -> None:
    """An export datagram that came in fragments cannot be read; it is counted apart."""
    path = capture(tmp_path / "a.pcap", events("eth0"))
    with path.open("ab") as file:
        ip = dpkt.ip.IP(src=SRC, dst=SRC, p=17, mf=1, data=b"x" * 16)
        frame = _frame(dpkt.pcap.DLT_EN10MB, ip)
        file.write(struct.pack("<IIII" if path.read_bytes()[:1] == b"\xd4" else ">IIII", 3, 0, len(frame), len(frame)) + frame)
    _, summary, _ = ran(app, path)
    assert summary["passed_over"]["fragments"] == 1
