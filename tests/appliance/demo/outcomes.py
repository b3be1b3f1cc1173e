"""Outcomes of runs for tests of what is told about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from appliance.demo.drive import Outcome
from appliance.demo.judging import Correct
from appliance.demo.world import Balance


def make_outcome(folder: Path, **changes: Any) -> Outcome:
    """A healthy run's."""
    values: dict[str, Any] = {
        "network": "simulated",
        "faults": (),
        "injected_ns": 5,
        "verdict": {"verdicts": []},
        "said": (),
        "correct": Correct(component=True, owner=True, mode=True),
        "seconds": {"setup": 3.0, "total": 80.0},
        "balance": Balance(lost=0, doubled=0, batches=12),
        "report": folder / "report.html",
    }
    return Outcome(**(values | changes))
