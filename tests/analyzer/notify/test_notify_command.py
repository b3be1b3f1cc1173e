"""`faultline analyzer notify` as a person meets it, and the MIB as a management system does."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analyzer.cli import app
from analyzer.notify.command import MIB
from analyzer.notify.outbox import Item, Outbox
from analyzer.notify.snmp import _variables
from faultline.runtime.console import CommandError
from faultline.snmp.ber import Reader
from tests.analyzer.notify.conftest import free_port

RUNNER = CliRunner()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Two receivers of syslog: one that listens to UDP, one whose port is closed."""
    closed = free_port(socket.SOCK_STREAM)
    path = tmp_path / "analyzer.yaml"
    path.write_text(
        f"data: {tmp_path}\nhostname: noc-1\nsyslog:\n  - {{name: noc, address: '127.0.0.1:9', language: zh}}\n"
        f"  - {{name: away, address: '127.0.0.1:{closed}', transport: tcp}}\n",
        encoding="utf-8",
    )
    return path


def run(config: Path, *options: str) -> str:
    """What it prints.

    Raises:
        CommandError: it refuses.
    """
    result = RUNNER.invoke(app, ["notify", "-c", str(config), *options])
    if isinstance(result.exception, CommandError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_a_trial_says_what_came_of_it(config: Path) -> None:
    """A protocol without answers says so; it takes no sequence, so that no receiver sees a gap."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.bind(("127.0.0.1", 0))
        heard.settimeout(5)
        text = config.read_text(encoding="utf-8").replace("127.0.0.1:9", f"127.0.0.1:{heard.getsockname()[1]}")
        config.write_text(text, encoding="utf-8")
        assert "no answer: look whether it arrived" in run(config, "--test", "noc")
        message = heard.recv(4096).decode()
    assert re.match(r"<165>1 \S+ noc-1 faultline - TEST \[faultline@32473 event=\"test\" sequence=\"0\"\] ", message)
    assert "没有故障" in message


def test_a_trial_that_fails_says_why_and_what_to_look_at(config: Path) -> None:
    """Name, address, reason and a hint."""
    with pytest.raises(CommandError, match=r"away: 127\.0\.0\.1:\d+: Connection refused") as caught:
        run(config, "--test", "away")
    assert "does the receiver run" in str(caught.value.hint)
    with pytest.raises(CommandError, match="no target 'nobody'") as caught:
        run(config, "--test", "nobody")
    assert caught.value.hint == "there are: noc, away"


def test_how_far_each_target_is_and_a_replay(config: Path) -> None:
    """Told, waiting and put aside, for people and as a document; a replay sets the target back and no other."""
    outbox = Outbox(config.parent / "outbox.sqlite")
    outbox.open()
    outbox.join("noc")
    outbox.put([Item(incident="F1", revision=n, body={}) for n in (1, 2, 3)], time.time_ns())
    first, second, third = outbox.begin("noc")
    outbox.told("noc", first)
    outbox.give_up("noc", second, "refused: no such words")
    outbox.told("noc", third)
    outbox.close()
    shown = run(config)
    assert "noc (syslog): told up to 3, 0 wait, 1 put aside" in shown
    assert "away (syslog): not told anything yet" in shown
    assert "put aside: noc 2: refused: no such words" in shown
    assert "2 to be told from 2 on" in run(config, "--replay", "noc", "--since", "2")
    assert json.loads(run(config, "--json"))["targets"][0] == {
        "target": "noc",
        "kind": "syslog",
        "told": 1,
        "waiting": 2,
        "dead": 0,
    }
    with pytest.raises(CommandError, match="away was never told anything"):
        run(config, "--replay", "away", "--since", "1")
    with pytest.raises(CommandError, match="belong together"):
        run(config, "--replay", "noc")


def test_the_mib_is_printed_under_the_operators_number() -> None:
    """As it stands in the repository but for the number."""
    printed = RUNNER.invoke(app, ["notify", "--mib", "--enterprise", "12345"]).output
    assert "{ enterprises 12345 }" in printed
    assert printed.replace("12345", "32473") == MIB.read_text(encoding="ascii")


def test_a_network_management_system_can_load_the_mib(tmp_path: Path) -> None:
    """net-snmp's own parser names what we send from the MIB alone, without a warning."""
    if shutil.which("snmptranslate") is None:
        pytest.skip("needs snmptranslate (packaging/setup.sh test installs it when root)")
    write_stand_ins(tmp_path)
    shutil.copy(MIB, tmp_path)
    environment = {**os.environ, "MIBDIRS": str(tmp_path), "MIBS": "FAULTLINE-MIB"}
    sent = Reader(_variables(2, [(5, b"\x02\x01\x03")], enterprise=32473, up_ns=0)).enter()
    names = []
    while sent.more:
        pair = sent.enter()
        names.append(pair.object_id())
        names.append(str(pair.value()))
    asked = [names[3], names[4]]  # which notification, and the first variable of ours
    run_ = subprocess.run(["snmptranslate", *asked], env=environment, capture_output=True, text=True, check=True)
    assert run_.stdout.split() == ["FAULTLINE-MIB::faultlineIncidentRevised", "FAULTLINE-MIB::faultlineSeverity.0"]
    assert run_.stderr == ""


def test_smilint_finds_nothing_at_its_strictest_level(tmp_path: Path) -> None:
    """And it would: a notification with an object that nobody defines is found."""
    if shutil.which("smilint") is None:
        pytest.skip("needs smilint (packaging/setup.sh test installs it when root)")
    write_stand_ins(tmp_path)
    wrong = tmp_path / "wrong.txt"
    wrong.write_text(
        MIB.read_text(encoding="ascii").replace("faultlineRepeated, faultlineSeverity,", "faultlineNobody,"), "ascii"
    )
    said = [
        subprocess.run(
            ["smilint", "-l", "6", "-s", str(path)],
            env={**os.environ, "SMIPATH": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        ).stdout
        for path in (MIB, wrong)
    ]
    assert said[0] == ""
    assert "faultlineNobody" in said[1]


def write_stand_ins(folder: Path) -> None:
    """Where tools look for modules."""
    for name, content in STAND_INS.items():
        (folder / name).write_text(content, encoding="ascii")


STAND_INS = {
    "SNMPv2-SMI": """SNMPv2-SMI DEFINITIONS ::= BEGIN
org OBJECT IDENTIFIER ::= { iso 3 }
dod OBJECT IDENTIFIER ::= { org 6 }
internet OBJECT IDENTIFIER ::= { dod 1 }
private OBJECT IDENTIFIER ::= { internet 4 }
enterprises OBJECT IDENTIFIER ::= { private 1 }
MODULE-IDENTITY MACRO ::= BEGIN END
OBJECT-TYPE MACRO ::= BEGIN END
NOTIFICATION-TYPE MACRO ::= BEGIN END
Integer32 ::= INTEGER (-2147483648..2147483647)
Unsigned32 ::= [APPLICATION 2] IMPLICIT INTEGER (0..4294967295)
END
""",
    "SNMPv2-TC": """SNMPv2-TC DEFINITIONS ::= BEGIN
TEXTUAL-CONVENTION MACRO ::= BEGIN END
TruthValue ::= TEXTUAL-CONVENTION
    STATUS current
    DESCRIPTION "true or false"
    SYNTAX INTEGER { true(1), false(2) }
DateAndTime ::= TEXTUAL-CONVENTION
    STATUS current
    DESCRIPTION "a moment"
    SYNTAX OCTET STRING (SIZE (8 | 11))
END
""",
    "SNMP-FRAMEWORK-MIB": """SNMP-FRAMEWORK-MIB DEFINITIONS ::= BEGIN
IMPORTS TEXTUAL-CONVENTION FROM SNMPv2-TC;
SnmpAdminString ::= TEXTUAL-CONVENTION
    STATUS current
    DESCRIPTION "text"
    SYNTAX OCTET STRING (SIZE (0..255))
END
""",
    "SNMPv2-CONF": """SNMPv2-CONF DEFINITIONS ::= BEGIN
MODULE-COMPLIANCE MACRO ::= BEGIN END
OBJECT-GROUP MACRO ::= BEGIN END
NOTIFICATION-GROUP MACRO ::= BEGIN END
END
""",
}
"""What our MIB imports from the standards' modules, as far as tools need it to judge ours: Debian does not ship those."""
