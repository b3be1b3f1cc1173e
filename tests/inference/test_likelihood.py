"""What each kind of observation says, in nats, against numbers worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from faultline.inference.document import read
from faultline.inference.faults import HEALTHY, worsened
from faultline.inference.likelihood import Row
from faultline.inference.problem import build
from faultline.records.terms import Mode
from tests.inference.scenes import components, delay, document, loss

PARTS = [
    *components(),
    {"id": "srv", "kind": "server", "owner": "destination", "hosts": ["svc"]},
    {"id": "svc", "kind": "service", "owner": "destination"},
    {"id": "dns", "kind": "resolver", "owner": "destination"},
]


def row_of(observation: dict[str, Any], *others: dict[str, Any]) -> Row:
    """The likelihood of an observation."""
    return build(read(document([observation, *others], PARTS))).rows[0]


def nats(row: Row, mode: Mode, severity: float, weights: tuple[float, ...] = (1.0,)) -> float:
    """Log ratio of one fault against health."""
    return row.loglik(worsened(HEALTHY, mode, severity, weights)) - row.loglik(HEALTHY)


def test_active_loss_is_the_binomial_of_the_background_and_the_fault() -> None:
    """Of n lost y: y ln(q/b) + (n-y) ln((1-q)/(1-b)) with q = 1-(1-b)(1-theta), exactly."""
    b, theta = 5e-5, 0.008
    q = 1 - (1 - b) * (1 - theta)
    expected = 31 * math.log(q / b) + (4000 - 31) * math.log((1 - q) / (1 - b))
    assert nats(row_of(loss(["loop-a>"], 4000, 31)), Mode.LOSS, theta) == pytest.approx(expected, abs=1e-6)


def test_a_path_taken_by_half_of_the_packets_loses_half_as_much() -> None:
    """Weight 0.5 and severity theta are the same as weight 1 and theta/2."""
    row = row_of(loss(["loop-a>"], 4000, 31))
    assert nats(row, Mode.LOSS, 0.01, (0.5,)) == pytest.approx(nats(row, Mode.LOSS, 0.005))


def test_a_round_trip_is_lost_on_either_way() -> None:
    """A component crossed twice lets (1-theta) squared through."""
    row = row_of(loss(["pe1", "loop-a<", "loop-a>", "pe1"], 1000, 3, round_trip=True))
    assert nats(row, Mode.LOSS, 0.01, (1.0, 1.0)) == pytest.approx(nats(row, Mode.LOSS, 1 - 0.99**2))


def test_burstiness_known_from_history_divides_the_packets() -> None:
    """Losses that come in fives are a fifth of the evidence."""
    plain, bursty = row_of(loss(["loop-a>"], 4000, 30)), row_of(loss(["loop-a>"], 4000, 30, burst=5))
    assert nats(bursty, Mode.LOSS, 0.01) == pytest.approx(nats(plain, Mode.LOSS, 0.01) / 5)


@pytest.mark.parametrize("lost", [0, 3, 12, 60])
def test_healthy_loss_of_tcp_speaks_for_nothing(lost: int) -> None:
    """Up to some per cent of lost segments without a baseline are weaker than four nats: queues do that."""
    row = row_of(loss(["loop-a>"], 4000, lost, source="passive"))
    assert max(nats(row, Mode.LOSS, theta) for theta in (0.0005, 0.001, 0.003, 0.01, 0.03)) < 4


def test_one_count_of_tcp_never_outshouts_a_clean_test() -> None:
    """Whatever a single passive count says, it is bounded, and 4,000 clean test packets against 1 % say more."""
    passive = row_of(loss(["loop-a>"], 40000, 800, source="passive"))
    active = row_of(loss(["loop-a>"], 4000, 0))
    assert nats(passive, Mode.LOSS, 0.02) < 15
    assert nats(passive, Mode.LOSS, 0.01) + nats(active, Mode.LOSS, 0.01) < 0


def test_witnesses_of_the_same_losses_weigh_less_each() -> None:
    """A count of TCP counts for less when others look at the same place."""
    one = loss(["loop-a>"], 4000, 60, source="passive", background=1e-4)
    assert nats(row_of(one, one, one), Mode.LOSS, 0.01) < nats(row_of(one), Mode.LOSS, 0.01)


def test_quality_widens() -> None:
    """Packets that the capture or a starved host lost are not the network's; a gap takes packets away."""
    sound = nats(row_of(loss(["loop-a>"], 4000, 30)), Mode.LOSS, 0.0075)
    for quality in ({"capture_loss_ratio": 0.01}, {"suspect_ratio": 0.1}, {"one_sided_ratio": 0.5}, {"gap_seconds": 10}):
        assert nats(row_of(loss(["loop-a>"], 4000, 30, quality=quality)), Mode.LOSS, 0.0075) < 0.7 * sound, quality


