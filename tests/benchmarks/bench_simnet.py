"""How often component, owner and mode are named rightly in the simulated bank's network, how soon; how often health is blamed.

    .venv/bin/python tests/benchmarks/bench_simnet.py [--seeds N] [--first SEED] [--kind KIND]... [--probes full|ends]
                                                      [--healthy MINUTES] [--jobs N] [--docs]

Twenty seeds a kind and set of probes: each draws the place, the direction, how bad it is, and all noise. The verdict counts that
is said first, by the rule of the demonstration. Every wrong run is listed with its reason. `--docs` prints the tables as they
stand in docs/reference/accuracy.md.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterable, Sequence

import attrs

from appliance.demo.kinds import TRAITS, Kind
from appliance.demo.probing import Probes
from appliance.simnet.trial import Result, Trial, drawn, run_trial
from faultline.runtime import log

PLAIN = "{:16} {:>5} {:>10} {:>7} {:>6} {:>7} {:>30}"
DOCS = "| {} | {} | {} | {} | {} | {} | {} |"
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


def run(trials: Iterable[Trial], jobs: int) -> list[Result]:
    """All trials, in their order."""
    wanted = list(trials)
    if jobs < 2:
        return [run_trial(trial) for trial in wanted]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=context, initializer=_quiet) as pool:
        return list(pool.map(run_trial, wanted))


def _quiet() -> None:
    log.configure(level="error")


def table(probes: Probes, options: argparse.Namespace) -> list[Result]:
    """Print the table of a set of probes; gives the wrong runs."""
    form = DOCS if options.docs else PLAIN
    sys.stdout.write(f"\nprobes: {probes}\n\n" + form.format(*HEADER) + "\n")
    if options.docs:
        sys.stdout.write(DOCS.format(*["---"] * len(HEADER)) + "\n")
    wrong: list[Result] = []
    everything: list[Result] = []
    for kind in options.kind or [Kind.NONE, *TRAITS]:
        seeds = range(options.first, options.first + options.seeds)
        results = run((Trial(faults=drawn(kind, seed), seed=seed, probes=probes) for seed in seeds), options.jobs)
        everything += results
        wrong += [result for result in results if not result.correct.everything]
        sys.stdout.write(form.format(*Row(kind=kind, results=results).cells()) + "\n")
        sys.stdout.flush()
    counts = [sum(getattr(result.correct, what) for result in everything) for what in ("component", "owner", "mode")]
    sys.stdout.write(form.format("all", len(everything), *counts, "", "") + "\n")
    return wrong


def healthy(minutes: float, probes: Probes, jobs: int) -> tuple[str, list[Result]]:
    """Watch a healthy network; a stretch ends at its first blame."""
    count = max(1, round(minutes / 10))
    trials = (
        Trial(faults=(), seed=seed, probes=probes, patience_s=_STRETCH_S) for seed in range(_HEALTHY_SEED, _HEALTHY_SEED + count)
    )
    wrong = [result for result in run(trials, jobs) if result.said]
    return f"healthy, probes {probes}: {len(wrong)} of {count} stretches of ten minutes blamed", wrong


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--kind", type=Kind, action="append", help="of this kind only; may be given several times")
    parser.add_argument("--probes", type=Probes, default=None, help="this set of probes only")
    parser.add_argument("--healthy", type=float, default=60.0, help="minutes of healthy time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--docs", action="store_true", help="as the reference page has it")
    options = parser.parse_args()
    _quiet()
    begun_s = time.monotonic()
    wrong: list[Result] = []
    for probes in [options.probes] if options.probes else list(Probes):
        wrong += table(probes, options)
        if options.healthy and not options.kind:
            told, blamed = healthy(options.healthy, probes, options.jobs)
            wrong += blamed
            sys.stdout.write(f"\n{told}\n")
    if wrong:
        sys.stdout.write("\nWrong:\n\n" + "".join(f"- {reason(result)}\n" for result in wrong))
    sys.stdout.write(f"\n{time.monotonic() - begun_s:.0f} s\n")


if __name__ == "__main__":
    main()
