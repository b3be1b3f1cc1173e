"""Positions along a line and the slices between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.inventory import Component, Inventory, Line, LineEnd, Position, positions
from faultline.records.incident import Base, base_of
from faultline.records.terms import ComponentKind, Direction, LineCode, Owner, TenantId

KINDS = (ComponentKind.SEGMENT, ComponentKind.DEVICE, ComponentKind.LINK, ComponentKind.SERVER)


def make_line(*kinds: ComponentKind) -> tuple[Line, Inventory]:
    """A line whose components are c0, c1, ... of the given kinds."""
    components = {
        Base(f"c{n}"): Component(id=Base(f"c{n}"), name=f"c{n}", kind=kind, owner=Owner.ACCESS) for n, kind in enumerate(kinds)
    }
    end = LineEnd(name="end", prefixes=("10.0.0.0/8",))
    line = Line(code=LineCode("L"), tenant=TenantId("t"), customer="t", a_end=end, z_end=end, path=tuple(components))
    return line, Inventory(tenants={}, sites={}, components=components, lines={line.code: line}, vantages={}, sessions={})


LINE, INVENTORY = make_line(
    ComponentKind.SEGMENT, ComponentKind.DEVICE, ComponentKind.SEGMENT, ComponentKind.DEVICE, ComponentKind.SERVER
)

lines = st.lists(st.sampled_from(KINDS), min_size=1, max_size=12).map(lambda kinds: make_line(*kinds))


@st.composite
def lines_with_boundaries(draw: st.DrawFn, number: int) -> tuple[Line, Inventory, list[Position]]:
    """A line and so many boundaries of it, from A to Z."""
    line, inventory = draw(lines)
    places = st.integers(-1, len(line.path) - 1).map(lambda n: Position(place=n + 0.5))
    return line, inventory, sorted(draw(st.lists(places, min_size=number, max_size=number)), key=lambda p: p.place)


def test_a_slice_has_what_lies_between_in_the_packets_direction() -> None:
    """From A to Z segments carry `>`, back `<` and in falling order; devices carry no direction."""
    start, end = Position(place=0.5), Position(place=3.5)
    assert positions.via(LINE, INVENTORY, start, end) == ("c1", "c2>", "c3")
    assert positions.via(LINE, INVENTORY, end, start) == ("c3", "c2<", "c1")


def test_an_element_that_a_vantage_is_at_belongs_to_both_sides() -> None:
    """What is captured at a device saw packets before and after it."""
    here = Position(place=1.0)
    assert positions.from_sender(LINE, INVENTORY, here, Direction.A_TO_Z) == ("c0>", "c1")
    assert positions.to_receiver(LINE, INVENTORY, here, Direction.A_TO_Z) == ("c1", "c2>", "c3", "c4")
    assert positions.via(LINE, INVENTORY, here, Position(place=2.0)) == ("c1", "c2>")


def test_a_round_trip_has_both_directions_and_a_device_once() -> None:
    """Both slices side by side, from the position outwards."""
    assert positions.to_end_and_back(LINE, INVENTORY, Position(place=1.5), Direction.A_TO_Z) == ("c2>", "c2<", "c3", "c4")
    assert positions.to_end_and_back(LINE, INVENTORY, Position(place=1.5), Direction.Z_TO_A) == ("c1", "c0<", "c0>")
    assert positions.both_ways(LINE, INVENTORY, Position(place=3.5), Position(place=0.5)) == ("c3", "c2<", "c2>", "c1")


def test_positions_are_named_by_elements() -> None:
    """At, before, after, and between two neighbours in either order."""
    path = LINE.path
    assert positions.at(path, Base("c1")) == Position(place=1.0)
    assert positions.before(path, Base("c0")) == Position(place=-0.5)
    assert positions.after(path, Base("c4")) == Position(place=4.5)
    assert (
        positions.between(path, Base("c2"), Base("c1")) == positions.between(path, Base("c1"), Base("c2")) == Position(place=1.5)
    )
    with pytest.raises(ValueError, match="not neighbours"):
        positions.between(path, Base("c0"), Base("c2"))
    with pytest.raises(ValueError, match="x is not on the path"):
        positions.at(path, Base("x"))


@given(lines_with_boundaries(3))
def test_slices_of_neighbouring_stretches_make_the_slice_of_both(ground: tuple[Line, Inventory, list[Position]]) -> None:
    """From a first boundary over a second to a third nothing is lost and nothing twice, in both directions."""
    line, inventory, (one, two, three) = ground
    assert positions.via(line, inventory, one, two) + positions.via(line, inventory, two, three) == positions.via(
        line, inventory, one, three
    )
    assert positions.via(line, inventory, three, two) + positions.via(line, inventory, two, one) == positions.via(
        line, inventory, three, one
    )


@given(lines_with_boundaries(2))
def test_the_way_back_mirrors_the_way_there(ground: tuple[Line, Inventory, list[Position]]) -> None:
    """The same components in the opposite order; the directed ones with the opposite mark."""
    line, inventory, (one, two) = ground
    there, back = positions.via(line, inventory, one, two), positions.via(line, inventory, two, one)
    assert [base_of(c) for c in there] == [base_of(c) for c in reversed(back)]
    for forth, home in zip(there, reversed(back), strict=True):
        if inventory.components[base_of(forth)].directed and one != two:
            assert {forth[-1], home[-1]} == {">", "<"}


@given(lines_with_boundaries(1), st.sampled_from(Direction))
def test_the_two_sides_of_a_boundary_make_the_whole_line(
    ground: tuple[Line, Inventory, list[Position]], direction: Direction
) -> None:
    """What packets crossed before a vantage and cross after it is the path, once."""
    line, inventory, (here,) = ground
    whole = positions.from_sender(line, inventory, here, direction) + positions.to_receiver(line, inventory, here, direction)
    path = line.path if direction is Direction.A_TO_Z else tuple(reversed(line.path))
    assert tuple(base_of(c) for c in whole) == path


@given(lines, st.data())
def test_a_described_position_reads_back(ground: tuple[Line, Inventory], data: st.DataObject) -> None:
    """The YAML form of a position is the position again."""
    path = ground[0].path
    place = Position(place=data.draw(st.integers(-1, 2 * len(path) - 1).map(lambda n: n / 2)))
    described = positions.describe(path, place)
    (way, value), *_ = described.items()
    if isinstance(value, list):
        assert positions.between(path, Base(value[0]), Base(value[1])) == place
    else:
        assert {"at": positions.at, "before": positions.before, "after": positions.after}[way](path, Base(value)) == place
