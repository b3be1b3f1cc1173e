"""`collector events list`, what devices and people told lately and what stands; `collector events try`, what a message would be.

Goes in: the collector's configuration, its state store or a message. Comes out: a table for people, or one JSON object a line
with the words that were said. The collector may run or not; nothing is written.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from collector.moments import LATEST_NS, moment_ns
from faultline.records.device_event import DeviceEvent
from faultline.runtime import console

_WIDTH = 240
"""Characters a line may have: a name that is cut short for a narrow terminal cannot be looked up."""


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(name="events", help="What devices and people tell.", no_args_is_help=True)

    @group.callback()
    def _events() -> None:
        """What devices and people tell."""

    group.command(name="list")(list_events)
    group.command(name="try")(try_message)
    app.add_typer(group)


def list_events(
    config: Annotated[Path, typer.Option("--config", "-c", help="collector.yaml of the collector that hears them.")],
    *,
    since: Annotated[str, typer.Option("--since", help="First moment, as 2026-01-31T08:00 (UTC unless it says) or 2h.")] = "",
    number: Annotated[int, typer.Option("--number", "-n", min=1, max=100_000, help="At most so many, the newest.")] = 50,
    standing: Annotated[bool, typer.Option("--standing", help="What is raised now instead of what was told lately.")] = False,
    unmapped: Annotated[
        bool, typer.Option("--unmapped", help="Only what the inventory has no component for: ports to add to it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Events, the newest last: when, who said what of which part, and of which component that is."""
    from collector.config import read_config  # noqa: PLC0415 - stores are loaded only when used
    from faultline.store.device_events import DeviceEventBook  # noqa: PLC0415
    from faultline.store.state import StateStore  # noqa: PLC0415

    since_ns = moment_ns("--since", since, now_ns=time.time_ns()) if since else 0
    store = read_config(config).store
    if not store.state_file.is_file():
        raise console.CommandError(
            f"{store.state_file}: no such file", hint="store.data must be the folder of a collector that has run"
        )
    state = StateStore(store.state_file)
    try:
        book = DeviceEventBook(state)
        if standing:
            found = [one.event for one in book.states(raised=True) if one.event.happened_ns >= since_ns]
            found.sort(key=lambda event: event.happened_ns)
        else:
            found = book.between(since_ns, LATEST_NS, newest=None if unmapped else number)
    finally:
        state.close()
    found = [event for event in found if not unmapped or event.component is None][-number:]
    if as_json:
        for event in found:
            typer.echo(json.dumps(document_of(event), ensure_ascii=False))
        return
    _show(found)
    console.say(f"{len(found)} {'event' if len(found) == 1 else 'events'}")


def try_message(
    message: Annotated[str, typer.Argument(help="A syslog message as the device sends it, with or without <PRI> in front.")],
    *,
    config: Annotated[Path, typer.Option("--config", "-c", help="collector.yaml, whose rules and inventory are used.")],
    sender: Annotated[str, typer.Option("--from", help="The device: its address, component id or name.")] = "",
) -> None:
    """What the collector would make of a syslog message: for rules in the making. Prints the event; exit 1 when there is none."""
    from collector.config import read_config  # noqa: PLC0415 - as above
    from collector.events.desk import event_of  # noqa: PLC0415
    from collector.events.reading import Reader  # noqa: PLC0415
    from collector.events.rules import read_rules  # noqa: PLC0415
    from collector.events.syslog.message import SyslogError, parsed  # noqa: PLC0415
    from faultline.inventory.file import InventoryFile  # noqa: PLC0415
    from faultline.inventory.told import Whereabouts  # noqa: PLC0415
    from faultline.records.device_event import EventSource  # noqa: PLC0415
    from faultline.runtime.counters import Counters  # noqa: PLC0415

    settings = read_config(config)
    now_ns = time.time_ns()
    whole = message if message.startswith("<") else f"<13>{message}"
    try:
        heard = parsed(whole.encode(errors="replace"), now_ns)
    except SyslogError as error:
        raise console.CommandError(f"no syslog message: {error}", hint="leave <PRI> out, or write it as <189>") from None
    saying = Reader(read_rules(settings.events.rules)).of_message(heard)
    if saying is None:
        raise console.CommandError(
            f"no rule is for: {heard.text}", hint="add a pattern to collector.events.rules (docs/reference/device-events.md)"
        )
    whereabouts = Whereabouts(InventoryFile(settings.inventory, counters=Counters()).first())
    event = event_of(
        saying, source=EventSource.SYSLOG, speaker=sender or heard.host or "", whereabouts=whereabouts, now_ns=now_ns
    )
    typer.echo(json.dumps(document_of(event), ensure_ascii=False, indent=2))
    if event.component is None:
        what = (
            f"{event.sender} is no device of it" if whereabouts.named(event.sender) is None else "its `interfaces` lack this one"
        )
        console.say(f"without a component it is evidence of nothing: {what} ({settings.inventory})")


def document_of(event: DeviceEvent) -> dict[str, Any]:
    """As JSON has it: what is not known is left out."""
    document: dict[str, Any] = {
        "id": event.id,
        "happened_ns": event.happened_ns,
        "received_ns": event.received_ns,
        "told_ns": event.told_ns,
        "event": event.name,
        "raised": event.raised,
        "sender": event.sender,
        "place": event.place,
        "component": event.component,
        "tenant": event.tenant,
        "source": event.source.value,
        "text": event.text,
    }
    return {key: value for key, value in document.items() if value is not None}


def _show(events: list[DeviceEvent]) -> None:
    from rich.console import Console  # noqa: PLC0415 - --json does without it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for heading in ("when (UTC)", "event", "", "sender", "place", "component", "by"):
        table.add_column(heading, no_wrap=True)
    for event in events:
        when = dt.datetime.fromtimestamp(event.happened_ns / 1e9, tz=dt.UTC)
        cells = (
            f"{when:%Y-%m-%d %H:%M:%S}",
            event.name,
            "raised" if event.raised else "over",
            event.sender,
            event.place or "-",
            event.component or "-",
            event.source.value,
        )
        table.add_row(*(Text(cell) for cell in cells))  # devices' own words are no markup
    Console(highlight=False, width=_WIDTH).print(table)
