"""`probe flows` on files: what it prints, where, and how it ends when the input is not what it should be."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from faultline.runtime.console import BAD_USAGE, FAILED, CommandError
from probe import flows
from tests.native.captures import Capture, Talk

ASKER, DNS = ("10.0.0.3", 50000), ("10.0.0.53", 53)


@pytest.fixture
def app() -> typer.Typer:
    """The command alone."""
    made = typer.Typer()
    flows.register(made)
    return made


def ran(app: typer.Typer, *arguments: str | Path, stdin: bytes | None = None) -> tuple[bytes, list[str], int]:
    """Standard output, lines of standard error, exit code."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
    if isinstance(result.exception, CommandError):
        raise result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.stdout_bytes, result.stderr.splitlines(), result.exit_code


def summary_of(lines: list[str]) -> dict[str, Any]:
    """The last line of standard error."""
    found: dict[str, Any] = json.loads(lines[-1])["summary"]
    return found


def capture(path: Path) -> Path:
    """Two flows."""
    return Talk().open().say(100, 0, 0, 0, 10).capture.udp(200, ASKER, DNS).write(path)


def test_records_are_lines_and_the_summary_is_last(app: typer.Typer, tmp_path: Path) -> None:
    """One JSON object a flow on standard output; on standard error the summary with the keys of the contract."""
    out, errors, code = ran(app, "--read", capture(tmp_path / "a.pcap"))
    assert len([json.loads(line) for line in out.splitlines()]) == 2
    told = summary_of(errors)
    assert {name: told[name] for name in ("packets", "flows", "unparsed", "truncated")} == {
        "packets": 5,
        "flows": 2,
        "unparsed": {},
        "truncated": 0,
    }
    assert told["octets"] == 40 * 4 + 10 + 29
    assert told["seconds"] >= 0
    assert code == 0


def test_several_captures_are_one_input(app: typer.Typer, tmp_path: Path) -> None:
    """Files after --read, repeated or plain, are merged by time; compressed ones are read as they are."""
    first = Capture().udp(0, ASKER, DNS).udp(20, ASKER, DNS).write(tmp_path / "a.pcap")
    second = tmp_path / "b.pcap.gz"
    second.write_bytes(gzip.compress(Capture().udp(10, DNS, ASKER).octets()))
    for arguments in (("--read", first, second), ("--read", first, "--read", second), (second, first)):
        out, _, _ = ran(app, *arguments)
        (record,) = [json.loads(line) for line in out.splitlines()]
        assert (record["source_address"], record["packets"], record["reverse_packets"]) == (ASKER[0], 2, 1)


@pytest.mark.parametrize("form", ["jsonl", "csv", "ipfix"])
def test_a_file_takes_what_standard_output_would(app: typer.Typer, tmp_path: Path, form: str) -> None:
    """-o writes the same octets, in every format, and nothing else goes to standard output."""
    path, target = capture(tmp_path / "a.pcap"), tmp_path / "out"
    shown, errors, _ = ran(app, "--read", path, "--format", form)
    nothing, _, _ = ran(app, "--read", path, "--format", form, "-o", target)
    assert nothing == b""
    written = target.read_bytes()
    # Flow ids are drawn anew at each start.
    assert written == shown if form != "ipfix" else len(written) == len(shown)
    assert len(written) > 100
    assert summary_of(errors)["flows"] == 2


def test_options_reach_the_meter(app: typer.Typer, tmp_path: Path) -> None:
    """Timeouts, tunnels and key change the flows."""
    path = Capture().udp(0, ASKER, DNS, vlans=[1]).udp(5000, ASKER, DNS, vlans=[2]).write(tmp_path / "a.pcap")
    assert len(ran(app, "--read", path)[0].splitlines()) == 1
    for option in (["--idle-timeout", "4"], ["--active-timeout", "4"], ["--key", "vlan"], ["--key", "tunnel,vlan"]):
        assert len(ran(app, "--read", path, *option)[0].splitlines()) == 2


def test_broken_inputs_fail_with_one_clear_line(app: typer.Typer, tmp_path: Path) -> None:
    """Empty, not a capture, cut: what is wrong, what to do, the flows so far, the summary last, exit 1."""
    octets = capture(tmp_path / "a.pcap").read_bytes()
    for content, reason, kept in ((b"", "empty", 0), (b"root:x:0:0\n" * 9, "not a capture", 0), (octets[:-3], "cut short", 1)):
        path = tmp_path / "broken.pcap"
        path.write_bytes(content)
        out, errors, code = ran(app, "--read", path)
        assert code == FAILED
        assert errors[0].startswith(f"error: {path}: ")
        assert reason in errors[0]
        assert errors[1].startswith("hint: ")
        assert summary_of(errors)["flows"] == kept == len(out.splitlines())
        assert len(errors) == 3


def test_wrong_calls_are_told(app: typer.Typer, tmp_path: Path) -> None:
    """A file that is not there, a directory, no input, two inputs, an unknown key part, nowhere to write: exit 2."""
    path = capture(tmp_path / "a.pcap")
    for arguments, reason in (
        (("--read", tmp_path / "nope.pcap"), "no such file"),
        (("--read", tmp_path), "is a directory"),
        ((), "captures or an interface"),
        (("--read", path, "--interface", "lo"), "captures or an interface"),
        (("--read", path, "--key", "mac"), "no part of a flow key"),
        (("--read", path, "-o", tmp_path / "no" / "out"), "No such file or directory"),
    ):
        with pytest.raises(CommandError, match=reason) as wrong:
            ran(app, *arguments)
        assert wrong.value.code == BAD_USAGE
        assert wrong.value.hint


def test_standard_input_and_a_reader_that_goes_away(tmp_path: Path) -> None:
    """`-` reads standard input; when nobody reads the output any more the command ends without a word of Python's."""
    crowd = Capture()
    for number in range(20_000):
        crowd.udp(number / 10, (f"10.1.{number // 250}.{number % 250 + 1}", 5), DNS)
    script = [sys.executable, "-c", "from probe.cli import main; main()", "flows", "--read", "-"]
    done = subprocess.run(script, input=crowd.octets(), capture_output=True, check=True, timeout=60)
    assert len(done.stdout.splitlines()) == 20_000
    path = crowd.write(tmp_path / "crowd.pcap")
    with subprocess.Popen([*script[:-1], str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
        assert process.wait(timeout=60) == FAILED


def test_help_does_without_the_native_module() -> None:
    """`--help` is quick: it loads neither the native module nor what only other commands need."""
    script = (
        "import sys; from probe import cli; from typer.testing import CliRunner;"
        "r = CliRunner().invoke(cli.app, ['flows', '--help']); assert r.exit_code == 0, r.output;"
        "print([m for m in ('faultline.native._native', 'scapy', 'httpx', 'pyroute2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"
