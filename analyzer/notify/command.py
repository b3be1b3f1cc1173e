"""`faultline analyzer notify`: try a target, see how far each has been told, tell one again from a sequence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faultline.runtime.console import BAD_USAGE, CommandError, say

if TYPE_CHECKING:
    from analyzer.config import AnalyzerConfig
    from analyzer.notify.outbox import Outbox
    from analyzer.notify.telling import Target

MIB = Path(__file__).with_name("FAULTLINE-MIB.txt")
_HINTS = (
    ("refused", "does the receiver run, and listen on that port?"),
    ("resol", "is the name spelt right? ask the name server of this host"),
    ("Name or service", "is the name spelt right? ask the name server of this host"),
    ("certificate", "does `ca` name the authority of the receiver's certificate, and is its name in it?"),
    ("may not go to", "name the network under `allow` of this webhook if the receiver is meant to be there"),
    ("does not answer informs", "does the receiver know this community or user, and does a filter between pass UDP?"),
    ("unknown_user", "make this user at the receiver, with the same digest and cipher"),
    ("wrong_digest", "the password or the digest is another one at the receiver"),
    ("unsupported_level", "the receiver has another level for this user: compare `privacy`"),
    ("535", "the mail server refuses user or password"),
    ("answers 401", "the receiver refuses the signature: do both sides have the same secret, and the same time?"),
    ("answers 403", "the receiver refuses the signature: do both sides have the same secret, and the same time?"),
    ("answers 404", "is the path of `url` right?"),
    ("timed out", "does a filter between pass this port?"),
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("notify")(notify)


def notify(
    config: Annotated[Path | None, typer.Option("--config", "-c", help="analyzer.yaml; see packaging/examples/.")] = None,
    *,
    test: Annotated[
        str | None, typer.Option("--test", metavar="TARGET", help="Send a test message, and say what came of it.")
    ] = None,
    replay: Annotated[
        str | None, typer.Option("--replay", metavar="TARGET", help="Tell a target again, from the sequence of --since on.")
    ] = None,
    since: Annotated[int | None, typer.Option("--since", min=1, help="First sequence of a replay.")] = None,
    mib: Annotated[bool, typer.Option("--mib", help="Print the MIB of our SNMP notifications.")] = False,
    enterprise: Annotated[
        int, typer.Option("--enterprise", min=1, help="Enterprise number that the MIB is printed with.")
    ] = 32473,
    as_json: Annotated[bool, typer.Option("--json", help="One document on standard output.")] = False,
) -> None:
    """Targets of alarms: how far each has been told; --test tries one, --replay tells one again."""
    if mib:
        typer.echo(MIB.read_text(encoding="ascii").replace("{ enterprises 32473 }", f"{{ enterprises {enterprise} }}"), nl=False)
        return
    if config is None:
        raise CommandError("-c is missing", hint="name analyzer.yaml, which has the targets", code=BAD_USAGE)
    if (replay is None) != (since is None):
        raise CommandError("--replay and --since belong together", hint="--replay noc --since 17", code=BAD_USAGE)
    from analyzer.config import read_config  # noqa: PLC0415 - heavy: commands that do not need it do not import it
    from analyzer.notify.outbox import Outbox  # noqa: PLC0415

    settings = read_config(config)
    outbox = Outbox(settings.data / "outbox.sqlite")
    outbox.open()
    try:
        if test is not None:
            _test(settings, _named(settings, test), outbox)
        elif replay is not None and since is not None:
            _replay(_named(settings, replay), since, outbox)
        else:
            _show(settings, outbox, as_json=as_json)
    finally:
        outbox.close()


def _named(settings: AnalyzerConfig, name: str) -> Target:
    for target in settings.targets:
        if target.name == name:
            return target
    known = ", ".join(target.name for target in settings.targets)
    hint = (
        f"there are: {known}"
        if known
        else "there are none: see syslog, snmp, webhooks and mail in packaging/examples/analyzer.yaml"
    )
    raise CommandError(f"no target {name!r}", hint=hint, code=BAD_USAGE)


def _test(settings: AnalyzerConfig, target: Target, outbox: Outbox) -> None:
    import socket  # noqa: PLC0415

    from analyzer.notify.alarms import trial_alarm  # noqa: PLC0415
    from analyzer.notify.channels import channel_of  # noqa: PLC0415
    from analyzer.notify.telling import NotTakenError, told_of  # noqa: PLC0415
    from faultline.runtime.clock import SystemClock  # noqa: PLC0415

    clock = SystemClock()
    hostname = settings.hostname or socket.gethostname()
    channel = channel_of(target, outbox=outbox, clock=clock, hostname=hostname, beside=True)
    try:
        channel.send(told_of(target, trial_alarm(target.language, hostname, clock.wall_ns()), sequence=0))
    except (OSError, NotTakenError) as error:
        text = str(error) or type(error).__name__
        hint = next((hint for sign, hint in _HINTS if sign in text), "the receiver's own log may say more")
        raise CommandError(f"{target.name}: {text}", hint=hint) from None
    finally:
        channel.close()
    sure = "the receiver has it" if channel.acknowledges else "sent; this protocol has no answer: look whether it arrived"
    say(f"{target.name}: {sure}")


def _replay(target: Target, since: int, outbox: Outbox) -> None:
    try:
        waiting = outbox.replay(target.name, since)
    except LookupError:
        raise CommandError(f"{target.name} was never told anything", hint="run the analyzer with it first") from None
    say(f"{target.name}: {waiting} to be told from {since} on, marked as repeated; the running service does it")


def _show(settings: AnalyzerConfig, outbox: Outbox, *, as_json: bool) -> None:
    standings = {standing.target: standing for standing in outbox.standings()}
    rows: list[dict[str, str | int]] = []
    for target in settings.targets:
        standing = standings.get(target.name)
        row: dict[str, str | int] = {"target": target.name, "kind": type(target).__name__.removesuffix("Target").lower()}
        if standing is not None:
            row |= {"told": standing.sequence, "waiting": standing.waiting, "dead": standing.dead}
        rows.append(row)
    dead = [{"target": name, "sequence": sequence, "reason": reason} for name, sequence, reason in outbox.dead_letters()]
    if as_json:
        typer.echo(json.dumps({"targets": rows, "dead": dead}, ensure_ascii=False))
        return
    for row in rows:
        told = (
            f"told up to {row['told']}, {row['waiting']} wait, {row['dead']} put aside"
            if "told" in row
            else "not told anything yet"
        )
        typer.echo(f"{row['target']} ({row['kind']}): {told}")
    for letter in dead:
        typer.echo(f"put aside: {letter['target']} {letter['sequence']}: {letter['reason']}")
