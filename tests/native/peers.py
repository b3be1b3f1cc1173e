"""Packets, octets and times of flows, held against what other meters say of captures that nobody here made.

`python -m tests.native.peers CORPORA` prints the tables of docs/reference/metering-agreement.md, and every difference on standard
error. TShark's figures are those of the reference tables beside the captures, Zeek's its connection logs, ipfixprobe's its flow
lists. A flow of a log is looked for in all captures of the same project: Zeek's by its ends, because those logs have no times,
ipfixprobe's by its addresses and the microsecond in which it begins, because not all of those lists have ports.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

from tests.native.captures import meter
from tests.native.test_metering_corpora import COUNTERS

CAPTURES = {".pcap", ".pcapng", ".trace"}
PLAIN = frozenset({"-", "vlan", "gre", "vxlan", "geneve", "teredo", "vlan,ipip"})
"""Tunnels in which TShark counts what is inside only."""
PROTOCOLS = {"tcp": 6, "udp": 17}
LISTS = ("basic", "bstats", "pstats")
"""Lists of ipfixprobe that were made without a plugin which ends flows by what is in them."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT")
ZEEK, IPFIXPROBE = "zeek/testing/btest", "ipfixprobe/tests/functional"

Key = tuple[object, ...]
KeyOf = Callable[[Mapping[str, Any]], Key]
"""What a flow is found by, of one of our records."""


@attrs.define(slots=True)
class Tally:
    """One field of one peer."""

    compared: int = 0
    same: int = 0
    told: int = 0
    """Values that are not 0."""
    told_same: int = 0

    def add(self, theirs: int, ours: int, *, slack: int = 0) -> bool:
        """Take in a value of either; True when they are the same."""
        is_same = abs(theirs - ours) <= slack
        self.compared += 1
        self.same += is_same
        self.told += theirs != 0
        self.told_same += is_same and theirs != 0
        return is_same


Agreement = dict[str, Tally]
Say = Callable[[str], None]


