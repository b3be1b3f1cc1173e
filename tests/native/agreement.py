"""What payload tells, held against TShark over captures that nobody here made: per field, how many values are the same.

`python -m tests.native.agreement CORPORA` prints the table of docs/explanation/metering.md. A value is one flow's, of the first
request or hello that TShark shows of it; times are the same to a microsecond.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs

from tests.native.captures import meter

FOLDERS = (
    "deepflow/agent/resources/test/flow_generator/dns",
    "deepflow/agent/resources/test/flow_generator/http",
    "ipfixprobe/tests/functional/inputs",
    "suricata/tests/dns",
    "suricata/tests/ja*",
    "suricata/tests/quic*",
    "suricata/tests/sip-*",
    "suricata/tests/tls*",
    "zeek/testing/btest/Traces/dns",
    "zeek/testing/btest/Traces/http",
    "zeek/testing/btest/Traces/quic",
    "zeek/testing/btest/Traces/tls",
)
SAMPLE = ("ipfixprobe/tests/functional/inputs", "zeek/testing/btest/Traces/quic")

_ENDS = ("ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport", "udp.srcport", "tcp.dstport", "udp.dstport")
_FIELDS = (
    *_ENDS,
    "tcp.stream",
    "udp.stream",
    "dns.flags.response",
    "dns.qry.name",
    "dns.qry.type",
    "dns.flags.rcode",
    "dns.time",
    "tls.handshake.type",
    "tls.handshake.extensions_server_name",
    "tls.handshake.ja3",
    "tls.handshake.version",
    "tls.handshake.extensions.supported_version",
    "http.request.method",
    "http.host",
    "http.response.code",
    "http.time",
    "sip.Method",
    "sip.Status-Code",
    "sip.response-time",
    "quic.version",
)
_VERSIONS = {"0x0300": "SSLv3", "0x0301": "TLSv1", "0x0302": "TLSv1.1", "0x0303": "TLSv1.2", "0x0304": "TLSv1.3"}
_PROTOCOLS = "dns or tls or http or sip or quic"
_SEPARATOR, _AGGREGATOR = "\x1f", "\x1e"

Row = dict[str, list[str]]
Ends = tuple[int, frozenset[tuple[str, int]]]
Facts = dict[str, dict[Ends, list[Any]]]


@attrs.define(slots=True)
class Agreement:
    """Of one field: how many values TShark has, how many of them we have, and how many we have that it has not."""

    theirs: int = 0
    same: int = 0
    only_ours: int = 0

    def add(self, theirs: list[Any], ours: list[Any]) -> None:
        """The values of one pair of ends."""
        same = (Counter(theirs) & Counter(ours)).total()
        self.theirs += len(theirs)
        self.same += same
        self.only_ours += len(ours) - same


def captures(corpora: Path, folders: Iterable[str] = FOLDERS) -> list[Path]:
    """The captures that are compared."""
    found = {
        path
        for folder in folders
        for place in corpora.glob(folder)
        for path in place.rglob("*")
        if path.suffix in {".pcap", ".pcapng", ".trace", ".cap"} and path.stat().st_size < 2_000_000
    }
    return sorted(found)


def _tshark(path: Path) -> list[Row]:
    command = ["tshark", "-n", "-r", str(path), "-o", "http.desegment_body:FALSE", "-Y", _PROTOCOLS]
    command += ["-T", "fields", "-E", f"separator={_SEPARATOR}", "-E", f"aggregator={_AGGREGATOR}", "-E", "occurrence=a"]
    for field in _FIELDS:
        command += ["-e", field]
    # A cut capture ends with an error, after its rows.
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    rows = []
    for line in filter(None, done.stdout.decode("utf-8", "replace").split("\n")):
        values = line.split(_SEPARATOR)
        rows.append({field: value.split(_AGGREGATOR) if value else [] for field, value in zip(_FIELDS, values, strict=False)})
    return rows


def _ends(row: Row) -> Ends | None:
    """Protocol and ends; none within tunnels, where each layer has its own."""
    addresses = [*row["ip.src"], *row["ipv6.src"]], [*row["ip.dst"], *row["ipv6.dst"]]
    protocol = 6 if row["tcp.srcport"] else 17
    ports = ("tcp.srcport", "tcp.dstport") if protocol == 6 else ("udp.srcport", "udp.dstport")
    if any(len(found) != 1 for found in (*addresses, row[ports[0]], row[ports[1]])):
        return None
    return protocol, frozenset((address[0], int(row[port][0])) for address, port in zip(addresses, ports, strict=True))


def _microseconds(seconds: str) -> int:
    return round(float(seconds) * 1e6)


def theirs(path: Path) -> Facts:
    """TShark's values: of each flow the first."""
    facts: Facts = defaultdict(lambda: defaultdict(list))
    seen: set[tuple[str, str]] = set()
    for row in _tshark(path):
        ends = _ends(row)
        if ends is None:
            continue
        stream = f"t{row['tcp.stream'][0]}" if row["tcp.stream"] else f"u{row['udp.stream'][0]}"

        def first(name: str, value: Any, *, ends: Ends = ends, stream: str = stream) -> None:
            if (stream, name) not in seen and value is not None:
                seen.add((stream, name))
                facts[name][ends].append(value)

        _their_dns(row, ends, first)
        _their_tls(row, first)
        _their_http(row, first)
        _their_sip(row, first)
    return facts


