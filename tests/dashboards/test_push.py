"""`faultline dashboards push` against the recorded contract of Grafana's API (`grafana_double`), and a real one if there is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dashboards import files
from dashboards.cli import app
from dashboards.grafana import Grafana
from dashboards.push import Done, push
from faultline.runtime.console import BAD_USAGE, CommandError
from tests.dashboards.grafana_double import TOKEN, Contract, serving
from tests.store.conftest import free_port


@pytest.fixture
def contract() -> Contract:
    """An empty Grafana, as the contract says."""
    return Contract()


@pytest.fixture
def url(contract: Contract) -> Iterator[str]:
    """Its address."""
    with serving(contract) as address:
        yield address


def call(*arguments: str) -> Result:
    """The command, as typed."""
    return CliRunner().invoke(app, ["push", *arguments])


def refusal(*arguments: str) -> CommandError:
    """Why the command ended."""
    error = call(*arguments).exception
    assert isinstance(error, CommandError)
    return error


def test_everything_is_created_once_and_then_unchanged(contract: Contract, url: str) -> None:
    """The first push makes the folder and ten boards in it, the second sends nothing."""
    first = call("--url", url, "--token", TOKEN)
    assert first.exit_code == 0, first.output
    assert "11 changes" in first.stderr
    assert set(contract.dashboards) == {board["uid"] for board in files.boards()}
    assert set(contract.folder_of.values()) == {"faultline"}
    before = len(contract.written)
    second = call("--url", url, "--token", TOKEN)
    assert "0 changes" in second.stderr
    assert "dashboard faultline-l0-en: unchanged" in second.stderr
    assert len(contract.written) == before


def test_a_dry_run_shows_the_difference_and_sends_nothing(contract: Contract, url: str) -> None:
    """What a person changed by hand is shown line by line."""
    call("--url", url, "--token", TOKEN)
    contract.dashboards["faultline-l0-en"]["title"] = "My wall"
    contract.asked.clear()
    result = call("--url", url, "--token", TOKEN, "--dry-run")
    assert '- "title": "My wall",' in result.stdout
    assert '+ "title": "Faultline L0: wall",' in result.stdout
    assert "dashboard faultline-l0-en: would be updated" in result.stderr
    assert "1 differences" in result.stderr
    assert contract.written == []


def test_what_was_changed_by_hand_is_set_back(contract: Contract, url: str) -> None:
    """The boards are code: a push restores titles, panels that were added, and the folder."""
    call("--url", url, "--token", TOKEN)
    contract.dashboards["faultline-l0-en"]["panels"].append({"id": 99, "title": "mine"})
    contract.folder_of["faultline-l1-en"] = ""
    contract.asked.clear()
    assert "2 changes" in call("--url", url, "--token", TOKEN).stderr
    assert len(contract.written) == 2
    assert all(panel["id"] != 99 for panel in contract.dashboards["faultline-l0-en"]["panels"])
    assert contract.folder_of["faultline-l1-en"] == "faultline"


def test_one_language_can_be_chosen(contract: Contract, url: str) -> None:
    """`--lang zh` pushes the Chinese five; another word is a bad call."""
    call("--url", url, "--token", TOKEN, "--lang", "zh")
    assert sorted(contract.dashboards) == [f"faultline-l{level}-zh" for level in range(5)]
    assert refusal("--url", url, "--token", TOKEN, "--lang", "fr").code == BAD_USAGE


def test_a_tenants_data_source_reaches_its_own_database(contract: Contract, url: str, tmp_path: Path) -> None:
    """Made with the tenant's database and its own user; the password is stored, never shown, and no difference afterwards."""
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    arguments = ["--url", url, "--token", TOKEN, "--lang", "en", "--tenant", "bank"]
    arguments += ["--influx-user", "bank-reader", "--influx-password-file", str(secret)]
    shown = call(*arguments, "--dry-run")
    assert "data source faultline: would be created" in shown.stderr
    assert "hunter2" not in shown.output
    call(*arguments)
    source = contract.sources["faultline"]
    assert source["database"] == source["jsonData"]["dbName"] == "faultline_bank"
    assert source["secureJsonFields"] == {"password": True}
    assert "0 changes" in call(*arguments).stderr


def test_the_organisation_must_be_the_one_that_was_named(contract: Contract, url: str) -> None:
    """A token of another organisation is refused before anything is sent."""
    contract.organisation = "First Bank"
    assert call("--url", url, "--token", TOKEN, "--lang", "en", "--org", "First Bank").exit_code == 0
    contract.asked.clear()
    error = refusal("--url", url, "--token", TOKEN, "--org", "School")
    assert error.message == "the token belongs to the organisation 'First Bank', not to 'School'"
    assert contract.written == []


def test_a_wrong_token_is_one_clear_line(url: str) -> None:
    """It says which address refused and what to do; the token itself is not printed."""
    error = refusal("--url", url, "--token", "glsa_wrong")
    assert error.message == f"{url}/api/org: refused with 401: Invalid API key"
    assert error.hint is not None
    assert "token" in error.hint
    assert "glsa_wrong" not in error.message + error.hint


def test_a_token_without_the_right_is_one_clear_line(contract: Contract, url: str) -> None:
    """A viewer's token may look and not write."""
    contract.forbids_writing = True
    error = refusal("--url", url, "--token", TOKEN)
    assert "refused with 403" in error.message
    assert error.hint is not None
    assert "Editor" in error.hint


def test_an_unreachable_server_is_one_clear_line() -> None:
    """Nobody listens there."""
    address = f"http://127.0.0.1:{free_port()}"
    error = refusal("--url", address, "--token", TOKEN)
    assert error.message.startswith(f"{address}: cannot be reached: ")
    assert "\n" not in error.message


def test_something_else_at_the_address_is_one_clear_line(contract: Contract, url: str) -> None:
    """A web server that is no Grafana."""
    contract.is_no_grafana = True
    error = refusal("--url", url, "--token", TOKEN)
    assert "refused with 404" in error.message
    assert error.hint is not None
    assert "Grafana" in error.hint


@pytest.mark.parametrize("arguments", [("--url", "grafana:3000", "--token", "x"), ("--url", "http://g", "--token", "two words")])
def test_a_bad_call_is_refused_before_anything_is_asked(arguments: tuple[str, ...]) -> None:
    """An address without a scheme, a token that is none: exit code 2."""
    assert refusal(*arguments).code == BAD_USAGE


def test_a_missing_password_file_is_named(tmp_path: Path) -> None:
    """The message has the path."""
    gone = tmp_path / "gone"
    error = refusal("--url", "http://g", "--token", "x", "--tenant", "bank", "--influx-password-file", str(gone))
    assert error.message == f"{gone}: No such file or directory"


def test_a_real_grafana_takes_the_boards_and_keeps_them() -> None:
    """Pushed twice to the Grafana of GRAFANA_URL (token in GRAFANA_TOKEN): the second time changes nothing."""
    address, token = os.environ.get("GRAFANA_URL"), os.environ.get("GRAFANA_TOKEN")
    if not address or not token:
        pytest.skip("needs a real Grafana: set GRAFANA_URL and GRAFANA_TOKEN")
    with Grafana(address, token) as grafana:
        list(push(grafana, files.boards()))
        again = list(push(grafana, files.boards()))
    assert {outcome.what: outcome.difference for outcome in again if outcome.done is not Done.SAME} == {}
