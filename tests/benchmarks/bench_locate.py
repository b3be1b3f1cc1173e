"""How long a verdict takes: the demo's line as the analyzer asks it, and leased-line networks up to 100,000 components.

`read` checks the document, `reduce` sets aside what nothing speaks for and compiles the rest, `search` finds faults and
writes the verdict. The budget is 5 s a window for 100,000 components, after reading. Two faults are hidden in each network,
and must be found. Seconds are the process's own, so that a busy machine does not show in them.
"""

from __future__ import annotations

import gc
import itertools
import random
import resource
import sys
import time
from typing import Any

import numpy as np

from faultline.inference import locate
from faultline.inference.document import read
from faultline.inference.locate import problem_of, solver_for
from faultline.inference.search import explain
from faultline.inference.verdict import verdict

SIZES = ((300, 3_000), (3_000, 30_000), (33_000, 100_000), (33_000, 1_000_000))
"""Branches and paths; a branch is three components."""
SENT = 1000
DEMO = ("branch-lan", "ce", "loop-a", "pe1", "core", "pe2", "loop-z", "fw", "dc-lan")
SLICES = ((2, 3), (3, 6), (6, 7), (2, 7))


def directed(name: str, owner: str) -> list[dict[str, Any]]:
    """Both directions of a segment."""
    return [{"id": f"{name}{mark}", "kind": "segment", "owner": owner} for mark in "><"]


def network(branches: int, paths: int, seed: int = 1) -> tuple[dict[str, Any], list[str]]:
    """Branches on provider edges of fifty, uplinks into twenty core routers; paths between branches drawn by chance."""
    dice, rng, edges = random.Random(seed), np.random.default_rng(seed), max(1, branches // 50)
    parts = [{"id": f"ce{b}", "kind": "device", "owner": "customer"} for b in range(branches)]
    parts += [part for b in range(branches) for part in directed(f"loop{b}", "access")]
    parts += [{"id": f"pe{p}", "kind": "device", "owner": "carrier_core"} for p in range(edges)]
    parts += [part for p in range(edges) for part in directed(f"up{p}", "carrier_core")]
    parts += [{"id": f"core{k}", "kind": "device", "owner": "carrier_core"} for k in range(20)]
    bad = {f"loop{branches // 3}>": 0.02, f"up{edges // 2}<": 0.005}
    vias, through = [], np.full(paths, 1 - 5e-5)
    for number in range(paths):
        a, z = number % branches, dice.randrange(branches)
        p, q = a % edges, z % edges
        # Two branches at one edge meet there.
        between = [f"pe{p}"] if p == q else [f"pe{p}", f"up{p}>", f"core{p % 20}", f"up{q}<", f"pe{q}"]
        via = [f"ce{a}", f"loop{a}>", *between, *([f"loop{z}<", f"ce{z}"] if z != a else [])]
        for component in via:
            through[number] *= 1 - bad.get(component, 0.0)
        vias.append(via)
    lost = rng.binomial(SENT, 1 - through)
    seen = [
        {"kind": "loss", "source": "active", "via": via, "sent": SENT, "lost": int(y)} for via, y in zip(vias, lost, strict=True)
    ]
    return {"format": "faultline-evidence/1", "components": parts, "observations": seen}, list(bad)


def demo_line() -> dict[str, Any]:
    """A window of the demo's sessions with 1 % on the access loop."""
    kinds = {name: "device" if name in {"ce", "pe1", "pe2", "fw"} else "segment" for name in DEMO}
    parts = [
        part
        for name, kind in kinds.items()
        for part in (directed(name, "access") if kind == "segment" else [{"id": name, "kind": kind, "owner": "carrier_core"}])
    ]
    seen = []
    for first, last in SLICES:
        for mark in "><":
            names = DEMO[first:last] if mark == ">" else DEMO[first:last][::-1]
            via = [name + mark if kinds[name] == "segment" else name for name in names]
            seen.append({"kind": "loss", "source": "active", "via": via, "sent": 2000, "lost": 20 if "loop-a>" in via else 0})
            usual = {"n": 20000, "min_us": 300, "median_us": 400, "mad_us": 20, "p90_us": 470}
            seen.append(
                {"kind": "delay", "via": via, "n": 2000, "min_us": 305, "median_us": 410, "p90_us": 480, "baseline": usual}
            )
    for at in (1, 2, 3, 6, 7, 8):
        for mark in "><":
            for names in (DEMO[:at], DEMO[at:]):
                ordered = names if mark == ">" else names[::-1]
                via = [name + mark if kinds[name] == "segment" else name for name in ordered]
                seen.append({"kind": "loss", "source": "passive", "via": via, "sent": 3000, "lost": 2, "background": 1e-4})
    return {"format": "faultline-evidence/1", "components": parts, "observations": seen}


def main() -> None:
    """Print the table."""
    evidence = demo_line()
    start = time.process_time()
    for _ in range(20):
        locate(evidence)
    each = (time.process_time() - start) / 20
    print(f"demo line, {len(evidence['observations'])} observations, plain Python: {each * 1000:.0f} ms a verdict")  # noqa: T201
    head = f"{'components':>10} {'paths':>9} {'read s':>8} {'reduce s':>9} {'search s':>9} {'sum s':>8} {'peak MB':>8}  found"
    print(head)  # noqa: T201
    for branches, paths in SIZES:
        document, bad = network(branches, paths)
        gc.collect()
        gc.freeze()
        marks = [time.process_time()]
        checked = read(document)
        marks.append(time.process_time())
        problem = problem_of(checked)
        marks.append(time.process_time())
        answer = verdict(problem, explain(problem, solver_for(problem)))
        marks.append(time.process_time())
        first, second, third = (b - a for a, b in itertools.pairwise(marks))
        blamed = sorted(c for entry in answer["verdicts"] if entry["blames"] for c in entry["components"])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        size = f"{len(document['components']):>10} {paths:>9}"
        row = f"{size} {first:>8.2f} {second:>9.2f} {third:>9.2f} {second + third:>8.2f} {peak:>8}"
        print(f"{row}  {'both' if blamed == sorted(bad) else blamed}", flush=True)  # noqa: T201
        del document, checked, problem


if __name__ == "__main__":
    sys.exit(main())
