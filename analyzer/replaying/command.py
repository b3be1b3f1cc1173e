"""`faultline analyzer replay`: its options, and how what came out is told."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer.planning.works.times import UnusableError
from analyzer.replaying.period import moment_ns
from faultline.runtime.console import BAD_USAGE, CommandError

if TYPE_CHECKING:
    from analyzer.replaying.again import Replayed
    from analyzer.replaying.differences import Difference
    from faultline.records.incident import Incident

FORMAT = "faultline-replay/1"
PROGRESS_EVERY_S = 1.0


def register(app: typer.Typer) -> None:
    """Add the command to a group."""
    app.command("replay")(replay_command)


def replay_command(
    config: Annotated[Path, typer.Option("--config", "-c", help="analyzer.yaml; see packaging/examples/.")],
    since: Annotated[str, typer.Option("--since", help="From here on: 2026-12-01T02:00:00+08:00, or 2h for two hours ago.")],
    until: Annotated[str | None, typer.Option("--until", help="Up to here, likewise; default: the newest window.")] = None,
    *,
    inventory: Annotated[
        Path | None, typer.Option("--inventory", "-i", help="Another inventory than the configured one.")
    ] = None,
    cold: Annotated[bool, typer.Option("--cold", help="Begin without baselines: learn them from the period alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Answer stored windows again, in memory, and compare with what was said then. Nothing is written to the stores."""
    from analyzer.config import read_config  # noqa: PLC0415 - start-up cost belongs to the command that needs it
    from analyzer.replaying.again import Settings, replay  # noqa: PLC0415
    from analyzer.replaying.differences import differences  # noqa: PLC0415
    from analyzer.replaying.rows import Rows  # noqa: PLC0415
    from analyzer.service import judge_of, open_stored  # noqa: PLC0415
    from faultline.inventory.file import InventoryFile  # noqa: PLC0415
    from faultline.runtime.counters import Counters  # noqa: PLC0415
    from faultline.store.metrics import MetricsUnavailableError  # noqa: PLC0415

    settings = read_config(config)
    since_ns, until_ns = _period(since, until, time.time_ns())
    known = InventoryFile(inventory or settings.inventory, counters=Counters()).first()
    how = Settings(spans_ns=settings.evaluation.spans_ns, rules=settings.incidents, with_baselines=not cold)
    with open_stored(settings) as stored:
        rows, judge = Rows(stored), judge_of(settings, known, stored)
        try:
            done = replay(rows, judge, how, since_ns=since_ns, until_ns=until_ns, progress=_progress(sys.stderr))
        except MetricsUnavailableError as error:
            raise CommandError(f"the metrics store does not answer: {error}", hint="is it running? see store.influx") from None
        if not done.windows:
            raise CommandError("no window of that period is kept", hint="widen --since and --until", code=BAD_USAGE)
        if done.empty == done.windows:
            hint = "rows are kept for two hours, counts as long as store.retention says"
            raise CommandError("the rows of all windows of that period are gone", hint=hint)
        # What ran on after the newest window was not answered, and is not compared.
        until_ns = min(until_ns, done.end_ns or until_ns)
        found = differences(stored.incidents(), done.incidents, since_ns=since_ns, until_ns=until_ns)
    if as_json:
        typer.echo(json.dumps(_document(done, found, cold=cold, counts_only=rows.counts_only), ensure_ascii=False))
    else:
        typer.echo("\n".join(_told(done, found, until_ns, counts_only=rows.counts_only)))


def _period(since: str, until: str | None, now_ns: int) -> tuple[int, int]:
    try:
        since_ns, until_ns = moment_ns(since, now_ns), moment_ns(until, now_ns) if until else now_ns
    except UnusableError as error:
        raise CommandError(error.wrong, hint=error.remedy, code=BAD_USAGE) from None
    if until_ns <= since_ns:
        raise CommandError(f"--until {until or 'now'} is not after --since {since}", hint="swap them?", code=BAD_USAGE)
    return since_ns, until_ns


