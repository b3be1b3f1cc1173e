"""Brings a Grafana to what it should show: folder, boards and, when asked, the tenant's data source.

Goes in: a client and documents. Comes out: what was done to each, with the difference. Pushing twice changes nothing the second
time. What Grafana adds by itself (numbers, versions, defaults) is no difference; what a person changed by hand is, and is set
back.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

import attrs

from dashboards.files import board_text
from dashboards.grafana import Grafana
from dashboards.provisioning import FOLDER_TITLE, FOLDER_UID
from faultline.runtime.console import BAD_USAGE, CommandError

MESSAGE = "faultline dashboards push"
SECRETS = "secureJsonData"
"""The part of a data source that Grafana takes and never tells."""


class Done(StrEnum):
    """What became of one thing."""

    SAME = "unchanged"
    MADE = "created"
    CHANGED = "updated"


@attrs.frozen(slots=True, kw_only=True)
class Outcome:
    """One thing that was looked at."""

    what: str
    done: Done
    difference: str = ""
    """From what is stored to what should be, as a unified diff."""


def push(
    grafana: Grafana,
    boards: Sequence[dict[str, Any]],
    *,
    organisation: str | None = None,
    source: dict[str, Any] | None = None,
    dry_run: bool = False,
) -> Iterator[Outcome]:
    """Do it, one outcome at a time; with `dry_run` nothing is sent.

    Raises:
        CommandError: the token belongs to another organisation, or Grafana refuses.
    """
    here = grafana.organisation()
    if organisation is not None and here != organisation:
        raise CommandError(
            f"the token belongs to the organisation {here!r}, not to {organisation!r}",
            hint="a service account belongs to one organisation: take a token made in the right one",
            code=BAD_USAGE,
        )
    yield _folder(grafana, dry_run=dry_run)
    if source is not None:
        yield _source(grafana, source, dry_run=dry_run)
    for board in boards:
        yield _board(grafana, board, dry_run=dry_run)


def _folder(grafana: Grafana, *, dry_run: bool) -> Outcome:
    what = f"folder {FOLDER_UID}"
    if grafana.folder(FOLDER_UID) is not None:
        return Outcome(what=what, done=Done.SAME)
    if not dry_run:
        grafana.make_folder(FOLDER_UID, FOLDER_TITLE)
    return Outcome(what=what, done=Done.MADE)


def _board(grafana: Grafana, board: dict[str, Any], *, dry_run: bool) -> Outcome:
    what = f"dashboard {board['uid']}"
    found = grafana.dashboard(board["uid"])
    stored, folder = found if found is not None else ({}, FOLDER_UID)
    difference = _difference(what, stored, board)
    if folder != FOLDER_UID:
        difference += f"-folder {folder or 'General'}\n+folder {FOLDER_UID}\n"
    if difference and not dry_run:
        grafana.save_dashboard(board, folder_uid=FOLDER_UID, message=MESSAGE)
    return Outcome(what=what, done=_done(found, difference), difference=difference)


def _source(grafana: Grafana, source: dict[str, Any], *, dry_run: bool) -> Outcome:
    """A stored password is never given back, so a new one alone is no difference; nor is one ever shown."""
    what = f"data source {source['uid']}"
    found = grafana.source(source["uid"])
    open_part = {key: value for key, value in source.items() if key != SECRETS}
    difference = _difference(what, found or {}, open_part)
    stored = (found or {}).get("secureJsonFields", {})
    difference += "".join(f"+{name}: (a secret)\n" for name in source.get(SECRETS, {}) if not stored.get(name))
    if difference and not dry_run:
        (grafana.make_source if found is None else grafana.change_source)(source)
    return Outcome(what=what, done=_done(found, difference), difference=difference)


def _done(found: object, difference: str) -> Done:
    if found is None:
        return Done.MADE
    return Done.CHANGED if difference else Done.SAME


def _difference(what: str, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    before = board_text(_as_in(stored, wanted)) if stored else ""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), board_text(wanted).splitlines(keepends=True), f"{what} stored", f"{what} wanted", n=2
    )
    return "".join(lines)


def _as_in(stored: Any, wanted: Any) -> Any:
    """What is stored, without the keys that we do not set."""
    if isinstance(stored, Mapping) and isinstance(wanted, Mapping):
        return {key: _as_in(stored[key], value) for key, value in wanted.items() if key in stored}
    if isinstance(stored, list) and isinstance(wanted, list):
        ours = [_as_in(one, other) for one, other in zip(stored, wanted, strict=False)]
        return ours + stored[len(wanted) :]
    return stored
