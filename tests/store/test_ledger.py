"""The ledger against a model small enough to believe: what is new, known, in conflict, and contiguous."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.records.terms import Stream
from faultline.store.ledger import BatchState, ConflictError, Gap, Identity, Ledger, NewBatch
from faultline.store.state import StateStore

LARGEST = (1 << 64) - 1


def make_batch(
    seq: int, *, stream: Stream = Stream.FLOWS, content: str = "x", received_ns: int = 5, incarnation: int = 1
) -> NewBatch:
    """A batch of the probe `branch`."""
    identity = Identity(probe="branch", incarnation=incarnation, stream=stream, seq=seq)
    return NewBatch(
        identity=identity,
        digest=hashlib.sha256(f"{stream} {seq} {content}".encode()).digest(),
        octets=10,
        records=1,
        received_ns=received_ns,
        wall_ns=4,
        monotonic_ns=3,
        watermark_ns=2,
        correction_ns=0,
        payload=f"{stream}/{seq}",
    )


def take(ledger: Ledger, batch: NewBatch, gaps: tuple[Gap, ...] = ()) -> int:
    """What intake does with a batch; gives the contiguous sequence it would answer."""
    known = ledger.known(batch.identity, batch.digest)
    return ledger.accept(batch, gaps) if known is None else known


def gap(first: int, last: int, stream: Stream = Stream.FLOWS) -> Gap:
    """Batches that will never come."""
    return Gap(stream=stream, first_seq=first, last_seq=last, reason="quota")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty ledger."""
    return Ledger(StateStore(tmp_path / "state.db", durable=False))


def test_the_same_batch_again_is_the_same_answer(ledger: Ledger) -> None:
    """A lost answer costs a second upload and nothing else."""
    assert [take(ledger, make_batch(1)), take(ledger, make_batch(2))] == [1, 2]
    assert take(ledger, make_batch(1)) == 2
    assert ledger.backlog() == (2, 20)


def test_the_same_identity_with_other_octets_is_a_conflict(ledger: Ledger) -> None:
    """Two machines share a spool: the second must begin a new incarnation."""
    take(ledger, make_batch(1))
    with pytest.raises(ConflictError):
        take(ledger, make_batch(1, content="other"))
    assert take(ledger, make_batch(1, content="other", incarnation=LARGEST)) == 1


def test_a_hole_holds_the_acknowledgement_until_it_is_filled_or_told(ledger: Ledger) -> None:
    """The probe deletes up to the answer only: nothing missing may lie below it."""
    take(ledger, make_batch(1))
    assert take(ledger, make_batch(5)) == 1
    assert take(ledger, make_batch(2)) == 2
    take(ledger, make_batch(1, stream=Stream.EVENTS), (gap(3, 4),))
    assert take(ledger, make_batch(6)) == 6


def test_a_gap_of_everything_there_could_be_is_no_work(ledger: Ledger) -> None:
    """A gap is a range, however long."""
    take(ledger, make_batch(1, stream=Stream.EVENTS), (gap(1, (1 << 63) - 1),))
    state = {s.stream: s.contiguous for s in ledger.streams()}
    assert state[Stream.FLOWS] == (1 << 63) - 1


def test_a_batch_that_was_told_as_a_gap_is_taken_when_it_comes_after_all(ledger: Ledger) -> None:
    """Data beat an announcement that there are none."""
    take(ledger, make_batch(1, stream=Stream.EVENTS), (gap(1, 3),))
    assert take(ledger, make_batch(2)) == 3
    assert [row.identity.seq for row in ledger.after(1)] == [2]


def test_old_rows_are_forgotten_and_the_acknowledgement_is_not(ledger: Ledger) -> None:
    """A batch from before the ledger's memory is recognised by its sequence."""
    for seq in (1, 2, 3):
        take(ledger, make_batch(seq, received_ns=seq))
    ledger.mark([1, 2], BatchState.FINAL)
    ledger.forget_payloads([1, 2])
    assert ledger.forget_before(3) == 2
    assert take(ledger, make_batch(1)) == 3
    assert ledger.first_waiting() == 3


def test_payloads_go_when_final_archived_and_old(ledger: Ledger) -> None:
    """All three; a waiting batch keeps its payload whatever its age."""
    for seq in (1, 2, 3):
        take(ledger, make_batch(seq, received_ns=seq))
    ledger.mark([1, 3], BatchState.FINAL)
    assert ledger.removable_payloads(received_before_ns=10, archived_upto=2) == [(1, "flows/1")]
    assert ledger.removable_payloads(received_before_ns=1, archived_upto=9) == []


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("batch"), st.integers(1, 12), st.just(0)),
        st.tuples(st.just("gap"), st.integers(1, 12), st.integers(0, 5)),
    ),
    max_size=25,
)


@given(steps=STEPS)
def test_contiguous_is_what_a_set_of_numbers_says(steps: list[tuple[str, int, int]]) -> None:
    """Batches and gaps in any order, any of them twice: the answer is the first missing number less one."""
    with tempfile.TemporaryDirectory() as folder:
        state = StateStore(Path(folder) / "state.db", durable=False)
        ledger, filled, events = Ledger(state), set[int](), 0
        for kind, first, more in steps:
            if kind == "batch":
                filled.add(first)
                answer = take(ledger, make_batch(first))
            else:
                filled |= set(range(first, first + more + 1))
                events += 1
                take(ledger, make_batch(events, stream=Stream.EVENTS), (gap(first, first + more),))
                answer = {s.stream: s.contiguous for s in ledger.streams()}[Stream.FLOWS]
            assert answer == next(n for n in range(1, 40) if n not in filled) - 1
        state.close()
