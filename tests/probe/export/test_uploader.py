"""The uploader against a real HTTPS server that answers as collectors, proxies and bad days do."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from faultline.records.terms import ProbeId, Stream
from faultline.runtime.clock import SystemClock
from faultline.runtime.config import ConfigError, structure
from faultline.runtime.counters import Counters
from probe.export.backoff import Backoff
from probe.export.config import CollectorConfig
from probe.export.link import HttpsLink
from probe.export.uploader import Uploader
from probe.spool.spool import Spool
from tests.probe.conftest import make_certificate

FLOWS, EVENTS = Stream.FLOWS, Stream.EVENTS
TOKEN = "a-token-that-must-not-be-logged"


@attrs.define(kw_only=True)
class Sending:
    """A spool, an uploader and their counters."""

    spool: Spool
    uploader: Uploader
    counters: Counters

    def append(self, stream: Stream = FLOWS) -> int | None:
        """One heartbeat; it moves like any batch."""
        return self.spool.append(stream, b"", records=0, first_ns=None, last_ns=None, watermark_ns=time.time_ns())

    def waiting(self) -> int:
        """Batches in the spool."""
        return sum(depth.batches for depth in self.spool.depth().values())

    def outcome(self, name: str) -> float:
        """How often an attempt ended so."""
        return self.counters.value("upload_attempts", outcome=name)


def eventually(condition: Callable[[], object], *, within_s: float = 5.0) -> None:
    """Wait for it, or fail."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


@pytest.fixture
def sending(tmp_path: Path, collector: Any) -> Iterator[Sending]:
    """An uploader to the collector under test, not yet started, with short waits."""
    made = make_sending(tmp_path, CollectorConfig(url=collector.url, authority=collector.authority, token=TOKEN, timeout_s=1.0))
    yield made
    made.uploader.stop()


def make_sending(tmp_path: Path, config: CollectorConfig) -> Sending:
    """Spool and uploader with waits a test can afford."""
    counters = Counters()
    spool = Spool(tmp_path / "spool", ProbeId("p1"), clock=SystemClock(), counters=counters)
    spool.open()
    uploader = Uploader(
        spool,
        lambda: HttpsLink(config, clock=SystemClock()),
        clock=SystemClock(),
        counters=counters,
        drain_s=1.0,
        backoff=Backoff(base_s=0.02, cap_s=0.05, source=random.Random(1)),
        unwelcome_backoff=Backoff(base_s=0.02, cap_s=0.05, source=random.Random(2)),
    )
    return Sending(spool=spool, uploader=uploader, counters=counters)


def test_batches_arrive_in_order_and_leave_the_spool(collector: Any, sending: Sending) -> None:
    """What waits is sent oldest first, compressed, with the token; acknowledged batches are gone and both stages balance."""
    for _ in range(5):
        sending.append()
    sending.uploader.start()
    eventually(lambda: sending.waiting() == 0)
    assert [seq for _, stream, seq in collector.requests if stream == "flows"] == [1, 2, 3, 4, 5]
    assert collector.headers[0]["authorization"] == f"Bearer {TOKEN}"
    assert collector.headers[0]["content-encoding"] == "zstd"
    assert collector.headers[0]["content-type"] == "application/ipfix"
    for shot in sending.counters.snapshots():
        assert (shot.taken_in, shot.out, shot.held, shot.balanced) == (5, 5, 0, True)


def test_every_request_tells_our_clock_and_what_the_answer_before_proved(collector: Any, sending: Sending) -> None:
    """The floor is the collector's time minus our monotonic clock when the answer came; there is none before the first answer."""
    began_ns = time.monotonic_ns()
    theirs = 1_800_000_000 * 10**9
    collector.moods.append(lambda handler: handler.answer(500, {}, Faultline_Time=str(theirs)) or True)
    sending.append()
    sending.uploader.start()
    eventually(lambda: sending.waiting() == 0)
    first, second = (headers["faultline-clock"].split() for headers in collector.headers[:2])
    assert began_ns <= int(first[0]) <= int(second[0]) <= time.monotonic_ns()
    assert len(first) == 1
    assert int(first[0]) <= theirs - int(second[1]) <= int(second[0])


def test_a_new_batch_goes_out_at_once(collector: Any, sending: Sending) -> None:
    """An append wakes the uploader: an event is at the collector within a fraction of a second."""
    sending.uploader.start()
    sending.append()
    eventually(lambda: collector.batches)
    time.sleep(0.05)  # it is idle now
    began = time.monotonic()
    sending.append(EVENTS)
    eventually(lambda: len(collector.batches) == 2, within_s=1.0)
    assert time.monotonic() - began < 0.5


