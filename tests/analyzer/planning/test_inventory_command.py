"""`faultline inventory`: the file checked, a line found, its path shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.main import get_command

from analyzer.planning.cli import app
from faultline.runtime.console import CommandError

EXAMPLE = Path(__file__).resolve().parents[3] / "packaging" / "examples" / "inventory.yaml"
WITH = ("-i", str(EXAMPLE))
LINE_OF_TENANT = EXAMPLE.read_text(encoding="utf-8").splitlines().index("    tenant: bank") + 1


def call(*arguments: str) -> None:
    """Run a command in this process; its errors come out."""
    get_command(app).main([*arguments], standalone_mode=False)


def refused(*arguments: str) -> CommandError:
    """The error a command ends with."""
    with pytest.raises(CommandError) as caught:
        call(*arguments)
    assert caught.value.hint
    return caught.value


def test_a_sound_file_is_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    """What is in it, by numbers, on standard output."""
    call("check", str(EXAMPLE))
    said = capsys.readouterr()
    assert "can be used" in said.out
    assert "lines: 1, components: 18, vantages: 6, sessions: 5, dials: 2, traces: 2" in said.out
    assert said.err == ""


def test_every_mistake_is_a_line_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File, line, key, what is wrong and what to do on standard error; exit code 2."""
    file = tmp_path / "inv.yaml"
    text = EXAMPLE.read_text().replace("tenant: bank", "tenant: bnak").replace("reflector: pe1}", "reflector: pe7}")
    file.write_text(text)
    error = refused("check", str(file))
    assert error.code == 2
    assert error.message == f"{file} cannot be used: 2 problems"
    said = capsys.readouterr()
    assert said.out == ""
    first, second = said.err.splitlines()
    assert first.startswith(f"{file}:{LINE_OF_TENANT}: lines[0].tenant: no tenant 'bnak'; did you mean 'bank'?")
    assert "sessions[0].reflector" in second


def test_programs_get_the_mistakes_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One document on standard output, with the same exit code."""
    file = tmp_path / "inv.yaml"
    file.write_text(EXAMPLE.read_text().replace("tenant: bank", "tenant: bnak"))
    assert refused("check", str(file), "--json").code == 2
    told = json.loads(capsys.readouterr().out)
    assert told["usable"] is False
    assert told["problems"] == [
        {
            "file": str(file),
            "line": LINE_OF_TENANT,
            "key": "lines[0].tenant",
            "wrong": "no tenant 'bnak'",
            "remedy": "did you mean 'bank'?",
        },
    ]


def test_a_line_that_nobody_looks_at_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is no mistake, but nothing will ever be measured there."""
    text = EXAMPLE.read_text()
    line = text[text.index("  - code:") : text.index("# Lines of one tenant")]
    file = tmp_path / "inv.yaml"
    file.write_text(text.replace(line, line + line.replace("CN-NB-0017", "CN-NB-0018")))
    call("check", str(file))
    assert "no vantage looks at CN-NB-0018" in capsys.readouterr().out


def test_a_missing_file_is_one_mistake(tmp_path: Path) -> None:
    """With the reason, for every command."""
    for command in (["check", str(tmp_path / "none")], ["show", "X", "-i", str(tmp_path / "none")]):
        error = refused(*command)
        assert error.code == 2
        assert "name the file" in (error.hint or "")


