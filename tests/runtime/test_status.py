"""What a service says of itself over HTTP."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.status import Address, StatusServer
from faultline.runtime.systemd import notify, watchdog_period_s


@pytest.fixture
def counters() -> Counters:
    """One stage with something in every place, one plain counter, one gauge."""
    made = Counters()
    stage = made.stage("spool")
    stage.take(10)
    stage.done(6)
    stage.drop("quota", 3)
    made.count("torn", 2, stream="flows")
    made.gauge("depth", 1.5)
    return made


@pytest.fixture
def problems() -> list[str]:
    """What the service cannot do at the moment."""
    return []


@pytest.fixture
def server(counters: Counters, problems: list[str]) -> Iterator[StatusServer]:
    """A server on a free port."""
    made = StatusServer(Address.parse("127.0.0.1:0"), counters=counters, problems=lambda: problems)
    made.start()
    yield made
    made.stop()


def get(server: StatusServer, path: str) -> httpx.Response:
    """Ask it."""
    return httpx.get(f"http://{server.address}{path}", trust_env=False)


def test_metrics_name_each_stage_by_the_contract(server: StatusServer) -> None:
    """`faultline_<stage>_in_total`, `_out_total`, `_dropped_total{reason=}` and the gauge `_held`."""
    text = get(server, "/metrics").text
    for line in (
        "faultline_spool_in_total 10.0",
        "faultline_spool_out_total 6.0",
        'faultline_spool_dropped_total{reason="quota"} 3.0',
        "faultline_spool_held 1.0",
        'faultline_torn_total{stream="flows"} 2.0',
        "faultline_depth 1.5",
    ):
        assert line in text.splitlines()


def test_health_is_503_with_reasons_when_the_service_cannot_work(server: StatusServer, problems: list[str]) -> None:
    """A balancer reads the status, a person reads the reasons."""
    assert get(server, "/healthz").status_code == 200
    problems.append("collector: certificate not trusted")
    answer = get(server, "/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unable", "problems": ["collector: certificate not trusted"]}


def test_stages_are_served_as_doctor_reads_them(server: StatusServer) -> None:
    """The document of `faultline doctor --json`, balance included."""
    assert get(server, "/stages").json() == {
        "stages": [{"name": "spool", "in": 10, "out": 6, "dropped": {"quota": 3}, "held": 1, "balanced": True}],
        "problems": [],
    }


def test_other_paths_do_not_exist(server: StatusServer) -> None:
    """404 with what there is; a query is ignored."""
    assert get(server, "/etc/passwd").status_code == 404
    assert get(server, "/healthz?verbose=1").status_code == 200
    assert "error" in json.loads(get(server, "/").content)


def test_a_port_in_use_is_one_line_with_a_hint(server: StatusServer, counters: Counters) -> None:
    """Two services on one port: the second says so and exits as bad usage."""
    second = StatusServer(server.address, counters=counters, problems=list)
    with pytest.raises(CommandError, match="cannot listen on 127") as caught:
        second.start()
    assert caught.value.code == BAD_USAGE
    assert caught.value.hint
    second.stop()


@pytest.mark.parametrize("text", ["", "localhost", ":80", "host:", "host:x", "host:70000", "::1:80", "host:-1"])
def test_a_bad_address_is_refused(text: str) -> None:
    """HOST:PORT and nothing else."""
    with pytest.raises(ValueError, match=r"HOST:PORT|brackets"):
        Address.parse(text)


def test_addresses_print_as_they_are_written() -> None:
    """IPv6 keeps its brackets."""
    assert str(Address.parse("[::1]:80")) == "[::1]:80"
    assert Address.parse("[::1]:80").host == "::1"
    assert str(Address.parse("a.example:443")) == "a.example:443"


def test_systemd_hears_what_we_say_and_silence_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One datagram a state to the socket of the unit; without one, or with a dead one, nothing happens."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("READY=1")
    path = tmp_path / "n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        notify("READY=1")
        assert listener.recv(100) == b"READY=1"
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert watchdog_period_s() == 15.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_period_s() is None
