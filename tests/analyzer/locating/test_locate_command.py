"""`faultline analyzer locate` on files: what a person reads, what a program reads, and what a bad file gets."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from analyzer.locating import command, files
from faultline.runtime.console import BAD_USAGE, CommandError
from tests.inference.scenes import DemoLine, document


@pytest.fixture
def app() -> typer.Typer:
    """The command alone."""
    made = typer.Typer()
    command.register(made)
    return made


def written(folder: Path, evidence: Any) -> str:
    """A file with that document."""
    file = folder / "evidence.json"
    file.write_text(evidence if isinstance(evidence, str) else json.dumps(evidence), encoding="utf-8")
    return str(file)


def failure(app: typer.Typer, *arguments: str) -> CommandError:
    """The error a call ends with."""
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, CommandError)
    return error


def test_json_is_the_contract_with_the_seconds_it_took(app: typer.Typer, tmp_path: Path) -> None:
    """`--json` prints faultline-verdict/1; the edge adds the time."""
    done = CliRunner().invoke(app, [written(tmp_path, DemoLine(seed=1, loss={"loop-a>": 0.01}).evidence()), "--json"])
    verdict = json.loads(done.stdout)
    assert done.exit_code == 0
    assert verdict["format"] == "faultline-verdict/1"
    assert verdict["verdicts"][0]["components"] == ["loop-a>"]
    assert 0 < verdict["seconds"] < 10


def test_a_person_reads_what_why_what_else_and_what_next(app: typer.Typer, tmp_path: Path) -> None:
    """Verdict, weights for and against, alternatives, next test and floor in plain words."""
    scene = DemoLine(seed=1, loss={"core>": 0.01, "core<": 0.01})
    text = CliRunner().invoke(app, [written(tmp_path, scene.evidence())]).stdout
    for expected in (
        "Core (carrier core) loses",
        "from A to Z",
        "Next step: Hand over to core operations: core.",
        "For (nats):",
        "test packets lost",
        "Else it could be: pe1",
        "Next test: from pe1 to pe2",
        "Smallest fault these packets would have shown:",
    ):
        assert expected in text, (expected, text)


def test_standard_input_is_a_file_too(app: typer.Typer) -> None:
    """`-` reads from a pipe."""
    done = CliRunner().invoke(app, ["-"], input=json.dumps(DemoLine(seed=2).evidence()))
    assert done.stdout.startswith("No fault found.")


def test_nothing_measured_and_suspicions_say_so(app: typer.Typer) -> None:
    """An empty window is not health; a suspicion is not a verdict."""
    assert "Nothing was measured" in CliRunner().invoke(app, ["-"], input=json.dumps(document([]))).stdout
    observation = {"kind": "loss", "source": "active", "via": ["loop-a>"], "sent": 2000}
    texts = [CliRunner().invoke(app, ["-"], input=json.dumps(document([observation | {"lost": n}]))).stdout for n in range(4, 14)]
    assert any("Not enough evidence to blame anything." in text for text in texts)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "line 1, column 2"),
        ("[]", "the document is not a JSON object"),
        ({"format": "other"}, "format: 'other' is not 'faultline-evidence/1'"),
        (
            document([{"kind": "loss", "via": ["nowhere"], "sent": 1, "lost": 0}]),
            "observations[0].via[0]: 'nowhere' is not listed",
        ),
    ],
)
def test_a_bad_file_gets_one_line_with_a_hint(app: typer.Typer, tmp_path: Path, content: Any, message: str) -> None:
    """What is wrong and where, what to do, exit code 2."""
    error = failure(app, written(tmp_path, content))
    assert message in error.message
    assert error.hint
    assert error.code == BAD_USAGE


def test_a_file_that_is_not_there_or_not_text_is_told(app: typer.Typer, tmp_path: Path) -> None:
    """Missing files and binary ones, without a traceback."""
    assert "cannot read" in failure(app, str(tmp_path / "none.json")).message
    (tmp_path / "evidence.json").write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in failure(app, str(tmp_path / "evidence.json")).message


def test_unknown_kinds_are_refused_with_the_way_out_and_skipped_when_lenient(app: typer.Typer, tmp_path: Path) -> None:
    """The hint names `--lenient`; with it they are counted in the answer."""
    file = written(tmp_path, document([{"kind": "weather"}, {"kind": "loss", "via": ["ce"], "sent": 100, "lost": 0}]))
    assert "--lenient" in str(failure(app, file).hint)
    assert "Skipped observations: 1 of kind 'weather'" in CliRunner().invoke(app, [file, "--lenient"]).stdout


def test_a_packed_file_is_read_as_it_is(app: typer.Typer, tmp_path: Path) -> None:
    """Gzip, in one part or several, from a file or a pipe, gives the same answer as the plain text."""
    text = json.dumps(DemoLine(seed=1, loss={"loop-a>": 0.01}).evidence()).encode()
    plain = json.loads(CliRunner().invoke(app, ["-", "--json"], input=text).stdout)
    for packed in (gzip.compress(text), gzip.compress(text[:1000]) + gzip.compress(text[1000:])):
        (tmp_path / "evidence.json.gz").write_bytes(packed)
        for arguments in (["-"], [str(tmp_path / "evidence.json.gz")]):
            answer = json.loads(CliRunner().invoke(app, [*arguments, "--json"], input=packed).stdout)
            assert answer | {"seconds": 0} == plain | {"seconds": 0}


def test_a_cut_or_damaged_packed_file_is_told(app: typer.Typer, tmp_path: Path) -> None:
    """Neither half a document nor a traceback."""
    packed = gzip.compress(json.dumps(DemoLine(seed=1).evidence()).encode())
    for damaged in (packed[:-20], packed[:30] + b"\x00" * 30 + packed[60:]):
        (tmp_path / "evidence.json.gz").write_bytes(damaged)
        assert "evidence.json.gz" in failure(app, str(tmp_path / "evidence.json.gz")).message


def test_a_small_file_that_unpacks_to_something_huge_is_refused(tmp_path: Path) -> None:
    """No more is unpacked than a document may hold."""
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b" " * 50_000_000))
    with pytest.raises(CommandError, match="more than 1,000,000 octets"):
        files.document(tmp_path / "bomb.gz", most_octets=1_000_000)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"format": ' + "9" * 10_000 + "}", '{"format": "\\ud800"}'])
def test_json_that_python_cannot_take_is_told_too(app: typer.Typer, text: str) -> None:
    """Nested without end, integers of thousands of digits, halves of characters."""
    assert failure_of(app, text).code == BAD_USAGE


def failure_of(app: typer.Typer, text: str) -> CommandError:
    """The error that standard input ends with."""
    error = CliRunner().invoke(app, ["-"], input=text.encode()).exception
    assert isinstance(error, CommandError)
    return error


def test_the_table_adds_up_to_the_score(app: typer.Typer, tmp_path: Path) -> None:
    """`--explain` prints each observation's nats with their running sum; with the prior it ends at the score."""
    scene = DemoLine(seed=1, loss={"core>": 0.01}, shift_ms={"loop-a<": 12.0})
    text = CliRunner().invoke(app, [written(tmp_path, scene.evidence()), "--explain"]).stdout
    tables = text.split("       nats         sum  observation")[1:]
    assert len(tables) == 2
    for rows in tables:
        lines = [line.split() for line in rows.strip().splitlines()]
        last = next(k for k, line in enumerate(lines) if "score:" in line)
        sums = [float(line[1]) for line in lines[:last]]
        nats = [float(line[0]) for line in lines[:last]]
        assert sums[-1] == pytest.approx(float(lines[last][0]), abs=2e-4)
        assert sum(nats) == pytest.approx(sums[-1], abs=1e-4 * len(nats))


def test_several_files_are_answered_one_by_one(app: typer.Typer, tmp_path: Path) -> None:
    """Each under its name; with `--json` a line each."""
    for name, faults in (("a", {}), ("b", {"loop-a>": 0.01})):
        (tmp_path / name).write_text(json.dumps(DemoLine(seed=1, loss=faults).evidence()))
    names = [str(tmp_path / name) for name in "ab"]
    lines = CliRunner().invoke(app, [*names, "--json"]).stdout.splitlines()
    assert [json.loads(line)["file"] for line in lines] == names
    assert [len(json.loads(line)["verdicts"]) for line in lines] == [0, 1]
    assert f"== {names[1]}\n\n" in CliRunner().invoke(app, names).stdout
    assert "named twice" in failure(app, names[0], names[0]).message
