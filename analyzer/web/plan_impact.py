"""The page of one declared window: whom it hits, whether their backups take over, and what each customer is told.

Goes in: a window's reference. Comes out: a page. What is hit is decided at the `PlanDesk`; here it is only put into rows. All
customers' names stand on it, each customer's text holds its own alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo

import attrs
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from analyzer.planning.works.affected import Backup, Hit
from analyzer.planning.works.desk import PlanDesk
from analyzer.planning.works.notices import Notice
from analyzer.planning.works.windows import Declared, reference, zone_of
from analyzer.web.plan_forms import Page
from faultline.inventory import Freeze, Inventory, PlannedWork
from faultline.reports.words import Language

LanguageOf = Callable[[Request], Language]
"""What a reader speaks."""


@attrs.frozen(slots=True, kw_only=True)
class BackupNote:
    """What a line's backup does meanwhile."""

    code: str
    takes_over: bool
    shared: tuple[str, ...]
    """Names of what is worked on and is on both."""
    at_work: str | None
    """Reference of another window that takes it down."""


@attrs.frozen(slots=True, kw_only=True)
class HitRow:
    """A line that is hit."""

    customer: str
    code: str
    grade: str | None
    a_end: str
    z_end: str
    effect: str
    services: tuple[str, ...]
    backups: tuple[BackupNote, ...]


@attrs.frozen(slots=True, kw_only=True)
class OtherRow:
    """A window or a freeze of the same time."""

    reference: str
    is_freeze: bool
    start_ns: int
    end_ns: int
    reason: str


@attrs.frozen(slots=True, kw_only=True)
class ImpactPage:
    """All of the page."""

    reference: str
    what: tuple[str, ...]
    start_ns: int
    end_ns: int
    reason: str
    tz: tzinfo
    customers: int
    rows: tuple[HitRow, ...]
    others: tuple[OtherRow, ...]
    notices: tuple[Notice, ...]


def add_impact_page(app: FastAPI, desk: PlanDesk, *, page: Page, language_of: LanguageOf) -> None:
    """`/planned/impact/REFERENCE`."""

    @app.get("/planned/impact/{name}", include_in_schema=False)
    def impact(request: Request, name: str) -> Response:
        found = desk.declared_impact(name, language_of(request))
        if found is None:
            raise HTTPException(404, "page.not_found.work")
        work, hits, texts = found
        others: list[Declared] = [*hits.works, *hits.freezes]
        return page(request, "planned_impact.html", model=_page(work, hits.hits, others, texts, desk.inventory))


def _page(
    work: PlannedWork, hits: Sequence[Hit], others: Sequence[Declared], texts: Sequence[Notice], known: Inventory
) -> ImpactPage:
    return ImpactPage(
        reference=reference(work),
        what=tuple(dict.fromkeys(known.components[base].name for base in work.components)),
        start_ns=work.start_ns,
        end_ns=work.end_ns,
        reason=work.reason,
        tz=zone_of(known, {hit.line.code for hit in hits}) or UTC,
        customers=len({(hit.line.tenant, hit.line.customer) for hit in hits}),
        rows=tuple(_row(hit, known) for hit in hits),
        others=tuple(_other(one) for one in others),
        notices=tuple(texts),
    )


def _row(hit: Hit, known: Inventory) -> HitRow:
    line = hit.line
    return HitRow(
        customer=line.customer,
        code=line.code,
        grade=line.grade,
        a_end=line.a_end.name,
        z_end=line.z_end.name,
        effect=hit.effect.value,
        services=tuple(known.components[base].name for base in hit.services),
        backups=tuple(_backup(backup, known) for backup in hit.backups),
    )


def _backup(backup: Backup, known: Inventory) -> BackupNote:
    return BackupNote(
        code=backup.line.code,
        takes_over=backup.takes_over,
        shared=tuple(known.components[base].name for base in backup.shared),
        at_work=reference(backup.at_work) if backup.at_work else None,
    )


def _other(one: Declared) -> OtherRow:
    return OtherRow(
        reference=reference(one),
        is_freeze=isinstance(one, Freeze),
        start_ns=one.start_ns,
        end_ns=one.end_ns,
        reason=one.reason,
    )