First = Callable[[str, Any], None]


def _their_dns(row: Row, ends: Ends, first: First) -> None:
    # Multicast names are answered in other flows, and names of NetBIOS are not DNS.
    if not row["dns.time"] or not any(port == 53 for _, port in ends[1]):
        return
    if row["dns.qry.name"] and len(row["dns.time"]) == 1:
        first("dns query_name", row["dns.qry.name"][0].lower().replace("<root>", "."))
        first("dns query_type", int(row["dns.qry.type"][0]))
        first("dns rcode", int(row["dns.flags.rcode"][0]))
        first("dns latency", _microseconds(row["dns.time"][0]))


def _their_tls(row: Row, first: First) -> None:
    kinds = row["tls.handshake.type"]
    if kinds[:1] == ["1"]:
        first("tls ja3", row["tls.handshake.ja3"][0] if row["tls.handshake.ja3"] else None)
        first("tls sni", row["tls.handshake.extensions_server_name"][0] if row["tls.handshake.extensions_server_name"] else None)
    elif kinds[:1] == ["2"] and not row["quic.version"]:
        versions = row["tls.handshake.extensions.supported_version"] or row["tls.handshake.version"]
        first("tls version", _VERSIONS.get(versions[0]))


def _their_http(row: Row, first: First) -> None:
    if row["http.request.method"]:
        first("http method", row["http.request.method"][0])
        first("http host", row["http.host"][0] if row["http.host"] else None)
    if row["http.time"] and row["http.response.code"] and int(row["http.response.code"][0]) >= 200:
        first("http status", int(row["http.response.code"][0]))
        first("http latency", _microseconds(row["http.time"][0]))


def _their_sip(row: Row, first: First) -> None:
    if row["sip.Method"] and row["sip.Method"][0] != "ACK":
        first("sip method", row["sip.Method"][0])
    if row["sip.Status-Code"] and row["sip.response-time"]:
        first("sip status", int(row["sip.Status-Code"][0]))


def ours(path: Path) -> Facts:
    """Our values, under the same names."""
    facts: Facts = defaultdict(lambda: defaultdict(list))
    for record in meter(path)[0]:
        ends = (
            record["protocol"],
            frozenset(
                ((record["source_address"], record["source_port"]), (record["destination_address"], record["destination_port"]))
            ),
        )
        for name, value in _values(record):
            facts[name][ends].append(value)
    return facts


def _values(record: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    dns = record.get("dns", {})
    if "rcode" in dns:
        yield "dns query_name", dns["query_name"].lower()
        yield "dns query_type", dns["query_type"]
        yield "dns rcode", dns["rcode"]
        yield "dns latency", round(dns["latency_ns"] / 1000)
    tls = record.get("tls", {})
    yield from ((f"tls {name}", tls[name]) for name in ("sni", "ja3") if name in tls)
    if "version" in tls and record["protocol"] == 6:
        yield "tls version", tls["version"]
    http = record.get("http", {})
    yield from ((f"http {name}", http[name]) for name in ("method", "host", "status") if name in http)
    if "latency_ns" in http:
        yield "http latency", round(http["latency_ns"] / 1000)
    sip = record.get("sip", {})
    yield from ((f"sip {name}", sip[name]) for name in ("method", "status") if name in sip)


def compare(paths: Iterable[Path]) -> tuple[dict[str, Agreement], list[str]]:
    """Agreement by field, and every difference in words."""
    found: dict[str, Agreement] = defaultdict(Agreement)
    differences = []
    paths = list(paths)
    with ThreadPoolExecutor(2) as pool:
        for path, their, our in zip(paths, pool.map(theirs, paths), map(ours, paths), strict=True):
            for name in their.keys() | our.keys():
                # What TShark does not show of a protocol at all (another port, another dissector) is no difference.
                for ends in their[name].keys() | (our[name].keys() & set().union(*their.values())):
                    pair = sorted(their[name][ends], key=str), sorted(our[name][ends], key=str)
                    found[name].add(*pair)
                    if pair[0] != pair[1]:
                        differences.append(f"{path.parent.name}/{path.name}: {name}: TShark {pair[0]}, we {pair[1]}")
    return dict(sorted(found.items())), differences


def table(found: dict[str, Agreement]) -> str:
    """The page's table."""
    lines = ["| field | values TShark shows | the same here | share | shown here only |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| {name} | {of.theirs} | {of.same} | {of.same / of.theirs:.1%} | {of.only_ours} |"
        for name, of in found.items()
        if of.theirs
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, and the differences on standard error."""
    found, differences = compare(captures(Path(sys.argv[1])))
    sys.stdout.write(table(found))
    sys.stderr.write("\n".join(differences) + "\n")


if __name__ == "__main__":
    main()
