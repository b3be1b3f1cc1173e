"""One file to three configurations: what is filled in, what is refused, and with which words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import analyzer.config
import collector.config
import probe.config
from appliance.settings import Part, read_settings, write_files
from faultline.runtime.config import ConfigError
from faultline.runtime.console import CommandError
from tests.appliance.conftest import ROOT

Write = Callable[..., Path]
LOCAL = {"probe": "branch", "capture": {"interfaces": [{"name": "lo"}]}, "status": {"listen": "127.0.0.1:9"}}


def test_services_agree_on_what_was_said_once(write: Write, tmp_path: Path) -> None:
    """Folders, stores, inventory, tokens and addresses; relative paths are relative to the file."""
    settings = read_settings(write(store={"retention": {"flows_s": 77}}, probe=LOCAL))
    assert settings.parts == (Part.COLLECTOR, Part.ANALYZER, Part.PROBE)
    assert settings.collector.store == settings.analyzer.store
    assert settings.collector.store.data == tmp_path / "data" / "store"
    assert settings.collector.store.retention.flows_s == 77
    assert settings.collector.inventory == settings.analyzer.inventory == tmp_path / "inventory.yaml"
    assert [known.id for known in settings.collector.probes] == ["branch", "pe1", "pe2", "dc"]
    assert settings.probe is not None
    assert settings.probe.collector.url == f"https://{settings.collector.listen}"
    assert settings.probe.collector.token_file == settings.token_file("branch")
    assert settings.probe.state_dir == tmp_path / "data" / "probe"


def test_the_files_of_the_services_are_read_back_as_they_were_meant(write: Write) -> None:
    """By the services' own commands; each token's digest is the collector's, and stays from start to start."""
    settings = read_settings(write(probe=LOCAL, log={"level": "warning"}))
    write_files(settings)
    made = collector.config.read_config(settings.file(Part.COLLECTOR))
    for known in made.probes:
        path = settings.token_file(known.id)
        assert path.stat().st_mode & 0o077 == 0
        assert known.token_sha256 == hashlib.sha256(path.read_text().strip().encode()).hexdigest()
    assert made.log.level == "warning"
    assert analyzer.config.read_config(settings.file(Part.ANALYZER)).store == settings.analyzer.store
    local = probe.config.read_config(settings.file(Part.PROBE))
    assert local.collector == settings.probe.collector if settings.probe else None
    before = settings.file(Part.COLLECTOR).read_text()
    write_files(read_settings(write(probe=LOCAL, log={"level": "warning"}, collector={"listen": made.listen})))
    assert settings.file(Part.COLLECTOR).read_text() == before


def test_an_interface_on_the_command_line_makes_a_probe(write: Write) -> None:
    """With this host's name, let in like any other; beside a probe in the file it is added to it."""
    settings = read_settings(write(), interfaces=["eth7"])
    assert settings.probe is not None
    assert [entry.name for entry in settings.probe.capture.interfaces] == ["eth7"]
    assert settings.probe.probe in settings.probes
    both = read_settings(write(probe=LOCAL), interfaces=["eth7"])
    assert both.probe is not None
    assert [entry.name for entry in both.probe.capture.interfaces] == ["lo", "eth7"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colour": "red"}, "appliance.colour: unknown key"),
        ({"status": "9460"}, "appliance.status: expected HOST:PORT"),
        ({"collector": {"listne": "x"}}, "appliance.collector.listne: unknown key"),
        ({"collector": {"probes": []}}, "appliance.collector.probes: follows from the rest of this file"),
        ({"analyzer": {"store": {}}}, "appliance.analyzer.store: follows from the rest of this file"),
        ({"analyzer": {"evaluation": {"spans_s": [15]}}}, "appliance.analyzer.evaluation: expected rising multiples of 10 s"),
        ({"probe": {"probe": ""}}, "appliance.probe.probe: must be 1 to 64 printable characters"),
        ({"probe": {"probe": "x", "state_dir": "y"}}, "appliance.probe.state_dir: follows from the rest of this file"),
        ({"store": {"metrics": "oracle"}}, "appliance.store.metrics: "),
        ({"log": {"level": "loud"}}, "appliance.log.level: "),
        ({"collector": 7}, "appliance.collector: "),
    ],
)
def test_a_mistake_is_named_by_its_key(write: Write, changes: dict[str, Any], said: str) -> None:
    """Under the appliance's own path, whichever service it is about."""
    with pytest.raises(ConfigError) as caught:
        read_settings(write(**changes))
    assert any(problem.startswith(said) for problem in caught.value.problems), caught.value.problems
    assert caught.value.code == 2


def test_a_bad_inventory_is_refused_before_anything_is_made(write: Write, tmp_path: Path) -> None:
    """Every mistake with its line, and where to look."""
    path = write()
    text = (tmp_path / "inventory.yaml").read_text()
    (tmp_path / "inventory.yaml").write_text(
        text.replace("path: [branch-lan, ce,", "path: [branch-lan, nowhere, ce, branch-lan,")
    )
    with pytest.raises(CommandError) as caught:
        read_settings(path)
    assert caught.value.code == 2
    assert "nowhere" in caught.value.message
    assert "branch-lan" in caught.value.message
    assert "inventory check" in str(caught.value.hint)
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_made_is_one_line(write: Write, tmp_path: Path) -> None:
    """With the key and what to do."""
    (tmp_path / "data").write_text("a file")
    with pytest.raises(CommandError, match=r"appliance\.data: .*data") as caught:
        write_files(read_settings(write()))
    assert caught.value.code == 2


@pytest.mark.parametrize("name", ["appliance", "collector", "analyzer"])
def test_the_annotated_examples_are_configurations(tmp_path: Path, name: str) -> None:
    """Each is read by its service's own code."""
    examples = ROOT / "packaging" / "examples"
    text = (examples / f"{name}.yaml").read_text()
    (tmp_path / "inventory.yaml").write_text((examples / "inventory.yaml").read_text())
    readers: dict[str, Callable[[Path], Any]] = {
        "appliance": read_settings,
        "collector": collector.config.read_config,
        "analyzer": analyzer.config.read_config,
    }
    path = tmp_path / f"{name}.yaml"
    path.write_text(text)
    assert readers[name](path) is not None


def test_names_of_probes_become_safe_files(write: Write) -> None:
    """A probe called like a path stays inside the folder."""
    settings = read_settings(write())
    assert settings.token_file("../../etc/passwd").parent == settings.data / "tokens"
    assert settings.token_file("a/b") != settings.token_file("a_b")
