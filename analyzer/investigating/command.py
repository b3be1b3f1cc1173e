"""`faultline analyzer investigate`: its options, and how what was found is told."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from faultline.runtime.console import BAD_USAGE, CommandError, say

if TYPE_CHECKING:
    from analyzer.investigating.choosing import PlannedTest
    from analyzer.investigating.investigation import Investigation

FORMAT = "faultline-investigation/1"


def register(app: typer.Typer) -> None:
    """Add the command to a group."""
    app.command("investigate")(investigate_command)


def investigate_command(
    line: Annotated[str, typer.Argument(help="Code of the line.")],
    config: Annotated[Path, typer.Option("--config", "-c", help="analyzer.yaml; see packaging/examples/.")],
    *,
    attempts: Annotated[int, typer.Option("--attempts", min=1, max=30, help="Of each dial test.")] = 5,
    wait_s: Annotated[float, typer.Option("--wait", min=5, max=600, help="Seconds to wait for results at most.")] = 90.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be asked, and ask nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Order the tests of a line that would tell most, wait for their results, and say what is believed then."""
    from analyzer.config import read_config  # noqa: PLC0415 - start-up cost belongs to the command that needs it
    from analyzer.investigating.asking import Watch  # noqa: PLC0415
    from analyzer.investigating.investigation import Ground, investigate  # noqa: PLC0415
    from analyzer.planning.finding import line_of  # noqa: PLC0415
    from analyzer.service import judge_of, open_stored  # noqa: PLC0415
    from faultline.inventory.file import InventoryFile  # noqa: PLC0415
    from faultline.runtime.counters import Counters  # noqa: PLC0415

    settings = read_config(config)
    known = InventoryFile(settings.inventory, counters=Counters()).first()
    chosen = line_of(known, line, settings.inventory)
    if not settings.orders.enabled and not dry_run:
        raise CommandError("probes are asked for nothing: orders.enabled is false", hint="--dry-run shows what would be asked")
    watch = Watch(now_ns=time.time_ns, pause=time.sleep, tell=say)
    with open_stored(settings) as stored:
        ground = Ground(
            inventory=known, stored=stored, control=stored.control, judge=judge_of(settings, known, stored), rules=settings.orders
        )
        done = investigate(chosen.code, ground, watch, attempts=attempts, bound_s=wait_s, dry_run=dry_run)
    if done is None:
        raise CommandError(
            "no window of the last minutes is final", hint="is the collector running, and does it hear a probe?", code=BAD_USAGE
        )
    typer.echo(json.dumps(document(done), ensure_ascii=False) if as_json else "\n".join(_told(done)))


def document(done: Investigation) -> dict[str, Any]:
    """For programs."""
    return {
        "format": FORMAT,
        "line": done.line,
        "seconds": round(done.seconds, 1),
        "before": dict(done.before.verdict),
        "tests": [_test(test, done.ended.get(test.errand.id)) for test in done.tests],
        **({"after": dict(done.after.verdict)} if done.after else {}),
    }


def _test(test: PlannedTest, ended: Counter[Any] | None) -> dict[str, Any]:
    return {
        "id": test.errand.id,
        "kind": test.errand.kind,
        "probe": test.errand.probe,
        "target": test.errand.document["target"],
        "runs": test.runs,
        "cost": test.cost,
        "expected_gain_nats": round(test.gain_nats, 4),
        **({"ended": {state.value: count for state, count in sorted(ended.items())}} if ended is not None else {}),
    }


def _told(done: Investigation) -> Iterator[str]:
    yield f"{done.line}, before:"
    yield from _verdict(done.before.verdict)
    yield ""
    yield "no test of this line can be ordered: the inventory has no dials and traces of it" if not done.tests else "tests:"
    for test in done.tests:
        ended = done.ended.get(test.errand.id)
        fate = ", ".join(f"{count} {state.value}" for state, count in sorted(ended.items())) if ended else "not asked"
        what = f"{test.errand.kind} {test.errand.id} from {test.errand.probe} to {test.errand.document['target']}"
        yield f"  {what}: expected to tell {test.gain_nats:.2f} nats for {test.cost}; {fate}"
    if done.after is not None:
        yield ""
        yield f"after {done.seconds:.0f} s:"
        yield from _verdict(done.after.verdict)


def _verdict(verdict: Mapping[str, Any]) -> Sequence[str]:
    from analyzer.locating.telling import pretty  # noqa: PLC0415 - as above

    return [f"  {row}" if row else "" for row in pretty(verdict).splitlines()]
