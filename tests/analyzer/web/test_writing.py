"""Write calls and forms against a real inventory file and a real store: what they change, and whom they refuse."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.planning.lists import plain
from analyzer.planning.works.desk import PlanDesk
from analyzer.web.app import FORM_POLICY, make_app
from analyzer.web.guard import MOST_OCTETS
from analyzer.web.server import WebServer
from analyzer.web.writing import Writing
from appliance.demo.inventory_file import inventory_document
from appliance.demo.probing import Probes
from faultline import inventory
from faultline.inventory.told import Whereabouts
from faultline.records.incident import Incident, IncidentId, IncidentState
from faultline.records.terms import SECOND_NS, LineCode, TenantId
from faultline.reports.words import Language
from faultline.runtime.clock import VirtualClock
from faultline.runtime.counters import Counters
from faultline.runtime.status import Address
from faultline.runtime.tokens import Tokens
from faultline.store.device_events import DeviceEventBook
from faultline.store.line_results import MOST_A_LINE, LineResultBook
from faultline.store.state import StateStore
from tests.analyzer.web.test_pages import PreparedViews

NOW_NS = 1_767_577_600 * SECOND_NS
"""2026-01-05 09:46:40 in Shanghai."""
TOKEN = "a long random text"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
TODAY = {"from": "2026-01-05 09:30", "to": "2026-01-05 10:30"}
LINE = "/v1/lines/CN-NB-0017/results"


@attrs.define
class Views(PreparedViews):
    """No lines, and the incidents that a test names."""

    open_incidents: tuple[Incident, ...] = ()

    def incidents(self) -> tuple[Incident, ...]:
        return self.open_incidents


@attrs.define
class World:
    """A served application with what is behind it."""

    api: httpx.Client
    file: Path
    writing: Writing
    counters: Counters
    clock: VirtualClock
    views: Views

    def planned(self) -> list[dict[str, Any]]:
        """What the interface lists."""
        found: list[dict[str, Any]] = self.api.get("/v1/plan").json()["planned"]
        return found


Open = Callable[..., World]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Open]:
    """Serves the bank's inventory; with `writers` false nobody may write."""
    ends: list[Callable[[], None]] = []

    def make(*, writers: bool = True) -> World:
        file = tmp_path / "inventory.yaml"
        plain.write(file, plain.dump(inventory_document(Probes.ENDS)))
        known = inventory.read(file)
        state = StateStore(tmp_path / "state.db", durable=False)
        clock, counters, views = VirtualClock(NOW_NS), Counters(), Views(empty=True)
        writing = Writing(
            tokens=Tokens({"noc": hashlib.sha256(TOKEN.encode()).hexdigest()} if writers else {}),
            desk=PlanDesk(file, inventory=known, clock=clock),
            events=DeviceEventBook(state),
            results=LineResultBook(state),
            clock=clock,
            whereabouts=Whereabouts(known),
        )
        app = make_app(views=views, counters=counters, problems=tuple, language=Language.EN, writing=writing)
        server = WebServer(Address(host="127.0.0.1", port=0), app)
        server.start()
        api = httpx.Client(base_url=f"http://{server.address}", timeout=60)
        ends.extend((state.close, server.stop, api.close))
        return World(api=api, file=file, writing=writing, counters=counters, clock=clock, views=views)

    yield make
    for end in reversed(ends):
        end()


def make_incident(**changes: Any) -> Incident:
    """Found on loop-3 while work was going on there."""
    incident = Incident(
        id=IncidentId("F20260105-0131-abcdef"),
        tenants=(TenantId("bank"),),
        lines=(LineCode("CN-SZ-0021"),),
        state=IncidentState.OPEN,
        planned=True,
        notified=False,
        onset_ns=NOW_NS - 900 * SECOND_NS,
        raised_ns=NOW_NS - 880 * SECOND_NS,
        updated_ns=NOW_NS,
        verdict={"components": ["loop-3>", "loop-3<"], "mode": "down", "owner": "access", "confidence": 0.99},
    )
    return attrs.evolve(incident, **changes)


