"""The localiser beside eight methods of others on generated networks: the tables of the proving ground.

    .venv/bin/python tests/benchmarks/bench_proving.py [--family NAME]... [--seeds N] [--first SEED] [--budget SECONDS]
                                                       [--robust] [--ablations] [--published] [--table] [--write]

Each run is kept in `build/proving` when it is done: the command goes on where it was, and `--budget` ends it in time. `--table`
prints what is there and runs nothing. `--write` puts the tables into `docs/reference/accuracy.md`. Wide-area graphs are
those of the package `topohub`, where it is installed.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import attrs

from appliance.simnet.proving import published, scoring
from appliance.simnet.proving.contest import NAMED, OURS, Contest
from appliance.simnet.proving.families import CELLS, FAMILIES, FAULTS, RATES, ROBUSTNESS, Cell, Family, with_graph
from appliance.simnet.proving.methods.table import METHODS
from appliance.simnet.proving.ours import OWN

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/reference/accuracy.md"
FOLDER = ROOT / "build/proving"
BEGIN, END = "<!-- bench_proving begins -->", "<!-- bench_proving ends -->"
GRAPHS = {"wan-germany50": "sndlib/germany50", "wan-geant": "topozoo/Geant2012"}
ROBUST_CELL = Cell(rate=0.01, faults=3)
PART = 8
"""Runs of a published point that are kept at a time."""
BESIDE = "Flock"
"""The method whose cells ours are held against."""


def families() -> dict[str, Family]:
    """All that can be had here."""
    found = dict(FAMILIES)
    if importlib.util.find_spec("topohub") is not None:
        topohub = importlib.import_module("topohub")
        found |= {name: with_graph(name, topohub.get(key)) for name, key in GRAPHS.items()}
    return found


# ---- tables ------------------------------------------------------------------------------------------------------
def summary(contest: Contest, names: Iterable[str]) -> list[str]:
    """F of every method by family, all cells together."""
    methods = [OURS, NAMED, *METHODS]
    lines = [row(["family", "runs", *methods, f"named - {BESIDE} (95 %)"]), row(["---"] * (len(methods) + 3))]
    for name in names:
        mine = contest.marks(name, OURS)
        if not mine:
            continue
        cells = [f"{scoring.worth(contest.marks(name, m)).f:.3f}" if contest.marks(name, m) else "-" for m in methods]
        lines.append(row([name, str(len(mine)), *cells, beside(contest, name, None)]))
    return lines


def beside(contest: Contest, name: str, cells: Sequence[Cell] | None) -> str:
    """The difference with its interval; what is surely below is marked."""
    mine, theirs = contest.marks(name, NAMED, cells=cells), contest.marks(name, BESIDE, cells=cells)
    if not mine or len(mine) != len(theirs):
        return "-"
    gap, low, high = scoring.difference(mine, theirs)
    return f"{gap:+.3f} ({low:+.3f} to {high:+.3f})" + (" **below**" if high < 0 else "")


def by_cell(contest: Contest, name: str) -> list[str]:
    """F of ours and of the one beside, and their difference, by rate and number of faults."""
    lines = [row(["faults", *(f"{rate:.1%}" for rate in RATES)]), row(["---"] * (len(RATES) + 1))]
    for faults in FAULTS:
        told = []
        for rate in RATES:
            cell = [Cell(rate=rate, faults=faults)]
            mine, theirs = contest.marks(name, NAMED, cells=cell), contest.marks(name, BESIDE, cells=cell)
            if not mine or len(mine) != len(theirs):
                told.append("-")
                continue
            _, low, high = scoring.difference(mine, theirs)
            sure = " **below**" if high < 0 else " above" if low > 0 else ""
            told.append(f"{scoring.worth(mine).f:.2f} / {scoring.worth(theirs).f:.2f}{sure}")
        lines.append(row([str(faults), *told]))
    return lines


def details(contest: Contest, names: Iterable[str]) -> list[str]:
    """Of ours: precision, recall, of what is above its floor, the first answer, owners, and seconds."""
    head = ("family", "precision", "recall", "recall above floor", "first right", "owner", "ambiguity told", "median s", "most s")
    lines = [row(head), row(["---"] * len(head))]
    for name in names:
        marks = contest.marks(name, OURS)
        if not marks:
            continue
        found = scoring.worth(marks)
        visible = sum(m.visible for m in marks)
        seen = f"{sum(m.visible_found for m in marks) / visible:.3f} of {visible}" if visible else "-"
        clear = contest.marks(name, OURS, cells=[c for c in CELLS if c.rate >= 0.005])
        shares = [scoring.share([getattr(m, what) for m in clear]) for what in ("first", "owner", "ambiguous")]
        told = ["-" if s is None else f"{s[0]:.3f} of {s[1]}" for s in shares]
        seconds = [r.seconds for r in contest.runs if (r.family, r.variant, r.method) == (name, "exact", OURS)]
        times = [f"{statistics.median(seconds):.2f}", f"{max(seconds):.2f}"]
        lines.append(row([name, f"{found.precision:.3f}", f"{found.recall:.3f}", seen, *told, *times]))
    return lines


def others(contest: Contest, names: Iterable[str], variants: Sequence[str], methods: Sequence[str]) -> list[str]:
    """F by variant and method in the one cell of variants; for ours what it says of its confidence as well."""
    head = ["family", "variant", "runs", *methods, "mean confidence"]
    lines = [row(head), row(["---"] * len(head))]
    for name in names:
        for variant in variants:
            cells = [ROBUST_CELL]
            mine = contest.marks(name, OURS, variant=variant, cells=cells)
            if not mine:
                continue
            found = [contest.marks(name, m, variant=variant, cells=cells) for m in methods]
            told = [f"{scoring.worth(marks).f:.3f}" if marks else "-" for marks in found]
            sure = [s for m in mine for s, _ in m.sure]
            lines.append(row([name, variant, str(len(mine)), *told, f"{statistics.mean(sure):.3f}" if sure else "-"]))
    return lines


def calibration(contest: Contest, names: Iterable[str]) -> list[str]:
    """How often what is named is right, by how sure it is said to be; and the sets of candidates that hold 95 %."""
    marks = [m for name in names for m in contest.marks(name, NAMED)]
    bins, error = scoring.reliability(marks)
    lines = [row(["stated", "answers", "mean stated", "right"]), row(["---"] * 4)]
    lines += [row([f"{b.low:.2f}-{b.high:.2f}", str(b.answers), f"{b.stated:.3f}", f"{b.right:.3f}"]) for b in bins]
    sets = [pair for m in marks for pair in m.sets]
    if sets:
        mass, inside = (sum(pair[k] for pair in sets) / len(sets) for k in (0, 1))
        told = f"smallest sets of 95 %: stated mass {mass:.3f}, a true one inside {inside:.3f}"
        lines += ["", f"Expected calibration error {error:.3f}; {told}."]
    return lines


def tuned(names: Iterable[str]) -> list[str]:
    """The settings that the others were given."""
    lines = [row(["family", "settings"]), row(["---", "---"])]
    for name in names:
        path = FOLDER / f"{name}.settings.json"
        if path.exists():
            chosen = json.loads(path.read_text(encoding="utf-8"))
            told = "; ".join(f"{m} {', '.join(f'{k} {v:g}' for k, v in s.items())}" for m, s in chosen.items())
            lines.append(row([name, told]))
    return lines


def published_points(until: Callable[[], bool]) -> list[str]:
    """The experiment of others made again, beside what they published; kept point by point."""
    kept = FOLDER / "published.points"
    told = dict(json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()) if kept.exists() else {}
    for rate in published.PUBLISHED[BESIDE]:
        settings = told.get(f"{rate} settings")
        if settings is None and not until():
            settings = published.tuned(rate)
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps([f"{rate} settings", settings]) + "\n")
        for first in range(1, published.RUNS + 1, PART):
            key = f"{rate} {first}"
            if key in told or settings is None or until():
                continue
            counts = published.counts(rate, range(first, first + PART), settings)
            told[key] = counts
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, counts]) + "\n")
    head = ("method", "loss", "runs", "published precision, recall", "found", "F apart")
    lines = [row(head), row(["---"] * len(head))]
    for method, figures in published.PUBLISHED.items():
        for rate, (precision, recall) in figures.items():
            parts = [counts[method] for key, counts in told.items() if key.split()[0] == str(rate) and "settings" not in key]
            if not parts:
                continue
            blamed, right, faults, found = (sum(part[k] for part in parts) for k in range(4))
            seen = (right / blamed if blamed else 1.0, found / faults)
            apart = abs(published.f(*seen) - published.f(precision, recall))
            cells = [method, f"{rate:.1%}", str(faults), f"{precision:.2f}, {recall:.2f}", f"{seen[0]:.2f}, {seen[1]:.2f}"]
            lines.append(row([*cells, f"{apart:.2f}"]))
    return lines


def row(cells: Sequence[str]) -> str:
    """Of a table."""
    return f"| {' | '.join(cells)} |"


def tables(contest: Contest, names: Sequence[str], *, ablations: bool, robust: bool) -> list[str]:
    """Everything."""
    lines = ["F on components, all rates and numbers of faults together:", "", *summary(contest, names), ""]
    lines += ["Ours in detail; first answer and owners at 0.6 % and more:", "", *details(contest, names), ""]
    for name in names:
        if contest.marks(name, OURS) and contest.marks(name, BESIDE):
            lines += [
                f"`{name}`, F of what we name / {BESIDE} (95 % interval of the paired difference excludes 0: above, below):",
                "",
            ]
            lines += [*by_cell(contest, name), ""]
    lines += ["Confidence, all families together:", "", *calibration(contest, names), ""]
    if robust:
        lines += [
            f"Wrong knowledge, {ROBUST_CELL.name}:",
            "",
            *others(contest, names, list(ROBUSTNESS), [OURS, NAMED, *METHODS]),
            "",
        ]
    if ablations:
        lines += [f"Parts taken away, {ROBUST_CELL.name}:", "", *others(contest, names, ["exact"], list(OWN)), ""]
    return [*lines, "Settings of the others, found on seeds of their own:", "", *tuned(names), ""]


def write(lines: Sequence[str], command: str) -> None:
    """Put the tables where the page has its marks."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    PAGE.write_text(
        before + "\n".join([BEGIN, f"Written by `{command}`.", "", *lines, END]) + rest.split(END)[1], encoding="utf-8"
    )


