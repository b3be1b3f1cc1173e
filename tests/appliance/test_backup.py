"""A backup of a running installation, put back: what was acknowledged before it is there, and work goes on."""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
import tarfile
from pathlib import Path

import pytest

from appliance.backup import make, put_back
from faultline.records.terms import SECOND_NS
from faultline.runtime.console import CommandError
from faultline.store.sqlite import open_shared
from tests.collector.conftest import BEGIN_NS, FakeProbe, Ground, make_flow, make_session, open_ground


def filled(folder: Path) -> tuple[Ground, FakeProbe]:
    """A collector under way: an archived minute, final windows, and a batch that waits."""
    ground, probe = open_ground(folder), FakeProbe()
    for ten in range(6):
        start_ns = BEGIN_NS + ten * 10 * SECOND_NS
        ground.now_ns = start_ns + 11 * SECOND_NS
        flows = {"flow": [make_flow(start_ns, flow_id=ten)]}
        ground.send(probe.batch("flows", flows, closed_ns=ground.now_ns))
        ground.send(probe.batch("measurements", {"session": [make_session(start_ns)]}, closed_ns=ground.now_ns))
        ground.advance(2)
    ground.advance(60)
    ground.send(probe.batch("flows", {"flow": [make_flow(ground.now_ns, flow_id=99)]}, closed_ns=ground.now_ns))
    return ground, probe


def test_a_backup_of_a_running_collector_goes_on_where_it_was_taken(tmp_path: Path) -> None:
    """Flows and windows are the same, the batch that waited is worked through, and the next one continues its stream."""
    ground, probe = filled(tmp_path / "data")
    made = tmp_path / "backup.tar"
    make(tmp_path / "data", made)
    assert made.stat().st_mode & 0o077 == 0
    before = ground.flows(), ground.points("session")
    ground.collector.close()

    put_back(made, tmp_path / "other")
    again = open_ground(tmp_path / "other")
    try:
        again.now_ns = ground.now_ns
        again.advance()
        assert (again.flows(), again.points("session")) == before
        answer = again.send(probe.batch("flows", closed_ns=again.now_ns))
        assert answer.document["contiguous"] == probe.seqs["flows"]
        again.advance(90)
        assert sorted(row["flow_id"] for row in again.flows()) == [0, 1, 2, 3, 4, 5, 99]
        assert again.stage("decode")["dropped"] == {}
    finally:
        again.collector.close()


def test_what_lives_at_each_start_and_the_spool_are_not_in_it(tmp_path: Path) -> None:
    """A copied spool would be a clone; keys and tokens are in it."""
    ground, _ = filled(tmp_path / "data")
    ground.collector.close()
    for name in ("probe/spool/incarnation", "run/collector.yaml", "lock", "tokens/branch", "collector/tls/authority.key"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text("x")
    kept = {file.name for file in make(tmp_path / "data", tmp_path / "backup.tar")}
    assert {"tokens/branch", "collector/tls/authority.key", "store/state.db", "store/metrics.db"} <= kept
    assert not any(name.startswith(("probe/", "run/")) or name.endswith(("lock", "-wal", "-shm")) for name in kept)


def test_what_a_service_has_only_in_its_log_is_in_it(tmp_path: Path) -> None:
    """Any SQLite file, whatever it is called: committed, and not yet moved from the log into the file."""
    ground, _ = filled(tmp_path / "data")
    ground.collector.close()
    box = tmp_path / "data" / "analyzer" / "outbox.sqlite"
    with contextlib.closing(open_shared(box, durable=True)) as live:
        live.execute("CREATE TABLE told (id INTEGER)")
        live.execute("INSERT INTO told VALUES (7)")
        make(tmp_path / "data", tmp_path / "backup.tar")
    put_back(tmp_path / "backup.tar", tmp_path / "other")
    with contextlib.closing(sqlite3.connect(tmp_path / "other" / "analyzer" / "outbox.sqlite")) as again:
        assert again.execute("SELECT id FROM told").fetchall() == [(7,)]


def test_a_damaged_backup_restores_nothing(tmp_path: Path) -> None:
    """Cut, flipped in one bit, empty, or packed by somebody: one line says so, and there is no folder."""
    ground, _ = filled(tmp_path / "data")
    ground.collector.close()
    made = tmp_path / "backup.tar"
    make(tmp_path / "data", made)
    whole = made.read_bytes()
    flipped = bytearray(whole)
    with tarfile.open(made) as tar:
        flipped[tar.getmember("store/state.db").offset_data + 5000] ^= 1
    for octets in (whole[: len(whole) // 2], bytes(flipped), b"no tar", b"", gzip.compress(whole)):
        made.write_bytes(octets)
        with pytest.raises(CommandError, match=r"backup\.tar: [^\n]+$"):
            put_back(made, tmp_path / "other")
        assert not list(tmp_path.glob("other*"))


def test_a_folder_in_use_is_never_restored_into(tmp_path: Path) -> None:
    """What is there stays as it is."""
    ground, _ = filled(tmp_path / "data")
    ground.collector.close()
    make(tmp_path / "data", tmp_path / "backup.tar")
    with pytest.raises(CommandError, match="is not empty"):
        put_back(tmp_path / "backup.tar", tmp_path / "data")
    with pytest.raises(CommandError, match="holds no stores"):
        make(tmp_path / "nothing", tmp_path / "backup.tar")
