"""Stored windows answered again: the same incidents, nothing written, and what another inventory would have said."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from typer.testing import CliRunner

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


def replayed(world: World, *options: str, since_ns: int) -> dict[str, Any]:
    """What the command prints."""
    config = world.folder / "analyzer.yaml"
    config.write_text(
        json.dumps(
            {
                "data": "analyzer",
                "inventory": "inventory.yaml",
                "store": {"data": "store", "durable": False},
                "incidents": {"clear_after_s": 60},
            }
        )
    )
    until = iso(world.now_ns)
    done = CliRunner().invoke(app, ["replay", "-c", str(config), "--since", iso(since_ns), "--until", until, "--json", *options])
    assert done.exit_code == 0, (done.stderr, done.exception)
    return dict(json.loads(done.stdout))


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

    # Another inventory: the loop is the customer's own.
    text = (world.folder / "inventory.yaml").read_text().replace("kind: segment, owner: access", "kind: segment, owner: customer")
    (world.folder / "other.yaml").write_text(text)
    told = replayed(world, "--inventory", str(world.folder / "other.yaml"), "--cold", since_ns=begin_ns)
    assert {"what": "owner", "then": then.id, "now": told["incidents"][0]["id"]} in told["differences"]
    assert told["baselines"] == "learned"


def test_a_period_without_windows_is_told(world: World) -> None:
    """Neither an empty answer nor health: there is nothing to answer."""
    world.run(30)
    (world.folder / "analyzer.yaml").write_text(json.dumps({"inventory": "inventory.yaml", "store": {"data": "store"}}))
    call = ["replay", "-c", str(world.folder / "analyzer.yaml"), "--since", "2020-01-01 00:00", "--until", "2020-01-02 00:00"]
    assert "no window of that period" in str(CliRunner().invoke(app, call).exception)
    assert "is not after" in str(CliRunner().invoke(app, [*call[:4], "2020-01-03 00:00", *call[5:]]).exception)