# ---- planned work ------------------------------------------------------------------------------------------------
def test_a_window_is_declared_listed_and_taken_out_over_the_interface(world: Open) -> None:
    """The file holds it, the list has it at once with its stage, and DELETE takes it out by its reference."""
    w = world()
    asked = {"components": ["loop-3"], **TODAY, "reason": "cut-over"}
    answer = w.api.post("/v1/plan/windows", json=asked, headers=BEARER)
    assert answer.status_code == 201, answer.text
    assert answer.json() | {"lines": 1, "customers": 1, "declared": True} == answer.json()
    (work,) = inventory.read(w.file).planned
    assert (work.components, work.reason) == (("loop-3",), "cut-over")
    (entry,) = w.planned()
    assert entry | {"stage": "current", "kind": "window", "components": ["loop-3"]} == entry
    again = w.api.post("/v1/plan/windows", json=asked, headers=BEARER)
    assert (again.status_code, again.json()["declared"]) == (200, False)
    gone = w.api.delete(f"/v1/plan/{entry['reference']}", headers=BEARER)
    assert gone.json()["removed"][0]["reference"] == entry["reference"]
    assert w.planned() == []
    assert inventory.read(w.file).planned == ()
    assert w.api.delete(f"/v1/plan/{entry['reference']}", headers=BEARER).status_code == 404


def test_a_freeze_stands_in_the_way_of_a_window(world: Open) -> None:
    """409 with the reason; who insists may."""
    w = world()
    freeze = {"from": "2026-01-05 00:00", "to": "2026-01-06 00:00", "reason": "year-end"}
    assert w.api.post("/v1/plan/freezes", json=freeze, headers=BEARER).status_code == 201
    asked = {"components": ["loop-3"], **TODAY}
    refused = w.api.post("/v1/plan/windows", json=asked, headers=BEARER)
    assert refused.status_code == 409
    assert "year-end" in refused.json()["error"]
    insisted = w.api.post("/v1/plan/windows", json={**asked, "despite_freeze": True}, headers=BEARER)
    assert insisted.status_code == 201
    assert {entry["kind"] for entry in w.planned()} == {"freeze", "window"}


def test_an_impact_is_asked_without_a_token(world: Open) -> None:
    """Lines and notices of a segment at a time, in the language asked for; what it does not know is 422 with what was meant."""
    w = world()
    asked = {"segment": "loop-3", "at": "2026-01-05 09:30", "to": "2026-01-05 10:30", "language": "zh"}
    found = w.api.get("/v1/plan/impact", params=asked).json()
    assert [line["line"] for line in found["lines"]] == ["CN-SZ-0021"]
    assert "尊敬的" in found["notices"][0]["text"]
    wrong = w.api.get("/v1/plan/impact", params={"segment": "lop-3"})
    assert (wrong.status_code, wrong.json()["hint"]) == (422, "did you mean 'loop-3'?")
    assert w.api.get("/v1/plan/impact").status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {"components": ["loop-3"], "from": "yesterday", "to": "2026-01-05 10:30"},
        {"components": ["loop-3"], "from": "2026-01-05 10:30", "to": "2026-01-05 09:30"},
        {"components": ["nowhere"], **TODAY},
        {"components": [], **TODAY},
        {"components": ["loop-3"], **TODAY, "reasons": "a typing mistake"},
        {"components": ["loop-3"], **TODAY, "reason": "x" * 501},
        {"components": "loop-3", **TODAY},
        [],
    ],
    ids=str,
)
def test_what_cannot_be_declared_is_refused_with_a_reason_and_changes_nothing(world: Open, body: Any) -> None:
    """422 with `error` and `hint`."""
    w = world()
    octets = w.file.read_bytes()
    refused = w.api.post("/v1/plan/windows", json=body, headers=BEARER)
    assert refused.status_code == 422
    assert refused.json()["error"]
    assert refused.json()["hint"]
    assert w.file.read_bytes() == octets


