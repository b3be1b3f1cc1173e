"""What payload tells on captures that nobody here made: requests and handshakes as TShark shows them, JA4 as Suricata does."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.native.agreement import FOLDERS, SAMPLE, Agreement, captures, compare
from tests.native.captures import meter

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark (packaging/setup.sh test installs it)")

EXPLAINED_SHARE = {
    "http latency": 0.75,  # of a request with a body, TShark counts from its head and we from its last octet
    "http method": 0.9,  # methods that do not exist
    "http host": 0.9,
    "http status": 0.9,
    "sip status": 0.9,
}
"""Fields that agree on less than 97 % of the values, and why."""
JA4 = {
    "suricata/tests/ja4-quic/input.pcap": "q13d0310h3_55b375c5d22e_cd85d2d88918",
}
"""What Suricata's own tests say of a capture."""


def _check(found: dict[str, Agreement], *, values: int) -> None:
    assert sum(of.theirs for of in found.values()) >= values, "a comparison of nothing would pass as well"
    low = {name: of for name, of in found.items() if of.same < EXPLAINED_SHARE.get(name, 0.97) * of.theirs}
    assert low == {}


@pytest.mark.e2e
@pytest.mark.sample
def test_a_sample_agrees_with_tshark(corpora: Path) -> None:
    """Names, codes, versions, fingerprints and times of requests and handshakes are TShark's, field by field."""
    found, _ = compare(captures(corpora, SAMPLE))
    _check(found, values=150)


@pytest.mark.e2e
@pytest.mark.timeout(300)  # a TShark a capture
def test_every_capture_agrees_with_tshark(corpora: Path) -> None:
    """The same of all captures of these protocols."""
    found, _ = compare(captures(corpora, FOLDERS))
    _check(found, values=600)


@pytest.mark.e2e
@pytest.mark.sample
@pytest.mark.parametrize("name", JA4)
def test_ja4_is_that_of_suricata(corpora: Path, name: str) -> None:
    """Every hello of the capture has the fingerprint that Suricata's test expects."""
    found = [record["tls"]["ja4"] for record in meter(corpora / name)[0] if "ja4" in record.get("tls", {})]
    assert found
    assert set(found) == {JA4[name]}


@pytest.mark.e2e
@pytest.mark.sample
def test_loss_and_jitter_of_a_call_are_those_of_tshark(corpora: Path) -> None:
    """Packets, lost packets and mean jitter of an RTP stream that SIP announced."""
    path = corpora / "suricata/tests/sip-method/sip.pcap"
    command = ["tshark", "-n", "-q", "-r", str(path), "-z", "rtp,streams"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    line = re.search(r"0x3796CB71 +\S+ +(\d+) +(-?\d+) \(.*?%\) +(.*)", told)
    assert line is not None
    mean_jitter_ms = float(line[3].split()[4])
    (stream,) = [record["rtp"] for record in meter(path)[0] if "rtp" in record]
    assert (stream["packets"], stream["lost"]) == (int(line[1]), int(line[2]))
    assert stream["jitter_ns"] / 1e6 == pytest.approx(mean_jitter_ms, abs=0.001)
