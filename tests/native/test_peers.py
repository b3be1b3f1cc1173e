"""Flows of captures that others published are those that Zeek and ipfixprobe logged of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.native.peers import IPFIXPROBE, ZEEK, by_ends, by_start, compared, ipfixprobe_flows, zeek_flows

EXPLAINED = (
    "Zeek core.tunnels.teredo",  # of the tunnel's own connections we count what has nothing inside
    "Zeek scripts.base.protocols.ldap.sasl-signed-clear-2: octets",  # super-segments say a length of 0, and Zeek believes them
)
pytestmark = [pytest.mark.e2e, pytest.mark.sample]


def test_connections_are_those_of_zeek(corpora: Path) -> None:
    """Packets and octets by direction; Zeek's duration ends before the last acknowledgement, so that ours is never shorter."""
    said: list[str] = []
    folder = corpora / ZEEK

    found, _ = compared(zeek_flows(folder / "Baseline"), folder / "Traces", by_ends, said.append)

    assert [text for text in said if not text.startswith(EXPLAINED) and "duration_us" not in text] == []
    assert min(found["packets"].told, found["octets"].told) >= 70
    durations = [text.rsplit("duration_us ", 1)[1] for text in said if "duration_us" in text and not text.startswith(EXPLAINED)]
    pairs = [tuple(map(int, text.split(", here "))) for text in durations]
    assert durations
    assert all(theirs < ours for theirs, ours in pairs)


def test_flows_are_those_of_ipfixprobe(corpora: Path) -> None:
    """Packets and octets by direction and times to the microsecond, with the same timeouts, of every flow of TCP and UDP."""
    said: list[str] = []
    folder = corpora / IPFIXPROBE
    timeouts = {"idle_timeout_s": 30, "active_timeout_s": 300}

    found, missing = compared(ipfixprobe_flows(folder / "outputs"), folder / "inputs", by_start, said.append, **timeouts)

    assert (said, missing) == ([], 0)
    assert min(found[name].told for name in ("packets", "octets", "duration_us")) >= 20
