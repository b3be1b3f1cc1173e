"""What every tier shares: Hypothesis profiles, and markers that skip with their reason where the ground is missing."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile("fast", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("deep", max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


def _influxd() -> str | None:
    built = ROOT / ".cache" / "bin" / "influxd"
    return os.environ.get("INFLUXD") or shutil.which("influxd") or (str(built) if built.exists() else None)


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start, also where the tests themselves were started in the background, which ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, each with the reason."""
    lacking: dict[str, str] = {}
    if os.geteuid() != 0:
        lacking["net"] = "needs root for network namespaces"
    elif not shutil.which("ip"):
        lacking["net"] = "needs iproute2 (packaging/setup.sh test installs it)"
    if not shutil.which("chromium"):
        lacking["browser"] = "needs chromium (packaging/setup.sh test installs it when root)"
    if _influxd() is None:
        lacking["influx"] = "needs influxd: set INFLUXD, or packaging/setup.sh test builds it where go is present"
    if not (ROOT / ".cache" / "engines" / "faultline-locked").exists():
        lacking["engines"] = "needs .cache/engines (packaging/setup.sh engines installs it, about 1 GB)"
    for item in items:
        for marker, reason in lacking.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def _logging_of_its_own() -> Iterator[None]:
    """A command that ran in a test's process set logging up for itself; the next test's log must not go to its stream."""
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Third-party captures with expected results, beside the project; never copied into it."""
    folder = ROOT.parent / "shared" / "corpora"
    if not folder.is_dir():
        pytest.skip("no ../shared/corpora beside the project")
    return folder


@pytest.fixture(scope="session")
def influxd_binary() -> str:
    """Path of a real influxd."""
    found = _influxd()
    if found is None:
        pytest.skip("no influxd")
    return found
