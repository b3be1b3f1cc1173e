"""Windows of evidence in order: what accumulates, what does not flicker, and what is over."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from analyzer.locating import command
from analyzer.locating.adding import added
from analyzer.locating.windows import WindowByWindow
from faultline.inference import EvidenceError
from tests.inference.scenes import DemoLine, delay, document, loss

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def window(number: int, seconds: int = 10) -> dict[str, str]:
    """The so-manieth window."""
    start = BEGIN + timedelta(seconds=number * seconds)
    return {"start": start.isoformat(), "end": (start + timedelta(seconds=seconds)).isoformat()}


def line(number: int, *, rate: int = 50, **faults: Any) -> dict[str, Any]:
    """A window of the demo's line."""
    return DemoLine(seed=number, seconds=10, rate=rate, **faults).evidence(window=window(number))


def answers(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is believed after each."""
    remembering = WindowByWindow()
    return [remembering.answer(one) for one in documents]


def blamed(answer: dict[str, Any]) -> set[str]:
    """Components an answer blames."""
    return {c for entry in answer["verdicts"] if entry["blames"] for c in entry["components"]}


def test_counts_add_and_medians_are_the_newest() -> None:
    """Two windows as one: packets are summed by view, of delays the last stands, of quality the worst."""
    first = document(
        [loss(["ce"], 500, 1, quality={"suspect_ratio": 0.2, "gap_seconds": 1}), delay(["ce"], 0.0), loss(["pe1"], 10, 0)],
        window=window(0),
        maintenance=["ce"],
    )
    second = document(
        [loss(["ce"], 400, 2, quality={"gap_seconds": 2}), delay(["ce"], 900.0)], window=window(1), fault_rate={"segment": 1e-6}
    )
    whole = added([first, second], prior_share=0.5)
    assert whole["window"] == {"start": window(0)["start"], "end": window(1)["end"]}
    assert whole["maintenance"] == ["ce"]
    assert whole["fault_rate"]["segment"] == pytest.approx(5e-7)
    packets, times, other = whole["observations"]
    assert (packets["sent"], packets["lost"]) == (900, 3)
    assert packets["quality"] == {"suspect_ratio": 0.2, "gap_seconds": 3}
    assert times == second["observations"][1]
    assert other["sent"] == 10
    assert [o["kind"] for o in added([first, second], distributions=False)["observations"]] == ["loss", "loss"]


def test_a_silence_that_is_over_is_not_told() -> None:
    """A probe that reports again is heard; one that stays silent has missed more."""
    silent = {"kind": "silence", "probe": "p", "missed": 1, "expected": 1}
    quiet, again = document([silent], window=window(0)), document([loss(["ce"], 10, 0)], window=window(1))
    assert [o["kind"] for o in added([quiet, again])["observations"]] == ["loss"]
    assert added([quiet, document([silent], window=window(1))])["observations"][0]["missed"] == 2


@given(
    st.lists(st.lists(st.tuples(st.sampled_from(["ce", "pe1", "pe2"]), st.integers(1, 1000)), max_size=4), min_size=1, max_size=5)
)
def test_no_packet_is_lost_or_doubled_by_adding(windows: list[list[tuple[str, int]]]) -> None:
    """However views come and go, and when the same view stands twice in a window: the sums are those of all windows."""
    documents = [
        document([loss([place], sent, 0) for place, sent in one], window=window(number)) for number, one in enumerate(windows)
    ]
    whole = added(documents)
    for place in ("ce", "pe1", "pe2"):
        wanted = sum(sent for one in windows for at, sent in one if at == place)
        assert sum(o["sent"] for o in whole["observations"] if o["via"] == [place]) == wanted


def test_a_small_rate_accumulates_over_windows() -> None:
    """0.2 % on a link shows in no window of ten seconds by itself; with what is remembered it is found, and then stays found."""
    documents = [line(number, loss={"loop-a>": 0.002}) for number in range(40)]
    alone = [WindowByWindow().answer(one) for one in documents]
    assert sum(bool(blamed(one)) for one in alone) <= 4
    together = [blamed(one) for one in answers(documents)]
    first = next(k for k, found in enumerate(together) if found)
    assert 2 <= first <= 35
    assert all(found == {"loop-a>"} for found in together[first + 2 :])


def test_a_fault_that_ends_is_over_before_it_has_left_the_memory() -> None:
    """Two minutes of 2 % and then health: nothing is blamed half a minute later, though the minutes are remembered."""
    documents = [line(number, loss={"loop-a>": 0.02} if number < 12 else {}) for number in range(20)]
    found = answers(documents)
    assert blamed(found[11]) == {"loop-a>"}
    assert [blamed(one) for one in found[15:]] == [set()] * 5
    kinds = [event["event"] for one in found for event in one["events"]]
    assert kinds == ["raise"]


def test_long_windows_are_remembered_as_well() -> None:
    """Of hours the last ten are looked at together."""
    rng = np.random.default_rng(5)
    documents = [
        document([loss(["ce", "loop-a>", "pe1"], 20_000, int(rng.binomial(20_000, 5e-5)))], window=window(number, 3600))
        for number in range(12)
    ]
    spans = [one["span"] for one in answers(documents)]
    assert spans[-1]["start"] == documents[2]["window"]["start"]


@pytest.mark.parametrize(("second", "told"), [(window(0), "window.start"), (None, "window: missing")])
def test_windows_must_come_in_order(second: Any, told: str) -> None:
    """The same again, or a file without a time, cannot be placed."""
    remembering = WindowByWindow()
    remembering.answer(line(0))
    with pytest.raises(EvidenceError, match=told):
        remembering.answer(document([loss(["ce"], 1, 0)]) | {"window": second})


def test_the_command_tells_each_window_and_what_happened(tmp_path: Path) -> None:
    """A line of JSON a window, with the file, the span that answered and incident events; and the same for people."""
    app = typer.Typer()
    command.register(app)
    names = []
    for number in range(3):
        broken = {"observations": [*line(number, loss={"loop-a>": 0.05})["observations"], loss(["ce"], 1, 2)]}
        (tmp_path / f"{number}.json").write_text(json.dumps(line(number) | broken))
        names.append(str(tmp_path / f"{number}.json"))
    done = CliRunner().invoke(app, ["--sequence", "--lenient", "--json", *names])
    told = [json.loads(row) for row in done.stdout.splitlines()]
    assert [one["file"] for one in told] == names
    assert [one["skipped"] for one in told] == [{"loss": 1}] * 3
    assert [len(one["events"]) for one in told] == [0, 1, 0]
    text = CliRunner().invoke(app, ["--sequence", "--lenient", *names]).stdout
    assert "raise: loop-a>: found in enough consecutive steps" in text