def test_a_file_that_cannot_be_used_is_said_and_left_alone(world: Open) -> None:
    """503: the inventory in use stays, and somebody has to mend the file."""
    w = world()
    w.file.write_text("format: something else\n")
    refused = w.api.post("/v1/plan/windows", json={"components": ["loop-3"], **TODAY}, headers=BEARER)
    assert refused.status_code == 503
    assert "faultline inventory check" in refused.json()["hint"]
    assert w.file.read_text() == "format: something else\n"


def test_a_place_that_cannot_be_written_is_said_and_the_file_is_left_alone(world: Open) -> None:
    """503 over the interface, and above the form: its administrator has to give the service the right to write."""
    w = world()
    octets = w.file.read_bytes()
    w.file.with_name(f"{w.file.name}.history").write_text("no folder")
    refused = w.api.post("/v1/plan/windows", json={"components": ["loop-3"], **TODAY}, headers=BEARER)
    assert refused.status_code == 503
    assert refused.json()["error"]
    assert 'data-problem="true"' in w.api.post("/planned/new", data=form()).text
    assert w.file.read_bytes() == octets
    assert w.planned() == []


def test_calls_at_once_lose_nothing(world: Open) -> None:
    """Each reads the file as the one before left it."""
    w = world()
    answers: list[int] = []

    def declare(number: int) -> None:
        body = {"components": [f"loop-{number}"], **TODAY}
        answers.append(w.api.post("/v1/plan/windows", json=body, headers=BEARER).status_code)

    threads = [threading.Thread(target=declare, args=(number,)) for number in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [201] * 4
    assert len(inventory.read(w.file).planned) == 4


# ---- who may -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/plan/windows"),
        ("POST", "/v1/plan/freezes"),
        ("DELETE", "/v1/plan/3f2a91c0"),
        ("POST", "/v1/events"),
        ("POST", LINE),
        ("PUT", "/"),
        ("POST", "/planned"),
        ("POST", "/a/call/that/is/added/one/day"),
    ],
)
def test_whoever_holds_no_token_writes_nowhere(world: Open, method: str, path: str) -> None:
    """Whatever the address: 401 without a token and with a wrong one, counted by reason; a cookie is no token."""
    w = world()
    assert w.api.request(method, path, json={}).status_code == 401
    for wrong in ("Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer", "Bearer \udcff".encode("utf-8", "surrogateescape")):
        refused = w.api.request(method, path, json={}, headers={"Authorization": wrong, "Cookie": f"token={TOKEN}"})
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.json()["hint"]
    assert w.counters.value("write_calls_refused", reason="no_token") == 1
    assert w.counters.value("write_calls_refused", reason="wrong_token") == 5


def test_where_no_writer_is_configured_nobody_may_write(world: Open) -> None:
    """403 that says which key to add; reading goes on."""
    w = world(writers=False)
    refused = w.api.post("/v1/plan/windows", json={}, headers=BEARER)
    assert refused.status_code == 403
    assert "writers" in refused.json()["hint"]
    assert w.api.get("/v1/plan").status_code == 200
    assert 'data-empty="writers"' in w.api.get("/planned/new").text


def test_a_body_is_bounded_whether_it_says_its_size_or_not(world: Open) -> None:
    """413, by the header and by the count of what comes."""
    w = world()
    large = b'{"text": "' + b"x" * MOST_OCTETS + b'"}'
    json_type = {"Content-Type": "application/json"}
    assert w.api.post("/v1/events", content=large, headers=BEARER | json_type).status_code == 413
    pieces = (large[at : at + 8192] for at in range(0, len(large), 8192))
    assert w.api.post("/v1/events", content=pieces, headers=BEARER | json_type).status_code == 413
    assert w.counters.value("write_calls_refused", reason="too_large") == 2


def test_writes_are_counted_by_their_holder(world: Open) -> None:
    """Who did it can be told apart."""
    w = world()
    w.api.post("/v1/events", json={"event": "LOS", "component": "loop-3"}, headers=BEARER)
    assert w.counters.value("write_calls", by="noc") == 1


