"""What crashed runs leave is found and removed, and nobody else's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.demo import remains


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this test only."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that a run might have started."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        yield child
        child.kill()


def crashed(folder: Path) -> None:
    """The folder as a driver left it that is gone: its process id was given to another since."""
    document = json.loads((folder / "run.json").read_text())
    document["driver"] = {"pid": os.getpid(), "started": 1}
    (folder / "run.json").write_text(json.dumps(document))


def test_a_crashed_run_is_ended_and_removed(sleeper: subprocess.Popen[bytes]) -> None:
    """Its processes are ended by their ids, its folder goes, and one line says so."""
    folder = remains.name_folder()
    remains.make_folder(folder)
    remains.write_down(folder, [sleeper.pid])
    crashed(folder)
    (told,) = remains.clean_crashed_runs()
    assert "ended 1 processes" in told
    assert sleeper.wait(5) == -9
    assert not folder.exists()


def test_a_run_that_lives_is_left_alone(sleeper: subprocess.Popen[bytes]) -> None:
    """Two runs at once do not take each other for crashed."""
    folder = remains.name_folder()
    remains.make_folder(folder)
    remains.write_down(folder, [sleeper.pid])
    assert remains.clean_crashed_runs() == []
    assert sleeper.poll() is None
    assert folder.exists()


def test_a_process_id_that_was_given_away_is_left_alone(sleeper: subprocess.Popen[bytes]) -> None:
    """Only a process that started when the run says is the run's."""
    folder = remains.name_folder()
    remains.make_folder(folder)
    remains.write_down(folder, [sleeper.pid])
    document = json.loads((folder / "run.json").read_text())
    document["processes"][0]["started"] -= 100
    (folder / "run.json").write_text(json.dumps(document))
    crashed(folder)
    (told,) = remains.clean_crashed_runs()
    assert "ended 0 processes" in told
    assert sleeper.poll() is None
    assert not folder.exists()


def test_a_folder_that_is_no_runs_is_left_alone(tmp_path: Path) -> None:
    """A name alone proves nothing: without a run's own note nothing is removed."""
    strange = tmp_path / "faultline-demo-mine"
    strange.mkdir()
    assert remains.clean_crashed_runs() == []
    assert strange.exists()
