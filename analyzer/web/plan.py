"""Planned work over the interface, and its page.

Goes in: requests; the guard has looked at who writes. Comes out: JSON and a page. What is declared, refused and hit is decided at
the `PlanDesk`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from analyzer.planning.works.desk import PlanDesk
from analyzer.planning.works.standing import Standing, standings
from analyzer.planning.works.windows import as_document, reference, zone_of
from analyzer.web.bodies import FreezeBody, WindowBody
from analyzer.web.models import PlannedPage, PlannedRow, Views
from faultline.inventory import Freeze, Inventory
from faultline.reports.words import Language
from faultline.runtime.clock import Clock

Page = Callable[..., Response]


def add_plan_interface(app: FastAPI, desk: PlanDesk, views: Views, clock: Clock) -> None:
    """`/v1/plan`."""

    @app.get("/v1/plan", tags=["planned work"])
    def planned() -> Response:
        """Windows and freezes: overrun, under way, to come, and over for at most a week."""
        return JSONResponse({"planned": [_entry(row) for row in standings(desk.declared(), views.incidents(), clock.wall_ns())]})

    @app.post("/v1/plan/windows", status_code=201, tags=["planned work"])
    def declare(body: WindowBody) -> Response:
        """Declare a window: verdicts on these components in that time are marked planned, and nobody is paged."""
        found = desk.declare(body.components, body.start, body.end, reason=body.reason, despite_freeze=body.despite_freeze)
        customers = {hit.line.customer for hit in found.impact.hits}
        told = {"declared": not found.known, "lines": len(found.impact.hits), "customers": len(customers)}
        return JSONResponse(as_document(found.work) | told, status_code=200 if found.known else 201)

    @app.post("/v1/plan/freezes", status_code=201, tags=["planned work"])
    def freeze(body: FreezeBody) -> Response:
        """Declare a freeze: no window may be declared on these lines in that time. Verdicts do not care."""
        made = desk.freeze(body.start, body.end, tenants=body.tenants, lines=body.lines, reason=body.reason)
        return JSONResponse(as_document(made), status_code=201)

    @app.delete("/v1/plan/{name}", tags=["planned work"])
    def remove(name: str) -> Response:
        """Take out the window or freeze of that reference."""
        gone = desk.remove(name)
        if not gone:
            raise HTTPException(404, "nothing is called so: GET /v1/plan has the references")
        return JSONResponse({"removed": [as_document(one) for one in gone]})

    @app.get("/v1/plan/impact", tags=["planned work"])
    def impact(
        segment: Annotated[list[str], Query(max_length=1000, description="ids of components or sites")],
        at: Annotated[
            str | None, Query(max_length=64, description="the declared window of that moment; without: the next")
        ] = None,
        to: Annotated[str | None, Query(max_length=64, description="with at: the end of a window not declared yet")] = None,
        language: Language = Language.EN,
        reason: Annotated[str, Query(max_length=500)] = "",
    ) -> Response:
        """Whom work hits: customers, lines, whether backups take over, services, other windows, and each customer's notice."""
        return JSONResponse(desk.impact(segment, at, to, reason=reason, language=language))


def add_plan_page(app: FastAPI, desk: PlanDesk, views: Views, *, page: Page, clock: Clock) -> None:
    """`/planned`."""

    @app.get("/planned", include_in_schema=False)
    def planned(request: Request) -> Response:
        rows = standings(desk.declared(), views.incidents(), clock.wall_ns())
        return page(request, "planned.html", model=_page(rows, desk.inventory, clock.wall_ns()))


def _page(rows: Sequence[Standing], inventory: Inventory, now_ns: int) -> PlannedPage:
    return PlannedPage(rows=tuple(_row(row, inventory) for row in rows), tz=zone_of(inventory, ()) or UTC, now_ns=now_ns)


def _row(row: Standing, inventory: Inventory) -> PlannedRow:
    declared = row.declared
    if isinstance(declared, Freeze):
        what: tuple[str, ...] = (*declared.tenants, *declared.lines)
    else:
        what = tuple(dict.fromkeys(inventory.components[base].name for base in declared.components))
    return PlannedRow(
        reference=reference(declared),
        stage=row.stage.value,
        is_freeze=row.is_freeze,
        what=what,
        start_ns=declared.start_ns,
        end_ns=declared.end_ns,
        reason=declared.reason,
        incident=row.incident,
    )


def _entry(row: Standing) -> dict[str, Any]:
    told = as_document(row.declared) | {"stage": row.stage.value}
    return told | ({"incident": row.incident.id} if row.incident else {})