def test_every_call_is_described(world: Open) -> None:
    """The description has the calls with their bodies."""
    described = world().api.get("/api/v1/openapi.json").json()["paths"]
    assert {"/v1/plan", "/v1/plan/windows", "/v1/plan/impact", "/v1/events", "/v1/lines/{line}/results"} <= described.keys()
    assert "requestBody" in described["/v1/events"]["post"]


# ---- pages -------------------------------------------------------------------------------------------------------
def form(**fields: str) -> dict[str, str]:
    """As a person fills it in."""
    return {"components": "loop-3, ce-3", **TODAY, "reason": "new <b>card</b>", "token": TOKEN} | fields


def test_the_form_declares_and_takes_out(world: Open) -> None:
    """Both lead back to the list, in the language of the page; what was written freely becomes no markup."""
    w = world()
    done = w.api.post("/planned/new?lang=zh", data=form())
    assert (done.status_code, done.headers["location"]) == (303, "/planned?lang=zh")
    (entry,) = w.planned()
    assert entry["components"] == ["loop-3", "ce-3"]
    page = w.api.get("/planned").text
    assert f'data-planned="{entry["reference"]}" data-stage="current"' in page
    assert "<b>card</b>" not in page
    assert "进行中" in w.api.get("/planned?lang=zh").text
    assert f'value="{entry["reference"]}"' in w.api.get(f"/planned/new?reference={entry['reference']}").text
    done = w.api.post("/planned/remove", data={"reference": entry["reference"], "token": TOKEN})
    assert done.status_code == 303
    assert 'data-empty="planned"' in w.api.get("/planned").text


def test_a_form_that_cannot_be_done_comes_back_filled_in_and_without_the_token(world: Open) -> None:
    """A wrong token, a wrong name, a wrong time, an unknown reference: what is wrong stands above the form."""
    w = world()
    for status, fields in (
        (401, form(token="guessed")),
        (401, form(token="")),
        (422, form(components="lop-3")),
        (422, form(to="")),
        (422, form(components=" , ")),
    ):
        page = w.api.post("/planned/new", data=fields)
        assert page.status_code == status
        assert 'data-problem="true"' in page.text
        assert "new &lt;b&gt;card&lt;/b&gt;" in page.text
        assert TOKEN not in page.text
        assert page.headers["content-security-policy"] == FORM_POLICY
    assert w.api.post("/planned/remove", data={"reference": "none", "token": TOKEN}).status_code == 422
    assert w.api.post("/planned/new", content=b"\xff\xfe=%zz").status_code == 401
    assert w.planned() == []
    assert w.counters.value("write_calls_refused", reason="wrong_token") == 1


def test_pages_with_a_form_do_not_reload(world: Open) -> None:
    """What a person types would be gone."""
    w = world()
    assert 'http-equiv="refresh"' not in w.api.get("/planned/new").text
    assert 'http-equiv="refresh"' in w.api.get("/planned").text
    assert 'href="/planned"' in w.api.get("/").text


def test_the_list_shows_what_overruns_first(world: Open) -> None:
    """The window is over, what began in it is not: it is said with the incident; once the incident is cleared it is over."""
    w = world()
    for components, times in (
        (["loop-3"], {"from": "2026-01-05 09:30", "to": "2026-01-05 09:40"}),
        (["loop-1"], TODAY),
        (["loop-2"], {"from": "2026-01-06 02:00", "to": "2026-01-06 04:00"}),
        (["loop-4"], {"from": "2026-01-04 02:00", "to": "2026-01-04 04:00"}),
    ):
        body = {"components": components, **times}
        assert w.api.post("/v1/plan/windows", json=body, headers=BEARER).status_code == 201
    w.views.open_incidents = (make_incident(planned=False, notified=True),)
    assert [entry["stage"] for entry in w.planned()] == ["overrun", "current", "coming", "past"]
    assert w.planned()[0]["incident"] == make_incident().id
    page = w.api.get("/planned").text
    assert 'data-stage="overrun" class="row-fault"' in page
    assert "over for 6 min, the fault is not" in page
    w.views.open_incidents = (make_incident(planned=False, state=IncidentState.CLEARED, ended_ns=NOW_NS, cleared_ns=NOW_NS),)
    assert [entry["stage"] for entry in w.planned()] == ["current", "coming", "past", "past"]


