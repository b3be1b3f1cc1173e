"""HTTP: routes in, pages and JSON out. Everything shown comes from `Views`; nothing is decided here.

Pages work without a script: links, server-rendered pictures and a timed reload. The content security policy allows this
origin's style sheet and icon, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from analyzer.web.guard import WriteGuard
from analyzer.web.models import Views, incident_entry, line_document
from analyzer.web.plan_forms import FORMS
from analyzer.web.refusals import add_refusals
from analyzer.web.rendering import PageTools
from analyzer.web.writing import Writing
from faultline.records.terms import LineCode
from faultline.reports.fault import fault_report, style
from faultline.reports.words import Language
from faultline.runtime.counters import Counters
from faultline.runtime.status import JSON_TYPE, health_document, metrics_text, stages_document
from faultline.runtime.tokens import Tokens
from faultline.store.metrics import MetricsUnavailableError

PAGE_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
FORM_POLICY = PAGE_POLICY.replace("form-action 'none'", "form-action 'self'")
"""Of the pages that have a form."""
COMMON_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="7" fill="#1b1f24"/>'
    '<path d="M3 16h9l3-7 4 14 3-7h7" fill="none" stroke="#ff8a3d" stroke-width="3" stroke-linejoin="round"/></svg>'
)


def make_app(
    *,
    views: Views,
    counters: Counters,
    problems: Callable[[], Sequence[str]],
    language: Language,
    warnings: Callable[[], Sequence[str]] = tuple,
    reload_s: int = 10,
    writing: Writing | None = None,
) -> FastAPI:
    """The application.

    Args:
        views: what is shown.
        counters: of the service.
        problems: why the service cannot work, empty when it can.
        language: of pages for browsers that ask for neither English nor Chinese.
        warnings: what else people should see.
        reload_s: how often pages are loaded again.
        writing: what may be written; None: nothing, and there is no planned work to show.
    """
    app = FastAPI(title="Faultline analyzer", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    environment = Environment(
        loader=PackageLoader("analyzer.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def page(request: Request, template: str, status: int = 200, *, sends_forms: bool = False, **values: Any) -> Response:
        spoken = language_of(request, language)
        asked = request.query_params
        tools = PageTools(language=spoken, chosen="lang" in asked, paused=asked.get("paused") == "1")
        shared = {"t": tools, "reload_s": reload_s, "request_path": request.url.path, "has_plan": writing is not None}
        text = environment.get_template(template).render(**shared, **values)
        policy = FORM_POLICY if sends_forms else PAGE_POLICY
        headers = COMMON_HEADERS | {"Content-Security-Policy": policy, "Content-Language": spoken.tag}
        return Response(text, status_code=status, media_type="text/html; charset=utf-8", headers=headers)

    _add_pages(app, views, page, language)
    _add_interface(app, views)
    _add_service(app, counters, problems, warnings)
    app.add_middleware(WriteGuard, tokens=writing.tokens if writing else Tokens({}), counters=counters, forms=FORMS)
    add_refusals(app)
    if writing is not None:
        writing.add_to(app, views, page, counters, lambda request: language_of(request, language))

    @app.exception_handler(MetricsUnavailableError)
    def unavailable(request: Request, error: MetricsUnavailableError) -> Response:
        counters.count("pages_without_metrics")
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": f"metrics store: {error}"}, status_code=503, headers=COMMON_HEADERS)
        return page(request, "error.html", 503, key="page.no_metrics")

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        if request.url.path.startswith(("/api/", "/v1/")):
            return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=COMMON_HEADERS)
        key = error.detail if error.detail.startswith("page.") else "page.not_found"
        return page(request, "error.html", error.status_code, key=key)

    return app


def _add_pages(app: FastAPI, views: Views, page: Callable[..., Response], language: Language) -> None:
    @app.get("/", include_in_schema=False)
    def lines(request: Request) -> Response:
        return page(request, "lines.html", model=views.lines_page(language_of(request, language)))

    @app.get("/lines/{code:path}", include_in_schema=False)
    def line(request: Request, code: str) -> Response:
        model = views.line_page(LineCode(code), language_of(request, language))
        if model is None:
            raise HTTPException(404, "page.not_found.line")
        return page(request, "line.html", model=model)

    @app.get("/incidents/{incident}", include_in_schema=False)
    def incident(request: Request, incident: str) -> Response:
        material = views.material(incident, language_of(request, language))
        if material is None:
            raise HTTPException(404, "page.not_found.incident")
        return page(request, "incident.html", material=material)

    @app.get("/reports/{incident}", include_in_schema=False)
    def report(request: Request, incident: str) -> Response:
        spoken = language_of(request, language)
        material = views.material(incident, spoken)
        if material is None:
            raise HTTPException(404, "page.not_found.incident")
        headers = COMMON_HEADERS | {"Content-Security-Policy": report_policy(), "Content-Language": spoken.tag}
        return Response(fault_report(material, spoken), media_type="text/html; charset=utf-8", headers=headers)

    @app.get("/static/faultline.css", include_in_schema=False)
    def sheet() -> Response:
        return Response(style(), media_type="text/css; charset=utf-8", headers={"X-Content-Type-Options": "nosniff"})

    @app.get("/static/icon.svg", include_in_schema=False)
    def icon() -> Response:
        return Response(ICON, media_type="image/svg+xml", headers={"X-Content-Type-Options": "nosniff"})


def _add_interface(app: FastAPI, views: Views) -> None:
    @app.get("/api/v1/lines")
    def lines() -> Response:
        """Lines, worst first."""
        return _json({"lines": [line_document(row) for row in views.lines_page(Language.EN).rows]})

    @app.get("/api/v1/incidents")
    def incidents() -> Response:
        """Incidents, newest first."""
        return _json({"incidents": [incident_entry(incident) for incident in views.incidents()]})

    @app.get("/api/v1/incidents/{incident}")
    def incident(incident: str) -> Response:
        """One incident with the evidence its verdict was made from."""
        material = views.material(incident, Language.EN)
        if material is None:
            raise HTTPException(404, "no incident has this id")
        document = incident_entry(material.incident)
        return _json(document | ({"evidence": material.evidence} if material.evidence is not None else {}))

    @app.get("/api/v1/windows")
    def windows() -> Response:
        """Final windows, newest first: what the analyzer has read."""
        notes = [{"start_ns": w.start_ns, "end_ns": w.end_ns, "revision": w.revision} for w in views.windows()]
        return _json({"windows": notes})


def _add_service(
    app: FastAPI, counters: Counters, problems: Callable[[], Sequence[str]], warnings: Callable[[], Sequence[str]]
) -> None:
    @app.get("/healthz", include_in_schema=False)
    def healthz() -> Response:
        status, body = health_document(problems(), warnings())
        return Response(body, status_code=status, media_type=JSON_TYPE)

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return PlainTextResponse(metrics_text(counters), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/stages", include_in_schema=False)
    @app.get("/stages", include_in_schema=False)
    def stages() -> Response:
        return Response(stages_document(counters, problems()), media_type=JSON_TYPE)


def _json(document: dict[str, Any]) -> Response:
    return JSONResponse(document, headers=COMMON_HEADERS)


def language_of(request: Request, default: Language) -> Language:
    """`?lang=` first, then what the browser asks for, then the configured one."""
    asked = request.query_params.get("lang", "")
    if asked in {language.value for language in Language}:
        return Language(asked)
    for part in re.split(r",\s*", request.headers.get("accept-language", "")):
        primary = part.split(";")[0].split("-")[0].strip().lower()
        if primary in {language.value for language in Language}:
            return Language(primary)
    return default


def report_policy() -> str:
    """The report carries its style inside: allowed by its hash, so nothing else can be added."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