def test_the_path_is_shown_from_a_to_z_with_owners_and_vantages(capsys: pytest.CaptureFixture[str]) -> None:
    """Each element in its order with its owner; each vantage where it looks; tests with what they cross; planned work."""
    call("show", "cn-nb-0017", *WITH)
    shown = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert shown[0] == "CN-NB-0017 · First Bank · AA · mpls_vpn · 100 Mbit/s · in_service"
    assert shown[1:4] == [
        "customer: gold",
        "contract: availability 99.95 %, loss 0.1 %, round trip 30 ms, delay variation 5 ms",
        "belongs to: group Teller lines",
    ]
    order = [
        "A  Ningbo  10.1.17.0/24",
        "│  Branch LAN (branch-lan)",
        "◆    ce-lan: probe branch, captures lan",
        "■  CE router (ce)",
        "◆    ce-wan: probe branch, captures wan",
        "│  Access loop A (loop-a)",
        "◆    pe1: probe pe1, captures mirror",
        "■  PE1 (pe1)",
        "■  Application server (server)",
        "Z  Shanghai  10.9.0.0/24",
        "Resolver (dns-1), resolver, 10.9.0.53, behind Shanghai",
        "ce-pe1: ce-wan → pe1, over loop-a",
        "dial-teller: ce-lan → teller",
        "trace-ce-fw: ce-wan → fw-lan",
        "loop-a, 2026-12-01 02:00 to 2026-12-01 04:00 CST: cut-over",
    ]
    places = [next(n for n, line in enumerate(shown) if line.startswith(begin)) for begin in order]
    assert places == sorted(places)
    assert any("over pe1-p1 - p1 - p1-pe2 or pe1-p2 - p2 - p2-pe2" in line for line in shown)
    assert "access" in shown[places[5]]
    assert "customer" in shown[places[1]]


def test_the_columns_line_up_in_chinese_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Chinese characters take two columns of a terminal."""
    file = tmp_path / "inv.yaml"
    file.write_text(EXAMPLE.read_text().replace("name: Access loop A", "name: 宁波接入环路"), encoding="utf-8")
    call("show", "CN-NB-0017", "-i", str(file))
    shown = capsys.readouterr().out.splitlines()
    chinese = next(line for line in shown if "宁波接入环路" in line)
    latin = next(line for line in shown if "(branch-lan)" in line)
    assert chinese.index("segment") + len("宁波接入环路") == latin.index("segment")


def test_the_path_as_json_has_no_null(capsys: pytest.CaptureFixture[str]) -> None:
    """Owners, places and sessions for programs; what is not known is left out."""
    call("show", "CN-NB-0017", "--json", *WITH)
    told = json.loads(capsys.readouterr().out)
    assert [entry["owner"] for entry in told["path"]][:3] == ["customer", "customer", "access"]
    assert told["vantages"][0] == {"id": "ce-lan", "probe": "branch", "observation_point": "lan", "between": ["branch-lan", "ce"]}
    assert told["sessions"][0]["crosses"] == ["loop-a"]
    assert told["z_end"]["hosts"] == ["dns-1"]
    assert told["path"][4]["paths"] == [["pe1-p1", "p1", "p1-pe2"], ["pe1-p2", "p2", "p2-pe2"]]
    assert [entry["target"] for entry in (*told["dials"], *told["traces"])] == ["teller", "dns-1", "fw-lan", "teller"]
    assert told["contract"] == {
        "availability_ratio": 0.9995,
        "loss_ratio": 0.001,
        "round_trip_ns": 30_000_000,
        "variation_ns": 5_000_000,
    }
    assert (told["vip"], told["groups"]) == ("gold", ["tellers"])
    assert "null" not in json.dumps(told)
    assert "backup" not in told


def test_an_unknown_line_brings_the_nearest_ones() -> None:
    """A mistyped code is bad usage with a suggestion."""
    error = refused("show", "CN-NB-0071", *WITH)
    assert error.code == 2
    assert "CN-NB-0017" in (error.hint or "")


@pytest.mark.parametrize("words", ["ningbo shanghai", "FIRST BANK", "nb-0017", "10.1.17", "Branch 17", "teller lines"])
def test_a_line_is_found_by_what_a_caller_says(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Customer, code, cities, networks, sites, groups; every word counts, upper and lower case alike."""
    call("find", *words.split(), *WITH)
    assert capsys.readouterr().out.startswith("CN-NB-0017  First Bank  Ningbo \u2013 Shanghai")
    call("find", words, "--json", *WITH)
    assert json.loads(capsys.readouterr().out)["lines"][0]["code"] == "CN-NB-0017"


def test_nothing_found_is_exit_code_one() -> None:
    """All words must occur: one that does not finds nothing."""
    assert refused("find", "ningbo", "beijing", *WITH).code == 1