def test_a_windows_page_shows_whom_it_hits_and_what_each_is_told(world: Open) -> None:
    """From the list to the lines, their services and the notices, in the reader's language; a window that is gone has no page."""
    w = world()
    body = {"components": ["loop-3"], "reason": "splice the fibre", **TODAY}
    reference = w.api.post("/v1/plan/windows", json=body, headers=BEARER).json()["reference"]
    listed = w.api.get("/planned", params={"lang": "zh"}).text
    assert f'href="/planned/impact/{reference}?lang=zh"' in listed
    page = w.api.get(f"/planned/impact/{reference}").text
    assert 'data-hit="CN-SZ-0021" data-effect="interrupted"' in page
    assert 'data-hit-lines="1" data-hit-customers="1"' in page
    assert "Dear " in page
    assert "splice the fibre" in page
    assert "CN-NB-0017" not in page
    assert "尊敬的" in w.api.get(f"/planned/impact/{reference}", params={"lang": "zh"}).text
    gone = w.api.get("/planned/impact/nothing")
    assert (gone.status_code, "may have been taken out" in gone.text) == (404, True)


# ---- events and results ------------------------------------------------------------------------------------------
def test_an_event_is_kept_before_it_is_answered(world: Open) -> None:
    """With its sender by the token; the same saying sent again is told as such."""
    w = world()
    said = {"event": "LOS", "component": "loop-3", "id": "ticket-1", "text": "transmission shows LOS"}
    answer = w.api.post("/v1/events", json=said, headers=BEARER)
    assert answer.status_code == 201
    assert answer.json() | {"became": "new", "sender": "noc", "source": "rest", "component": "loop-3"} == answer.json()
    again = w.api.post("/v1/events", json=said, headers=BEARER)
    assert (again.status_code, again.json()["became"]) == (200, "repeated")
    (event,) = w.writing.events.between(0, 2 * NOW_NS)
    assert (event.sender, event.name, event.raised, event.text) == ("noc", "LOS", True, "transmission shows LOS")
    assert [told["id"] for told in w.api.get("/v1/events").json()["events"]] == [event.id]
    by_a_person = w.api.post("/v1/events", json={"event": "POWER", "component": "ce-3", "by": "Li Lei"}, headers=BEARER)
    assert by_a_person.json()["source"] == "person"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"event": "LOS"},
        {"event": "LOS", "component": "nowhere"},
        {"event": "los of signal", "component": "loop-3"},
        {"event": "LOS", "component": "loop-3", "raised": "yes"},
        {"event": "LOS", "component": "loop-3", "told_ns": -1},
        {"event": "LOS", "component": "loop-3", "told_ns": 1.5},
        {"event": "LOS", "component": "loop-3", "unknown": 1},
        {"event": "LOS", "component": "loop-3", "text": "x" * 1001},
        {"event": "LOS", "device": "ce-3", "interface": "none"},
        "LOS",
    ],
    ids=str,
)
def test_what_is_no_event_is_refused_with_its_key(world: Open, body: Any) -> None:
    """422, and nothing is kept."""
    w = world()
    refused = w.api.post("/v1/events", json=body, headers=BEARER)
    assert refused.status_code == 422, refused.text
    assert refused.json()["hint"]
    assert w.writing.events.between(0, 2 * NOW_NS) == []


