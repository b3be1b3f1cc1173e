"""Pages and interface over prepared data: what a person sees, what a tool reads, and what must never get in."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import httpx
import pytest

from analyzer.web.app import PAGE_POLICY, make_app
from analyzer.web.models import LinePage, LineRow, LinesPage, LineState, WindowNote
from analyzer.web.server import WebServer
from faultline.records.incident import Base, Incident, IncidentId, IncidentState
from faultline.records.terms import SECOND_NS, ComponentKind, LineCode, Owner, TenantId
from faultline.reports.material import FaultMaterial, LineCard, LinePath, PathElement, PathVantage, Plot, Series
from faultline.reports.suspicion import suspects_of
from faultline.reports.words import Language
from faultline.runtime.console import CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.status import Address
from faultline.store.metrics import MetricsUnavailableError

NOW_NS = 1_767_225_600 * SECOND_NS
STEP_NS = 10 * SECOND_NS
PATIENCE_S = 60.0
"""A busy machine answers late, not wrongly."""
CARD = LineCard(code=LineCode("L/1"), customer="Bank <b>of</b> X", a_end="Harbin", z_end="Beijing")
PATH = LinePath(
    elements=(
        PathElement(base=Base("lan"), name="branch LAN", kind=ComponentKind.SEGMENT, owner=Owner.CUSTOMER),
        PathElement(base=Base("ce"), name="CE-17", kind=ComponentKind.DEVICE, owner=Owner.CUSTOMER),
        PathElement(base=Base("loop"), name="access loop", kind=ComponentKind.SEGMENT, owner=Owner.ACCESS),
    )
)
INCIDENT = Incident(
    id=IncidentId("F1"),
    tenants=(TenantId("bank"),),
    lines=(CARD.code,),
    state=IncidentState.OPEN,
    planned=False,
    notified=True,
    onset_ns=NOW_NS - 60 * SECOND_NS,
    raised_ns=NOW_NS - 40 * SECOND_NS,
    updated_ns=NOW_NS,
    verdict={
        "components": ["loop>"],
        "mode": "loss",
        "owner": "access",
        "confidence": 0.97,
        "severity": {"value": 0.01},
        "evidence": [{"observation": 0, "nats": 30.0, "text": "x"}],
    },
)
PLOT = Plot(
    title="Traffic",
    unit="bit/s",
    step_ns=STEP_NS,
    start_ns=NOW_NS - 10 * STEP_NS,
    end_ns=NOW_NS,
    series=(Series(label="A → Z", points=tuple((NOW_NS - n * STEP_NS, 1e6) for n in range(10, 0, -1) if n != 5)),),
)


@attrs.define
class PreparedViews:
    """Views over one line and one incident, or over nothing."""

    empty: bool = False
    unavailable: bool = False

    def _row(self) -> LineRow:
        return LineRow(card=CARD, state=LineState.FAULT, incidents=(INCIDENT,), loss_ratio=0.0, measured_ns=NOW_NS)

    def lines_page(self, language: Language) -> LinesPage:
        if self.unavailable:
            raise MetricsUnavailableError("influxdb: connection refused")
        if self.empty:
            return LinesPage(rows=(), open_incidents=(), past_incidents=(), final_until_ns=None, now_ns=NOW_NS)
        material = self.material("F1", language)
        assert material is not None
        return LinesPage(
            rows=(self._row(),),
            open_incidents=(material,),
            past_incidents=(attrs.evolve(INCIDENT, id=IncidentId("F0"), state=IncidentState.CLEARED, ended_ns=NOW_NS),),
            final_until_ns=NOW_NS,
            now_ns=NOW_NS + 600 * SECOND_NS,
        )

    def line_page(self, code: LineCode, language: Language) -> LinePage | None:
        del language
        if self.empty or code != CARD.code:
            return None
        return LinePage(
            row=self._row(),
            path=attrs.evolve(PATH, vantages=(PathVantage(name="branch", position=0.5),)),
            suspects=suspects_of([INCIDENT.verdict]),
            plots=(PLOT,),
            past_incidents=(),
            final_until_ns=NOW_NS,
            now_ns=NOW_NS,
        )

    def material(self, incident: str, language: Language) -> FaultMaterial | None:
        del language
        if self.empty or incident != "F1":
            return None
        evidence = {"observations": [{"kind": "loss", "source": "active", "via": ["ce", "loop>"], "sent": 2000, "lost": 20}]}
        return FaultMaterial(incident=INCIDENT, line=CARD, path=PATH, evidence=evidence, plots=(PLOT,), made_ns=NOW_NS)

    def incidents(self) -> tuple[Incident, ...]:
        return () if self.empty else (INCIDENT,)

    def windows(self) -> tuple[WindowNote, ...]:
        return () if self.empty else (WindowNote(start_ns=NOW_NS - STEP_NS, end_ns=NOW_NS, revision=1),)


Client = Callable[..., httpx.Client]


@pytest.fixture
def client() -> Iterator[Client]:
    """Serves prepared views on loopback and gives a client of them."""
    made: list[WebServer | httpx.Client] = []

    def make(
        *, empty: bool = False, unavailable: bool = False, problems: tuple[str, ...] = (), warnings: tuple[str, ...] = ()
    ) -> httpx.Client:
        app = make_app(
            views=PreparedViews(empty=empty, unavailable=unavailable),
            counters=Counters(),
            problems=lambda: problems,
            warnings=lambda: warnings,
            language=Language.EN,
        )
        server = WebServer(Address(host="127.0.0.1", port=0), app)
        server.start()
        api = httpx.Client(base_url=f"http://{server.address}", timeout=PATIENCE_S)
        made.extend((server, api))
        return api

    yield make
    for one in reversed(made):
        one.close() if isinstance(one, httpx.Client) else one.stop()


def test_the_first_page_shows_the_incident_and_the_worst_line(client: Client) -> None:
    """Verdict, owner and state can be read from words and from attributes; the link to the report is there."""
    page = client().get("/").text
    assert "Access loop (access network) loses 1 % of the packets from A to Z." in page
    assert 'data-incident="F1" data-state="open" data-owner="access" data-mode="loss"' in page
    assert 'data-line="L/1" data-line-state="fault"' in page
    assert 'href="/reports/F1"' in page


def test_what_was_not_measured_is_not_shown_as_zero(client: Client) -> None:
    """A loss of 0 is 0 %, an absent round trip is no data; the newest measurements' age is said when they are old."""
    page = client().get("/").text
    row = page[page.index('<tr data-line="L/1"') :]
    assert row.count('class="number">0 %</td>') == 1
    assert row.count('class="number">no data</td>') == 2
    assert 'data-stale="true"' in page
    assert "10 min old" in page


