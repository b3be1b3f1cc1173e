"""What a person reads of a run."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from appliance.demo.faults import Fault, choose
from appliance.demo.judging import Correct
from appliance.demo.kinds import TRAITS, Kind
from appliance.demo.network import PLACES
from appliance.demo.probing import Probes
from appliance.demo.telling import Timeline, fault_words, truth_lines
from tests.appliance.demo.outcomes import make_outcome


def one(kind: Kind, **options: str) -> Fault:
    """A fault of a kind."""
    (fault,) = choose([kind.value], segment=options.get("segment"), way=None, rate=None, seed=1)
    return fault


@pytest.mark.parametrize("kind", list(TRAITS))
def test_every_kind_of_fault_has_words(kind: Kind) -> None:
    """The place is called by its name, with its owner."""
    fault = one(kind)
    assert PLACES[fault.component].name in fault_words(fault)


def test_the_opening_names_the_lines_and_draws_the_network() -> None:
    """Four lines with their codes, and the picture under them."""
    stream = io.StringIO()
    Timeline(stream).opening(Probes.FULL)
    text = stream.getvalue()
    assert all(code in text for code in ("CN-NB-0017", "CN-HZ-0018", "CN-SZ-0021", "CN-NJ-0034"))
    assert "lan-1 ◆ ce-1 ◆ loop-1" in text


def test_what_was_wrong_is_told_with_its_reason(tmp_path: Path) -> None:
    """Beside the truth stands which answers were wrong, and why."""
    correct = Correct(component=False, owner=True, mode=True, reasons=("loss on ce-3: names loop-3> instead",))
    lines = truth_lines(make_outcome(tmp_path, correct=correct, faults=(one(Kind.LOSS, segment="ce-3"),)))
    assert "loss on Suzhou CE router (customer side)" in lines[0]
    assert "component [red]wrong[/]" in lines[1]
    assert lines[2].strip() == "loss on ce-3: names loop-3> instead"
