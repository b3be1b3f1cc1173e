"""Lost segments as a column holds them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.records.fields import FieldType, table
from faultline.records.losses import Loss, LossClass, LossError, losses_of, octets_of

losses = st.builds(
    Loss,
    sequence=st.integers(0, 2**32 - 1),
    octets=st.integers(0, 2**32 - 1),
    at_ns=st.integers(-61_505_152 * 10**9, 4_233_462_144 * 10**9 - 1),
    of=st.sampled_from(LossClass),
)


@given(st.lists(losses, max_size=5))
def test_what_was_written_is_read(made: list[Loss]) -> None:
    """Every segment comes back, to the nanosecond."""
    assert list(losses_of(octets_of(made))) == made


@given(st.binary(max_size=60))
def test_other_octets_are_refused_or_read(octets: bytes) -> None:
    """Whatever stands there: segments, or an error of the one kind."""
    with contextlib.suppress(LossError):
        assert len(losses_of(octets)) * 17 == len(octets)


def test_a_cut_list_is_told() -> None:
    """The message says what was expected."""
    with pytest.raises(LossError, match="20 octets are not lost segments of 17 each"):
        losses_of(bytes(20))


def test_the_layout_is_that_of_the_field_table() -> None:
    """A record of the list is as long as the table's fields."""
    lengths = {FieldType.U8: 1, FieldType.U32: 4, FieldType.TIME_NS: 8}
    fields = [table().fields[name] for name in table().fields["loss_events"].of]
    assert [field.name for field in fields] == ["loss_sequence", "loss_octets", "loss_at_ns", "loss_class"]
    one = Loss(sequence=1, octets=2, at_ns=3, of=LossClass.UPSTREAM)
    assert sum(lengths[field.type] for field in fields) == len(octets_of([one]))
