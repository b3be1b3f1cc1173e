"""`collector archive files`: the files that are the flow archive at one moment, for engines of others.

Goes in: the ledger. Comes out: one path a line on standard output, the sum of their rows on standard error. It reads no flow, and
a listing of the folder is not asked: between two commits of a compaction that would show an hour's flows twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from collector.moments import LATEST_NS, moment_ns
from faultline.records.terms import TenantId
from faultline.runtime import console


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(name="archive", help="The flow archive, for engines of others.", no_args_is_help=True)

    @group.callback()
    def _archive() -> None:
        """The flow archive, for engines of others."""

    group.command(name="files")(files)
    app.add_typer(group)


def files(
    config: Annotated[Path, typer.Option("--config", "-c", help="collector.yaml of the collector that writes the archive.")],
    *,
    since: Annotated[str, typer.Option("--since", help="First start of flows, as 2026-01-31T08:00 (UTC unless it says).")] = "",
    until: Annotated[str, typer.Option("--until", help="End of starts, not included.")] = "",
    tenant: Annotated[str, typer.Option("--tenant", help="Files of this tenant only.")] = "",
) -> None:
    """The files that hold every archived flow once, as the ledger has them now: one path a line.

    Files hold whole hours: a query still says which starts it wants. A file that is replaced stays for ten minutes more, so a
    query has that long to open what this list names; later it finds a file missing, never a flow twice.
    """
    start_ns = moment_ns("--since", since) if since else 0
    end_ns = moment_ns("--until", until) if until else LATEST_NS
    if start_ns >= end_ns:
        raise console.CommandError("--since is not before --until", hint="swap them", code=console.BAD_USAGE)
    from collector.config import read_config  # noqa: PLC0415 - stores are loaded only when used
    from faultline.store.archive import FlowArchive  # noqa: PLC0415
    from faultline.store.disk import SystemDisk  # noqa: PLC0415
    from faultline.store.state import StateStore  # noqa: PLC0415

    store = read_config(config).store
    if not store.state_file.is_file():
        raise console.CommandError(
            f"{store.state_file}: no such file", hint="store.data must be the folder of a collector that has run"
        )
    state = StateStore(store.state_file)
    try:
        archive = FlowArchive(store.archive_folder, state=state, disk=SystemDisk())
        found = archive.files(tenant=TenantId(tenant) if tenant else None, start_ns=start_ns, end_ns=end_ns)
    finally:
        state.close()
    for file in found:
        typer.echo(store.archive_folder / file.path)
    console.say(f"{len(found)} files, {sum(file.rows for file in found)} flows")
