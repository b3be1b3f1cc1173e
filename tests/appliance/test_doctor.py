"""`faultline doctor`: the chain in order, the first stage that does not balance, and problems in words."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml
from typer.testing import CliRunner

from appliance.discovery import Installation, discover, kind_of
from appliance.doctor import app, examine
from appliance.services import Service
from appliance.settings import Part, read_settings, write_files
from faultline.runtime.console import CommandError
from faultline.store.config import StoreConfig
from faultline.store.control import Request, Result
from tests.collector.conftest import BEGIN_NS, TEN_S, FakeProbe, Ground, make_session

Write = Callable[..., Path]


def stage(name: str, taken_in: int, out: int, held: int = 0, **dropped: int) -> dict[str, Any]:
    """A stage's counters as a service tells them."""
    balanced = taken_in == out + held + sum(dropped.values())
    return {"name": name, "in": taken_in, "out": out, "dropped": dropped, "held": held, "balanced": balanced}


@attrs.define
class Told:
    """A service that says what it is told to say."""

    url: str
    stages: list[dict[str, Any]] = attrs.field(factory=list)
    problems: list[str] = attrs.field(factory=list)


@pytest.fixture
def serve() -> Iterator[Callable[..., Told]]:
    """Starts such services on the loopback."""
    servers: list[ThreadingHTTPServer] = []

    def start(*stages: dict[str, Any], problems: tuple[str, ...] = ()) -> Told:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"stages": told.stages, "problems": told.problems}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """The test speaks."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        told = Told(f"http://127.0.0.1:{server.server_address[1]}", list(stages), list(problems))
        return told

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def service(part: Part, told: Told | None) -> Service:
    """A service as discovery finds it."""
    return Service(part=part, name=part.value, url=told.url if told else "http://127.0.0.1:1")


def test_a_balanced_chain_has_no_problem(serve: Callable[..., Told]) -> None:
    """Every stage with the name of its service, in the order data takes."""
    probe = serve(stage("spool", 10, 8, 2), stage("upload", 8, 8))
    collector = serve(stage("intake", 8, 7, malformed=1))
    found = examine(
        Installation(services=(service(Part.PROBE, probe), service(Part.COLLECTOR, collector))), now_ns=time.time_ns()
    )
    assert [entry["name"] for entry in found.stages] == ["probe.spool", "probe.upload", "collector.intake"]
    assert found.problems == ()
    assert found.first_unbalanced is None


def test_the_first_stage_that_does_not_balance_is_named_first(serve: Callable[..., Told]) -> None:
    """Whatever else is wrong behind it."""
    probe = serve(stage("spool", 10, 8, 2), problems=("collector: refuses us",))
    collector = serve(stage("intake", 8, 8), stage("decode", 8, 5, 1, damaged=1), stage("rollup", 5, 1))
    found = examine(
        Installation(services=(service(Part.PROBE, probe), service(Part.COLLECTOR, collector))), now_ns=time.time_ns()
    )
    assert found.first_unbalanced == "collector.decode"
    assert found.problems[0] == "collector.decode: does not balance: 8 in, 5 out + 1 dropped + 1 held = 7"
    assert "probe: collector: refuses us" in found.problems
    assert any(problem.startswith("collector.rollup: ") for problem in found.problems)


def test_a_service_that_does_not_answer_is_a_problem() -> None:
    """With its address; one that serves no status by configuration says what to set."""
    silent = Service(part=Part.PROBE, name="probe x", url=None)
    found = examine(Installation(services=(service(Part.ANALYZER, None), silent)), now_ns=time.time_ns())
    assert found.problems == (
        "analyzer: does not answer at http://127.0.0.1:1; is it running?",
        "probe x: serves no status, by configuration; set status.listen to look at it",
    )


def test_probes_and_windows_are_judged_by_what_the_store_holds(ground: Ground) -> None:
    """A probe that never reported, one that fell silent, windows that stopped, an analyzer that never answered."""
    ground.now_ns += TEN_S
    ground.send(FakeProbe().batch("measurements", {"session": [make_session()]}, closed_ns=ground.now_ns))
    ground.advance(30)
    store = StoreConfig(data=ground.config.store.data)
    installation = Installation(stores=(store,), probes=("branch", "pe1"))
    soon = examine(installation, now_ns=BEGIN_NS + 4 * TEN_S)
    assert soon.problems == (
        "probe pe1: the inventory names it, and it never reported",
        "analyzer: has not answered a window yet",
    )
    later = examine(installation, now_ns=BEGIN_NS + 20 * TEN_S)
    assert "probe branch: last heard 190 s ago" in later.problems
    assert any(problem.startswith("windows: the newest final one ended") for problem in later.problems)


def test_orders_to_probes_balance_from_the_request_to_its_answer(ground: Ground) -> None:
    """Runs as probes account for them, requests by their fates; a request that is lost count of is named."""
    control = ground.collector.control
    requests = [
        Request(probe="branch", id=name, kind="trace", document={"id": name}, expires_ns=ground.now_ns + lasts_ns)
        for name, lasts_ns in (("expired", 0), ("done", TEN_S), ("open", TEN_S))
    ]
    control.order(requests, now_ns=ground.now_ns)
    control.orders("branch", after=0, now_ns=ground.now_ns)
    control.conclude([Result(probe="branch", request="done", done=True)], now_ns=ground.now_ns)
    control.sweep(ground.now_ns)
    installation = Installation(stores=(StoreConfig(data=ground.config.store.data),))
    found = {entry["name"]: entry for entry in examine(installation, now_ns=ground.now_ns).stages}
    assert found == {
        "control.requests": stage("control.requests", 3, 2, 0, expired=1),
        "control.results": stage("control.results", 2, 1, 1, failed=0, unanswered=0),
    }
    with ground.collector.state.transaction() as db:
        db.execute("DELETE FROM requests WHERE id = 'open'")
    assert examine(installation, now_ns=ground.now_ns).first_unbalanced == "control.results"


def test_a_store_that_is_not_there_is_said(tmp_path: Path) -> None:
    """And not made by looking."""
    found = examine(Installation(stores=(StoreConfig(data=tmp_path / "none"),)), now_ns=1)
    assert found.problems == (f"store: {tmp_path / 'none' / 'state.db'} does not exist yet: has the collector ever run?",)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("name", "document", "kind"),
    [
        ("appliance.yaml", {}, "appliance"),
        ("collector-2.yaml", {}, "collector"),
        ("x.yaml", {"probes": []}, "collector"),
        ("x.yaml", {"evaluation": {}}, "analyzer"),
        ("x.yaml", {"state_dir": "s", "probe": "p"}, "probe"),
        ("x.yaml", {"data": "d"}, "appliance"),
        ("none.yaml", None, "appliance"),
    ],
)
def test_a_file_is_known_by_its_name_or_by_its_keys(tmp_path: Path, name: str, document: Any, kind: str) -> None:
    """Whatever a person called it."""
    path = tmp_path / name
    if document is not None:
        path.write_text(yaml.safe_dump(document))
    assert kind_of(path) == kind


def test_services_of_several_files_are_walked_in_the_order_data_takes(write: Write) -> None:
    """Appliance and a probe's own file: probe, collector, analyzer."""
    path = write(probe={"probe": "branch"})
    found = discover([path])
    assert [entry.part for entry in found.services] == [Part.PROBE, Part.COLLECTOR, Part.ANALYZER]
    assert found.probes == ("branch", "pe1", "pe2", "dc")


