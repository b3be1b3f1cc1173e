"""`probe trace` as a person types it, on the loopback; with routers it is tested in namespaces."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from probe.cli import main
from probe.paths import tracing

ROOT = Path(__file__).resolve().parents[3]


@attrs.frozen(kw_only=True)
class Done:
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The probe's command line, in this process."""

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["faultline-probe", "trace", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Done(returncode=int(ended.value.code or 0), stdout=said.out, stderr=said.err)

    return run


def test_without_privilege_the_loopback_is_one_hop(cli: Callable[..., Done]) -> None:
    """The contract's document, nothing null; the error queue is enough."""
    done = cli("127.0.0.1", "--unprivileged", "--flows", "2", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert {"destination", "paths", "links", "path_mtu", "complete"} <= set(found)
    assert found["destination"] == "127.0.0.1"
    assert [path["flow_id"] for path in found["paths"]] == [0, 1]
    assert [[hop["address"] for hop in path["hops"]] for path in found["paths"]] == [["127.0.0.1"]] * 2
    assert [len(path["hops"][0]["rtt_ns"]) for path in found["paths"]] == [3, 1]
    assert found["links"] == []
    assert found["complete"] is True
    assert found["sockets"] == "error-queue"
    assert "null" not in done.stdout


def test_people_read_flows_times_and_how_sure_it_is(cli: Callable[..., Done]) -> None:
    """Flows that took the same routers are told together."""
    done = cli("127.0.0.1", "--unprivileged", "--no-mtu")
    assert done.returncode == 0
    assert "flow 0, 1, 2, 3, 4, 5\n   1  127.0.0.1  " in done.stdout
    assert "no further branches at any hop: 96 % sure" in done.stdout
    assert "path MTU" not in done.stdout


def test_where_raw_sockets_are_refused_it_says_what_it_did_instead(
    cli: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A TCP trace becomes a UDP one through the error queue, and both are said."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(tracing, "RawChannel", refuse)
    found = json.loads(cli("127.0.0.1", "--method", "tcp", "--flows", "1", "--json", "--no-mtu").stdout)
    assert (found["method"], found["sockets"]) == ("udp", "error-queue")
    assert "CAP_NET_RAW" in found["notes"][0]
    assert found["notes"][1] == "tcp probes need raw sockets: these are UDP probes"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("no.such.host.invalid",), 1, "error: no.such.host.invalid has no address"),
        (("127.0.0.1", "-6"), 1, "error: 127.0.0.1 has no IPv6 address"),
        (("127.0.0.1", "-4", "-6"), 2, "-4 and -6 exclude each other"),
        (("127.0.0.1", "--method", "sctp"), 2, "hint: udp, tcp or icmp"),
        (("127.0.0.1", "--flows", "0"), 2, "--flows"),
        (("127.0.0.1", "--unprivileged", "--source-port", "65535", "--flows", "2"), 2, "source port 65536 cannot be taken"),
    ],
)
def test_wrong_use_is_one_line_with_a_hint(cli: Callable[..., Done], arguments: tuple[str, ...], code: int, said: str) -> None:
    """What is wrong, the exit code, and no traceback."""
    done = cli(*arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_asking_for_help_loads_no_sockets_and_no_scapy() -> None:
    """The command's parts are imported when it runs."""
    program = "import sys, probe.cli; print(*(n for n in sys.modules if n.startswith(('probe.paths.', 'scapy'))))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True, timeout=60)
    assert done.stdout.split() == ["probe.paths.commands"]
