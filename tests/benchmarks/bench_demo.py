"""How often the demo's verdict is right, and how long it takes: real runs of `faultline demo`, one row each, counts at the end.

`python tests/benchmarks/bench_demo.py` runs each kind once. `--all` runs every kind on every segment in both directions, and a
healthy line ten times (about 40 minutes). `--kinds`, `--segments`, `--rate`, `--repeat` narrow or widen it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
SEGMENTS = ("branch-lan", "loop-a", "core", "loop-z", "dc-lan")
DIRECTIONS = ("forward", "reverse")
RUN_S = 240


def cases(chosen: argparse.Namespace) -> list[list[str]]:
    """Options of each run."""
    if not chosen.all:
        kinds = chosen.kinds or ["none", "loss", "delay", "link-down"]
        return [["--fault", kind, "--seed", str(seed)] for seed in range(chosen.repeat) for kind in kinds]
    found: list[list[str]] = []
    for kind in chosen.kinds or ["loss", "delay", "link-down", "none"]:
        if kind == "none":
            found += [["--fault", kind, "--seed", str(seed)] for seed in range(10)]
            continue
        for segment in chosen.segments or SEGMENTS:
            ways: tuple[str, ...] = ("both",) if kind == "link-down" else DIRECTIONS
            found += [["--fault", kind, "--segment", segment, "--direction", way] for way in ways]
    seeded = [[*case, *(() if "--seed" in case else ("--seed", str(seed)))] for seed in range(chosen.repeat) for case in found]
    return [[*case, *(("--rate", str(chosen.rate)) if chosen.rate and case[1] != "none" else ())] for case in seeded]


def run(options: list[str], more: list[str]) -> dict[str, Any]:
    """One run's document; `failed` with the message when there is none."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "appliance.cli", "demo", *options, *more, "--json", "--report", f"{folder}/report.html"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=RUN_S, check=False)
    if not done.stdout:
        return {"failed": " ".join(line for line in done.stderr.splitlines() if line.startswith("error:")) or done.stderr[-300:]}
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def row(options: list[str], document: dict[str, Any]) -> str:
    """One line of the table."""
    asked = " ".join(options[1::2])
    if "failed" in document:
        return f"{asked:40} failed: {document['failed']}"
    seconds, fault = document["seconds"], document["fault"]
    place = ",".join(fault["components"]) or "-"
    said = "; ".join(f"{','.join(entry['components'])} {entry['mode']}" for entry in document["verdict"]["verdicts"]) or "-"
    right = "".join("+" if right else "-" for right in document["correct"].values())
    times = " ".join(
        f"{seconds[key]:6.1f}" if key in seconds else "     -" for key in ("setup", "to_first_sign", "to_verdict", "total")
    )
    return f"{fault['kind']:10} {place:26} {fault.get('rate', 0):8g} {right:4} {times}  {said}"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--kinds", nargs="*")
    parser.add_argument("--segments", nargs="*")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("rest", nargs="*", help="options handed on to the demo, after --")
    chosen = parser.parse_args()
    head = f"{'kind':10} {'truth':26} {'rate':>8} {'ok':4} {'set-up':>6} {'sign':>6} {'verdict':>6} {'all':>6}  said"
    sys.stdout.write(f"ok: component, owner, mode (+ right, - wrong); seconds\n{head}\n")
    counts: Counter[str] = Counter()
    for options in cases(chosen):
        document = run(options, chosen.rest)
        sys.stdout.write(row(options, document) + "\n")
        sys.stdout.flush()
        kind = options[1]
        counts[f"{kind} runs"] += 1
        for name, right in document.get("correct", {}).items():
            counts[f"{kind} {name} right"] += right
        balance = document.get("balance", {})
        counts["batches lost"] += balance.get("lost", 0)
        counts["batches doubled"] += balance.get("doubled", 0)
    for name, count in sorted(counts.items()):
        sys.stdout.write(f"{name:30} {count}\n")


if __name__ == "__main__":
    main()
