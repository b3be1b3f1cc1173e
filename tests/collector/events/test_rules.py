"""What the words of usual devices mean, and the operator's own rules before them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.events.reading import MOST_WORD, Reader, Saying
from collector.events.rules import built_in, read_rules
from collector.events.syslog.message import parsed as parsed_syslog
from faultline.runtime.config import ConfigError
from faultline.snmp.message import Notification, notification, parsed
from tests.collector.events.conftest import NOW_NS, community_message, unit, variables

BUILT_IN = built_in()
READER = Reader(BUILT_IN)
BGP_STATE, BGP_DOWN, BGP_UP = "1.3.6.1.2.1.15.3.1.2", "1.3.6.1.2.1.15.0.2", "1.3.6.1.2.1.15.0.1"
IF_INDEX, IF_DESCR, IF_NAME, OPER = (
    "1.3.6.1.2.1.2.2.1.1",
    "1.3.6.1.2.1.2.2.1.2",
    "1.3.6.1.2.1.31.1.1.1.1",
    "1.3.6.1.2.1.2.2.1.8",
)


def said(text: str, reader: Reader | None = None) -> Saying | None:
    """What a message says."""
    return (reader or READER).of_message(parsed_syslog(f"<189>Nov 25 01:02:03 pe1 {text}".encode(), NOW_NS))


def notified(oid: str, *pairs: tuple[str, int | str], reader: Reader | None = None) -> Saying | None:
    """What a notification says."""
    message = parsed(community_message(unit(variables(oid, *pairs))))
    heard: Notification = notification(message.pdu)  # type: ignore[union-attr]
    return (reader or READER).of_notification(heard)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%LINK-3-UPDOWN: Interface Gi0/1, changed state to down", ("LINK_DOWN", True, "Gi0/1", None)),
        ("%LINK-3-UPDOWN: Interface Gi0/1, changed state to up", ("LINK_DOWN", False, "Gi0/1", None)),
        ("%LINEPROTO-5-UPDOWN: Line protocol on Interface Gi0/1, changed state to down", ("LINK_DOWN", True, "Gi0/1", None)),
        (
            "%PKT_INFRA-LINK-3-UPDOWN : Interface TenGigE0/0/0/1, changed state to Down",
            ("LINK_DOWN", True, "TenGigE0/0/0/1", None),
        ),
        (
            "%ETHPORT-5-IF_DOWN_LINK_FAILURE: Interface Ethernet1/1 is down (Link failure)",
            ("LINK_DOWN", True, "Ethernet1/1", None),
        ),
        ("%ETHPORT-5-IF_UP: Interface Ethernet1/1 is up in mode trunk", ("LINK_DOWN", False, "Ethernet1/1", None)),
        ("%BGP-5-ADJCHANGE: neighbor 10.0.0.2 Down BGP Notification sent", ("BGP_DOWN", True, None, "10.0.0.2")),
        ("%BGP-5-ADJCHANGE: neighbor 10.0.0.2 vpn vrf A Up", ("BGP_DOWN", False, None, "10.0.0.2")),
        (
            "%OSPF-5-ADJCHG: Process 1, Nbr 10.0.0.2 on Gi0/1 from FULL to DOWN, Neighbor Down: x",
            ("OSPF_DOWN", True, "Gi0/1", "10.0.0.2"),
        ),
        (
            "%OSPF-5-ADJCHG: Process 1, Nbr 10.0.0.2 on Gi0/1 from LOADING to FULL, Loading Done",
            ("OSPF_DOWN", False, "Gi0/1", "10.0.0.2"),
        ),
        ("%PEM-3-PEMFAIL: The power supply in slot 0 is switched off", ("POWER", True, None, None)),
        ("%SYS-5-RELOAD: Reload requested by console", ("RESTART", True, None, None)),
        ("%SYS-5-RESTART: System restarted --", ("RESTART", False, None, None)),
        (
            "%%01IFPDT/4/IF_STATE(l)[0]:Interface GigabitEthernet0/0/1 has turned into DOWN state.",
            ("LINK_DOWN", True, "GigabitEthernet0/0/1", None),
        ),
        ("%%01IFNET/4/IF_STATE(l)[2]:Interface Vlanif10 has\n turned into UP state.", ("LINK_DOWN", False, "Vlanif10", None)),
        (
            "%%01IFNET/4/LINK_STATE(l)[1]:The line protocol IP on the interface GE0/0/1 has entered the DOWN state.",
            ("LINK_DOWN", True, "GE0/0/1", None),
        ),
        (
            "%%01PHY/1/PHY(l)[57]:    GigabitEthernet0/0/1:\nchange status to down",
            ("LINK_DOWN", True, "GigabitEthernet0/0/1", None),
        ),
        (
            "%%01BGP/3/STATE_CHG_UPDOWN(l)[1]:The status of the peer 10.0.0.2 changed from ESTABLISHED to IDLE.",
            ("BGP_DOWN", True, None, "10.0.0.2"),
        ),
        (
            "%%01BGP/3/STATE_CHG_UPDOWN(l)[1]:The status of the peer 10.0.0.2 changed from OPENCONFIRM to ESTABLISHED.",
            ("BGP_DOWN", False, None, "10.0.0.2"),
        ),
        (
            "IFNET/3/PHY_UPDOWN: Physical state on the interface GigabitEthernet1/0/1 changed to down.",
            ("LINK_DOWN", True, "GigabitEthernet1/0/1", None),
        ),
        (
            "BGP/5/BGP_STATE_CHANGED: BGP.x: 10.2.9.1  state has changed from ESTABLISHED to IDLE.",
            ("BGP_DOWN", True, None, "10.2.9.1"),
        ),
        (
            "BGP/5/BGP_STATE_CHANGED: BGP.x: 10.2.9.1 state has changed from OPENCONFIRM to ESTABLISHED.",
            ("BGP_DOWN", False, None, "10.2.9.1"),
        ),
        (
            "OSPF/5/OSPF_NBR_CHG: OSPF 10 Neighbor 10.4.5.5(Vlan-interface408) changed from LOADING to FULL.",
            ("OSPF_DOWN", False, "Vlan-interface408", "10.4.5.5"),
        ),
        (
            "mib2d[1]: SNMP_TRAP_LINK_DOWN: ifIndex 517, ifAdminStatus up(1), ifOperStatus down(2), ifName ge-0/0/0",
            ("LINK_DOWN", True, "ge-0/0/0", None),
        ),
        (
            "rpd[1]: RPD_BGP_NEIGHBOR_STATE_CHANGED: BGP peer 10.0.0.2 (Internal) changed state from Established to Idle (x)",
            ("BGP_DOWN", True, None, "10.0.0.2"),
        ),
        (
            "rpd: RPD_BGP_NEIGHBOR_STATE_CHANGED: BGP peer 10.0.0.2 (Internal) changed state from OpenConfirm to Established",
            ("BGP_DOWN", False, None, "10.0.0.2"),
        ),
        (
            "rpd[1]: RPD_OSPF_NBRDOWN: OSPF neighbor 10.0.0.2 (realm ospf-v2 ge-0/0/0.0 area 0.0.0.0) state changed",
            ("OSPF_DOWN", True, None, "10.0.0.2"),
        ),
        ("craftd[1]:  Major alarm set, PEM 1 Not OK", ("POWER", True, None, None)),
    ],
)
def test_what_usual_routers_say_is_understood(text: str, expected: tuple[str, bool, str | None, str | None]) -> None:
    """Cisco, Huawei, H3C and Juniper, each in its own words."""
    found = said(text)
    assert found is not None
    assert (found.name, found.raised, found.interface, found.peer) == expected


@pytest.mark.parametrize(
    "text",
    [
        "%LINK-5-CHANGED: Interface Gi0/1, changed state to administratively down",
        "%OSPF-5-ADJCHG: Process 1, Nbr 10.0.0.2 on Gi0/1 from EXSTART to EXCHANGE, Negotiation Done",
        "%SYS-5-CONFIG_I: Configured from console",
        "sshd[1]: Accepted password for Interface",
    ],
)
def test_what_says_nothing_of_a_fault_is_no_event(text: str) -> None:
    """States between, work of people, chatter."""
    assert said(text) is None


def test_links_are_named_by_name_or_by_number() -> None:
    """Devices that add ifName or ifDescr are taken at it; all give the number as the instance."""
    found = notified("1.3.6.1.6.3.1.1.5.3", (f"{IF_INDEX}.17", 17), (f"{IF_DESCR}.17", "GigabitEthernet0/1"), (f"{OPER}.17", 2))
    assert found is not None
    assert (found.name, found.raised, found.interface, found.index) == ("LINK_DOWN", True, "GigabitEthernet0/1", 17)
    named = notified("1.3.6.1.6.3.1.1.5.4", (f"{OPER}.17", 1), (f"{IF_NAME}.17", "\0Gi0/1 "))
    assert named is not None
    assert (named.raised, named.interface, named.index) == (False, "Gi0/1", 17)
    bare = notified("1.3.6.1.6.3.1.1.5.3", (IF_INDEX, 17))
    assert bare is not None
    assert not bare.is_of_part


def test_neighbours_are_the_instance() -> None:
    """Of a session of BGP its neighbour's address is in the name of what changed."""
    for oid, raised in ((BGP_DOWN, True), (BGP_UP, False), ("1.3.6.1.2.1.15.7.2", True)):
        found = notified(oid, (f"{BGP_STATE}.172.16.0.2", 1))
        assert found is not None
        assert (found.name, found.raised, found.peer) == ("BGP_DOWN", raised, "172.16.0.2")
    odd = notified(BGP_DOWN, (f"{BGP_STATE}.172.16.999.2", 1))
    assert odd is not None
    assert odd.peer is None