def test_empty_states_say_what_is_missing(client: Client) -> None:
    """No incident, no line, no window: each has its sentence."""
    page = client(empty=True).get("/").text
    for what in ("incidents", "lines", "windows"):
        assert f'data-empty="{what}"' in page


def test_nothing_from_outside_becomes_markup_and_the_policy_is_strict(client: Client) -> None:
    """The customer's name is escaped; no page has an inline style, a script, or a laxer policy."""
    api = client()
    for path in ("/", "/lines/L%2F1", "/incidents/F1"):
        answer = api.get(path)
        assert "<b>of</b>" not in answer.text
        assert "<script" not in answer.text
        assert " style=" not in answer.text
        assert answer.headers["content-security-policy"] == PAGE_POLICY


def test_a_line_code_may_hold_a_slash(client: Client) -> None:
    """The link of the list leads to the line."""
    answer = client().get("/lines/L%2F1")
    assert answer.status_code == 200
    assert 'data-gaps="1"' in answer.text


def test_the_incident_page_has_evidence_path_and_plots(client: Client) -> None:
    """Everything a person needs before calling somebody is on one page."""
    page = client().get("/incidents/F1").text
    assert "20 of 2000 test packets lost (1 %) from CE-17 to access loop" in page
    assert 'data-component="loop"' in page
    assert 'data-plot="Traffic"' in page


def test_the_report_is_served_under_a_policy_that_allows_only_its_own_style(client: Client) -> None:
    """A hash instead of unsafe-inline."""
    answer = client().get("/reports/F1")
    assert "'unsafe-inline'" not in answer.headers["content-security-policy"]
    assert "style-src 'sha256-" in answer.headers["content-security-policy"]
    assert 'data-report="F1"' in answer.text