def test_a_lost_answer_is_asked_for_again_and_nothing_is_doubled(collector: Any, sending: Sending) -> None:
    """The collector took the batch and the connection died: the same octets come again, and count once."""

    def take_and_hang_up(handler: Any) -> bool:
        handler.take()
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True
        return True

    collector.moods.append(take_and_hang_up)
    sending.append()
    sending.uploader.start()
    eventually(lambda: sending.waiting() == 0)
    assert len(collector.requests) == 2
    assert len(collector.batches) == 1
    assert sending.counters.stage("upload").snapshot().out == 1


def test_an_overloaded_collector_is_given_the_time_it_asks_for(collector: Any, sending: Sending) -> None:
    """429 with Retry-After: nothing is sent before, nothing is lost."""
    collector.moods.append(lambda handler: handler.answer(429, {"error": "overloaded"}, Retry_After="1") or True)
    sending.append()
    began = time.monotonic()
    sending.uploader.start()
    eventually(lambda: sending.waiting() == 0)
    assert time.monotonic() - began >= 1.0


def test_server_errors_are_tried_again(collector: Any, sending: Sending) -> None:
    """500 after 500: back-off, and the batch arrives when the server is well."""
    collector.moods.extend([lambda handler: handler.answer(500, {}) or True] * 3)
    sending.append()
    sending.uploader.start()
    eventually(lambda: sending.waiting() == 0)
    assert sending.outcome("later") == 3
    assert len(collector.requests) == 4


def test_a_slow_collector_is_left_and_tried_again(collector: Any, sending: Sending) -> None:
    """No answer within the timeout is a failed attempt, not a hung probe."""
    collector.moods.append(lambda _: time.sleep(2.0) or False)
    sending.append()
    sending.uploader.start()
    eventually(lambda: sending.waiting() == 0)
    assert sending.outcome("later") == 1


def test_a_poisoned_batch_is_set_aside_and_does_not_block(collector: Any, sending: Sending, tmp_path: Path) -> None:
    """400 about the octets: quarantine, a gap record in events, and what is behind it arrives."""
    collector.moods.append(lambda handler: handler.answer(400, {"error": "bad seal"}) or True)
    for _ in range(3):
        sending.append()
    sending.uploader.start()
    eventually(lambda: {(stream, seq) for _, stream, seq in collector.batches} == {("flows", 2), ("flows", 3), ("events", 1)})
    assert len(list((tmp_path / "spool" / "quarantine").iterdir())) == 1
    assert sending.counters.stage("upload").snapshot().dropped == {"rejected": 1}
    assert sending.counters.stage("spool").snapshot().dropped == {"rejected": 1}


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_token_loses_nothing_and_is_said_aloud(collector: Any, sending: Sending, status: int) -> None:
    """401 and 403 are configuration: everything is kept, health says so, and it goes on once a person has mended it."""
    refuse = [lambda handler: handler.answer(status, {"error": "unknown token"}) or True] * 4
    collector.moods.extend(refuse)
    sending.append()
    sending.uploader.start()
    eventually(lambda: sending.outcome("unwelcome") >= 1)
    assert any("unknown token" in problem for problem in sending.uploader.problems())
    assert sending.waiting() == 1
    eventually(lambda: sending.waiting() == 0)
    assert sending.uploader.problems() == []


def test_a_conflict_begins_a_new_incarnation(collector: Any, sending: Sending) -> None:
    """409: what waits comes again under a new identity from 1, and nothing that was taken comes twice."""
    first = sending.spool.incarnation
    sending.append()
    sending.uploader.start()
    eventually(lambda: sending.waiting() == 0)
    collector.moods.append(lambda handler: handler.answer(409, {"error": "another batch of this identity"}) or True)
    sending.append()
    eventually(lambda: sending.waiting() == 0 and len(collector.batches) == 2)
    assert sending.spool.incarnation != first
    assert (sending.spool.incarnation, "flows", 1) in collector.batches
    for shot in sending.counters.snapshots():
        assert shot.balanced


def test_a_collector_that_forgot_gets_what_is_still_here(collector: Any, sending: Sending) -> None:
    """The answer falls behind what was taken (a restored backup): what the spool still holds is sent again."""

    def take_but_do_not_see(handler: Any) -> bool:
        handler.take()
        handler.answer(200, {"stream": "flows", "incarnation": sending.spool.incarnation, "contiguous": 0})
        return True

    def forget(handler: Any) -> bool:
        collector.batches.clear()
        return take_but_do_not_see(handler)

    collector.batches[sending.spool.incarnation, "flows", 1] = b""
    for _ in range(3):
        sending.append()
    collector.moods.extend([take_but_do_not_see, forget])
    sending.uploader.start()
    eventually(lambda: sending.waiting() == 0)
    assert {seq for _, _, seq in collector.batches} == {1, 2, 3}