def test_the_state_of_an_object_decides() -> None:
    """A notification of any change says by a number what it changed to."""
    ospf, neighbour = "1.3.6.1.2.1.14.16.2.2", "1.3.6.1.2.1.14.10.1.6.10.0.0.2.0"
    down, full, init = (notified(ospf, (neighbour, state)) for state in (1, 8, 3))
    assert down is not None
    assert full is not None
    assert (down.raised, full.raised, init, down.peer) == (True, False, None, "10.0.0.2")
    assert notified(ospf) is None


_VALUES = st.none() | st.integers(-(2**63), 2**64) | st.binary(max_size=40) | st.sampled_from(["1.3.6.1", "192.0.2.1"])
_NAMES = st.sampled_from([IF_INDEX, IF_NAME, IF_DESCR, BGP_STATE, "1.3.6.1.2.1.14.10.1.6", "1.3.6.1.4.1.9.9.117.1.1.2.1.2"])
_INSTANCES = st.lists(st.integers(0, 2**32 - 1), max_size=6).map(lambda numbers: "".join(f".{number}" for number in numbers))


@given(
    st.sampled_from([rule.oid for rule in BUILT_IN.traps]),
    st.lists(st.tuples(st.builds(str.__add__, _NAMES, _INSTANCES), _VALUES), max_size=4),
)
def test_no_variables_do_harm(oid: str, variables: list[tuple[str, Any]]) -> None:
    """Values of other types than the MIB says, instances of any length: at worst no part is named."""
    heard = Notification(oid=oid, uptime_ticks=1, request=1, variables=tuple(variables), is_inform=False)
    found = READER.of_notification(heard)
    if found is not None:
        assert found.text.encode()
        assert found.interface is None or 0 < len(found.interface) <= MOST_WORD
        assert found.index is None or 0 < found.index < 2**31


