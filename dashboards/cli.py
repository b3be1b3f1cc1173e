"""The dashboards' commands: write the committed files, look for mistakes, bring a Grafana up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from faultline.runtime import console
from faultline.runtime.console import BAD_USAGE, CommandError

app = typer.Typer(
    name="dashboards",
    help="Grafana as code: build the boards, check them, push them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _dashboards() -> None:
    """Grafana as code: build the boards, check them, push them."""


@app.command()
def build(
    folder: Annotated[Path | None, typer.Option("--folder", help="Where to; default: the package's own folder.")] = None,
) -> None:
    """Write the boards (JSON) and the provisioning files (YAML)."""
    from dashboards import files  # noqa: PLC0415 - help must not pay for the boards

    target = folder or files.HERE
    try:
        changed = files.write(target)
    except OSError as error:
        raise CommandError(f"{error.filename or target}: {error.strerror}", hint="give another folder with --folder") from None
    for name in changed:
        typer.echo(name)
    console.say(f"{len(changed)} files changed under {target}")


@app.command()
def check(
    folder: Annotated[Path | None, typer.Option("--folder", help="Which files; default: the package's own.")] = None,
) -> None:
    """Look for mistakes: files that are not current, names the schema lacks, units, overlaps, ids, variables. Exit 1 if any."""
    from dashboards import check as checking  # noqa: PLC0415
    from dashboards import files  # noqa: PLC0415

    found = checking.problems(folder or files.HERE)
    for problem in found:
        typer.echo(problem)
    if found:
        raise CommandError(f"{len(found)} problems", hint="faultline dashboards build writes what is not current")
    console.say(f"{len(files.boards())} boards: right")


@app.command()
def push(
    url: Annotated[str, typer.Option("--url", help="Address of the Grafana, with its path if it has one.")],
    token: Annotated[
        str, typer.Option("--token", envvar="GRAFANA_TOKEN", help="Token of a service account.", show_default=False)
    ],
    *,
    org: Annotated[str | None, typer.Option("--org", help="Refuse unless the token belongs to this organisation.")] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Set the data source too: this tenant's database.")] = None,
    influx_url: Annotated[str, typer.Option("--influx-url", help="InfluxDB as Grafana reaches it.")] = "http://127.0.0.1:8086",
    influx_user: Annotated[str | None, typer.Option("--influx-user", help="A user with rights on that database only.")] = None,
    influx_password_file: Annotated[Path | None, typer.Option(help="File with its password on the first line.")] = None,
    lang: Annotated[str | None, typer.Option("--lang", help="en or zh; default: both.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, show the difference.")] = False,
) -> None:
    """Bring a Grafana's folder, boards and, with --tenant, data source up to date. Running it twice changes nothing."""
    from dashboards import files  # noqa: PLC0415
    from dashboards.grafana import Grafana  # noqa: PLC0415
    from dashboards.push import Done  # noqa: PLC0415
    from dashboards.push import push as bring  # noqa: PLC0415

    boards = [board for board in files.boards() if lang is None or board["uid"].endswith(f"-{lang}")]
    if not boards:
        raise CommandError(f"--lang {lang}: no such language", hint="en or zh", code=BAD_USAGE)
    source = _source(tenant, influx_url, influx_user, influx_password_file) if tenant is not None else None
    changed = 0
    with Grafana(url, token) as grafana:
        for outcome in bring(grafana, boards, organisation=org, source=source, dry_run=dry_run):
            console.say(f"{outcome.what}: {'would be ' if dry_run and outcome.done is not Done.SAME else ''}{outcome.done.value}")
            changed += outcome.done is not Done.SAME
            if dry_run and outcome.difference:
                typer.echo(outcome.difference, nl=False)
    console.say(f"{changed} {'differences' if dry_run else 'changes'}")


def _source(tenant: str, url: str, user: str | None, password_file: Path | None) -> dict[str, object]:
    from dashboards.provisioning import source_document  # noqa: PLC0415
    from faultline.records.terms import TenantId  # noqa: PLC0415
    from faultline.store.config import InfluxConfig  # noqa: PLC0415

    made: dict[str, object] = source_document(TenantId(tenant), prefix=InfluxConfig().database_prefix, url=url)
    if user is not None:
        made["user"] = user
    if password_file is not None:
        try:
            password = password_file.read_text(encoding="utf-8").split("\n")[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "is not text"
            raise CommandError(f"{password_file}: {why}", hint="put the password on its first line", code=BAD_USAGE) from None
        made["secureJsonData"] = {"password": password}
    return made


def main() -> NoReturn:
    """Entry point of `python -m dashboards.cli`."""
    console.run(app)


if __name__ == "__main__":
    main()
