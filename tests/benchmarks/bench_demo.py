"""How often the demo's verdict is right: real runs of `faultline demo`, every kind of fault, several seeds, both sets of probes.

`python tests/benchmarks/bench_demo.py` runs what has not been run yet (about 90 s a run) and prints the counts and, beside them,
why each wrong run is wrong. Every run is a line of `build/bench/demo.jsonl` as soon as it ends: interrupt it and go on later.
`--kinds`, `--seeds`, `--variants` and `--network` choose; `--again` forgets chosen runs first; `--show` runs nothing; `--write`
puts the table into `docs/reference/accuracy.md`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

ROOT = Path(__file__).resolve().parent.parent.parent
RUNS = ROOT / "build" / "bench" / "demo.jsonl"
PAGE = ROOT / "docs" / "reference" / "accuracy.md"
BEGIN, END = "<!-- bench_demo begins -->", "<!-- bench_demo ends -->"
RUN_S = 420
ANSWERS = ("component", "owner", "mode")
NOT_TO_BLAME = ("none", "reroute")
sys.path.insert(0, str(ROOT))
from appliance.demo.kinds import Kind  # noqa: E402 - found wherever the benchmark is started
from appliance.demo.probing import Probes  # noqa: E402


@attrs.frozen(slots=True, kw_only=True)
class Case:
    """What is run."""

    kind: str
    seed: int
    variant: str
    network: str

    @property
    def options(self) -> list[str]:
        """Of the command."""
        return ["--fault", self.kind, "--seed", str(self.seed), "--probes", self.variant, "--network", self.network]


def cases(chosen: argparse.Namespace) -> Iterator[Case]:
    """A seed of every kind before the next seed: an interrupted benchmark has seen a little of everything."""
    for seed in chosen.seeds:
        for variant in chosen.variants:
            for kind in chosen.kinds:
                yield Case(kind=kind, seed=seed, variant=variant, network=chosen.network)


def known() -> dict[Case, dict[str, Any]]:
    """Runs of earlier times; of a case that ran twice, the later."""
    if not RUNS.exists():
        return {}
    rows = (json.loads(line) for line in RUNS.read_text(encoding="utf-8").splitlines())
    return {Case(**row["case"]): row for row in rows}


def keep(rows: Iterable[dict[str, Any]], *, mode: str) -> None:
    """Write runs down."""
    RUNS.parent.mkdir(parents=True, exist_ok=True)
    with RUNS.open(mode, encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def run(case: Case) -> dict[str, Any]:
    """One run, as it is kept."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "appliance.cli", "demo", *case.options, "--json", "--report", f"{folder}/report.html"]
        try:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=RUN_S, check=False)
        except subprocess.TimeoutExpired:
            return {"case": attrs.asdict(case), "failed": f"did not end within {RUN_S} s"}
    if not done.stdout:
        told = " ".join(line for line in done.stderr.splitlines() if line.startswith("error:"))
        return {"case": attrs.asdict(case), "failed": told or done.stderr.strip()[-300:]}
    return row_of(case, json.loads(done.stdout))


def row_of(case: Case, document: dict[str, Any]) -> dict[str, Any]:
    """A run's document without what only its report shows."""
    kept = {key: document[key] for key in ("faults", "correct", "reasons", "seconds", "balance")}
    kept["said"] = [
        {key: entry[key] for key in ("components", "mode", "owner", "owners", "confidence", "blames") if key in entry}
        for entry in document["verdict"]["verdicts"]
    ]
    return {"case": attrs.asdict(case)} | kept


def is_right(row: dict[str, Any], answer: str) -> bool:
    """Whether an answer of a run is right; a run that failed has none."""
    return bool(row.get("correct", {}).get(answer, False))


def line_of(row: dict[str, Any]) -> str:
    """A run in one line."""
    case = Case(**row["case"])
    head = f"{case.kind:16} {case.seed:3} {case.variant:5}"
    if "failed" in row:
        return f"{head} failed: {row['failed']}"
    places = ",".join(c for fault in row["faults"] for c in fault["components"]) or "-"
    marks = "".join("+" if is_right(row, answer) else "-" for answer in ANSWERS)
    after = row["seconds"].get("to_verdict")
    return f"{head} {places:22} {marks} {after if after is not None else '-':>6}  {'; '.join(row['reasons'])}".rstrip()


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Counts for every kind and set of probes, then why each wrong run is wrong: Markdown."""
    lines = [
        "| fault | probes | runs | component | owner | mode | seconds to the verdict (median) |",
        "|---|---|---|---|---|---|---|",
    ]
    for variant in Probes:
        mine = [row for row in rows if row["case"]["variant"] == variant]
        by_kind = {kind: [row for row in mine if row["case"]["kind"] == kind] for kind in Kind}
        lines += [_counts(kind, variant, found) for kind, found in by_kind.items() if found]
        if mine:
            lines.append(_counts("**all**", variant, mine))
    balances = [row["balance"] for row in rows if "balance" in row]
    lost, doubled = (sum(balance[key] for balance in balances) for key in ("lost", "doubled"))
    lines += ["", f"Batches over all of these runs: {lost} lost, {doubled} doubled.", ""]
    wrong = [row for row in rows if not all(is_right(row, answer) for answer in ANSWERS)]
    if wrong:
        lines += ["| wrong run | seed | probes | why |", "|---|---|---|---|"]
        lines += [f"| {row['case']['kind']} | {row['case']['seed']} | {row['case']['variant']} | {_why(row)} |" for row in wrong]
    return lines


def _counts(kind: str, variant: str, rows: Sequence[dict[str, Any]]) -> str:
    right = [str(sum(is_right(row, answer) for row in rows)) for answer in ANSWERS]
    if kind in NOT_TO_BLAME:
        right = [f"not blamed: {right[0]}", "", ""]
    after = sorted(row["seconds"]["to_verdict"] for row in rows if "to_verdict" in row.get("seconds", {}))
    median = f"{after[len(after) // 2]:.0f}" if after else "-"
    return f"| {kind} | {variant} | {len(rows)} | {' | '.join(right)} | {median} |"


def _why(row: dict[str, Any]) -> str:
    if "failed" in row:
        return f"no verdict: {row['failed']}"
    return "; ".join(row["reasons"]) or "see the run"


def write(lines: Sequence[str], network: str) -> None:
    """Put the table where the page has its marks."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    told = f"`python tests/benchmarks/bench_demo.py --network {network} --write`"
    PAGE.write_text(before + "\n".join([BEGIN, f"Written by {told}.", "", *lines, END]) + rest.split(END)[1], encoding="utf-8")


def main() -> None:
    """Run, keep, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", default=[kind.value for kind in Kind], metavar="KIND[,KIND]")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--variants", nargs="+", choices=[probes.value for probes in Probes], default=[p.value for p in Probes])
    parser.add_argument("--network", choices=("namespaces", "simulated"), default="namespaces")
    parser.add_argument("--again", action="store_true", help="run the chosen cases even if they were run before")
    parser.add_argument("--show", action="store_true", help="run nothing")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}")
    chosen = parser.parse_args()
    wanted = list(cases(chosen))
    if chosen.again:
        keep([row for case, row in known().items() if case not in wanted], mode="w")
    for case in wanted:
        if not chosen.show and case not in known():
            row = run(case)
            keep([row], mode="a")
            sys.stdout.write(line_of(row) + "\n")
            sys.stdout.flush()
    runs = known()
    lines = table([runs[case] for case in wanted if case in runs])
    sys.stdout.write("\n".join(lines) + "\n")
    if chosen.write:
        write(lines, chosen.network)


if __name__ == "__main__":
    main()