def test_the_reader_chooses_the_language(client: Client) -> None:
    """The address wins over the browser, the browser over the configuration, and links keep the choice."""
    assert 'lang="zh-CN"' in client().get("/", headers={"accept-language": "zh-CN,zh;q=0.9"}).text
    chosen = client().get("/?lang=zh", headers={"accept-language": "en"}).text
    assert 'lang="zh-CN"' in chosen
    assert 'href="/incidents/F1?lang=zh"' in chosen
    assert "接入网" in chosen
    assert 'lang="en"' in client().get("/?lang=xx").text


@pytest.mark.parametrize("path", ["/lines/none", "/incidents/none", "/reports/none", "/nowhere"])
def test_a_wrong_address_is_a_404_with_a_sentence(client: Client, path: str) -> None:
    """A page for people."""
    answer = client().get(path)
    assert answer.status_code == 404
    assert 'data-empty="page"' in answer.text


def test_the_interface_leaves_out_what_was_not_measured(client: Client) -> None:
    """No null anywhere; ids, evidence and windows are there."""
    api = client()
    lines = api.get("/api/v1/lines").json()["lines"]
    assert lines == [
        {
            "code": "L/1",
            "customer": "Bank <b>of</b> X",
            "a_end": "Harbin",
            "z_end": "Beijing",
            "state": "fault",
            "incidents": ["F1"],
            "loss_ratio": 0.0,
            "measured_ns": NOW_NS,
        },
    ]
    assert api.get("/api/v1/incidents").json()["incidents"][0]["id"] == "F1"
    assert api.get("/api/v1/incidents/F1").json()["evidence"]["observations"][0]["lost"] == 20
    assert api.get("/api/v1/windows").json()["windows"][0]["revision"] == 1
    assert "null" not in api.get("/api/v1/incidents/F1").text
    missing = api.get("/api/v1/incidents/none")
    assert (missing.status_code, missing.json()) == (404, {"error": "no incident has this id"})


def test_health_says_why_the_service_cannot_work(client: Client) -> None:
    """200 when able, 503 with reasons when not; counters as Prometheus text; stages for the doctor."""
    assert client().get("/healthz").status_code == 200
    answer = client(problems=("no state store",)).get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["no state store"]
    assert client().get("/metrics").status_code == 200
    assert client().get("/v1/stages").json() == {"stages": [], "problems": []}


def test_a_warning_is_shown_without_calling_the_service_unable(client: Client) -> None:
    """A refused inventory or a silent collector is for a person to see, not for a load balancer to act on."""
    answer = client(warnings=("inventory: refused",)).get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "able", "problems": [], "warnings": ["inventory: refused"]}
    assert "warnings" not in client().get("/healthz").json()


def test_a_metrics_store_that_does_not_answer_is_a_page_and_not_a_crash(client: Client) -> None:
    """503 with a sentence for people, an error for tools."""
    api = client(unavailable=True)
    page = api.get("/")
    assert page.status_code == 503
    assert "The metrics store does not answer." in page.text
    told = api.get("/api/v1/lines")
    assert (told.status_code, told.json()) == (503, {"error": "metrics store: influxdb: connection refused"})


def browse(folder: Path, url: str, *arguments: str) -> str:
    """The document after Chromium has laid it out."""
    command = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={folder}/profile",
    ]
    done = subprocess.run([*command, *arguments, url], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


@pytest.mark.browser
def test_chromium_shows_the_verdict(client: Client, tmp_path: Path) -> None:
    """A real browser reads the verdict from the served page, and the policy lets the style sheet through."""
    base = str(client().base_url)
    dom = browse(tmp_path, base, "--dump-dom")
    assert 'data-owner="access"' in dom
    assert "Access loop (access network) loses 1 %" in dom


def test_a_taken_port_is_one_clear_line() -> None:
    """The second server on a port ends with the address, the reason and a hint; exit code 2."""
    app = make_app(views=PreparedViews(), counters=Counters(), problems=tuple, language=Language.EN)
    first = WebServer(Address(host="127.0.0.1", port=0), app)
    first.start()
    try:
        with pytest.raises(CommandError, match=r"cannot listen on 127\.0\.0\.1:.*in use") as caught:
            WebServer(first.address, app).start()
    finally:
        first.stop()
    assert caught.value.code == 2
    assert caught.value.hint
