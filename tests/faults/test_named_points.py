"""Whole processes that die at named points: a run of the many that `python -m tests.faults.run` makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.run import Run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def test_what_was_acknowledged_is_there_once_whatever_happens(tmp_path: Path) -> None:
    """Deaths at named points and what else the seed draws: no promise is broken, and fresh batches are taken."""
    told = Run(1, tmp_path).go()
    assert told.wrong == []
    assert told.hit
