"""`collector flows search`: flows of the archive that fit a filter, or sums of them, to standard output."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from collector.moments import moment_ns, span_ns
from collector.search.printing import Format, lines
from collector.search.question import MOST_INTERVALS, TABLE_COLUMNS, Order, Question, groups_of
from faultline.records.terms import TenantId
from faultline.runtime import console

if TYPE_CHECKING:
    from collector.config import CollectorConfig
    from collector.search.compiling import Sql

FLOWS_SHOWN = 1000
MIB = 1 << 20


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(name="flows", help="Questions to the flow archive.", no_args_is_help=True)

    @group.callback()
    def _flows() -> None:
        """Questions to the flow archive."""

    group.command(name="search")(search)
    app.add_typer(group)


def search(
    condition: Annotated[list[str] | None, typer.Argument(metavar="[FILTER]", help="e.g. 'src 10.1.0.0/16 port 443'.")] = None,
    *,
    config: Annotated[Path, typer.Option("--config", "-c", help="collector.yaml of the collector that writes the archive.")],
    since: Annotated[
        str, typer.Option("--since", help="First start of flows: 2026-01-31T08:00 (UTC), or 30m, 2h, 7d ago.")
    ] = "1h",
    until: Annotated[str, typer.Option("--until", help="End of starts, not included; like --since. Default: now.")] = "",
    group_by: Annotated[str, typer.Option("--group-by", help="Sums by these fields, with commas: source,port.")] = "",
    by: Annotated[str, typer.Option("--by", help="Sums over time, in intervals of 10s, 1m, 1h, 1d.")] = "",
    top: Annotated[int | None, typer.Option("--top", min=1, help="So many groups, the largest first.")] = None,
    sort: Annotated[Order, typer.Option("--sort", help="What the largest is.")] = Order.OCTETS,
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many flows; 0: all.")] = FLOWS_SHOWN,
    form: Annotated[Format, typer.Option("--format", help="What rows look like.")] = Format.TABLE,
    tenant: Annotated[str, typer.Option("--tenant", help="Flows of this tenant only.")] = "",
    memory: Annotated[int, typer.Option("--memory", min=64, help="MiB it may use.")] = 1024,
    threads: Annotated[int, typer.Option("--threads", min=1, max=64, help="Threads it may use.")] = 2,
) -> None:
    """Flows of the archive that fit FILTER, by start; or sums of them with --group-by or --by.

    FILTER is made of conditions as `source 10.1.0.0/16`, `port 443`, `octets > 10M`, `loss_ratio >= 1%`, `line L-17*`, joined by
    `and`, `or`, `not` and parentheses; without one every flow fits. The fields and what they mean are in the reference.
    """
    now_ns = time.time_ns()
    start_ns = moment_ns("--since", since, now_ns=now_ns)
    end_ns = moment_ns("--until", until, now_ns=now_ns) if until else now_ns + 1
    if start_ns >= end_ns:
        raise console.CommandError("--since is not before --until", hint="swap them", code=console.BAD_USAGE)
    interval_ns = _interval_ns(by, end_ns - start_ns) if by else None
    try:
        groups = groups_of(group_by)
    except ValueError as error:
        raise console.CommandError(f"--group-by: {error}", code=console.BAD_USAGE) from None
    if top is not None and not groups:
        raise console.CommandError("--top needs --group-by", hint="say by what, e.g. --group-by source", code=console.BAD_USAGE)
    from collector.config import read_config  # noqa: PLC0415 - stores are loaded only when used

    settings = read_config(config)
    question = Question(
        condition=_condition(" ".join(condition or ()), settings),
        start_ns=start_ns,
        end_ns=end_ns,
        groups=groups,
        interval_ns=interval_ns,
        order=sort,
        limit=top if groups else (limit or None),
    )
    _answer(settings, question, tenant=TenantId(tenant) if tenant else None, form=form, memory=memory, threads=threads)


def _condition(text: str, settings: CollectorConfig) -> Sql:
    from collector.search.compiling import compile_filter  # noqa: PLC0415
    from collector.search.language import FilterError, parse  # noqa: PLC0415

    def lines_of_site(site: str) -> Sequence[str]:
        from faultline import inventory  # noqa: PLC0415 - only who asks for a site needs one
        from faultline.inventory.file import InventoryFile  # noqa: PLC0415
        from faultline.runtime.counters import Counters  # noqa: PLC0415

        found: inventory.Inventory = InventoryFile(settings.inventory, counters=Counters()).first()
        if site not in found.sites:
            raise console.CommandError(f"no site {site!r} in {settings.inventory}", code=console.BAD_USAGE)
        return [line.code for line in found.lines.values() if site in {line.a_end.site, line.z_end.site}]

    try:
        return compile_filter(parse(text), lines_of_site=lines_of_site)
    except FilterError as error:
        mark = " " * min(error.at, len(text)) + "^"
        raise console.CommandError(
            f"{error}\n  {text}\n  {mark}", hint="the fields are in docs/reference/flow-filters.md", code=console.BAD_USAGE
        ) from None


def _answer(
    settings: CollectorConfig, question: Question, *, tenant: TenantId | None, form: Format, memory: int, threads: int
) -> None:
    from collector.search.asking import Limits, SearchError, ask  # noqa: PLC0415
    from faultline.store.archive import FlowArchive  # noqa: PLC0415
    from faultline.store.disk import SystemDisk  # noqa: PLC0415
    from faultline.store.state import StateStore  # noqa: PLC0415

    store = settings.store
    if not store.state_file.is_file():
        raise console.CommandError(
            f"{store.state_file}: no such file", hint="store.data must be the folder of a collector that has run"
        )
    state = StateStore(store.state_file)
    began = time.monotonic()
    shown: list[int] = [0]

    def counted(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for row in rows:
            shown[0] += 1
            yield row

    try:
        archive = FlowArchive(store.archive_folder, state=state, disk=SystemDisk())
        answered = ask(
            archive, question, tenant=tenant, limits=Limits(memory_octets=memory * MIB, threads=threads), progress=_progress
        )
        columns = TABLE_COLUMNS if form is Format.TABLE and not question.sums else answered.columns
        sys.stdout.writelines(lines(counted(answered.found), columns, form))
    except SearchError as error:
        raise console.CommandError(
            str(error), hint="give it more --memory, or ask for less: a shorter time, fewer groups"
        ) from None
    finally:
        state.close()
    what = "groups" if question.sums else "flows"
    console.say(f"{shown[0]} {what}; {answered.rows} flows in {answered.files} files looked at, {time.monotonic() - began:.1f} s")


def _progress(percent: float) -> None:
    """For a person who waits; a program that reads standard error is spared."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{percent:3.0f} %\r")


def _interval_ns(text: str, span: int) -> int:
    interval_ns = span_ns(text)
    if interval_ns is None or not interval_ns:
        raise console.CommandError(f"--by {text!r} is no interval", hint="write 10s, 1m, 1h or 1d", code=console.BAD_USAGE)
    if span // interval_ns > MOST_INTERVALS:
        raise console.CommandError(
            f"--by {text}: more than {MOST_INTERVALS} intervals",
            hint="longer intervals, or a later --since",
            code=console.BAD_USAGE,
        )
    return interval_ns
