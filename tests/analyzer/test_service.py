"""The service as a whole on loopback: health, pages, and an inventory that changes under it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import httpx
import pytest

from analyzer.config import AnalyzerConfig, EvaluationConfig
from analyzer.service import Joined, join
from faultline.runtime.clock import VirtualClock
from faultline.runtime.console import CommandError
from faultline.store import StoreConfig, open_reader

NOW_NS = 1_800_000_000 * 10**9


def wait_until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Poll until it holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


@attrs.frozen
class Running:
    """A started service and a client of it."""

    joined: Joined
    api: httpx.Client
    config: AnalyzerConfig

    def warnings(self) -> list[str]:
        """What /healthz warns of."""
        return list(self.api.get("/healthz").json().get("warnings", []))

    def lines(self) -> list[str]:
        """Codes of the lines the interface tells."""
        return [line["code"] for line in self.api.get("/api/v1/lines").json()["lines"]]


def make_config(folder: Path, text: str) -> AnalyzerConfig:
    """An installation with an empty store."""
    (folder / "inventory.yaml").write_text(text, encoding="utf-8")
    store = StoreConfig(data=folder / "store", durable=False)
    open_reader(store).close()
    return AnalyzerConfig(
        data=folder / "analyzer",
        inventory=folder / "inventory.yaml",
        store=store,
        listen="127.0.0.1:0",
        evaluation=EvaluationConfig(poll_s=0.02),
    )


@pytest.fixture
def running(tmp_path: Path, line_file: str) -> Iterator[Running]:
    """The service over an empty store."""
    config = make_config(tmp_path, line_file)
    joined = join(config, clock=VirtualClock(NOW_NS))
    joined.service.start()
    with httpx.Client(base_url=f"http://{joined.web.address}") as api:
        yield Running(joined=joined, api=api, config=config)
    joined.service.stop()


def test_it_is_able_before_the_first_window_and_says_what_is_missing(running: Running) -> None:
    """No window is no reason to be restarted, but a reason to look."""
    answer = running.api.get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["warnings"] == ["windows: none is final yet: is the collector running, and does it hear a probe?"]
    assert running.lines() == ["CN-NB-0017"]
    assert [stage["name"] for stage in running.api.get("/v1/stages").json()["stages"]] == ["windows"]
    assert "faultline_windows_in_total 0.0" in running.api.get("/metrics").text
    assert 'data-empty="windows"' in running.api.get("/").text


def test_a_changed_inventory_is_taken_up(running: Running, line_file: str) -> None:
    """Pages have the new line without a restart."""
    running.config.inventory.write_text(line_file.replace("CN-NB-0017", "CN-NB-0018"), encoding="utf-8")
    wait_until(lambda: running.lines() == ["CN-NB-0018"])
    assert running.joined.counters.value("inventory_reads", outcome="adopted") == 1


def test_a_broken_inventory_keeps_the_old_one_and_is_said_until_it_is_right(running: Running, line_file: str) -> None:
    """The service stays able; the warning names file, line and key, and goes away with the mistake."""
    mistaken = running.config.inventory.with_suffix(".new")
    mistaken.write_text(line_file.replace("tenant: bank", "tenant: bnak"), encoding="utf-8")
    mistaken.replace(running.config.inventory)  # whole at once: read while it is written, it would be refused as empty first
    wait_until(lambda: len(running.warnings()) == 2)
    assert "lines[0].tenant" in running.warnings()[0]
    assert running.api.get("/healthz").status_code == 200
    assert running.lines() == ["CN-NB-0017"]
    running.config.inventory.unlink()
    wait_until(lambda: "cannot be read" in running.warnings()[0])
    assert running.lines() == ["CN-NB-0017"]
    running.config.inventory.write_text(line_file, encoding="utf-8")
    wait_until(lambda: len(running.warnings()) == 1)
    assert running.joined.counters.value("inventory_reads", outcome="refused") == 2


def test_a_second_service_on_the_port_stops_what_it_started(running: Running, tmp_path: Path, line_file: str) -> None:
    """One clear error, and its outbox is let go of."""
    (tmp_path / "other").mkdir()
    config = attrs.evolve(make_config(tmp_path / "other", line_file), listen=str(running.joined.web.address))
    with pytest.raises(CommandError, match="cannot listen on"):
        join(config).service.start()
    assert running.api.get("/healthz").status_code == 200
