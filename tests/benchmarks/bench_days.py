"""How often health is blamed: days of a leased-line network in order, minute by minute.

    .venv/bin/python tests/benchmarks/bench_days.py [--days N] [--events DAYS] [--budget SECONDS] [--table] [--write]

Blocks of a hundred days are kept in `build/proving` when they are done: the command goes on where it was. `--write` puts the
count into `docs/reference/accuracy.md`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scipy import stats

from appliance.simnet.proving import days
from faultline.inference import locate

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/reference/accuracy.md"
KEPT = ROOT / "build/proving/days.blocks"
BEGIN, END = "<!-- bench_days begins -->", "<!-- bench_days ends -->"
BLOCK = 100
CONFIDENCE = 0.95


def plain_block(network: days.Network, seed: int) -> dict[str, Any]:
    """A hundred days on which nothing happens."""
    windows, asked, blamed = 0, 0, []
    for number, evidence in days.plain(network, BLOCK, seed):
        windows += number
        if evidence is not None:
            asked += 1
            blamed += days.blamed(locate(evidence, healthy_floor=False))
    return {"kind": "plain", "seed": seed, "days": BLOCK, "windows": windows, "asked": asked, "blamed": blamed}


def eventful_block(network: days.Network, seed: int) -> dict[str, Any]:
    """The windows of a hundred days in which something harmless happened."""
    asked, blamed = 0, []
    for evidence in days.eventful(network, BLOCK, seed):
        asked += 1
        blamed += days.blamed(locate(evidence, healthy_floor=False))
    return {"kind": "eventful", "seed": seed, "days": BLOCK, "windows": asked, "asked": asked, "blamed": blamed}


def upper(events: int) -> float:
    """Upper end of the 95 % interval of a Poisson mean of which so many were seen."""
    return float(stats.chi2.ppf(1 - (1 - CONFIDENCE) / (2 if events else 1), 2 * (events + 1)) / 2)


def lower(events: int) -> float:
    """Its lower end."""
    return float(stats.chi2.ppf((1 - CONFIDENCE) / 2, 2 * events) / 2) if events else 0.0


def table(blocks: Sequence[dict[str, Any]]) -> list[str]:
    """Counts and rates."""
    head = ("windows", "network-days", "windows looked at", "put to the localiser", "blamed", "per 1,000 days (95 %)")
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] * len(head))} |"]
    for kind, told in (("plain", "nothing happens"), ("eventful", "work, a stopped probe, a clock step, a longer way")):
        own = [block for block in blocks if block["kind"] == kind]
        if not own:
            continue
        number, windows, asked = (sum(block[key] for block in own) for key in ("days", "windows", "asked"))
        blamed = sum(len(block["blamed"]) for block in own)
        low, high = (1000 * bound(blamed) / number for bound in (lower, upper))
        rate = f"{1000 * blamed / number:.2f} ({low:.2f} to {high:.2f})"
        cells = (told, f"{number:,}", f"{windows:,}", f"{asked:,}", str(blamed), rate)
        lines.append(f"| {' | '.join(cells)} |")
    sentences = [f"- {text}" for block in blocks for text in block["blamed"]]
    return [*lines, "", *(["Blamed:", "", *sentences[:20], ""] if sentences else [])]


def main() -> None:
    """Run what is missing, print what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=5000, help="on which nothing happens")
    parser.add_argument("--events", type=int, default=500, help="days of each harmless event")
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds after which it stops; the next call goes on")
    parser.add_argument("--table", action="store_true", help="run nothing")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    begun = time.monotonic()
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    blocks = [json.loads(line) for line in KEPT.read_text(encoding="utf-8").splitlines()] if KEPT.exists() else []
    done = {(block["kind"], block["seed"]) for block in blocks}
    wanted = [("plain", seed) for seed in range(1, options.days // BLOCK + 1)]
    wanted += [("eventful", seed) for seed in range(1, options.events // BLOCK + 1)]
    network = days.Network()
    for kind, seed in [] if options.table else [task for task in wanted if task not in done]:
        if time.monotonic() - begun > options.budget:
            sys.stderr.write("stopped before the end: call again to go on\n")
            break
        blocks.append((plain_block if kind == "plain" else eventful_block)(network, seed))
        with KEPT.open("a", encoding="utf-8") as kept:
            kept.write(json.dumps(blocks[-1]) + "\n")
    lines = table(blocks)
    sys.stdout.write("\n".join(lines) + "\n")
    if options.write:
        text = PAGE.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        told = "Written by `python tests/benchmarks/bench_days.py --write`."
        PAGE.write_text(before + "\n".join([BEGIN, told, "", *lines, END]) + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
