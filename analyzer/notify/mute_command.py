"""`faultline analyzer mute`: keep a line or a component quiet for a while, see who did, end it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from faultline.runtime.console import BAD_USAGE, CommandError, say

if TYPE_CHECKING:
    from analyzer.config import AnalyzerConfig
    from analyzer.notify.mutes import MuteBook, Scope

MOST_MINUTES = 7 * 24 * 60
"""A mute that outlives everybody's memory is a hole."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("mute")(mute)


def mute(
    config: Annotated[Path, typer.Option("--config", "-c", help="analyzer.yaml; see packaging/examples/.")],
    *,
    line: Annotated[str | None, typer.Option("--line", help="Circuit code of the line nobody is told of.")] = None,
    component: Annotated[str | None, typer.Option("--component", help="Component nobody is told of, without direction.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Who asks for it.")] = None,
    minutes: Annotated[int, typer.Option("--minutes", min=1, max=MOST_MINUTES, help="For how long; a week at most.")] = 60,
    end: Annotated[int | None, typer.Option("--end", metavar="ID", help="End this one before its time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One document on standard output.")] = False,
) -> None:
    """Mutes: without options those in force; --line or --component makes one; --end ends one. Watching goes on."""
    from analyzer.config import read_config  # noqa: PLC0415 - heavy: commands that do not need it do not import it
    from analyzer.notify.mutes import MuteBook, Scope  # noqa: PLC0415
    from analyzer.notify.outbox import Outbox  # noqa: PLC0415

    if line is not None and component is not None:
        raise CommandError("--line and --component are two mutes", hint="make one after the other", code=BAD_USAGE)
    settings = read_config(config)
    outbox = Outbox(settings.data / "outbox.sqlite")
    outbox.open()
    try:
        book = MuteBook(outbox)
        now_ns = time.time_ns()
        if end is not None:
            if not book.end(end, now_ns):
                raise CommandError(f"no mute {end} in force", hint="without options the command lists them", code=BAD_USAGE)
            say(f"mute {end} ended; what is still open is told with the next step")
        elif line is not None:
            _add(settings, book, Scope.LINE, line, reason=reason, owner=owner, minutes=minutes)
        elif component is not None:
            _add(settings, book, Scope.COMPONENT, component, reason=reason, owner=owner, minutes=minutes)
        else:
            _show(book, now_ns, as_json=as_json)
    finally:
        outbox.close()


def _add(
    settings: AnalyzerConfig, book: MuteBook, scope: Scope, what: str, *, reason: str | None, owner: str | None, minutes: int
) -> None:
    from analyzer.network import network_of  # noqa: PLC0415
    from faultline.inventory.file import InventoryFile  # noqa: PLC0415
    from faultline.runtime.counters import Counters  # noqa: PLC0415

    if not reason or not owner:
        raise CommandError(
            "a mute needs --reason and --owner", hint="whoever finds it at night must know whom to ask", code=BAD_USAGE
        )
    network = network_of(InventoryFile(settings.inventory, counters=Counters()).first())
    names = (
        {str(name) for name in network.lines} if scope.value == "line" else {b for f in network.lines.values() for b in f.bases}
    )
    if what not in names:
        raise CommandError(f"no {scope.value} {what!r} in {settings.inventory}", hint="is it spelt as there?", code=BAD_USAGE)
    number = book.add(scope, what, reason=reason, owner=owner, minutes=minutes, now_ns=time.time_ns())
    say(f"mute {number}: nobody is told of {scope.value} {what} for {minutes} min; watching goes on")


def _show(book: MuteBook, now_ns: int, *, as_json: bool) -> None:
    mutes = book.in_force(now_ns)
    if as_json:
        typer.echo(json.dumps({"mutes": [attrs.asdict(mute) for mute in mutes]}, ensure_ascii=False))
        return
    for one in mutes:
        until = datetime.fromtimestamp(one.until_ns // 10**9, tz=UTC)
        typer.echo(f"{one.id}: {one.scope.value} {one.what} until {until:%Y-%m-%d %H:%M} UTC, {one.owner}: {one.reason}")
