"""Pages of the running service in a real browser: an incident found in stored measurements, as a person sees it."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from analyzer.config import EvaluationConfig
from analyzer.service import Joined, join
from faultline.records.incident import Incident

World = Any
"""The fixture's class lives in conftest.py, which tests cannot import."""
SMALLEST_PICTURE = 20_000
"""Octets of a PNG: an empty page of this size has fewer."""


@attrs.frozen
class Shown:
    """A service with an incident."""

    joined: Joined
    incident: Incident
    profile: Path

    def browse(self, path: str, *arguments: str) -> str:
        """The document after Chromium has laid it out."""
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        command += ["--window-size=1280,1900", f"--user-data-dir={self.profile}", *arguments]
        done = subprocess.run(
            [*command, f"http://{self.joined.web.address}{path}"], capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout


@pytest.fixture
def shown(world: World, make_fault: Any, tmp_path: Path) -> Iterator[Shown]:
    """A minute of health, then 1 % of loss on the access loop towards Z, answered by the service itself."""
    joined = join(attrs.evolve(world.config, evaluation=EvaluationConfig(poll_s=0.02)), clock=world.clock)
    joined.service.start()
    world.feed(60)
    world.feed(40, {"loop-a>": make_fault(loss=0.01)})
    end = time.monotonic() + 30
    while (world.stored.answered_until_ns() or 0) < world.now_ns:
        assert time.monotonic() < end, "not answered in time"
        time.sleep(0.05)
    (incident,) = world.stored.incidents()
    yield Shown(joined=joined, incident=incident, profile=tmp_path / "profile")
    joined.service.stop()


@pytest.mark.browser
def test_the_first_page_tells_the_verdict(shown: Shown, tmp_path: Path) -> None:
    """Verdict, owner, confidence, the suspect on the path and the worst line are in the laid-out page and in its picture."""
    picture = tmp_path / "lines.png"
    dom = shown.browse("/", "--dump-dom")
    assert f'data-incident="{shown.incident.id}" data-state="open" data-owner="access" data-mode="loss"' in dom
    assert 'data-components="loop-a&gt;"' in dom
    assert "Access loop A (access network) loses" in dom
    assert re.search(r'class="element suspect" data-component="loop-a"[^>]* data-probability="(0\.[5-9]|1\.)', dom)
    assert dom.count('class="element suspect"') < dom.count('class="element"')
    assert 'data-line="CN-NB-0017" data-line-state="fault"' in dom
    assert f'href="/reports/{shown.incident.id}"' in dom
    shown.browse("/", f"--screenshot={picture}")
    assert picture.stat().st_size > SMALLEST_PICTURE


@pytest.mark.browser
def test_the_incident_page_tells_why(shown: Shown, tmp_path: Path) -> None:
    """Evidence with numbers, plots of traffic, loss and delay, quality; in Chinese too, and as a report that stands alone."""
    picture = tmp_path / "incident.png"
    path = f"/incidents/{shown.incident.id}"
    dom = shown.browse(path, "--dump-dom")
    assert re.search(r"\d+ of \d+ test packets lost", dom)
    assert 'data-evidence="evidence"' in dom
    assert 'data-evidence="against"' in dom or "Nothing measured speaks against it." in dom
    for plot in ("Traffic", "Loss ratio of test packets", "One-way delay of test packets"):
        assert f'data-plot="{plot}"' in dom
    assert 'data-quality="ce-pe1"' in dom
    shown.browse(path, f"--screenshot={picture}")
    assert picture.stat().st_size > SMALLEST_PICTURE
    assert "接入网" in shown.browse(f"{path}?lang=zh", "--dump-dom")

    report = shown.browse(f"/reports/{shown.incident.id}", "--dump-dom")
    assert f'data-report="{shown.incident.id}" data-owner="access" data-mode="loss"' in report
    assert "<link" not in report
    assert "<script" not in report