@given(st.text(max_size=80), st.integers(0, len(BUILT_IN.syslog) - 1))
def test_no_words_do_harm(text: str, number: int) -> None:
    """Those of a pattern with anything in its gaps."""
    words = re.sub(r"\{[^}]*\}", lambda _: text, BUILT_IN.syslog[number].pattern)
    found = READER.of_message(parsed_syslog(f"<189>{words}".encode(errors="replace"), NOW_NS))
    assert found is None or found.interface is None or 0 < len(found.interface) <= MOST_WORD


OWN = """
format: faultline-events/1
traps:
  - oid: 1.3.6.1.4.1.2011.5.25.1
    event: LOS
    state: {object: 1.3.6.1.4.1.2011.5.25.2, raised: [los], over: [normal]}
    index: [1.3.6.1.4.1.2011.5.25.2]
    arriving: true
syslog:
  - pattern: "LINK-3-UPDOWN{*}: Interface {interface}, changed state to {state}"
    event: PORT
    state: {raised: [down], over: [up]}
  - {pattern: "OPTICS: {interface} lost signal", event: LOS, raised: true, arriving: true}
alarms:
  - {title: r_los, event: MY_LOS, arriving: true}
"""


def test_own_rules_come_before_those_built_in(tmp_path: Path) -> None:
    """A file adds what is missing and overrules what is meant otherwise here."""
    path = tmp_path / "events.yaml"
    path.write_text(OWN, encoding="utf-8")
    reader = Reader(read_rules(path))
    los = notified("1.3.6.1.4.1.2011.5.25.1", ("1.3.6.1.4.1.2011.5.25.2.9", "LOS"), reader=reader)
    assert los is not None
    assert (los.name, los.raised, los.index, los.arriving) == ("LOS", True, 9, True)
    port = said("%LINK-3-UPDOWN: Interface Gi0/1, changed state to down", reader)
    assert port is not None
    assert port.name == "PORT"
    assert said("OPTICS: ge-0/0/1 lost signal", reader) is not None
    assert reader.of_title("HUAWEI R_LOS alarm") == ("MY_LOS", True)
    assert notified("1.3.6.1.6.3.1.1.5.1", reader=reader) is not None
    assert Reader(built_in()).of_title("光口信号丢失") == ("LOS", True)
    assert reader.of_title("fan") is None