def test_a_probe_of_the_command_line_is_found_while_it_is_there(write: Write) -> None:
    """`faultline up --interface` leaves its file beside the others; a start without takes it away."""
    path = write()
    write_files(read_settings(path, interfaces=["lo"]))
    assert [entry.part for entry in discover([path]).services] == [Part.PROBE, Part.COLLECTOR, Part.ANALYZER]
    write_files(read_settings(path))
    assert [entry.part for entry in discover([path]).services] == [Part.COLLECTOR, Part.ANALYZER]


def test_no_file_at_all_is_bad_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a hint."""
    monkeypatch.setattr("appliance.discovery.USUAL", tmp_path)
    with pytest.raises(CommandError, match="no configuration") as caught:
        discover([])
    assert caught.value.code == 2


def test_the_command_prints_the_contracts_document_and_exits_1(write: Write) -> None:
    """Nothing runs: each service is a problem, in words and as JSON."""
    path = str(write())
    done = CliRunner().invoke(app, ["-c", path, "--json"])
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert set(document) == {"stages", "problems"}
    assert [problem.split(":")[0] for problem in document["problems"]] == ["collector", "analyzer", "store"]
    words = CliRunner().invoke(app, ["-c", path])
    assert words.exit_code == 1
    assert "is it running?" in words.stdout