def main() -> None:
    """Run what is missing, print what is there."""
    known = families()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=sorted(known), action="append", help="this one only; may be given several times")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds after which it stops; the next call goes on")
    parser.add_argument("--robust", action="store_true", help="with wrong knowledge as well")
    parser.add_argument("--ablations", action="store_true", help="with parts of ours taken away as well")
    parser.add_argument("--published", action="store_true", help="make an experiment of others again")
    parser.add_argument("--table", action="store_true", help="run nothing")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    names = options.family or list(known)
    begun = time.monotonic()
    contest = Contest(FOLDER, until=lambda: time.monotonic() - begun > options.budget)
    seeds, whole = range(options.first, options.first + options.seeds), True
    for name in [] if options.table else names:
        family = known[name]
        whole &= contest.run(family, CELLS, seeds)
        if options.ablations:
            whole &= contest.run(family, [ROBUST_CELL], seeds, own=tuple(OWN), others=())
        for variant, changes in ROBUSTNESS.items() if options.robust else ():
            whole &= contest.run(attrs.evolve(family, **changes), [ROBUST_CELL], seeds, variant=variant)
    lines = tables(contest, names, ablations=options.ablations, robust=options.robust)
    if options.published:
        told = published_points(lambda: options.table or time.monotonic() - begun > options.budget)
        lines += ["An experiment of others made again:", "", *told, ""]
    if not whole:
        sys.stderr.write("stopped before the end: call again to go on\n")
    sys.stdout.write("\n".join(lines) + "\n")
    if options.write:
        parts = [f"--{part}" for part in ("robust", "ablations", "published") if getattr(options, part)]
        write(lines, " ".join(["python tests/benchmarks/bench_proving.py", *parts, "--write"]))


if __name__ == "__main__":
    main()