def test_all_of_a_distribution_up_is_a_longer_way_and_only_its_tail_is_a_queue() -> None:
    """Minimum, median and p90 up by 5 ms speak for delay; p90 up over a flat minimum for congestion."""
    longer, queue = row_of(delay(["loop-a>"], 5000)), row_of(delay(["loop-a>"], 0, queue_us=20000))
    assert nats(longer, Mode.DELAY, 5) > max(nats(longer, Mode.CONGESTION, ms) for ms in (5, 6, 8, 10)) + 1
    assert nats(queue, Mode.CONGESTION, 20) > max(nats(queue, Mode.DELAY, ms) for ms in (5, 10, 20)) + 5


def test_a_queue_that_tcp_keeps_from_emptying_is_a_queue() -> None:
    """Minimum up by 12 ms, median by 17, p90 by 20: packets wait, and not all alike."""
    row = row_of(delay(["loop-a>"], 0) | {"min_us": 16760, "median_us": 22000, "p90_us": 25180})
    assert nats(row, Mode.CONGESTION, 20) > max(nats(row, Mode.DELAY, ms) for ms in (12, 15, 17, 20)) + 2


def test_a_delay_within_its_spread_speaks_against_a_fault() -> None:
    """The baseline's own value is evidence of health, and so is a shorter delay."""
    assert nats(row_of(delay(["loop-a>"], 10)), Mode.DELAY, 5) < -5
    assert nats(row_of(delay(["loop-a>"], -50_000)), Mode.DELAY, 500) < -5


def test_delay_without_baseline_or_with_few_samples_says_nothing() -> None:
    """No baseline, no evidence."""
    for observation in (delay(["loop-a>"], 9000, n=3), delay(["loop-a>"], 9000) | {"baseline": None}):
        assert nats(row_of(observation), Mode.DELAY, 9) == 0


def test_a_clocks_error_widens_one_way_delay_and_not_the_round_trip() -> None:
    """5 ms are nothing on clocks that are 10 ms apart; a round trip has one clock."""
    quality = {"clock_error_us": 10_000}
    assert nats(row_of(delay(["loop-a>"], 5000, quality=quality)), Mode.DELAY, 5) < 1
    both = delay(["loop-a>", "loop-a<"], 5000, round_trip=True, quality=quality)
    assert nats(row_of(both), Mode.DELAY, 5) > 10


def test_failed_requests_speak_for_the_end_point_and_for_an_interrupted_path() -> None:
    """21 of 60 timeouts: a failing service; all of them: a dead path too. Loss of 1 % fails nothing: all retries must be lost."""
    some = {
        "kind": "failure",
        "protocol": "tcp",
        "via": ["loop-a>"],
        "endpoint": "srv",
        "attempts": 60,
        "failed": 21,
        "leak": 0.002,
        "outcome": "timeout",
    }
    assert nats(row_of(some), Mode.FAILING, 0.35) > 15
    assert nats(row_of(some), Mode.LOSS, 0.01) < 1
    assert nats(row_of(some | {"failed": 60}), Mode.DOWN, 1 - 1e-6) > 15