@pytest.mark.parametrize(
    ("title", "event"),
    [
        ("Input optical power too low", "OPTICAL_DEGRADED"),
        ("接收光功率过低", "OPTICAL_DEGRADED"),
        ("POWER_FAIL", "POWER"),
        ("市电停电", "POWER"),
        ("HU_R_LOS", "LOS"),
    ],
)
def test_weak_light_is_no_lack_of_power(title: str, event: str) -> None:
    """Titles of transmission equipment have the word in both."""
    found = Reader(built_in()).of_title(title)
    assert found is not None
    assert found[0] == event


def test_every_mistake_of_a_file_is_named_with_its_place(tmp_path: Path) -> None:
    """In one round, with the page that describes the file."""
    path = tmp_path / "events.yaml"
    path.write_text(
        "format: faultline-events/1\n"
        "traps:\n"
        "  - {oid: linkDown, event: LINK_DOWN, raised: true}\n"
        "  - {oid: 1.3.6.1, event: link down, raised: true}\n"
        "  - {oid: 1.3.6.1, event: LINK_DOWN}\n"
        "syslog:\n"
        "  - {pattern: '{interface} down', event: LINK_DOWN, raised: true}\n"
        "  - {pattern: 'x {state}', event: LINK_DOWN, raised: true}\n"
        "colour: red\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as told:
        read_rules(path)
    message = told.value.message
    for place in ("traps[0].oid", "traps[1]", "traps[2]", "syslog[0].pattern", "syslog[1]", "events.colour"):
        assert place in message
    assert told.value.hint is not None
    assert "device-events.md" in told.value.hint
