"""What a city's 16,000 lines cost: import of a list, check, coverage, impact, an extract. Each command is a process of its own.

    python tests/benchmarks/bench_inventory.py [LINES] [list] [network]

Prints seconds of CPU (user and system) and the largest memory of each. Two inventories: the list as it is imported (each line has
the segments of its type), and a network in which every line crosses one of a hundred provider edges and a common core, with a
probe and two sessions a line.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from analyzer.planning.lists import plain
from faultline.inventory import FORMAT

LINES = 16_000
EDGES = 100
CUSTOMERS = 200
TITLES = ("电路编号", "客户名称", "等级", "业务类型", "带宽", "A端", "A端网段", "Z端", "Z端网段", "时区")
TYPES = ("MPLS VPN", "互联网专线", "sdh", "视频监控")


def prefixes(number: int) -> tuple[str, str]:
    """Two networks that no other line joins."""
    return f"10.{number >> 8 & 255}.{number & 255}.0/24", f"172.{16 + (number >> 12)}.{number >> 4 & 255}.{(number & 15) * 16}/28"


def write_list(path: Path, lines: int) -> None:
    """The list as an office keeps it, in GBK."""
    with path.open("w", encoding="gbk", newline="") as file:
        out = csv.writer(file)
        out.writerow(TITLES)
        for number in range(lines):
            a_prefix, z_prefix = prefixes(number)
            grade, rate = ("AAA", "AA", "A", "普通")[number % 4], (2, 10, 100, 1000)[number % 4]
            ends = (f"City{number % 90}", a_prefix, f"City{(number + 1) % 90}", z_prefix)
            kind = TYPES[number % 4]
            out.writerow((f"CN-{number:05d}", f"Customer {number % CUSTOMERS}", grade, kind, f"{rate}M", *ends, "Asia/Shanghai"))


def network(lines: int) -> dict[str, Any]:
    """Lines over common edges, each with a probe at its CE and two sessions."""
    edges = [{"id": f"pe{n}", "kind": "device", "owner": "carrier_core"} for n in range(EDGES)]
    document: dict[str, Any] = {
        "format": FORMAT,
        "tenants": [{"id": f"t{n}", "name": f"Customer {n}"} for n in range(CUSTOMERS)],
        "components": [*edges, {"id": "core", "kind": "segment", "owner": "carrier_core"}],
        "lines": [],
        "vantages": [],
        "sessions": [],
    }
    positions = []
    for number in range(lines):
        code, edge = f"CN-{number:05d}", f"pe{number % EDGES}"
        own = [("lan", "segment", "customer"), ("ce", "device", "customer"), ("loop", "segment", "access")]
        far = [("far", "segment", "access"), ("end", "segment", "destination")]
        document["components"] += [{"id": f"{n}-{number}", "kind": kind, "owner": owner} for n, kind, owner in (*own, *far)]
        path = [*(f"{name}-{number}" for name, *_ in own), edge, "core", *(f"{name}-{number}" for name, *_ in far)]
        ends = {
            end: {"name": f"City{number % 90}", "prefixes": [p]}
            for end, p in zip(("a_end", "z_end"), prefixes(number), strict=True)
        }
        document["lines"].append({"code": code, "tenant": f"t{number % CUSTOMERS}", "path": path, **ends})
        at_ce = {"line": code, "between": [f"ce-{number}", f"loop-{number}"]}
        at_end = {"line": code, "between": [f"far-{number}", f"end-{number}"]}
        document["vantages"] += [
            {"id": f"ce-{number}", "probe": f"p{number}", "observation_point": "wan", "positions": [at_ce]},
            {"id": f"z-{number}", "positions": [at_end]},
        ]
        positions.append({"line": code, "between": [f"loop-{number}", edge]})
        for reflector in ("pe", f"z-{number}"):
            document["sessions"].append(
                {"id": f"{reflector}:{number}", "line": code, "sender": f"ce-{number}", "reflector": reflector}
            )
    document["vantages"].append({"id": "pe", "probe": "mirror", "positions": positions})
    return document


def say(text: str) -> None:
    """A line of the table."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def measured(what: str, *words: str) -> None:
    """Run a command of `faultline` and print what it took."""
    process = subprocess.Popen([sys.executable, "-m", "appliance.cli", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    said = process.stdout.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{what}: {said[-2000:]}")
    last = said.strip().splitlines()[-1]
    memory = used.ru_maxrss / 1024
    say(f"{what:34} {used.ru_utime + used.ru_stime:7.1f} s  {memory:6.0f} MiB   {last[:90]}")


def bench_list(folder: Path, lines: int) -> None:
    """A list and what comes of it."""
    listed, imported = folder / "lines.csv", str(folder / "inventory.yaml")
    write_list(listed, lines)
    say(f"{lines} lines as a list")
    measured("import, nothing there before", "inventory", "import", str(listed), "-i", imported)
    measured("import, nothing has changed", "inventory", "import", str(listed), "-i", imported)
    measured("check", "inventory", "check", imported)
    measured("impact of one segment", "plan", "impact", "CN-00004.core", "-i", imported)
    measured("extract of one line", "inventory", "job", "export", "CN-00004", "-o", str(folder / "job.yaml"), "-i", imported)


def bench_network(folder: Path, lines: int) -> None:
    """Lines that share a network, with probes on it."""
    joined = folder / "network.yaml"
    joined.write_text(plain.dump(network(lines)), encoding="utf-8")
    say(f"{lines} lines over {EDGES} edges, {2 * lines} sessions")
    measured("check", "inventory", "check", str(joined))
    measured("impact of the core", "plan", "impact", "core", "-i", str(joined))
    measured("coverage of all lines", "inventory", "coverage", "-i", str(joined))


def main() -> None:
    """Print the table."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else LINES
    for bench in (bench_list, bench_network):
        if bench.__name__.removeprefix("bench_") in (sys.argv[2:] or ["list", "network"]):
            with tempfile.TemporaryDirectory() as name:
                bench(Path(name), lines)


if __name__ == "__main__":
    main()
