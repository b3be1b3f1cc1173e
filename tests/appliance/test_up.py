"""`faultline up` as a person runs it: one command, real processes, a stop that is quick and loses nothing."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.discovery import discover
from appliance.doctor import examine
from appliance.settings import Settings, read_settings
from appliance.supervisor import LONGEST_S, STABLE_S, Backoff
from appliance.up import alone
from faultline.store.ledger import Ledger
from faultline.store.state import StateStore
from tests.appliance.conftest import ROOT, free_port
from tests.collector.conftest import FakeProbe, make_flow, make_session

Write = Callable[..., Path]
SECOND_NS = 1_000_000_000
TEN_S = 10 * SECOND_NS


def command(*arguments: str) -> list[str]:
    """The `faultline` command of this checkout."""
    return [sys.executable, "-m", "appliance.cli", *arguments]


def faultline(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, check=False, text=True, timeout=60)


@contextmanager
def running(path: Path) -> Iterator[subprocess.Popen[str]]:
    """`faultline up`, ended at the latest here, with everything it started."""
    process = subprocess.Popen(
        command("up", "-c", str(path)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def eventually(condition: Callable[[], object], *, within_s: float = 40.0) -> None:
    """Wait for it, or fail."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come to that"
        time.sleep(0.1)


def health(settings: Settings) -> dict[str, Any]:
    """What the whole says of itself; empty while nobody answers."""
    try:
        found: dict[str, Any] = httpx.get(f"http://{settings.status}/healthz", trust_env=False, timeout=10).json()
    except httpx.HTTPError:
        return {}
    return found


def able(settings: Settings) -> Callable[[], bool]:
    """Whether every service works."""
    return lambda: health(settings).get("status") == "able"


def child_pids(parent: int) -> dict[str, int]:
    """Processes of the services by name."""
    found = {}
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            ppid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if ppid == parent and "appliance.child" in words:
            found[words[words.index("appliance.child") + 2]] = pid
    return found


def upload(settings: Settings, octets: bytes, probe: str = "branch") -> int:
    """Send a batch as a probe does; gives the contiguous sequence."""
    trust = ssl.create_default_context(cafile=str(settings.authority))
    headers = {
        "Authorization": f"Bearer {settings.token_file(probe).read_text().strip()}",
        "Content-Type": "application/ipfix",
    }
    answer = httpx.post(
        f"https://{settings.collector.listen}/v1/batches",
        content=octets, headers=headers, verify=trust, trust_env=False, timeout=20,
    )  # fmt: skip
    return int(answer.raise_for_status().json()["contiguous"])


@pytest.mark.e2e
@pytest.mark.sample
def test_one_command_starts_everything(write: Write) -> None:
    """Tokens and TLS are made, a probe uploads, the page is served, the doctor walks every stage, a stop is quick."""
    path = write()
    settings = read_settings(path)
    with running(path) as process:
        eventually(able(settings))
        start_ns = time.time_ns() // TEN_S * TEN_S - TEN_S
        batch = FakeProbe(incarnation=77).batch("flows", {"flow": [make_flow(start_ns)]}, closed_ns=time.time_ns())
        assert upload(settings, batch) == 1
        page = httpx.get(f"http://{settings.analyzer.listen}/", trust_env=False, timeout=20)
        assert page.status_code == 200
        assert "CN-NB-0017" in page.text
        found = examine(discover([path]), now_ns=time.time_ns())
        assert {stage["name"] for stage in found.stages} >= {"collector.intake", "collector.decode", "analyzer.windows"}
        assert found.first_unbalanced is None
        assert "probe pe1: the inventory names it, and it never reported" in found.problems
        stop(process, signal.SIGTERM)


