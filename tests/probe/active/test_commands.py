"""`probe stamp` and `probe reflector` as a person types them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from faultline.records.histogram import Histogram
from probe.active.document import document, lines, loss_upper_bound
from probe.active.result import SessionInterval
from probe.active.tlv import Source
from probe.cli import main
from probe.clock_quality import ClockQuality

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = "from probe.cli import main; main()"


@attrs.frozen(kw_only=True)
class Done:
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The probe's command line, in this process: it starts a dozen times faster."""

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["faultline-probe", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Done(returncode=int(ended.value.code or 0), stdout=said.out, stderr=said.err)

    return run


@contextmanager
def reflecting(*options: str) -> Iterator[str]:
    """A reflector on a free port of the loopback; where it listens."""
    command = [sys.executable, "-c", PROGRAM, "reflector", "--listen", "127.0.0.1:0", *options]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        yield process.stderr.readline().removeprefix("reflecting on ").strip()
        process.terminate()
        _, said = process.communicate(timeout=10)
        assert process.returncode == 0
        assert "answered" in said
    finally:
        process.kill()
        process.communicate()


def test_a_measurement_is_printed_for_people_and_for_machines(cli: Callable[..., Done]) -> None:
    """Text with loss and its bound; the contract's document, in which what was not measured is left out."""
    with reflecting() as where:
        text = cli("stamp", where, "--count", "20", "--interval", "0.005")
        machine = cli("stamp", where, "--count", "20", "--interval", "0.005", "--json", "--dscp", "46", "--size", "500")
    assert text.returncode == 0
    assert "loss               0 % (< 15 % at 95 %: 3/20)" in text.stdout
    assert "round trip" in text.stdout
    found = json.loads(machine.stdout)
    assert set(found) == {
        "sent", "received", "lost", "lost_forward", "lost_reverse", "lost_unattributed", "duplicates", "reordered", "rtt_ns",
        "forward_delay_ns", "reverse_delay_ns", "forward_ipdv_ns", "reverse_ipdv_ns", "clock", "timestamps", "loss_upper_bound",
        "suspect",
    }  # fmt: skip
    assert (found["sent"], found["received"], found["lost"]) == (20, 20, 0)
    assert set(found["rtt_ns"]) == {"n", "min", "p50", "p95", "p99", "max"}
    assert found["loss_upper_bound"] == 0.15


def test_authenticated_with_the_same_key_only(cli: Callable[..., Done], tmp_path: Path) -> None:
    """The same key file: all answered. Another one, or none: nothing, exit 1, and the key is among the hints."""
    (tmp_path / "key").write_text("00112233445566778899aabbccddeeff\n")
    (tmp_path / "other").write_text("ff112233445566778899aabbccddeeff\n")
    with reflecting("--key-file", str(tmp_path / "key")) as where:
        good = cli("stamp", where, "--count", "5", "--interval", "0.005", "--json", "--key-file", str(tmp_path / "key"))
        bad = cli("stamp", where, "--count", "5", "--interval", "0.005", "--json", "--key-file", str(tmp_path / "other"))
        none = cli("stamp", where, "--count", "5", "--interval", "0.005", "--json")
    assert json.loads(good.stdout)["received"] == 5
    for done in (bad, none):
        assert done.returncode == 1
        assert json.loads(done.stdout)["lost_unattributed"] == 5
        assert "is the key the same?" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("stamp", "no.such.host.invalid"), 1, "error: no.such.host.invalid has no address"),
        (("stamp", "127.0.0.1:0x"), 2, "expected HOST:PORT"),
        (("stamp", "127.0.0.1", "--key-file", "/none"), 2, "error: key file /none: No such file"),
        (("stamp", "127.0.0.1", "--count", "0"), 2, "--count"),
        (("reflector", "--listen", "nohost:862"), 2, "error: --listen: nohost is no address"),
        (("reflector", "--allow", "10.0.0.1/8"), 2, "allow holds no network"),
        (("reflector", "--listen", "862"), 2, "listen"),
    ],
)
def test_wrong_use_is_one_line_with_a_hint(cli: Callable[..., Done], arguments: tuple[str, ...], code: int, said: str) -> None:
    """What is wrong, the exit code, and no traceback."""
    done = cli(*arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_port_in_use_is_said(cli: Callable[..., Done]) -> None:
    """Exit 2, the port, and how to find who has it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        done = cli("reflector", "--listen", listen)
    assert done.returncode == 2
    assert f"error: --listen: cannot listen on {listen}: Address already in use" in done.stderr
    assert "hint: " in done.stderr


def test_a_reserved_port_needs_a_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    """EACCES is explained: which capability, and what to do."""
    import probe.active.active_tests as component  # noqa: PLC0415 - beside its one use

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(component, "StampSocket", refuse)
    with pytest.raises(component.CommandError, match="needs the capability CAP_NET_BIND_SERVICE") as caught:
        component.listening("0.0.0.0:862", key="--listen")
    assert "port from 1024 on" in (caught.value.hint or "")


def test_the_bound_of_a_loss_ratio() -> None:
    """Rule of three without a loss, Wilson's bound with some, never above 1, none without packets."""
    assert loss_upper_bound(0, 300) == 0.01
    assert loss_upper_bound(0, 2) == 1.0
    assert loss_upper_bound(0, 0) is None
    assert loss_upper_bound(5, 5) == 1.0
    bound = loss_upper_bound(10, 1000)
    assert bound is not None
    assert 0.015 < bound < 0.018


def interval(**more: object) -> SessionInterval:
    """One that sent a hundred packets and lost three."""
    values = Histogram([1_000_000] * 97)
    fields: dict[str, object] = {
        "start_ns": 0, "end_ns": 10, "sent": 100, "received": 97, "lost_forward": 2, "lost_reverse": 1, "lost_unattributed": 0,
        "duplicates": 0, "reordered": 0, "suspect": 0, "rtt": values, "forward_delay": values, "reverse_delay": values,
        "forward_ipdv": values, "reverse_ipdv": values, "severely_errored_mask": 0, "t1_source": Source.SOFTWARE,
        "t4_source": Source.SOFTWARE,
    }  # fmt: skip
    return SessionInterval(**(fields | more))  # type: ignore[arg-type]


def test_the_error_bar_is_the_sum_of_both_ends() -> None:
    """Known only when both clocks are disciplined; else the class is none and there is no error, not 0."""
    clock = ClockQuality(clock_class="ntp", error_ns=2000)
    assert document(interval(peer_error_ns=3000), clock)["clock"] == {"class": "ntp", "error_ns": 5000}
    assert document(interval(), clock)["clock"] == {"class": "none"}
    assert any("one-way delays ± 0.005 ms" in line for line in lines(interval(peer_error_ns=3000), clock))
    assert any("3.00 % (< " in line and "forward 2, reverse 1, direction unknown 0" in line for line in lines(interval(), clock))
