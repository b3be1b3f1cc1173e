"""Mutes: what is kept back, what is told when they end, and that no end is told without its beginning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from analyzer.cli import app
from analyzer.notify.mutes import MuteBook, Sayable, Scope
from analyzer.notify.outbox import Item, Outbox
from faultline.runtime.console import CommandError

MINUTE_NS = 60 * 10**9
EXAMPLE = Path(__file__).parents[3] / "packaging" / "examples" / "inventory.yaml"


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    """An open outbox with one target."""
    made = Outbox(tmp_path / "outbox.sqlite")
    made.open()
    made.join("noc")
    yield made
    made.close()


def said(kind: str, revision: int, *, incident: str = "F1", lines: str = "L1", bases: str = "loop") -> Sayable:
    """An event; its words are its kind."""
    return Sayable(
        incident=incident,
        ends=kind == "clear",
        lines=frozenset(lines.split()),
        bases=frozenset(bases.split()),
        item=lambda begins: Item(incident=incident, revision=revision, body={"kind": "raise" if begins else kind}),
    )


def told(outbox: Outbox) -> list[str]:
    """What the target hears since it was asked last."""
    entries = outbox.begin("noc", 1000)
    for entry in entries:
        outbox.told("noc", entry)
    return [entry.body["kind"] for entry in entries]


def mute(outbox: Outbox, scope: Scope = Scope.LINE, what: str = "L1", minutes: int = 10) -> int:
    """From the beginning of time."""
    return MuteBook(outbox).add(scope, what, reason="cable works", owner="Li", minutes=minutes, now_ns=0)


def test_what_is_muted_is_told_as_a_beginning_when_the_mute_ends(outbox: Outbox) -> None:
    """Raised and revised meanwhile: one message, in the words of the last event, a restart in the middle included."""
    book = MuteBook(outbox)
    mute(outbox)
    book.tell([said("raise", 1)], MINUTE_NS)
    book.tell([said("revise", 2)], 2 * MINUTE_NS)
    assert told(outbox) == []
    MuteBook(outbox).tell([], 9 * MINUTE_NS)
    assert told(outbox) == []
    assert MuteBook(outbox).tell([], 10 * MINUTE_NS) == 1
    assert told(outbox) == ["raise"]
    book.tell([said("revise", 3), said("clear", 4)], 11 * MINUTE_NS)
    assert told(outbox) == ["revise", "clear"]


def test_several_events_of_one_incident_in_one_step_are_as_good_as_in_many(outbox: Outbox) -> None:
    """The newest is what is kept back; an end in the same step takes back what was kept just before."""
    book = MuteBook(outbox)
    mute(outbox)
    book.tell([said("raise", 1), said("revise", 2), said("raise", 1, incident="F2"), said("clear", 2, incident="F2")], MINUTE_NS)
    assert told(outbox) == []
    assert book.tell([], 11 * MINUTE_NS) == 1
    assert told(outbox) == ["raise"]


def test_what_ends_while_it_is_muted_is_never_told(outbox: Outbox) -> None:
    """No end without a beginning, not even after the mute."""
    book = MuteBook(outbox)
    mute(outbox)
    book.tell([said("raise", 1)], MINUTE_NS)
    book.tell([said("clear", 2)], 2 * MINUTE_NS)
    book.tell([], 11 * MINUTE_NS)
    assert told(outbox) == []


def test_the_end_of_what_was_told_before_is_told_in_spite_of_a_mute(outbox: Outbox) -> None:
    """Who was told of a fault hears of its end; revisions in between are kept back."""
    book = MuteBook(outbox)
    book.tell([said("raise", 1)], 0)
    mute(outbox)
    book.tell([said("revise", 2)], MINUTE_NS)
    book.tell([said("clear", 3)], 2 * MINUTE_NS)
    assert told(outbox) == ["raise", "clear"]


def test_a_mute_ended_before_its_time_lets_go(outbox: Outbox) -> None:
    """With the next step; ending it twice is refused."""
    book = MuteBook(outbox)
    number = mute(outbox)
    book.tell([said("raise", 1)], MINUTE_NS)
    assert book.end(number, 2 * MINUTE_NS)
    assert not book.end(number, 2 * MINUTE_NS)
    book.tell([], 2 * MINUTE_NS)
    assert told(outbox) == ["raise"]


@pytest.mark.parametrize(
    ("scope", "what", "event", "is_told"),
    [
        (Scope.LINE, "L1", said("raise", 1, lines="L1"), False),
        (Scope.LINE, "L1", said("raise", 1, lines="L1 L2"), True),
        (Scope.COMPONENT, "loop", said("raise", 1, lines="L1 L2"), False),
        (Scope.COMPONENT, "loop", said("raise", 1, bases="loop pe"), True),
    ],
)
def test_only_what_is_covered_whole_is_muted(outbox: Outbox, scope: Scope, what: str, event: Sayable, *, is_told: bool) -> None:
    """One more line that suffers, or one more suspect, and people are told."""
    mute(outbox, scope, what)
    MuteBook(outbox).tell([event], MINUTE_NS)
    assert told(outbox) == (["raise"] if is_told else [])


@given(steps=st.lists(st.tuples(st.sampled_from(["raise", "revise", "clear", "mute", "unmute"]), st.integers(1, 3)), max_size=25))
def test_whatever_happens_an_incident_begins_once_and_ends_after_it_began(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """For any order of events and mutes of three incidents, each incident's messages are: one beginning, revisions, one end."""
    outbox = Outbox(tmp_path_factory.mktemp("mutes") / "outbox.sqlite")
    outbox.open()
    outbox.join("noc")
    book, muted = MuteBook(outbox), dict[int, int]()
    life = dict.fromkeys((1, 2, 3), 0)
    for at, (what, which) in enumerate(steps):
        if what == "mute":
            muted.setdefault(which, mute(outbox, what=f"L{which}", minutes=1000))
        elif what == "unmute" and which in muted:
            book.end(muted.pop(which), at)
        elif life[which] >= 0 and (what == "raise") == (life[which] == 0) and what in {"raise", "revise", "clear"}:
            life[which] = -1 if what == "clear" else life[which] + 1
            book.tell([said(what, at + 1, incident=f"F{which}", lines=f"L{which}")], at)
        book.tell([], at)
    heard: dict[str, list[str]] = {}
    db = outbox._open_db
    for incident, body in db.execute("SELECT incident, body FROM entries ORDER BY sequence"):
        heard.setdefault(incident, []).append(json.loads(body)["kind"])
    outbox.close()
    for kinds in heard.values():
        assert kinds[0] == "raise"
        assert kinds.count("raise") == 1
        assert kinds.count("clear") <= 1
        assert "clear" not in kinds[:-1]


def test_a_person_mutes_sees_and_ends(tmp_path: Path) -> None:
    """With reason and owner, a line that the inventory has, and a time that ends."""
    config = tmp_path / "analyzer.yaml"
    config.write_text(f"data: {tmp_path}\ninventory: {EXAMPLE}\n", encoding="utf-8")
    line = next(row.split("code: ")[1].strip() for row in EXAMPLE.read_text(encoding="utf-8").splitlines() if "code: " in row)

    def run(*options: str) -> str:
        result = CliRunner().invoke(app, ["mute", "-c", str(config), *options])
        if isinstance(result.exception, CommandError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    assert "mute 1: nobody is told" in run("--line", line, "--reason", "works", "--owner", "Li", "--minutes", "30")
    assert f"1: line {line} until" in run()
    assert json.loads(run("--json"))["mutes"][0]["owner"] == "Li"
    with pytest.raises(CommandError, match="needs --reason and --owner"):
        run("--line", line)
    with pytest.raises(CommandError, match="no line 'L0' in"):
        run("--line", "L0", "--reason", "works", "--owner", "Li")
    run("--end", "1")
    assert run() == ""
    with pytest.raises(CommandError, match="no mute 1 in force"):
        run("--end", "1")
