"""`faultline doctor`: walks every stage of a running system, in the order data takes, and names the first that does not balance.

Services are found by configuration and asked for their counters; what probes elsewhere last delivered, what became of requests to
them, and how far the analyzer is, stands in the state store. Nothing is changed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import attrs
import typer

from appliance.discovery import Installation, discover
from appliance.services import Service
from faultline.records.terms import SECOND_NS
from faultline.runtime import console
from faultline.runtime.console import CommandError
from faultline.store.config import StoreConfig

app = typer.Typer(name="doctor", add_completion=False, pretty_exceptions_enable=False)

SILENT_NS = 60 * SECOND_NS
"""A probe closes an interval every 10 s: not heard for so long, it is away or cannot reach the collector."""
BEHIND_NS = 60 * SECOND_NS
"""The analyzer answers a window within seconds."""


@attrs.frozen(slots=True, kw_only=True)
class Findings:
    """What the walk found."""

    stages: tuple[Mapping[str, Any], ...]
    """As the contract has them, in the order data takes; names carry the service: `collector.intake`."""
    problems: tuple[str, ...]

    @property
    def first_unbalanced(self) -> str | None:
        """Name of the first stage whose counters do not add up."""
        return next((str(stage["name"]) for stage in self.stages if not stage["balanced"]), None)

    @property
    def document(self) -> dict[str, Any]:
        """For --json."""
        return {"stages": list(self.stages), "problems": list(self.problems)}


@app.command()
def doctor(
    config: Annotated[
        list[Path] | None,
        typer.Option(
            "--config", "-c", help="appliance.yaml, or a service's own file; repeatable. Default: those in /etc/faultline."
        ),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Walk every stage of the running system and name the first that does not balance; exit 1 when there is a problem."""
    findings = examine(discover(config or ()), now_ns=time.time_ns())
    if as_json:
        typer.echo(json.dumps(findings.document, indent=2, ensure_ascii=False))
    else:
        _show(findings)
    if findings.problems:
        raise typer.Exit(console.FAILED)


def examine(installation: Installation, *, now_ns: int) -> Findings:
    """Everything about an installation."""
    stages: list[Mapping[str, Any]] = []
    problems: list[str] = []
    for service in installation.services:
        told = service.ask("/stages")
        if told is None:
            problems.append(_silence(service))
            continue
        stages += [{**stage, "name": f"{service.name}.{stage['name']}"} for stage in told.get("stages", ())]
        problems += [f"{service.name}: {problem}" for problem in told.get("problems", ())]
    for store in installation.stores:
        of_store = _of_store(store, installation, now_ns)
        stages += of_store.stages
        problems += of_store.problems
    problems += [_unbalanced(stage) for stage in stages if not stage["balanced"]]
    found = Findings(stages=tuple(stages), problems=tuple(dict.fromkeys(problems)))
    first = found.first_unbalanced
    # The first stage that loses count explains what is odd behind it: it is said first.
    return found if first is None else attrs.evolve(found, problems=_first_said(found.problems, first))


def _silence(service: Service) -> str:
    if service.url is None:
        return f"{service.name}: serves no status, by configuration; set status.listen to look at it"
    return f"{service.name}: does not answer at {service.url}; is it running?"


def _unbalanced(stage: Mapping[str, Any]) -> str:
    dropped = sum(stage["dropped"].values())
    return (
        f"{stage['name']}: does not balance: {stage['in']} in, "
        f"{stage['out']} out + {dropped} dropped + {stage['held']} held = {stage['out'] + dropped + stage['held']}"
    )


def _first_said(problems: Sequence[str], stage: str) -> tuple[str, ...]:
    return tuple(sorted(problems, key=lambda problem: not problem.startswith(f"{stage}: ")))


def _of_store(config: StoreConfig, installation: Installation, now_ns: int) -> Findings:
    """What the state store says of probes, of the requests to them, and of the analyzer."""
    from faultline.store.reader import open_reader  # noqa: PLC0415 - DuckDB and others, only where there is a store

    if not config.state_file.exists():
        return Findings(stages=(), problems=(f"store: {config.state_file} does not exist yet: has the collector ever run?",))
    try:
        with open_reader(config) as reader:
            problems = [*_of_probes(reader, installation.probes, now_ns), *_of_windows(reader, now_ns)]
            return Findings(stages=tuple(_of_requests(reader)), problems=tuple(problems))
    except CommandError as error:
        return Findings(stages=(), problems=(f"store: {error.message}",))


def _of_requests(reader: Any) -> Iterator[Mapping[str, Any]]:
    """From the analyzer's order to the probe's answer: two stages that two services share; none when nothing was ever ordered."""
    from faultline.store.control import ControlBook  # noqa: PLC0415 - as above

    for stage in ControlBook(reader.state).accounts():
        if stage.taken_in:
            yield {**stage.document(), "name": f"control.{stage.name}"}


def _of_probes(reader: Any, expected: Sequence[str], now_ns: int) -> Iterator[str]:
    from collector.exporters.batches import EXPORTERS  # noqa: PLC0415 - as above
    from faultline.store.ledger import Ledger  # noqa: PLC0415

    heard: dict[str, int] = {}
    for stream in Ledger(reader.state).streams():
        heard[stream.probe] = max(heard.get(stream.probe, 0), stream.heard_ns)
    heard.pop(EXPORTERS, None)  # routers may have nothing to say
    for probe in dict.fromkeys([*expected, *sorted(heard)]):
        if probe not in heard:
            yield f"probe {probe}: the inventory names it, and it never reported"
        elif now_ns - heard[probe] > SILENT_NS:
            yield f"probe {probe}: last heard {(now_ns - heard[probe]) // SECOND_NS} s ago"


def _of_windows(reader: Any, now_ns: int) -> Iterator[str]:
    from analyzer.reading import StoredData  # noqa: PLC0415 - as above

    newest = reader.final_windows(newest=1)
    if not newest:
        yield "windows: none is final yet"
        return
    end_ns = newest[-1].end_ns
    if now_ns - end_ns > BEHIND_NS:
        yield f"windows: the newest final one ended {(now_ns - end_ns) // SECOND_NS} s ago"
    answered_ns = StoredData(reader).answered_until_ns()
    if answered_ns is None:
        yield "analyzer: has not answered a window yet"
    elif end_ns - answered_ns > BEHIND_NS:
        yield f"analyzer: is {(end_ns - answered_ns) // SECOND_NS} s behind the newest final window"


def _show(findings: Findings) -> None:
    from rich.console import Console  # noqa: PLC0415 - --json does without it
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    screen = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for heading in ("stage", "in", "out", "dropped", "held", ""):
        table.add_column(heading, justify="right" if heading in {"in", "out", "held"} else "left")
    for stage in findings.stages:
        dropped = ", ".join(f"{count} {reason}" for reason, count in stage["dropped"].items()) or "-"
        verdict = "[green]balances[/]" if stage["balanced"] else "[red]does not balance[/]"
        counts = [f"{stage[name]:,}" for name in ("in", "out", "held")]
        table.add_row(escape(str(stage["name"])), counts[0], counts[1], escape(dropped), counts[2], verdict)
    if findings.stages:
        screen.print(table)
    for problem in findings.problems:
        screen.print(f"[red]problem[/]  {escape(problem)}")
    if not findings.problems:
        screen.print(f"[green]ok[/]  {len(findings.stages)} stages balance, nothing to complain about")


def main() -> NoReturn:
    """Entry point of `python -m appliance.doctor`."""
    console.run(app)


if __name__ == "__main__":
    main()
