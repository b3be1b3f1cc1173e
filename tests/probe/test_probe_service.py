"""The probe service as a whole: in this process, and as a process that is killed."""

from __future__ import annotations

import json
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
import yaml

import probe.service
from faultline.native import decode_batch
from faultline.runtime.config import ConfigError
from probe.config import read_config
from probe.service import build
from probe.spool.batch import read_header
from tests.probe.test_cutter import MadeMeter

ROOT = Path(__file__).resolve().parents[2]
SECOND_NS = 1_000_000_000


def eventually(condition: Callable[[], object], *, within_s: float = 10.0) -> None:
    """Wait for it, or fail."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def free_port() -> int:
    """A port no one listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def write_config(folder: Path, collector: Any, **more: Any) -> Path:
    """A configuration for the collector under test, with short intervals."""
    (folder / "token").write_text("a-token\n")
    document = {
        "probe": "branch-17",
        "state_dir": "state",
        "collector": {"url": collector.url, "authority": str(collector.authority), "token_file": "token", "timeout_s": 2.0},
        "interval_s": 1,
        "status": {"listen": f"127.0.0.1:{free_port()}"},
        **more,
    }
    path = folder / "probe.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


@contextmanager
def running(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real `faultline-probe run`; ended at the latest here."""
    program = "from probe.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "run", "-c", str(config)], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def sequences(collector: Any, stream: str) -> list[int]:
    """What arrived of a stream."""
    return sorted(seq for _, name, seq in collector.batches if name == stream)


def test_every_stream_advances_each_interval_and_batches_leave_soon_after_its_end(collector: Any, tmp_path: Path) -> None:
    """Mostly within 1.5 s of an interval's end the collector holds each stream's batch up to it; the stop loses nothing."""
    arrivals: dict[tuple[str, int], int] = {}
    collector.on_batch = lambda header: arrivals.setdefault((str(header.stream), header.watermark_ns), time.time_ns())
    service = build(read_config(write_config(tmp_path, collector)))
    service.start()
    try:
        eventually(lambda: len(sequences(collector, "measurements")) >= 3)
    finally:
        service.stop()
    for stream in ("flows", "measurements", "events"):
        headers = [read_header(octets) for (_, name, _), octets in collector.batches.items() if name == stream]
        whole = sorted(header.watermark_ns for header in headers if header.watermark_ns % SECOND_NS == 0)
        assert len(whole) >= 2
        assert whole == list(range(whole[0], whole[0] + len(whole) * SECOND_NS, SECOND_NS))
        late_s = [(arrivals[stream, watermark] - watermark) / SECOND_NS for watermark in whole]
        assert statistics.median(late_s) < 1.5, late_s
    assert list((tmp_path / "state").rglob("*.ipfix")) == []


def test_a_running_probe_says_how_it_is(collector: Any, tmp_path: Path) -> None:
    """Health, metrics and stages are served while it runs, and every stage balances."""
    config = read_config(write_config(tmp_path, collector))
    service = build(config)
    service.start()
    try:
        eventually(lambda: len(collector.batches) >= 3)
        url = f"http://{config.status.listen}"
        assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
        assert "faultline_spool_in_total" in httpx.get(f"{url}/metrics", trust_env=False).text
        stages = httpx.get(f"{url}/stages", trust_env=False).json()["stages"]
        assert {stage["name"] for stage in stages} >= {"spool", "upload", "measurements"}
        assert all(stage["balanced"] for stage in stages)
    finally:
        service.stop()


def test_sessions_and_interfaces_reach_the_collector(collector: Any, tmp_path: Path) -> None:
    """One probe sends to its own reflector and watches the loopback: a session and an interface record an interval."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind(("127.0.0.1", 0))
        port = channel.getsockname()[1]
    config = write_config(
        tmp_path,
        collector,
        sessions=[{"id": "ce-pe1", "target": f"127.0.0.1:{port}", "interval_s": 0.02}],
        reflector={"listen": [f"127.0.0.1:{port}"], "allow": ["127.0.0.0/8"]},
        host={"interfaces": ["lo"]},
    )
    service = build(read_config(config))
    service.start()
    try:
        eventually(lambda: len(sequences(collector, "measurements")) >= 4)
        stages = httpx.get(f"http://{read_config(config).status.listen}/stages", trust_env=False).json()
        assert {stage["name"] for stage in stages["stages"]} >= {"sessions", "replies", "reflector", "link_events"}
        assert stages["problems"] == []
    finally:
        service.stop()
    batches = [octets for (_, stream, _), octets in collector.batches.items() if stream == "measurements"]
    rows = [row for octets in batches for row in pa.table(decode_batch(octets).table("session")).to_pylist()]
    assert {row["session"] for row in rows} == {"ce-pe1"}
    assert sum(row["sent"] for row in rows) == sum(row["received"] for row in rows) > 50
    starts = sorted(row["interval_start_ns"] for row in rows)
    assert len(set(starts)) == len(starts)
    interfaces = [row for octets in batches for row in pa.table(decode_batch(octets).table("interface")).to_pylist()]
    assert {(row["interface"], row["link_up"]) for row in interfaces} == {("lo", True)}
    assert max(row["in_packets"] for row in interfaces) > 50


def test_what_the_capture_gives_at_its_end_still_reaches_the_collector(
    collector: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the stop the capture ends first, then the last cut is made, then the upload drains: flows and their quality arrive."""
    meter = MadeMeter()
    monkeypatch.setattr(probe.service, "make_meter", lambda *_: meter)
    service = build(read_config(write_config(tmp_path, collector, capture={"interfaces": [{"name": "lo"}]})))
    service.start()
    eventually(lambda: len(sequences(collector, "measurements")) >= 1)
    service.stop()
    assert len(sequences(collector, "flows")) == 1  # no heartbeats beside the capture's own batches
    batches = [octets for (_, stream, _), octets in collector.batches.items() if stream == "measurements"]
    rows = [row for octets in batches for row in pa.table(decode_batch(octets).table("probe_health")).to_pylist()]
    assert [row["capture_received"] for row in rows if row["observation_point"] == "branch"] == [meter.last_end_s]


@pytest.mark.e2e
def test_kill_9_loses_nothing_and_doubles_nothing(collector: Any, tmp_path: Path) -> None:
    """Killed three times without warning, once with the collector away: sequences stay dense, identities keep their octets."""
    config = write_config(tmp_path, collector)
    for life in range(3):
        before = len(sequences(collector, "measurements"))
        with running(config) as process:
            eventually(lambda before=before: len(sequences(collector, "measurements")) >= before + 2)
            if life == 1:
                collector.moods.extend([lambda handler: handler.answer(503, {"error": "away"}) or True] * 1000)
                time.sleep(2.0)
            process.kill()
            process.wait()
        collector.moods.clear()
    with running(config) as process:
        before = len(sequences(collector, "measurements"))
        eventually(lambda: len(sequences(collector, "measurements")) >= before + 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert len({incarnation for incarnation, _, _ in collector.batches}) == 1
    for stream in ("flows", "measurements", "events"):
        found = sequences(collector, stream)
        assert found == list(range(1, len(found) + 1))
    assert collector.gaps == set()
    assert collector.conflicts == []
    assert list((tmp_path / "state").rglob("*.ipfix")) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"collectors": {}}, "probe.collectors: unknown key"),
        ({"interval_s": 7}, "probe.interval_s: must be 1, 2, 5 or 10, got 7"),
        ({"probe": ""}, "probe.probe: must be 1 to 64 printable characters"),
        ({"status": {"listen": "9464"}}, "probe.status.listen: expected HOST:PORT"),
        ({"spool": {"max_octets": 5}}, "probe.spool.max_octets: must be >= 1048576: 5"),
        ({"capture": {"interfaces": [{"name": "a"}, {"name": "a"}]}}, "probe.capture.interfaces: names a more than once"),
        ({"capture": {"interfaces": [{"label": "a"}]}}, "probe.capture.interfaces[0].label: unknown key"),
        ({"log": {"level": "loud"}}, "probe.log.level: "),
        ({"sessions": [{"id": "a", "target": "pe1:x"}]}, "probe.sessions[0].target: expected HOST:PORT"),
        ({"sessions": [{"id": "a", "target": "pe1", "interval_s": 0}]}, "probe.sessions[0].interval_s: must be >= 0.001"),
        ({"sessions": [{"id": "a", "target": "b"}, {"id": "a", "target": "c"}]}, "probe.sessions: name the id a more than once"),
        ({"reflector": {"allow": ["10.0.0.1/8"]}}, "probe.reflector.allow: holds no network"),
        ({"reflector": {"listen": []}}, "probe.reflector.listen: must hold at least one"),
        ({"host": {"interfaces": ["a", "a"]}}, "probe.host.interfaces: names a more than once"),
    ],
)
def test_bad_configuration_is_one_line_with_the_keys_path(
    collector: Any, tmp_path: Path, more: dict[str, Any], said: str
) -> None:
    """Exit 2, the key's path, a hint, no traceback."""
    path = write_config(tmp_path, collector, **more)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert any(problem.startswith(said) for problem in caught.value.problems), caught.value.problems


def run_cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The probe's command line as a person uses it."""
    program = "from probe.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, check=False, text=True, timeout=30
    )


def test_check_says_right_or_what_is_wrong(collector: Any, tmp_path: Path) -> None:
    """`run --check` exits 0 or 2 without starting anything."""
    good = run_cli("run", "-c", str(write_config(tmp_path, collector)), "--check")
    assert (good.returncode, good.stdout) == (0, "")
    bad = run_cli("run", "-c", str(write_config(tmp_path, collector, typo=1)), "--check")
    assert bad.returncode == 2
    assert "probe.typo: unknown key" in bad.stderr
    assert "hint: " in bad.stderr
    assert "Traceback" not in bad.stderr
    missing = run_cli("run", "-c", str(tmp_path / "none.yaml"))
    assert missing.returncode == 2
    assert "cannot be read" in missing.stderr


def test_a_port_in_use_ends_the_start_with_one_line(collector: Any, tmp_path: Path) -> None:
    """The status port is taken: exit 2, the key, a hint; what had started was stopped."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run_cli("run", "-c", str(write_config(tmp_path, collector, status={"listen": listen})))
    assert done.returncode == 2
    assert f"error: status.listen: cannot listen on {listen}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_annotated_example_is_a_configuration(tmp_path: Path) -> None:
    """packaging/examples/probe.yaml is read by the same code as a probe's own file, also with every commented key switched on."""
    path = ROOT / "packaging" / "examples" / "probe.yaml"
    assert read_config(path).probe == "branch-17"
    switched_on = re.sub(r"^( *)# ([a-z_]+: \S)", r"\1\2", path.read_text(), flags=re.MULTILINE)
    (tmp_path / "probe.yaml").write_text(switched_on)
    full = read_config(tmp_path / "probe.yaml")
    assert full.capture.exclude_ports == [8443]
    assert full.log.json is True
    assert full.sessions[0].ssid == 17
    assert full.sessions[0].key_file == tmp_path / "stamp.key"


def test_doctor_finds_what_is_wrong_and_what_is_right(collector: Any, tmp_path: Path) -> None:
    """One document for machines: each check with status and hint; a failed check is exit 1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        silent = f"127.0.0.1:{taken.getsockname()[1]}"
        examine_and_judge(collector, tmp_path, silent)


def examine_and_judge(collector: Any, tmp_path: Path, silent: str) -> None:
    """`doctor` where some things are wrong; `silent` is a port that takes packets and answers none."""
    path = write_config(
        tmp_path,
        collector,
        capture={"interfaces": [{"name": "lo"}, {"name": "nosuch0"}]},
        sessions=[{"id": "dark", "target": silent}, {"id": "lost", "target": "no.such.host.invalid"}],
        reflector={"listen": [silent]},
        dials=[{"id": "shut", "protocol": "tcp", "target": f"127.0.0.1:{free_port()}"}],
        host={"interfaces": ["lo", "nosuch0"]},
    )
    done = run_cli("doctor", "-c", str(path), "--json")
    document = json.loads(done.stdout)
    checks = {check["check"]: check for check in document["checks"]}
    assert done.returncode == 1
    assert checks["interface nosuch0"]["status"] == "failed"
    assert checks["interface lo"]["status"] in {"ok", "warning"}
    assert checks["watched interface nosuch0"]["status"] == "warning"
    assert (checks["session dark"]["status"], checks["session dark"]["received"]) == ("warning", 0)
    assert "has no address" in checks["session lost"]["text"]
    assert (checks["dial shut"]["status"], "refuses" in checks["dial shut"]["text"]) == ("warning", True)
    assert checks["trace permission"]["status"] in {"ok", "warning"}
    assert checks[f"reflector {silent}"]["status"] == "unknown"
    assert checks["identity"]["status"] == "ok"
    assert checks["spool"]["status"] in {"ok", "warning"}
    assert checks["collector"]["round_trip_ms"] > 0
    assert abs(checks["collector"]["clock_offset_s"]) < 2
    assert any(problem.startswith("interface nosuch0") for problem in document["problems"])
    assert run_cli("doctor", "-c", str(path)).stdout.count("hint:") >= 1
