"""The collector service as probes and people meet it: real TLS, tokens, statuses, a stop that loses nothing, one-line errors."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from collector.config import read_config
from collector.intake.intake import IntakeLimits
from collector.service import build
from faultline.native import zstd_compress
from faultline.records.terms import SECOND_NS
from faultline.runtime.config import ConfigError
from faultline.runtime.console import CommandError
from faultline.store.ledger import Ledger
from faultline.store.state import StateStore
from tests.collector.conftest import TEN_S, FakeProbe, make_flow, make_session
from tests.collector.running import Running

ROOT = Path(__file__).resolve().parents[2]


def recent_batch(probe: FakeProbe, stream: str = "measurements") -> bytes:
    """A batch of the interval that just ended."""
    now_ns = time.time_ns()
    start_ns = now_ns // TEN_S * TEN_S - TEN_S
    records: dict[str, list[dict[str, Any]]] = (
        {"session": [make_session(start_ns)]} if stream == "measurements" else {"flow": [make_flow(start_ns)]}
    )
    return probe.batch(stream, records, closed_ns=now_ns)


def test_a_batch_over_tls_is_acknowledged_and_becomes_a_row(run: Callable[..., Running]) -> None:
    """The whole way with the real clock: upload, ledger, window, metrics store."""
    running = run()
    branch = FakeProbe()
    answer = running.post(zstd_compress(recent_batch(branch)), Content_Encoding="zstd")
    assert (answer.status_code, answer.json()["contiguous"]) == (200, 1)
    assert running.post(recent_batch(branch, "flows")).json()["contiguous"] == 1
    assert running.post(branch.batch("events", closed_ns=time.time_ns())).status_code == 200
    deadline = time.monotonic() + 20
    while not any(stage["name"] == "metrics" and stage["out"] for stage in running.get("/stages").json()["stages"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    stages = {stage["name"]: stage for stage in running.get("/stages").json()["stages"]}
    assert all(stage["balanced"] for stage in stages.values()), stages
    assert stages["intake"]["out"] == 3


def test_a_clock_that_is_behind_is_proven_by_the_answer_before(run: Callable[..., Running]) -> None:
    """Ten minutes behind: the first batch may only have waited; with what its answer proved, the second is corrected."""
    running = run()
    branch = FakeProbe(clock_error_ns=-600 * SECOND_NS)

    def send(floor_ns: int | None) -> httpx.Response:
        now_ns = time.time_ns()
        said = "" if floor_ns is None else f" {floor_ns}"
        batch = branch.batch("flows", {"flow": [make_flow(now_ns)]}, closed_ns=now_ns)
        return running.post(batch, Faultline_Clock=f"{branch.monotonic_ns(now_ns)}{said}")

    first = send(None)
    assert "bad_clock_batches" not in running.get("/metrics").text
    answered_ns = int(first.headers["Faultline-Time"])
    assert abs(answered_ns - time.time_ns()) < 60 * SECOND_NS
    send(answered_ns - branch.monotonic_ns(time.time_ns()))
    assert "bad_clock_batches" in running.get("/metrics").text


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({"Authorization": "Bearer wrong"}, 401, "unknown token"),
        ({"Authorization": "Bearer centre-token"}, 403, "another's"),
        ({"Content_Type": "text/plain"}, 415, "text/plain"),
        ({"Content_Encoding": "gzip"}, 415, "gzip"),
        ({"Content_Encoding": "zstd"}, 400, "zstd"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_words(
    run: Callable[..., Running], changes: dict[str, str], status: int, word: str
) -> None:
    """Status, error and hint as JSON; nothing is acknowledged, and the service stays able."""
    running = run()
    answer = running.post(recent_batch(FakeProbe()), **changes)
    assert answer.status_code == status
    assert word in answer.json()["error"]
    assert answer.json()["hint"]
    assert running.get("/healthz").json() == {"status": "able", "problems": []}


def test_a_body_beyond_the_limit_is_cut_off(run: Callable[..., Running]) -> None:
    """With a length, before it is read; without one, as soon as it is too long."""
    running = run(limits=IntakeLimits(max_batch_octets=10_000))
    assert running.post(bytes(20_000)).status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield bytes(1000)

    headers = {"Authorization": "Bearer branch-token", "Content-Type": "application/ipfix"}
    try:
        answer = running.client.post(f"https://{running.server.address}/v1/batches", content=endless(), headers=headers)
        assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    except httpx.TransportError:
        pass  # the connection may be closed while we are still sending
    assert running.post(recent_batch(FakeProbe())).status_code == 200


def test_only_tls_1_3_is_spoken(run: Callable[..., Running]) -> None:
    """An older version ends in the handshake."""
    running = run()
    context = ssl.create_default_context(cafile=str(running.config.data / "tls" / "authority.pem"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    address = running.server.address
    with socket.create_connection((address.host, address.port), timeout=5) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname="localhost")


def test_keys_are_for_the_collectors_user_only(run: Callable[..., Running]) -> None:
    """As are payloads: they hold customers' addresses."""
    running = run()
    running.post(recent_batch(FakeProbe(), "flows"))
    files = [path for path in running.config.data.rglob("*") if path.is_file()]
    assert len(files) >= 5
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in files} == {path.name: "0o0" for path in files}


