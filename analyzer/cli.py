"""The analyzer's commands. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from analyzer.investigating import command as investigating
from analyzer.locating import command as locating
from analyzer.notify import command as notifying
from analyzer.notify import mute_command as muting
from analyzer.placing import command as placing
from analyzer.replaying import command as replaying
from faultline.runtime import console
from faultline.runtime.console import BAD_USAGE, CommandError, say

app = typer.Typer(
    name="analyzer",
    help="The answer: evidence, verdicts, incidents, alarms, pages, reports.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
report_app = typer.Typer(name="report", help="Reports.", no_args_is_help=True)
app.add_typer(report_app)
NEWEST = 5


class ReportLanguage(StrEnum):
    """Languages of reports."""

    EN = "en"
    ZH = "zh"


Config = Annotated[Path, typer.Option("--config", "-c", help="analyzer.yaml; see packaging/examples/.")]


@app.callback()
def _analyzer() -> None:
    """The answer: evidence, verdicts, incidents, alarms, pages, reports."""


@app.command()
def run(
    config: Config,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Read configuration and inventory, say whether they are right, and exit.")
    ] = False,
) -> None:
    """The analyzer service: answers every final window until SIGTERM, tells incidents, serves the status page."""
    from analyzer.config import read_config  # noqa: PLC0415 - see the module's docstring

    settings = read_config(config)
    if check:
        from faultline.inventory.file import InventoryFile  # noqa: PLC0415
        from faultline.runtime.counters import Counters  # noqa: PLC0415

        InventoryFile(settings.inventory, counters=Counters()).first()
        say(f"{config}: right")
        return
    from analyzer.service import build  # noqa: PLC0415
    from faultline.runtime import log  # noqa: PLC0415

    log.configure(level=settings.log.level, json=settings.log.json, service="analyzer")
    build(settings).run()


@report_app.command("fault")
def report_fault(
    incident: Annotated[str, typer.Argument(help="Id of the incident, e.g. F20260101-0815-1a2b3c.")],
    config: Config,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write; - is standard output.")],
    lang: Annotated[ReportLanguage | None, typer.Option("--lang", help="Language; default: the configured one.")] = None,
) -> None:
    """Write the HTML report of an incident."""
    from analyzer.config import read_config  # noqa: PLC0415 - see the module's docstring
    from analyzer.service import open_views  # noqa: PLC0415
    from faultline.reports.fault import fault_report  # noqa: PLC0415
    from faultline.reports.words import Language  # noqa: PLC0415
    from faultline.store.metrics import MetricsUnavailableError  # noqa: PLC0415

    settings = read_config(config)
    language = Language(lang.value) if lang else settings.language
    with open_views(settings) as views:
        try:
            material = views.material(incident, language)
        except MetricsUnavailableError as error:
            raise CommandError(f"the metrics store does not answer: {error}", hint="is it running? see store.influx") from None
        known = [found.id for found in views.incidents()[:NEWEST]]
    if material is None:
        hint = f"the newest are: {', '.join(known)}" if known else "no incident was stored yet"
        raise CommandError(f"no incident {incident!r}", hint=hint, code=BAD_USAGE)
    text = fault_report(material, language)
    if str(output) == "-":
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {output}: {error.strerror}", hint="choose another file with -o") from None
    say(f"report of {incident} written to {output}")


investigating.register(app)
locating.register(app)
muting.register(app)
notifying.register(app)
placing.register(app)
replaying.register(app)


def main() -> NoReturn:
    """Entry point of `python -m analyzer.cli`."""
    console.run(app)


if __name__ == "__main__":
    main()