def stop(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Ask it to stop: soon, and without a word of trouble."""
    begun_s = time.monotonic()
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    assert time.monotonic() - begun_s < 30


@pytest.mark.e2e
def test_a_restart_loses_nothing(write: Write) -> None:
    """SIGTERM or Ctrl-C, the next start goes on where it was: every batch once, the authority and the tokens the same."""
    path = write()
    settings = read_settings(path)
    probe = FakeProbe(incarnation=77)
    for life, number in enumerate((signal.SIGTERM, signal.SIGINT, signal.SIGTERM)):
        with running(path) as process:
            eventually(able(settings))
            for count in (1, 2, 3):
                now_ns = time.time_ns()
                records = {"flow": [make_flow(now_ns // TEN_S * TEN_S - TEN_S)]}
                assert upload(settings, probe.batch("flows", records, closed_ns=now_ns)) == life * 3 + count
            stop(process, number)
    state = StateStore(settings.collector.store.state_file, durable=False)
    assert [row.identity.seq for row in Ledger(state).after(0)] == list(range(1, 10))
    state.close()


@pytest.mark.e2e
def test_a_service_that_dies_is_told_and_started_again(write: Write) -> None:
    """Killed without warning: the whole is unable meanwhile and says which, then able again; acknowledged batches are kept."""
    path = write()
    settings = read_settings(path)
    probe = FakeProbe(incarnation=78)
    with running(path) as process:
        eventually(able(settings))
        start_ns = time.time_ns() // TEN_S * TEN_S - TEN_S
        assert upload(settings, probe.batch("measurements", {"session": [make_session(start_ns)]}, closed_ns=time.time_ns())) == 1
        for name in ("collector", "analyzer"):
            os.kill(child_pids(process.pid)[name], signal.SIGKILL)
            eventually(lambda name=name: any(p.startswith(f"{name}: ") for p in health(settings).get("problems", ())))
            eventually(able(settings))
        assert upload(settings, probe.batch("measurements", closed_ns=time.time_ns())) == 2
        text = httpx.get(f"http://{settings.status}/metrics", trust_env=False).text
        assert 'faultline_child_deaths_total{child="collector"} 1.0' in text
        assert 'faultline_child_deaths_total{child="analyzer"} 1.0' in text


@pytest.mark.e2e
def test_services_end_with_the_one_that_started_them(write: Write) -> None:
    """Even when it is killed: nothing is left behind that holds the ports."""
    path = write()
    settings = read_settings(path)
    with running(path) as process:
        eventually(able(settings))
        children = child_pids(process.pid)
        assert set(children) == {"collector", "analyzer"}
        process.kill()
        process.wait()
        eventually(lambda: not any(Path(f"/proc/{pid}/cwd").exists() for pid in children.values()), within_s=30)


@pytest.mark.parametrize(
    "taken", ["status", pytest.param("collector", marks=pytest.mark.e2e), pytest.param("analyzer", marks=pytest.mark.e2e)]
)
def test_a_port_in_use_ends_the_start_with_one_line(write: Write, taken: str) -> None:
    """Which address, what to do, exit 2; what had started was stopped."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        part: Any = listen if taken == "status" else {"listen": listen}
        done = faultline("up", "-c", str(write(**{taken: part})))
    assert done.returncode == 2, done.stderr
    key = {"status": "status.listen", "collector": "collector.listen", "analyzer": "analyzer.listen"}[taken]
    assert f"error: {key}: cannot listen on {listen}: Address already in use" in done.stderr
    assert "hint: another program may use the port" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_on_one_folder_are_refused(write: Write, tmp_path: Path) -> None:
    """One line, exit 2: they would write over each other."""
    with alone(tmp_path / "data"):
        done = faultline("up", "-c", str(write()))
    assert done.returncode == 2
    assert f"another `faultline up` runs on {tmp_path / 'data'}" in done.stderr
    with alone(tmp_path / "data"):
        pass


def test_without_a_file_it_says_where_the_example_is() -> None:
    """One line and a hint, exit 2."""
    done = faultline("up")
    assert done.returncode == 2
    assert done.stderr.startswith("error: no configuration given")
    assert "packaging/examples/appliance.yaml" in done.stderr


def test_check_reads_everything_and_starts_nothing(write: Write, tmp_path: Path) -> None:
    """Right: exit 0 and not a file made. Wrong: every mistake, exit 2."""
    done = faultline("up", "-c", str(write()), "--check")
    assert (done.returncode, done.stdout) == (0, "")
    assert not (tmp_path / "data").exists()
    wrong = faultline("up", "-c", str(write(colour="red", collector={"listne": 1})), "--check")
    assert wrong.returncode == 2
    assert "appliance.colour: unknown key" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_the_wait_before_a_new_start_doubles_and_is_forgotten() -> None:
    """1, 2, 4, ... 30 s; a minute of life forgives the deaths before."""
    backoff = Backoff()
    assert [backoff.after_death(0.1) for _ in range(7)] == [1, 2, 4, 8, 16, LONGEST_S, LONGEST_S]
    assert backoff.after_death(STABLE_S) == 1
    assert backoff.after_death(0.1) == 2


def test_free_ports_are_free() -> None:
    """The builder of these tests gives ports nobody listens on."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", free_port()))
