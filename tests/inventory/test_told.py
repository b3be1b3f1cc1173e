"""Events told in documents and by devices: what they are of, and what is refused."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline import inventory
from faultline.inventory.told import ToldError, Whereabouts, event_of_document
from faultline.records.device_event import DeviceEvent, EventSource
from faultline.records.incident import Base

SHORT: dict[str, Any] = {
    "format": "faultline-inventory/1",
    "tenants": [{"id": "bank"}, {"id": "shop"}],
    "components": [
        {"id": "ce", "kind": "device", "owner": "customer"},
        {"id": "loop", "kind": "segment", "owner": "access"},
        {"id": "pe", "kind": "device", "owner": "carrier_core", "management": ["192.0.2.7"]},
        {"id": "core", "kind": "segment", "owner": "carrier_core"},
    ],
    "lines": [
        {
            "code": "L1",
            "tenant": "bank",
            "a_end": {"name": "A", "prefixes": ["10.1.0.0/24"]},
            "z_end": {"name": "Z", "prefixes": ["10.2.0.0/24"]},
            "path": ["ce", "loop", "pe", "core"],
        },
        {
            "code": "L2",
            "tenant": "shop",
            "a_end": {"name": "A", "prefixes": ["10.3.0.0/24"]},
            "z_end": {"name": "Z", "prefixes": ["10.4.0.0/24"]},
            "path": ["pe", "core"],
        },
    ],
    "interfaces": [
        {"device": "pe", "interface": "ge-0/0/1", "index": 17, "component": "loop"},
        {"device": "pe", "interface": "ge-0/0/2", "component": "core", "peers": ["172.16.0.2"]},
    ],
}


@pytest.fixture(scope="module")
def places() -> Whereabouts:
    """Of a provider's edge between a loop and a core."""
    return Whereabouts(inventory.parse(SHORT, "short"))


def told(places: Whereabouts, document: object) -> DeviceEvent:
    """The event of a document, sent by the ticket system."""
    return event_of_document(document, whereabouts=places, sender="tickets", now_ns=5_000)


def test_a_port_is_known_by_name_in_any_case_by_number_and_by_neighbour(places: Whereabouts) -> None:
    """Devices name what they speak of in one of these ways; the place is always the inventory's spelling."""
    pe = Base("pe")
    assert places.sender("192.0.2.7") == pe
    for port in (places.port(pe, interface="GE-0/0/1"), places.port(pe, index=17)):
        assert (port.name, port.component) == ("ge-0/0/1", "loop")
    assert places.port(pe, peer="172.16.0.2").component == "core"
    assert places.port(pe, interface="ge-9/9/9", index=99) == places.port(pe, interface="ge-9/9/9")
    assert (places.port(pe, index=99).name, places.port(pe, index=99).component) == ("index 99", None)


def test_what_a_device_no_longer_receives_is_of_one_direction(places: Whereabouts) -> None:
    """Light that does not arrive at the device was lost on the way towards it."""
    pe = Base("pe")
    assert places.port(pe, index=17, arriving=True).component == "loop>"
    assert places.port(pe, interface="ge-0/0/2", arriving=True).component == "core<"


def test_an_event_is_the_tenants_whose_lines_alone_cross_it_else_the_carriers(places: Whereabouts) -> None:
    """What several share is the carrier's, and what nobody knows nobody's."""
    assert told(places, {"event": "LOS", "component": "loop>"}).tenant == "bank"
    assert told(places, {"event": "LOS", "component": "core"}).tenant == "carrier"
    assert places.tenant(None) == "_unassigned"


def test_a_document_becomes_an_event(places: Whereabouts) -> None:
    """A port of a device, by its address; the sender is the system, so that whoever cleared it clears it."""
    document = {"event": "LINK_DOWN", "device": "192.0.2.7", "interface": "ge-0/0/1", "told_ns": 4_000, "text": "cut", "by": "Li"}
    event = told(places, document)
    assert (event.component, event.place, event.sender, event.source) == ("loop", "pe ge-0/0/1", "tickets", EventSource.PERSON)
    assert (event.raised, event.told_ns, event.received_ns, event.text) == (True, 4_000, 5_000, "Li: cut")
    assert told(places, document).id == event.id
    assert told(places, {**document, "raised": False}).id != event.id
    assert told(places, {"event": "X", "component": "pe", "id": "7"}).source is EventSource.REST


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ([], ""),
        ({"event": "LOS", "component": "loop", "colour": "red"}, "colour"),
        ({"event": "link down", "component": "loop"}, "event"),
        ({"component": "loop"}, "event"),
        ({"event": "LOS"}, "component"),
        ({"event": "LOS", "component": "loop", "device": "pe"}, "component"),
        ({"event": "LOS", "component": "nowhere"}, "component"),
        ({"event": "LOS", "component": "pe>"}, "component"),
        ({"event": "LOS", "device": "192.0.2.8"}, "device"),
        ({"event": "LOS", "device": "pe", "interface": "ge-9"}, "interface"),
        ({"event": "LOS", "device": "pe", "index": True}, "index"),
        ({"event": "LOS", "component": "loop", "raised": "yes"}, "raised"),
        ({"event": "LOS", "component": "loop", "told_ns": -1}, "told_ns"),
        ({"event": "LOS", "component": "loop", "text": "x" * 1001}, "text"),
        ({"event": "LOS", "component": "loop", "text": "\ud800"}, "text"),
    ],
)
def test_a_mistake_is_named_by_its_key(places: Whereabouts, document: object, key: str) -> None:
    """With what to do."""
    with pytest.raises(ToldError) as refused:
        told(places, document)
    assert refused.value.key == key
    assert refused.value.hint


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["event", "component", "device", "interface", "told_ns", "by", "id", "raised"]), _JSON)
    | _JSON
)
def test_no_document_is_more_than_refused(document: object) -> None:
    """Whatever JSON strangers send."""
    with contextlib.suppress(ToldError):
        assert told(_PLACES, document).component is not None


_PLACES = Whereabouts(inventory.parse(SHORT, "short"))
