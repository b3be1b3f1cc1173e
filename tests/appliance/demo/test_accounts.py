"""Batches accounted for: spools against the ledger, over the real spool and the real ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.demo.namespaces.accounts import balance
from appliance.demo.world import Balance
from faultline.records.terms import ProbeId, Stream
from faultline.runtime.clock import SystemClock
from faultline.runtime.counters import Counters
from faultline.store.ledger import Identity, Ledger, NewBatch
from faultline.store.state import StateStore
from probe.spool.spool import Spool

SEQS = 5


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """A spool with five batches of flows, the first four released."""
    made = Spool(tmp_path / "spool", ProbeId("branch"), clock=SystemClock(), counters=Counters())
    made.open()
    for _ in range(SEQS):
        made.append(Stream.FLOWS, b"", records=0, first_ns=None, last_ns=None, watermark_ns=1)
    made.release(Stream.FLOWS, SEQS - 1)
    return made


@pytest.fixture
def state(tmp_path: Path) -> StateStore:
    """An empty state store."""
    return StateStore(tmp_path / "state.db", durable=False)


def accept(state: StateStore, spool: Spool, *seqs: int) -> None:
    """Batches in the ledger."""
    for seq in seqs:
        identity = Identity(probe="branch", incarnation=spool.incarnation, stream=Stream.FLOWS, seq=seq)
        batch = NewBatch(
            identity=identity,
            digest=bytes(32),
            octets=1,
            records=0,
            received_ns=1,
            wall_ns=1,
            monotonic_ns=1,
            watermark_ns=1,
            correction_ns=0,
            payload=f"{seq}",
        )
        Ledger(state).accept(batch)


def test_batches_that_are_all_in_the_ledger_balance(spool: Spool, state: StateStore) -> None:
    """Every acknowledged batch once: nothing lost, nothing doubled; what still waits in the spool is neither."""
    accept(state, spool, 1, 2, 3, 4)
    assert balance([spool.directory], state.path) == Balance(lost=0, doubled=0, batches=4)


def test_an_acknowledged_batch_that_the_ledger_lacks_is_lost(spool: Spool, state: StateStore) -> None:
    """The spool let go of it, and nobody has it."""
    accept(state, spool, 1, 2, 4)
    assert balance([spool.directory], state.path) == Balance(lost=1, doubled=0, batches=4)


def test_a_spool_that_never_opened_has_nothing_to_account_for(tmp_path: Path, state: StateStore) -> None:
    """A probe that made nothing lost nothing."""
    assert balance([tmp_path / "nothing"], state.path) == Balance(lost=0, doubled=0, batches=0)