def test_a_result_of_another_instrument_is_attached_to_its_line(world: Open) -> None:
    """Listed newest first, kept once, and only so many."""
    w = world()
    bert = {
        "kind": "bert",
        "values": {"seconds": 900, "errored_bits": 12},
        "passed": False,
        "by": "tester 7",
        "taken_ns": NOW_NS - 1,
    }
    assert w.api.post(LINE, json=bert, headers=BEARER).status_code == 201
    assert w.api.post(LINE, json=bert, headers=BEARER).status_code == 200
    power = {"kind": "optical_power", "values": {"received_dbm": -27.4}}
    assert w.api.post(LINE, json=power, headers=BEARER).status_code == 201
    found = w.api.get(LINE).json()["results"]
    assert [result["kind"] for result in found] == ["optical_power", "bert"]
    assert found[1] | {"passed": False, "sender": "noc", "values": {"seconds": 900, "errored_bits": 12}} == found[1]
    for number in range(MOST_A_LINE + 5):
        body = {"kind": "other", "text": f"number {number}", "taken_ns": NOW_NS + number}
        assert w.api.post(LINE, json=body, headers=BEARER).status_code == 201
    assert len(w.api.get(LINE).json()["results"]) == MOST_A_LINE


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "x-ray", "values": {}},
        {"kind": "bert"},
        {"kind": "bert", "values": {"received_dbm": -20}},
        {"kind": "optical_power", "values": {"received_dbm": -2000}},
        {"kind": "optical_power", "values": {"received_dbm": "-20"}},
        {"kind": "speed_test", "values": {"x" * 300: 1}},
        {"kind": "other", "text": "of tomorrow", "taken_ns": NOW_NS * 2},
        {"kind": "other", "text": "x" * 1001},
    ],
    ids=lambda body: json.dumps(body)[:60],
)
def test_a_result_that_cannot_be_is_refused(world: Open, body: Any) -> None:
    """422 with the key; a line that is not in the inventory is 404."""
    w = world()
    refused = w.api.post(LINE, json=body, headers=BEARER)
    assert refused.status_code == 422, refused.text
    assert w.api.get(LINE).json()["results"] == []
    assert w.api.post("/v1/lines/none/results", json=body, headers=BEARER).status_code in {404, 422}
    assert w.api.get("/v1/lines/none/results").status_code == 404


def test_not_a_number_is_no_value(world: Open) -> None:
    """JSON as Python writes it has NaN; nothing that is shown has."""
    w = world()
    body = b'{"kind": "bert", "values": {"seconds": NaN}}'
    refused = w.api.post(LINE, content=body, headers=BEARER | {"Content-Type": "application/json"})
    assert refused.status_code == 422


def dumped(value: Any) -> bytes:
    """As a careless program writes it: NaN and halves of surrogate pairs included."""
    return json.dumps(value).encode()


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
NAMED = st.text(max_size=9)
VALUES = st.recursive(SCALARS, lambda one: st.lists(one, max_size=3) | st.dictionaries(NAMED, one, max_size=3))
KEYS = (
    *("event", "component", "device", "interface", "index", "peer", "told_ns", "raised", "by", "text", "id"),
    *("kind", "values", "taken_ns", "passed", "components", "from", "to", "reason"),
)
BODIES = st.dictionaries(st.sampled_from(KEYS), VALUES | st.sampled_from(["LOS", "loop-3", "bert", "other"]), max_size=6)
CALLS = ("/v1/events", LINE, "/v1/plan/windows", "/v1/plan/freezes", "/planned/new", "/planned/remove")


def test_no_body_breaks_the_service(world: Open) -> None:
    """Whatever a holder sends is taken or refused, never an error of ours; and what was taken can be shown."""
    w = world()

    @settings(max_examples=120, deadline=None)
    @given(path=st.sampled_from(CALLS), body=st.binary(max_size=60) | VALUES.map(dumped) | BODIES.map(dumped))
    def send(path: str, body: bytes) -> None:
        answer = w.api.post(path, content=body, headers=BEARER | {"Content-Type": "application/json"})
        assert answer.status_code < 500, (path, body, answer.text)

    send()
    for path in ("/v1/events", LINE, "/v1/plan", "/planned"):
        assert w.api.get(path).status_code == 200