# ---- TShark ---------------------------------------------------------------------------------------------------------
def tshark(corpora: Path, say: Say) -> Agreement:
    """Each counter of each direction of each TCP stream; streams of the same ends are added up."""
    with (corpora / "tshark-reference.tsv").open(encoding="utf-8") as file:
        plain = {row["file"] for row in csv.DictReader(file, delimiter="\t") if row["tunnels"] in PLAIN}
    theirs: dict[str, dict[tuple[Any, Any], dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    with (corpora / "tshark-reference-streams.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            client, server = (row["client"], int(row["cport"])), (row["server"], int(row["sport"]))
            for name in COUNTERS if row["file"] in plain and (corpora / row["file"]).is_file() else ():
                theirs[row["file"]][client, server][name] += int(row[f"{name}_c2s"])
                theirs[row["file"]][server, client][name] += int(row[f"{name}_s2c"])
    found: Agreement = defaultdict(Tally)
    for capture, directions in theirs.items():
        ours: dict[tuple[Any, Any], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for record in meter(corpora / capture)[0]:
            ends = tuple((record[f"{end}_address"], record[f"{end}_port"]) for end in ("source", "destination"))
            for name in COUNTERS.values() if record["protocol"] == 6 else ():
                ours[ends][name] += record[name]
                ours[ends[::-1]][name] += record[f"reverse_{name}"]
        for ends, counts in directions.items():
            for name, our_name in COUNTERS.items():
                if not found[our_name].add(counts[name], ours[ends][our_name]):
                    say(f"TShark {capture} {ends}: {our_name} {counts[name]}, here {ours[ends][our_name]}")
    return found


# ---- logs of flows --------------------------------------------------------------------------------------------------
@attrs.frozen(slots=True, kw_only=True)
class Logged:
    """A flow as a peer logged it: fields under our names, those of its other direction with `reverse_`."""

    where: str
    key: Key
    source: str
    fields: Mapping[str, int]


def by_ends(record: Mapping[str, Any]) -> Key:
    """Addresses with their ports, and the protocol."""
    ends = ((record[f"{end}_address"], record[f"{end}_port"]) for end in ("source", "destination"))
    return record["protocol"], frozenset(ends)


def by_start(record: Mapping[str, Any]) -> Key:
    """Addresses, and the microsecond of the first packet."""
    return frozenset((record["source_address"], record["destination_address"])), record["start_ns"] // 1000


def compared(logged: Iterable[Logged], folder: Path, key_of: KeyOf, say: Say, **timeouts: float) -> tuple[Agreement, int]:
    """Agreement on the flows that exactly one record answers to, and of which the log has one; and how many others there are."""
    ours: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(path for path in folder.rglob("*") if path.suffix in CAPTURES and path.is_file()):
        for record in meter(path, **timeouts)[0]:
            ours[key_of(record)].append(record)
    theirs = list(logged)
    times = Counter((flow.where, flow.key) for flow in theirs)
    found: Agreement = defaultdict(Tally)
    missing = 0
    for flow in theirs:
        candidates = ours.get(flow.key, [])
        if len(candidates) != 1 or times[flow.where, flow.key] > 1:
            missing += 1
            continue
        record = candidates[0] | {"duration_us": (candidates[0]["end_ns"] - candidates[0]["start_ns"]) // 1000}
        turned = record["source_address"] != flow.source
        for name, value in flow.fields.items():
            base, is_reverse = name.removeprefix("reverse_"), name.startswith("reverse_")
            ours_name = f"reverse_{base}" if is_reverse != turned and base != "duration_us" else base
            if not found[base].add(value, record[ours_name], slack=1 if base == "duration_us" else 0):
                say(f"{flow.where}: {name} {value}, here {record[ours_name]}")
    return found, missing


def zeek_flows(folder: Path) -> Iterator[Logged]:
    """Connections of every log that counts packets; those of which Zeek itself says that octets are missing are left out."""
    for path in sorted(folder.rglob("conn.log")):
        names: list[str] = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("#fields"):
                names = line.split("\t")[1:]
            row = dict(zip(names, line.split("\t"), strict=False))
            needed = ("id.orig_h", "id.resp_h", "orig_pkts", "resp_pkts", "orig_ip_bytes", "resp_ip_bytes")
            protocol = PROTOCOLS.get(row.get("proto", ""))
            if line.startswith("#") or protocol is None or not all(row.get(name, "-") != "-" for name in needed):
                continue
            if row.get("missed_bytes", "0") not in {"0", "-"}:
                continue
            fields = {"packets": int(row["orig_pkts"]), "reverse_packets": int(row["resp_pkts"])}
            fields |= {"octets": int(row["orig_ip_bytes"]), "reverse_octets": int(row["resp_ip_bytes"])}
            if row.get("duration", "-") != "-":
                fields["duration_us"] = round(float(row["duration"]) * 1e6)
            key = by_ends(
                {"protocol": protocol, "source_address": row["id.orig_h"], "source_port": int(row["id.orig_p"])}
                | {"destination_address": row["id.resp_h"], "destination_port": int(row["id.resp_p"])}
            )
            yield Logged(where=f"Zeek {path.parent.name}", key=key, source=row["id.orig_h"], fields=fields)


def ipfixprobe_flows(folder: Path) -> Iterator[Logged]:
    """Flows of TCP and UDP; all ICMP between two hosts is one flow there, whatever is asked."""
    for name in LISTS:
        with (folder / name).open(encoding="utf-8", errors="replace", newline="") as file:
            for row in csv.reader(file):
                if not _TIME.match(row[5]) or int(row[14]) not in PROTOCOLS.values():  # the names of the columns; ICMP
                    continue
                first_us, last_us = _microseconds(row[5]), _microseconds(row[6])
                fields = {"octets": int(row[2]), "reverse_octets": int(row[3]), "duration_us": last_us - first_us}
                fields |= {"packets": int(row[9]), "reverse_packets": int(row[10])}
                key = by_start({"source_address": row[1], "destination_address": row[0], "start_ns": first_us * 1000})
                yield Logged(where=f"ipfixprobe {name}", key=key, source=row[1], fields=fields)


def _microseconds(text: str) -> int:
    at = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return int(at.replace(microsecond=0).timestamp()) * 1_000_000 + at.microsecond


# ---- tables ---------------------------------------------------------------------------------------------------------
def table(peer: str, found: Agreement) -> str:
    """One peer's."""
    lines = [f"| {peer} | values | the same | share | not 0 | of these the same |", "|---|---:|---:|---:|---:|---:|"]
    lines += [
        f"| `{name}` | {of.compared} | {of.same} | {of.same / of.compared:.1%} | {of.told} | {of.told_same} |"
        for name, of in found.items()
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print every table."""
    corpora = Path(sys.argv[1])

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")

    sys.stdout.write(table("TShark 4.0, TCP by direction", tshark(corpora, say)) + "\n")
    zeek, strange = compared(zeek_flows(corpora / ZEEK / "Baseline"), corpora / ZEEK / "Traces", by_ends, say)
    sys.stdout.write(
        table("Zeek, connections", zeek) + f"\n{strange} connections of the logs are in no capture, or in several.\n\n"
    )
    timeouts = {"idle_timeout_s": 30, "active_timeout_s": 300}
    lists, inputs = corpora / IPFIXPROBE / "outputs", corpora / IPFIXPROBE / "inputs"
    ipfixprobe, strange = compared(ipfixprobe_flows(lists), inputs, by_start, say, **timeouts)
    sys.stdout.write(
        table("ipfixprobe, flows", ipfixprobe) + f"\n{strange} flows of the lists begin in no capture, or in several.\n"
    )


if __name__ == "__main__":
    main()
