"""How often component, owner and mode are named rightly on the simulated line, how soon, and how often health is blamed.

    .venv/bin/python tests/benchmarks/bench_simnet.py [--seeds N] [--healthy MINUTES] [--probes full|ends]
                                                      [--kind KIND] [--segment ID] [--wrong]

The verdict counts that is said first, within 60 s of the fault, by the rule of the demonstration.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence

from appliance.demo.faults import Fault, Kind, Way
from appliance.demo.line import SEGMENTS, Probes
from appliance.simnet.trial import Result, Trial, run_trial
from faultline.runtime import log

RATES = {Kind.LOSS: (0.005, 0.01, 0.05), Kind.DELAY: (5.0, 20.0), Kind.LINK_DOWN: (1.0,)}
WAYS = {Kind.LOSS: tuple(Way), Kind.DELAY: tuple(Way), Kind.LINK_DOWN: (Way.BOTH,)}
ROW = "{:10} {:11} {:8} {:>7} {:>5} {:>10} {:>7} {:>6} {:>7} {:>9}"


def cells() -> Iterator[tuple[Kind, str, Way, float]]:
    """Every kind, segment, direction and rate."""
    for kind, rates in RATES.items():
        for segment in SEGMENTS:
            for way in WAYS[kind]:
                for rate in rates:
                    yield kind, segment, way, rate


def share(results: Sequence[Result], what: str) -> str:
    """How many of how many."""
    return f"{sum(getattr(result.correct, what) for result in results)}/{len(results)}"


def line_of(label: Sequence[str], results: Sequence[Result]) -> str:
    """One row of the table."""
    said = [result.after_s for result in results if result.after_s is not None]
    soon = f"{statistics.median(said):.0f} s" if said else "-"
    silent = sum(result.verdict is None for result in results)
    counts = [share(results, what) for what in ("component", "owner", "mode")]
    return ROW.format(*label, len(results), *counts, silent, soon)


def healthy(minutes: float, probes: Probes) -> str:
    """Watch a healthy line; a run ends at its first blame."""
    runs = max(1, round(minutes / 10))
    blamed = [
        result
        for seed in range(1000, 1000 + runs)
        if (result := run_trial(Trial(fault=None, seed=seed, probes=probes, patience_s=540.0))).verdict is not None
    ]
    for result in blamed:
        sys.stdout.write(f"  seed {result.trial.seed}: {(result.verdict or {}).get('text')}\n")
    return f"healthy: {len(blamed)} of {runs} stretches of 10 min blamed"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--healthy", type=float, default=60.0, help="minutes of healthy time")
    parser.add_argument("--probes", type=Probes, default=Probes.FULL)
    parser.add_argument("--kind", type=Kind, default=None)
    parser.add_argument("--segment", choices=SEGMENTS, default=None)
    parser.add_argument("--wrong", action="store_true", help="say what was said where it was not right")
    options = parser.parse_args()
    log.configure(level="error")
    begun_s = time.monotonic()
    sys.stdout.write(
        ROW.format("kind", "segment", "way", "rate", "runs", "component", "owner", "mode", "silent", "median") + "\n"
    )
    everything: dict[Kind, list[Result]] = {}
    for kind, segment, way, rate in cells():
        if options.kind not in {None, kind} or options.segment not in {None, segment}:
            continue
        fault = Fault(kind=kind, component=segment, way=way, rate=rate)
        results = [run_trial(Trial(fault=fault, seed=seed, probes=options.probes)) for seed in range(1, options.seeds + 1)]
        everything.setdefault(kind, []).extend(results)
        sys.stdout.write(line_of((kind.value, segment, way.value, f"{rate:g}"), results) + "\n")
        for result in results if options.wrong else ():
            if not result.correct.everything:
                verdict = result.verdict or {}
                sys.stdout.write(f"    seed {result.trial.seed}: {verdict.get('text')} {verdict.get('components')}\n")
        sys.stdout.flush()
    for kind, results in everything.items():
        sys.stdout.write(line_of((kind.value, "all", "", ""), results) + "\n")
    if options.healthy:
        sys.stdout.write(healthy(options.healthy, options.probes) + "\n")
    sys.stdout.write(f"{time.monotonic() - begun_s:.0f} s\n")


if __name__ == "__main__":
    main()