def test_an_unreachable_collector_keeps_everything(tmp_path: Path) -> None:
    """Nobody listens: batches stay, the stop is quick, and the next start delivers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sending = make_sending(tmp_path, CollectorConfig(url=f"https://127.0.0.1:{port}", token=TOKEN, timeout_s=1.0))
    sending.append()
    sending.uploader.start()
    eventually(lambda: sending.outcome("later") >= 2)
    began = time.monotonic()
    sending.uploader.stop()
    assert time.monotonic() - began < 1.5
    assert sending.waiting() == 1
    assert sending.counters.stage("upload").snapshot().held == 1


def test_stopping_sends_what_can_be_sent(collector: Any, sending: Sending) -> None:
    """Batches appended just before the stop are delivered in the time it has."""
    sending.uploader.start()
    for _ in range(10):
        sending.append()
    sending.uploader.stop()
    assert sending.waiting() == 0
    assert len(collector.batches) == 10


def test_a_collector_of_another_authority_gets_nothing(
    collector: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without trust in the certificate no octet and no token is sent; the log says why, without the token."""
    other = tmp_path / "other"
    other.mkdir()
    pem, _ = make_certificate(other, "127.0.0.1")
    sending = make_sending(tmp_path, CollectorConfig(url=collector.url, authority=pem, token=TOKEN, timeout_s=1.0))
    sending.append()
    sending.uploader.start()
    eventually(lambda: sending.outcome("later") >= 1)
    sending.uploader.stop()
    assert collector.requests == []
    said = "".join(capsys.readouterr())
    assert "certificate not trusted" in said
    assert TOKEN not in said


def test_the_certificate_must_be_for_the_collectors_name(collector: Any, tmp_path: Path) -> None:
    """The right authority does not help a server of another name."""
    config = CollectorConfig(
        url=collector.url.replace("127.0.0.1", "localhost"), authority=collector.authority, token=TOKEN, timeout_s=1.0
    )
    sending = make_sending(tmp_path, config)
    sending.append()
    sending.uploader.start()
    eventually(lambda: sending.outcome("later") >= 1)
    sending.uploader.stop()
    assert collector.requests == []


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"url": "http://c:1", "token": "t"}, "url: must be https"),
        ({"url": "https://c:1"}, "exactly one of token and token_file"),
        ({"url": "https://c:1", "token": "t", "token_file": "f"}, "exactly one of token and token_file"),
        ({"url": "https://u@c:1", "token": "t"}, "url: takes no user"),
        ({"url": "https://c:1", "token": "two words"}, "token: must be printable ASCII"),
    ],
)
def test_a_bad_way_to_the_collector_is_named(data: dict[str, str], where: str) -> None:
    """Each mistake in the collector's part is one line with its key."""
    with pytest.raises(ConfigError, match=where):
        structure(data, CollectorConfig, root="probe.collector", where="probe.yaml")


def test_a_token_never_shows_in_a_configuration_that_is_printed() -> None:
    """The token is left out of repr."""
    assert TOKEN not in repr(CollectorConfig(url="https://c:1", token=TOKEN))


@pytest.mark.parametrize("content", [b"", b"\n", b"two words\n", "schlüssel".encode()])
def test_a_token_file_without_a_token_is_refused_at_start(tmp_path: Path, content: bytes) -> None:
    """Better no start than an empty bearer."""
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="not a token"):
        HttpsLink(CollectorConfig(url="https://c:1", token_file=path), clock=SystemClock())


def test_an_authority_that_is_no_certificate_is_refused_at_start(tmp_path: Path) -> None:
    """The file's name and what is wrong with it are said."""
    path = tmp_path / "authority.pem"
    path.write_text("not a certificate")
    with pytest.raises(ConfigError, match="is not a PEM certificate"):
        HttpsLink(CollectorConfig(url="https://c:1", token="t", authority=path), clock=SystemClock())


def test_waiting_is_measured_from_the_oldest_batch(sending: Sending) -> None:
    """What the log says about waiting comes from the spool."""
    assert sending.uploader._waiting_s() == 0.0
    sending.append()
    time.sleep(0.02)
    assert 0.02 <= sending.uploader._waiting_s() < 60.0
