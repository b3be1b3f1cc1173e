"""Commands over stored data: windows answered again with nothing written, and a closer look at a line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from typer.testing import CliRunner, Result

from analyzer.cli import app
from faultline.records.terms import SECOND_NS

World = Any
"""The fixture's class lives in conftest.py, which tests cannot import."""


def iso(time_ns: int) -> str:
    """As a person writes it."""
    return datetime.fromtimestamp(time_ns / SECOND_NS, tz=UTC).isoformat()


def contents(world: World) -> dict[str, list[Any]]:
    """Every row of the live store."""
    with world.collector.state.reading() as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in tables}  # noqa: S608 - names of its own


def run(world: World, command: str, *options: str) -> Result:
    """A command of the analyzer, over the world's stores."""
    config = world.folder / "analyzer.yaml"
    settings = {"data": "analyzer", "inventory": "inventory.yaml", "store": {"data": "store", "durable": False}}
    config.write_text(json.dumps(settings | {"incidents": {"clear_after_s": 60}}))
    return CliRunner().invoke(app, [command, *options, "-c", str(config)])


def replayed(world: World, *options: str, since_ns: int) -> dict[str, Any]:
    """What the command prints for programs."""
    done = run(world, "replay", "--since", iso(since_ns), "--until", iso(world.now_ns), "--json", *options)
    assert done.exit_code == 0, (done.stderr, done.exception)
    return dict(json.loads(done.stdout))


def replayed_text(world: World, *, since_ns: int) -> str:
    """What it prints for people."""
    return run(world, "replay", "--since", iso(since_ns), "--until", iso(world.now_ns)).stdout


def test_what_was_said_is_said_again_and_nothing_is_written(world: World, make_fault: Any) -> None:
    """Health, a minute of 1 %, health: the replay raises and clears the same incident at the same windows."""
    begin_ns = world.now_ns
    world.run(120)
    world.run(60, {"loop-a>": make_fault(loss=0.01)})
    world.run(90)
    before = contents(world)
    told = replayed(world, since_ns=begin_ns)
    assert contents(world) == before
    (then,) = world.stored.incidents()
    (now,) = told["incidents"]
    assert told["differences"] == []
    assert (told["windows"], told["windows_without_rows"], told["baselines"]) == (27, 0, "kept")
    assert (now["raised_ns"], now["cleared_ns"]) == (then.raised_ns, then.cleared_ns)
    text = replayed_text(world, since_ns=begin_ns)
    assert "raise  loss loop-a> (access): found in enough consecutive steps" in text
    assert text.splitlines()[-1] == "that is what was said then, too"

    # Another inventory: the loop is the customer's own.
    text = (world.folder / "inventory.yaml").read_text().replace("kind: segment, owner: access", "kind: segment, owner: customer")
    (world.folder / "other.yaml").write_text(text)
    told = replayed(world, "--inventory", str(world.folder / "other.yaml"), "--cold", since_ns=begin_ns)
    assert {"what": "owner", "then": then.id, "now": told["incidents"][0]["id"]} in told["differences"]
    assert told["baselines"] == "learned"


def test_of_old_windows_the_counts_are_answered(world: World, make_fault: Any) -> None:
    """What the collector pruned is read back from the metrics store: losses are found as they were, and it is said."""
    begin_ns = world.now_ns
    world.run(120)
    world.run(60, {"loop-a>": make_fault(loss=0.01)})
    with world.collector.state.transaction() as db:
        db.execute("DELETE FROM rollups")
        db.execute("DELETE FROM histograms")
    told = replayed(world, since_ns=begin_ns)
    assert (told["windows"], told["windows_without_rows"], told["windows_of_counts"]) == (18, 0, 18)
    assert [one["what"] for one in told["differences"]] == []
    assert [incident["verdict"]["components"] for incident in told["incidents"]] == [["loop-a>"]]
    assert "of 18 only counts are kept" in replayed_text(world, since_ns=begin_ns)


def test_a_period_without_windows_is_told(world: World) -> None:
    """Neither an empty answer nor health: there is nothing to answer."""
    world.run(30)
    begin = ("--since", "2020-01-01 00:00")
    assert "no window of that period" in str(run(world, "replay", *begin, "--until", "2020-01-02 00:00").exception)
    assert "is not after" in str(run(world, "replay", *begin, "--until", "2019-01-02 00:00").exception)
    assert "is not a time" in str(run(world, "replay", "--since", "noon").exception)


def test_an_investigation_of_a_line_without_tests_says_so(world: World) -> None:
    """What is believed is told; a line that is not there and orders that are switched off are errors with a way out."""
    world.run(60)
    text = run(world, "investigate", "cn-nb-0017", "--dry-run").stdout
    assert text.startswith("CN-NB-0017, before:\n  No fault found.")
    assert "the inventory has no dials and traces of it" in text
    assert "no line 'nowhere'" in str(run(world, "investigate", "nowhere").exception)
    (world.folder / "off.yaml").write_text(json.dumps({"inventory": "inventory.yaml", "orders": {"enabled": False}}))
    off = CliRunner().invoke(app, ["investigate", "CN-NB-0017", "-c", str(world.folder / "off.yaml")])
    assert "orders.enabled is false" in str(off.exception)