def test_an_answer_that_refuses_exonerates_the_path() -> None:
    """SERVFAIL, NXDOMAIN and refusals came back: the path works, and whoever answered is up."""
    for outcome in ("refused", "servfail", "nxdomain"):
        row = row_of(
            {
                "kind": "failure",
                "protocol": "dns",
                "via": ["loop-a>"],
                "endpoint": "dns",
                "attempts": 50,
                "failed": 50,
                "outcome": outcome,
            }
        )
        assert nats(row, Mode.FAILING, 0.9) > 15
        assert nats(row, Mode.DOWN, 1 - 1e-6) < -15
        assert nats(row, Mode.LOSS, 0.3) < 0


def test_response_is_judged_on_its_logarithm() -> None:
    """Eleven times slower speaks loudly, a wobble of 20 % not at all, and faster never."""
    base = {"n": 20000, "median_us": 8000, "mad_us": 900}

    def said(median_us: float, factor: float) -> float:
        return nats(
            row_of({"kind": "response", "endpoint": "srv", "n": 300, "median_us": median_us, "baseline": base}), Mode.SLOW, factor
        )

    assert said(88000, 11) > 20
    assert said(9600, 1.3) < 5
    assert said(4000, 2) < 0


def test_a_closed_window_speaks_for_a_stalled_receiver() -> None:
    """22 of 60 seconds closed."""
    row = row_of({"kind": "zero_window", "endpoint": "srv", "seconds": 60, "closed_seconds": 22})
    assert nats(row, Mode.STALLED, 0.37) > 15
    clean = row_of({"kind": "zero_window", "endpoint": "srv", "seconds": 60, "closed_seconds": 0})
    assert nats(clean, Mode.STALLED, 0.37) < -10


@pytest.mark.parametrize(("raised", "expected"), [(True, math.log(0.6 / 0.01)), (False, math.log(0.4 / 0.99))])
def test_a_counter_says_what_its_sensitivity_and_false_alarms_allow(raised: bool, expected: float) -> None:  # noqa: FBT001
    """Raised: log(sens/fpr); polled clean: log((1-sens)/(1-fpr)); and nothing of modes it knows nothing of."""
    row = row_of({"kind": "counter", "component": "pe1", "name": "if_in_errors", "raised": raised})
    assert nats(row, Mode.LOSS, 0.01) == pytest.approx(expected)
    assert nats(row, Mode.DELAY, 5) == 0


def test_clean_counters_of_one_place_say_together_what_one_says() -> None:
    """A fault that shows in none of them is one surprise, not four."""
    clean = {"kind": "counter", "component": "core>", "name": "if_in_errors", "raised": False}
    alone = nats(row_of(clean), Mode.LOSS, 0.01)
    assert nats(row_of(clean, clean, clean | {"component": "core<"}), Mode.LOSS, 0.01) == pytest.approx(alone / 3)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("LOS", Mode.DOWN),
        ("if_oper_down", Mode.DOWN),
        ("linkDown", Mode.DOWN),
        ("if_out_discards", Mode.CONGESTION),
        ("crc", Mode.LOSS),
        ("packet loss alarm", Mode.LOSS),
    ],
)
def test_what_devices_say_is_a_sign_of_some_modes(name: str, mode: Mode) -> None:
    """Names of alarms and counters are read for what they can be a sign of."""
    row = row_of(
        {"kind": "event", "component": "loop-a>", "name": name, "raised": True, "sensitivity": 0.9, "false_positive_rate": 0.001}
    )
    assert nats(row, mode, 0.5) == pytest.approx(math.log(900))


def test_large_packets_that_vanish_show_the_size() -> None:
    """20 of 20 packets of 1,500 octets lost: nothing above 1,499 passes; small ones that pass say so."""
    large = row_of({"kind": "mtu", "via": ["loop-a>"], "size": 1500, "sent": 20, "lost": 20})
    small = row_of({"kind": "mtu", "via": ["loop-a>"], "size": 1400, "sent": 20, "lost": 0})
    assert nats(large, Mode.MTU, 1499) > 50
    assert nats(small, Mode.MTU, 1499) == 0
    assert nats(small, Mode.MTU, 1399) < -50