def _progress(out: Any) -> Callable[[int, int], None]:
    """On a terminal, a line that is written over; elsewhere nothing."""
    shown_s = time.monotonic()

    def tell(done: int, whole: int) -> None:
        nonlocal shown_s
        if out.isatty() and (time.monotonic() - shown_s >= PROGRESS_EVERY_S or done == whole):
            shown_s = time.monotonic()
            out.write(f"\r{done} of {whole} windows" + ("\n" if done == whole else ""))
            out.flush()

    return tell


# ---- for programs ------------------------------------------------------------------------------------------------
def _document(done: Replayed, found: list[Difference], *, cold: bool, counts_only: int) -> dict[str, Any]:
    from faultline.records.incident import incident_document  # noqa: PLC0415 - as above

    return {
        "format": FORMAT,
        "begin_ns": done.begin_ns,
        "end_ns": done.end_ns,
        "windows": done.windows,
        "windows_without_rows": done.empty,
        "windows_of_counts": counts_only,
        "baselines": "learned" if cold else "kept",
        "incidents": [incident_document(incident) for incident in done.incidents],
        "differences": [
            {
                "what": one.what.value,
                **({"then": one.then.id} if one.then else {}),
                **({"now": one.now.id} if one.now else {}),
            }
            for one in found
        ],
    }


# ---- for people --------------------------------------------------------------------------------------------------
def _told(done: Replayed, found: list[Difference], until_ns: int, *, counts_only: int) -> Iterator[str]:
    from faultline.reports.numbers import moment  # noqa: PLC0415 - as above

    begin, end = (moment(time_ns or 0, UTC) for time_ns in (done.begin_ns, done.end_ns))
    yield f"{done.windows} windows from {begin} to {end}"
    if done.empty:
        yield f"{done.empty} of them have no rows any more: what was measured then is not known here"
    if counts_only:
        yield f"of {counts_only} only counts are kept: delays and response times were not compared there"
    yield "" if done.incidents else "no incident would be raised"
    for incident in done.incidents:
        yield from _incident(incident, until_ns)
    yield ""
    yield "what was said then differs:" if found else "that is what was said then, too"
    yield from (f"  {_difference(one, until_ns)}" for one in found)


def _incident(incident: Incident, until_ns: int) -> Iterator[str]:
    from faultline.reports.numbers import moment  # noqa: PLC0415 - as above

    for revision in incident.revisions:
        if revision.time_ns <= until_ns:
            what = f"{revision.mode.value} {', '.join(revision.components)} ({revision.owner.value}): {revision.reason}"
            yield f"{moment(revision.time_ns, UTC)}  {incident.id}  {revision.event.value:<6} {what}"


def _difference(one: Difference, until_ns: int) -> str:
    from analyzer.replaying.differences import What, cleared_ns, last_said  # noqa: PLC0415 - as above
    from faultline.reports.numbers import moment  # noqa: PLC0415

    if one.then is None or one.now is None:
        incident = one.then or one.now
        if incident is None:
            raise ValueError("a difference of nothing")
        said = last_said(incident, until_ns)
        which = "was said then and would not be now" if one.now is None else "would be said now and was not then"
        return f"{incident.id}: {said.mode.value} {', '.join(said.components)} ({said.owner.value}) {which}"
    if one.what in {What.RAISED, What.CLEARED}:
        raised = one.what is What.RAISED
        times = [incident.raised_ns if raised else cleared_ns(incident, until_ns) for incident in (one.then, one.now)]
        then, now = (moment(time_ns, UTC) if time_ns is not None else "still open" for time_ns in times)
    else:
        revisions = [last_said(incident, until_ns) for incident in (one.then, one.now)]
        then, now = (
            ", ".join(r.components) if one.what is What.PLACE else str(getattr(r, one.what.value).value) for r in revisions
        )
    return f"{one.then.id}: {one.what.value}: {then} then, {now} now"
