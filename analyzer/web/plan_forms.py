"""Declaring and taking out planned work on the page, for people: two forms, each with a field for the token.

Goes in: requests. Comes out: the list once it is done, else the form as it was filled in, with what is wrong; the token is typed
again. A browser sends the token nowhere by itself, so no other site's page can send one of these forms in a reader's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qs

import attrs
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from analyzer.planning.works.declaring import FrozenError
from analyzer.planning.works.desk import PlanDesk
from analyzer.planning.works.times import UnusableError
from analyzer.web.guard import MOST_OCTETS
from faultline.reports.words import Language
from faultline.runtime.console import CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.tokens import Tokens

NEW, REMOVE = "/planned/new", "/planned/remove"
FORMS = (NEW, REMOVE)
"""Addresses that take forms: their token is a field."""
FIELDS = ("components", "from", "to", "reason", "reference")
MOST_FIELDS = 16
Fields = Mapping[str, str]


class Page(Protocol):
    """Renders a template."""

    def __call__(
        self, request: Request, template: str, status: int = 200, *, sends_forms: bool = False, **values: Any
    ) -> Response:
        """The answer."""


@attrs.frozen(kw_only=True)
class PlanForms:
    """Both forms."""

    desk: PlanDesk
    tokens: Tokens
    counters: Counters
    page: Page

    def add_to(self, app: FastAPI) -> None:
        """Their addresses."""

        @app.get(NEW, include_in_schema=False)
        def form(request: Request) -> Response:
            return self._form(request, {"reference": request.query_params.get("reference", "")[:64]})

        @app.post(NEW, include_in_schema=False)
        async def declare(request: Request) -> Response:
            fields = await _fields(request)
            # In a thread: the file may be large, and whoever reads it would keep every other request waiting.
            return await run_in_threadpool(self._do, request, fields, self._declare)

        @app.post(REMOVE, include_in_schema=False)
        async def remove(request: Request) -> Response:
            fields = await _fields(request)
            return await run_in_threadpool(self._do, request, fields, self._remove)

    def _do(self, request: Request, fields: Fields, act: Callable[[Fields], None]) -> Response:
        holder = self.tokens.holder(fields.get("token", ""))
        if holder is None:
            self.counters.count("write_calls_refused", reason="wrong_token" if fields.get("token") else "no_token")
            return self._form(request, fields, 401, problem="planned.wrong_token")
        self.counters.count("write_calls", by=holder)
        try:
            act(fields)
        except UnusableError as error:
            return self._form(request, fields, 422, problem=error.wrong, hint=error.remedy)
        except FrozenError as error:
            return self._form(request, fields, 409, problem=str(error))
        except CommandError as error:
            return self._form(request, fields, 503, problem=error.message, hint=error.hint)
        asked = request.query_params.get("lang", "")
        kept = f"?lang={asked}" if asked in {language.value for language in Language} else ""
        return RedirectResponse(f"/planned{kept}", status_code=303)

    def _declare(self, fields: Fields) -> None:
        names = fields.get("components", "").replace(",", " ").split()
        if not names:
            raise UnusableError("no component", "name what is worked on")
        times = (fields.get("from", ""), fields.get("to", ""))
        self.desk.declare(names, *times, reason=fields.get("reason", ""), despite_freeze=False)

    def _remove(self, fields: Fields) -> None:
        if not self.desk.remove(fields.get("reference", "").strip()):
            raise UnusableError("nothing is called so", "the list shows the references")

    def _form(
        self, request: Request, fields: Fields, status: int = 200, *, problem: str | None = None, hint: str | None = None
    ) -> Response:
        wanted = {name: fields.get(name, "") for name in FIELDS}
        said: dict[str, Any] = {"wanted": wanted, "problem": problem, "hint": hint, "open": bool(self.tokens)}
        return self.page(request, "planned_new.html", status, sends_forms=True, **said)


async def _fields(request: Request) -> Fields:
    """A form's fields; of one that comes twice the last. What is no form has none."""
    octets = await request.body()
    try:
        found = parse_qs(octets[:MOST_OCTETS].decode("ascii"), max_num_fields=MOST_FIELDS, errors="replace")
    except ValueError:
        return {}
    return {name: values[-1] for name, values in found.items()}
