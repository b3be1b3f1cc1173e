"""The analyzer's commands: what a mistake looks like, and what a report is made of."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from analyzer.cli import app
from faultline.runtime.console import CommandError
from faultline.store import StoreConfig, open_reader


def call(*arguments: str) -> None:
    """Run a command in this process; its errors come out."""
    get_command(app).main([*arguments], standalone_mode=False)


def make_installation(folder: Path, inventory: str, *, store: bool = True, listen: str = "127.0.0.1:0") -> Path:
    """A folder with configuration, inventory and, as the collector leaves it, an empty store."""
    (folder / "inventory.yaml").write_text(inventory, encoding="utf-8")
    file = folder / "analyzer.yaml"
    file.write_text(f"data: own\ninventory: inventory.yaml\nstore: {{data: store}}\nlisten: {listen}\n", encoding="utf-8")
    if store:
        open_reader(StoreConfig(data=folder / "store")).close()
    return file


def refused(*arguments: str) -> CommandError:
    """The error of a command; its code is that of bad usage and it has a hint."""
    with pytest.raises(CommandError) as caught:
        call(*arguments)
    assert caught.value.code == 2
    assert caught.value.hint
    return caught.value


def test_a_missing_configuration_is_one_line(tmp_path: Path) -> None:
    """The path and the reason."""
    error = refused("run", "-c", str(tmp_path / "none.yaml"))
    assert error.message == f"{tmp_path}/none.yaml: cannot be read: No such file or directory"


def test_an_unknown_key_is_named_by_its_path(tmp_path: Path) -> None:
    """A typo never becomes a default."""
    file = tmp_path / "analyzer.yaml"
    file.write_text("store: {dta: x}\n", encoding="utf-8")
    assert "analyzer.store.dta: unknown key" in refused("run", "-c", str(file)).message


def test_an_inventory_with_mistakes_names_them_all(tmp_path: Path, line_file: str) -> None:
    """File, line, key and remedy of each; nothing was started and nothing written."""
    broken = line_file.replace("kind: device", "kind: devise").replace("tenant: bank", "tenant: bnak")
    file = make_installation(tmp_path, broken)
    message = refused("run", "-c", str(file)).message
    assert "components[1].kind" in message
    assert "lines[0].tenant" in message
    assert f"{tmp_path}/inventory.yaml:" in message
    assert not (tmp_path / "own").exists()


def test_a_missing_inventory_is_one_line(tmp_path: Path, line_file: str) -> None:
    """The path, not a traceback."""
    file = make_installation(tmp_path, line_file)
    (tmp_path / "inventory.yaml").unlink()
    assert f"{tmp_path}/inventory.yaml: cannot be read: No such file" in refused("run", "-c", str(file)).message


def test_a_missing_store_is_one_line_and_is_not_made(tmp_path: Path, line_file: str) -> None:
    """An analyzer that makes its own empty store would wait for windows for ever."""
    file = make_installation(tmp_path, line_file, store=False)
    for command in (("run",), ("report", "fault", "F1", "-o", "-")):
        error = refused(*command, "-c", str(file))
        assert f"analyzer.store.data: {tmp_path}/store: no such folder" in error.message or "no state store" in error.message
        assert not (tmp_path / "store").exists()


def test_a_taken_port_is_one_line_and_exit_code_2(tmp_path: Path, line_file: str) -> None:
    """The address, the reason and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file = make_installation(tmp_path, line_file, listen=f"127.0.0.1:{port}")
        assert f"cannot listen on 127.0.0.1:{port}" in refused("run", "-c", str(file)).message


def test_check_reads_everything_and_starts_nothing(tmp_path: Path, line_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The store is not even looked for."""
    file = make_installation(tmp_path, line_file, store=False)
    call("run", "-c", str(file), "--check")
    assert capsys.readouterr().err == f"{file}: right\n"


def test_a_report_of_an_unknown_incident_names_the_known_ones(tmp_path: Path, line_file: str) -> None:
    """In an empty store it says that there is none yet."""
    file = make_installation(tmp_path, line_file)
    error = refused("report", "fault", "F1", "-c", str(file), "-o", str(tmp_path / "f.html"))
    assert (error.message, error.hint) == ("no incident 'F1'", "no incident was stored yet")


def test_help_costs_none_of_the_heavy_parts() -> None:
    """Commands import what they need when they run."""
    with pytest.raises(SystemExit) as caught:
        get_command(app).main(["--help"])
    assert caught.value.code == 0
    assert typer.main.get_command(app).name == "analyzer"