def test_a_stop_and_a_new_start_lose_and_double_nothing(run: Callable[..., Running], tmp_path: Path) -> None:
    """What was acknowledged is in the ledger, flows are archived at the stop, the authority stays the same."""
    first = run()
    branch = FakeProbe()
    for _ in range(3):
        first.post(recent_batch(branch, "flows"))
    last = recent_batch(branch, "flows")
    first.post(last)
    authority = (first.config.data / "tls" / "authority.pem").read_bytes()
    first.service.stop()
    assert list((first.config.store.archive_folder).rglob("*.parquet"))
    second = run()
    assert (second.config.data / "tls" / "authority.pem").read_bytes() == authority
    assert second.post(last).json()["contiguous"] == 4
    second.service.stop()
    state = StateStore(tmp_path / "store" / "state.db", durable=False)
    assert [row.identity.seq for row in Ledger(state).after(0)] == [1, 2, 3, 4]
    state.close()


def test_it_is_unable_while_the_metrics_store_is_away_and_takes_batches_all_the_same(
    run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 at /healthz names the store; uploads go on."""
    running = run()
    collector = running.service._components[0][1]._collector  # type: ignore[attr-defined]
    monkeypatch.setattr(collector.delivery, "flush", lambda: False)
    collector.delivery.problem = "influxdb: refused"
    answer = running.get("/healthz")
    assert (answer.status_code, answer.json()["problems"]) == (503, ["metrics store: influxdb: refused"])
    assert running.post(recent_batch(FakeProbe())).status_code == 200


def test_errors_of_the_worker_are_shown_and_end(run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing turn is tried again; health says why meanwhile."""
    running = run()
    collector = running.service._components[0][1]._collector  # type: ignore[attr-defined]
    fine = collector.pipeline.step

    def broken(now_ns: int) -> bool:
        raise RuntimeError(f"broken at {now_ns}")

    monkeypatch.setattr(collector.pipeline, "step", broken)
    deadline = time.monotonic() + 10
    while running.get("/healthz").status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert running.get("/healthz").json()["problems"][0].startswith("worker: RuntimeError: broken at")
    monkeypatch.setattr(collector.pipeline, "step", fine)
    while running.get("/healthz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


# ---- configuration and start
INVENTORY = {
    "format": "faultline-inventory/1",
    "tenants": [{"id": "bank", "name": "First Bank"}],
    "components": [
        {"id": "loop", "kind": "segment", "owner": "access", "name": "Loop"},
        {"id": "core", "kind": "segment", "owner": "carrier_core", "name": "Core"},
    ],
    "lines": [
        {
            "code": "L1",
            "tenant": "bank",
            "a_end": {"name": "A", "prefixes": ["10.1.0.0/16"]},
            "z_end": {"name": "Z", "prefixes": ["10.2.0.0/16"]},
            "path": ["loop", "core"],
        }
    ],
}


def write_config(folder: Path, inventory: Any = INVENTORY, **more: Any) -> Path:
    """A configuration with its inventory beside it."""
    # By way of JSON: entries that are the same object would become aliases.
    (folder / "inventory.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(inventory))))
    document = {"data": "data", "store": {"data": "store"}, "inventory": "inventory.yaml", "listen": "127.0.0.1:0", **more}
    path = folder / "collector.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"database_folder": "x"}, "collector.database_folder: unknown key"),
        ({"listen": "8443"}, "collector.listen: expected HOST:PORT"),
        ({"names": ["not a name"]}, "collector.names: holds 'not a name'"),
        ({"probes": [{"id": "a", "token_sha256": "abc"}]}, "collector.probes[0].token_sha256: must be 64 hexadecimal digits"),
        ({"probes": [{"id": "a", "token_sha256": "0" * 64}] * 2}, "collector.probes: has the same id twice"),
        ({"store": {"metrics": "oracle"}}, "collector.store.metrics: "),
        ({"limits": {"max_batch_octets": 0}}, "collector.limits.max_batch_octets: must be > 0: 0"),
        ({"windows": {"wait_s": -1}}, "collector.windows.wait_s: must be >= 0"),
    ],
)
def test_bad_configuration_is_one_line_with_the_keys_path(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    """Every mistake is named by its key."""
    with pytest.raises(ConfigError) as caught:
        read_config(write_config(tmp_path, **more))
    assert any(problem.startswith(said) for problem in caught.value.problems), caught.value.problems
    assert caught.value.code == 2


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """Wherever the command is called from."""
    config = read_config(write_config(tmp_path))
    assert (config.data, config.inventory, config.store.data) == (
        tmp_path / "data",
        tmp_path / "inventory.yaml",
        tmp_path / "store",
    )


def run_collector(path: Path) -> subprocess.CompletedProcess[str]:
    """`faultline collector run` until it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "collector.cli", "run", "-c", str(path)],
        cwd=ROOT, capture_output=True, check=False, text=True, timeout=60,
    )  # fmt: skip


def changed(**lines: Any) -> dict[str, Any]:
    """The inventory with something else in it."""
    return json.loads(json.dumps(INVENTORY)) | lines


@pytest.mark.parametrize(
    ("inventory", "words"),
    [
        (changed(lines=[INVENTORY["lines"][0] | {"path": ["loop", "nowhere"]}]), ["nowhere"]),  # type: ignore[index,operator]
        (changed(lines=[INVENTORY["lines"][0] | {"path": ["loop", "core", "loop"]}]), ["loop"]),  # type: ignore[index,operator]
        (changed(components=[*INVENTORY["components"], INVENTORY["components"][0]]), ["loop"]),  # type: ignore[misc,index]
        (changed(colour="red"), ["colour"]),
        ([], ["inventory.yaml"]),
    ],
)
def test_a_bad_inventory_ends_the_start_with_one_line(tmp_path: Path, inventory: Any, words: list[str]) -> None:
    """A dangling segment, a loop, a duplicate id, an unknown key: what, where, a hint, exit 2."""
    with pytest.raises(CommandError) as caught:
        build(read_config(write_config(tmp_path, inventory)))
    assert caught.value.code == 2
    assert caught.value.hint
    assert all(word in caught.value.message for word in ["inventory.yaml", *words]), caught.value.message


def test_a_port_in_use_ends_the_start_with_one_line(tmp_path: Path) -> None:
    """Exit 2, the key, a hint; what had started was stopped."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run_collector(write_config(tmp_path, listen=listen))
    assert done.returncode == 2, done.stderr
    assert f"error: collector.listen: cannot listen on {listen}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_authority_is_made_once_and_the_server_certificate_renewed(tmp_path: Path) -> None:
    """A new name or the last third of its life makes a new certificate of the same authority."""
    import datetime as dt  # noqa: PLC0415 - only here

    from collector.intake.authority import Authority  # noqa: PLC0415

    now = dt.datetime.fromtimestamp(1_800_000_000, tz=dt.UTC)
    authority = Authority(tmp_path / "tls", ["a.example"])
    assert authority.ensure(now)
    assert not authority.ensure(now + dt.timedelta(days=200))
    pem = authority.files.authority.read_bytes()
    assert authority.ensure(now + dt.timedelta(days=250))
    assert Authority(tmp_path / "tls", ["a.example", "b.example"]).ensure(now + dt.timedelta(days=251))
    assert authority.files.authority.read_bytes() == pem
    assert SECOND_NS == 10**9


def test_a_changed_inventory_is_taken_up_while_it_runs(tmp_path: Path) -> None:
    """A new line's sessions find it without a restart; a file with a mistake is warned of, and the one before stays in use."""
    config = read_config(write_config(tmp_path))
    service, server = build(config)
    collector = service._components[0][1]._collector  # type: ignore[attr-defined]
    trust = ssl.create_default_context(cafile=str(config.data / "tls" / "authority.pem"))

    def eventually(condition: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + 15
        while not condition():
            assert time.monotonic() < deadline_s
            time.sleep(0.05)

    def line_of(source: str) -> str | None:
        return collector.pipeline._places.place("p", "wan", source, "10.2.0.1").line  # type: ignore[no-any-return]

    service.start()
    try:
        assert line_of("10.7.0.1") is None
        more = json.loads(json.dumps(INVENTORY))
        more["lines"].append(more["lines"][0] | {"code": "L2", "a_end": {"name": "B", "prefixes": ["10.7.0.0/16"]}})
        write_config(tmp_path, more)
        eventually(lambda: line_of("10.7.0.1") == "L2")
        write_config(tmp_path, changed(colour="red"))
        with httpx.Client(verify=trust, trust_env=False, timeout=10) as client:
            health = f"https://{server.address}/healthz"
            eventually(lambda: "colour" in str(client.get(health).json().get("warnings")))
            assert client.get(health).status_code == 200
        assert line_of("10.7.0.1") == "L2"
    finally:
        service.stop()
