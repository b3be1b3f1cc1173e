"""What a city's 16,000 lines cost: import of a list, check, coverage, impact, an extract. Each command is a process of its own.

    python tests/benchmarks/bench_inventory.py [LINES] [mistakes] [list] [network]

Prints seconds of CPU (user and system) and the largest memory of each. Three tables: a list of which one row in twenty has one of
twelve kinds of mistakes, imported and corrected by what the messages name until it is right, and checked; the list as it is (each
line has the segments of its type); and a network in which every line crosses one of a hundred provider edges and a common core,
with a probe and two sessions a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import attrs
from mistaken_list import CUSTOMERS, MISTAKES, correct, mistaken, prefixes, true_rows, write

from analyzer.planning.lists import plain
from faultline.inventory import FORMAT

LINES = 16_000
EDGES = 100
EVERY = 20
"""One row in twenty: 5 %."""
MOST_ROUNDS = 5


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


@attrs.frozen
class Ran:
    """What a command took, and what it said."""

    seconds: float
    memory_mib: float
    status: int
    said: str


def run(*words: str) -> Ran:
    """Run a command of `faultline`."""
    process = subprocess.Popen([sys.executable, "-m", "appliance.cli", *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    said = process.stdout.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    return Ran(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, os.waitstatus_to_exitcode(status), said)


def show(what: str, ran: Ran, last: str) -> None:
    """A row of the table."""
    say(f"{what:34} {ran.seconds:7.1f} s  {ran.memory_mib:6.0f} MiB   {last[:90]}")


def measured(what: str, *words: str) -> Ran:
    """Run a command that must succeed, and print what it took."""
    ran = run(*words)
    if ran.status:
        raise SystemExit(f"{what}: exit {ran.status}: {ran.said[-2000:]}")
    show(what, ran, ran.said.strip().splitlines()[-1])
    return ran


def bench_mistakes(folder: Path, lines: int) -> None:
    """Import, read the messages, correct the cells that they name, import again; then check."""
    listed, imported = folder / "lines.csv", str(folder / "inventory.yaml")
    known = true_rows(lines)
    rows, where = mistaken(known, EVERY)
    say(f"{lines} lines, {len(where)} mistakes of {len(MISTAKES)} kinds")
    took: list[Ran] = []
    named: set[tuple[int, str]] = set()
    for number in range(1, MOST_ROUNDS + 1):
        write(listed, rows)
        took.append(run("inventory", "import", str(listed), "-i", imported, "--json"))
        told = json.loads(took[-1].said)
        show(f"import, round {number}", took[-1], f"{len(told.get('problems', ()))} messages, exit {took[-1].status}")
        if took[-1].status == 0:
            break
        named |= correct(rows, told["problems"], known)
    took.append(measured("check", "inventory", "check", imported))
    if named != set(where) or rows != known:
        raise SystemExit("the messages did not name the mistakes, or not only them")
    seconds, memory = sum(ran.seconds for ran in took), max(ran.memory_mib for ran in took)
    say(f"{'together':34} {seconds:7.1f} s  {memory:6.0f} MiB   every mistake named by its cell, and no other cell")


def bench_list(folder: Path, lines: int) -> None:
    """A list and what comes of it."""
    listed, imported = folder / "lines.csv", str(folder / "inventory.yaml")
    write(listed, true_rows(lines))
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
    for bench in (bench_mistakes, bench_list, bench_network):
        if bench.__name__.removeprefix("bench_") in (sys.argv[2:] or ["mistakes", "list", "network"]):
            with tempfile.TemporaryDirectory() as name:
                bench(Path(name), lines)


if __name__ == "__main__":
    main()
