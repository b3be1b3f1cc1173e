"""What others bring: events told by people and systems, results of other instruments. Over the interface alone.

Goes in: requests. Comes out: JSON; what was taken is in the store before it is answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from analyzer.web.bodies import EventBody, ResultBody
from analyzer.web.guard import HOLDER
from faultline.inventory.told import Whereabouts, event_of_document
from faultline.records.device_event import DeviceEvent
from faultline.records.line_result import LineResult, checked, result_document
from faultline.records.terms import SECOND_NS, LineCode
from faultline.runtime.clock import Clock
from faultline.store.device_events import Appended, DeviceEventBook
from faultline.store.line_results import LineResultBook

SHOWN_NS = 86_400 * SECOND_NS
MOST_SHOWN = 500


def add_attached(
    app: FastAPI,
    *,
    events: DeviceEventBook,
    results: LineResultBook,
    whereabouts: Callable[[], Whereabouts],
    knows: Callable[[LineCode], bool],
    clock: Clock,
) -> None:
    """`/v1/events` and `/v1/lines/{line}/results`."""

    @app.post("/v1/events", status_code=201, tags=["events"])
    def tell(body: EventBody, request: Request) -> Response:
        """Tell what is so at a place, or is so no more. It becomes evidence, believed as far as earlier words bore out."""
        document = body.model_dump(exclude_unset=True, exclude_none=True)
        event = event_of_document(document, whereabouts=whereabouts(), sender=_holder(request), now_ns=clock.wall_ns())
        (became,) = events.append([event])
        status = 200 if became is Appended.REPEATED else 201
        return JSONResponse(_event_document(event) | {"became": became.value}, status_code=status)

    @app.get("/v1/events", tags=["events"])
    def told() -> Response:
        """What was told in the last day, newest first: by devices, people and systems."""
        now_ns = clock.wall_ns()
        found = events.between(now_ns - SHOWN_NS, now_ns + SHOWN_NS, newest=MOST_SHOWN)
        return JSONResponse({"events": [_event_document(event) for event in reversed(found)]})

    @app.post("/v1/lines/{line:path}/results", status_code=201, tags=["results"])
    def attach(line: str, body: ResultBody, request: Request) -> Response:
        """Attach what another instrument measured. It is shown with the line and in its reports; it is no evidence."""
        now_ns = clock.wall_ns()
        result = checked(
            LineResult(
                line=_known(line, knows),
                kind=body.kind,
                taken_ns=now_ns if body.taken_ns is None else body.taken_ns,
                received_ns=now_ns,
                sender=_holder(request),
                by=" ".join(body.by.split()),
                passed=body.passed,
                values=body.values,
                text=" ".join(body.text.split()),
            )
        )
        new = results.add(result)
        return JSONResponse(result_document(result), status_code=201 if new else 200)

    @app.get("/v1/lines/{line:path}/results", tags=["results"])
    def attached(line: str) -> Response:
        """What was attached to a line, newest first."""
        return JSONResponse({"results": [result_document(result) for result in results.of_line(_known(line, knows))]})


def _known(line: str, knows: Callable[[LineCode], bool]) -> LineCode:
    code = LineCode(line)
    if not knows(code):
        raise HTTPException(404, "the inventory has no line of this code")
    return code


def _holder(request: Request) -> str:
    """Whose token it was; the guard lets nobody else write."""
    return str(getattr(request.state, HOLDER))


def _event_document(event: DeviceEvent) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": event.id,
        "source": event.source.value,
        "sender": event.sender,
        "event": event.name,
        "raised": event.raised,
        "happened_ns": event.happened_ns,
        "received_ns": event.received_ns,
    }
    more = {"place": event.place, "component": event.component, "text": event.text}
    return told | {key: value for key, value in more.items() if value}
