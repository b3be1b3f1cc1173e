"""How often component, owner and mode are named rightly in the simulated bank's network, how soon; how often health is blamed.

    .venv/bin/python tests/benchmarks/bench_simnet.py [--seeds N] [--first SEED] [--kind KIND]... [--probes full|ends]
                                                      [--healthy MINUTES] [--jobs N] [--write]

Twenty seeds a kind and set of probes: each draws the place, the direction, how bad it is, and all noise. The verdict counts that
is said first, by the rule of the demonstration. Every wrong run is listed with its reason. `--write` puts the tables into
`docs/reference/accuracy.md`.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import multiprocessing
import os
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import attrs

from appliance.demo.kinds import TRAITS, Kind
from appliance.demo.probing import Probes
from appliance.simnet.trial import Learned, Result, Trial, drawn, run_trial
from faultline.runtime import log

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/reference/accuracy.md"
BEGIN, END = "<!-- bench_simnet begins -->", "<!-- bench_simnet ends -->"
HEADER = ("fault", "runs", "component", "owner", "mode", "silent", "seconds: least, median, most")
_STRETCH_S = 540.0
"""Health is watched in stretches of ten minutes with the minute of learning."""
_HEALTHY_SEED = 10_000


@attrs.frozen(slots=True, kw_only=True)
class Row:
    """A kind's counts."""

    kind: Kind
    results: Sequence[Result]

    def cells(self) -> tuple[str, ...]:
        """As the table has them."""
        said = [result.after_s for result in self.results if result.after_s is not None]
        soon = f"{min(said):.0f}, {statistics.median(said):.0f}, {max(said):.0f}" if said else "-"
        right = (sum(getattr(result.correct, what) for result in self.results) for what in ("component", "owner", "mode"))
        silent = sum(not result.said for result in self.results)
        return (self.kind.value, str(len(self.results)), *map(str, right), str(silent), soon)


def reason(result: Result) -> str:
    """One line on a wrong run."""
    faults = ", ".join(f"{f.kind} {f.component} {f.way} {f.rate:g}" for f in result.trial.faults) or "nothing"
    why = "; ".join(result.correct.reasons) or "wrong"
    early = " (before the fault)" if result.blamed_healthy else ""
    said = "; ".join(f"{entry['text']}" for entry in result.said)
    return f"{result.trial.probes} seed {result.trial.seed}, {faults}: {why}{early}" + (f". Said: {said}" if said else "")


def of_seed(task: tuple[Probes, int, Sequence[Kind]]) -> list[Result]:
    """Every kind with one seed: what is healthy is learned once."""
    probes, seed, kinds = task
    log.configure(level="error")
    with Learned(probes=probes, seed=seed) as learned:
        return [learned.result(drawn(kind, seed)) for kind in kinds]


def watched(task: tuple[Probes, int]) -> list[Result]:
    """A stretch of health; it ends at its first blame."""
    probes, seed = task
    log.configure(level="error")
    return [run_trial(Trial(faults=(), seed=seed, probes=probes, patience_s=_STRETCH_S))]


def spread(work: Callable[[T], list[Result]], tasks: Sequence[T], jobs: int) -> list[list[Result]]:
    """Do all tasks, so many at a time, and say how far it is."""
    found = []
    with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done, results in enumerate(pool.map(work, tasks), 1):
            found.append(results)
            sys.stderr.write(f"\r{done} of {len(tasks)} seeds")
    sys.stderr.write("\n")
    return found


def table(probes: Probes, by_seed: Sequence[Sequence[Result]], kinds: Sequence[Kind]) -> list[str]:
    """Counts of a set of probes."""
    everything = [result for results in by_seed for result in results]
    counts = [sum(getattr(result.correct, what) for result in everything) for what in ("component", "owner", "mode")]
    rows = [Row(kind=kind, results=[results[at] for results in by_seed]).cells() for at, kind in enumerate(kinds)]
    lines = [HEADER, ("---",) * len(HEADER), *rows, ("all", str(len(everything)), *map(str, counts), "", "")]
    return [f"Probes `{probes}`:", "", *(f"| {' | '.join(cells)} |" for cells in lines), ""]


def measured(options: argparse.Namespace, probes: Probes) -> tuple[list[str], list[Result]]:
    """Lines of a set of probes, and the wrong runs."""
    kinds = options.kind or [Kind.NONE, *TRAITS]
    seeds = range(options.first, options.first + options.seeds)
    by_seed = spread(of_seed, [(probes, seed, kinds) for seed in seeds], options.jobs)
    lines = table(probes, by_seed, kinds)
    wrong = [result for results in by_seed for result in results if not result.correct.everything]
    if options.healthy and not options.kind:
        tasks = [(probes, _HEALTHY_SEED + number) for number in range(max(1, round(options.healthy / 10)))]
        blamed = [result for results in spread(watched, tasks, options.jobs) for result in results if result.said]
        lines += [f"Health: {len(blamed)} of {len(tasks)} stretches of ten minutes blamed.", ""]
        wrong += blamed
    return lines, wrong


def write(lines: Sequence[str], command: str) -> None:
    """Put the tables where the page has its marks."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    told = f"Written by `{command} --write`."
    PAGE.write_text(before + "\n".join([BEGIN, told, "", *lines, END]) + rest.split(END)[1], encoding="utf-8")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--kind", type=Kind, action="append", help="of this kind only; may be given several times")
    parser.add_argument("--probes", type=Probes, default=None, help="this set of probes only")
    parser.add_argument("--healthy", type=float, default=60.0, help="minutes of healthy time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    begun_s = time.monotonic()
    lines: list[str] = []
    wrong: list[Result] = []
    for probes in [options.probes] if options.probes else list(Probes):
        told, missed = measured(options, probes)
        sys.stdout.write("\n".join(told) + "\n")
        sys.stdout.flush()
        lines += told
        wrong += missed
    told = ["Wrong:", "", *(f"- {reason(result)}" for result in wrong)] if wrong else ["Nothing was wrong."]
    sys.stdout.write("\n".join(told) + f"\n\n{time.monotonic() - begun_s:.0f} s\n")
    if options.write:
        write(
            [*lines, *told],
            shlex.join(["python", "tests/benchmarks/bench_simnet.py", *(a for a in sys.argv[1:] if a != "--write")]),
        )


if __name__ == "__main__":
    main()
