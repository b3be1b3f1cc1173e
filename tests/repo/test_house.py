"""The house rules that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, check=True, text=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_make_alone_prints_help_for_every_target() -> None:
    """A newcomer who types `make` sees every public target with one line each."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", makefile, re.MULTILINE))
    printed = subprocess.run(["make"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for target in targets:
        assert f"make {target} " in printed


def test_every_test_says_the_behaviour_as_a_sentence() -> None:
    """A test without a docstring does not say what would be broken when it fails."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in _tracked("tests/**/test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_the_project_names_no_machine_and_no_registry() -> None:
    """A clone works anywhere: no path of a developer's machine and no package registry's host is written down."""
    words = re.compile(r"/work/" + r"(main|shared)|artifact" + r"ory|/root/\.|\.lib" + r"rary\b")
    found = []
    for path in _tracked():
        if path.suffix in {".pcap", ".pcapng", ".png", ".ipfix", ".bin", ".dat"}:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if words.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}")
    assert found == []


def test_the_lock_holds_every_declared_dependency() -> None:
    """`requirements.lock` is made from pyproject.toml: a dependency that is declared is locked."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    locked = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if "==" in line
    }
    names = {re.split(r"[<>=!~ \[;]", text)[0].lower().replace("_", "-") for text in declared}
    assert names - locked == set()


def test_own_elements_have_unique_ids_below_the_reverse_bit() -> None:
    """Element ids are never reused, and id | 0x4000 stays free for the reverse direction."""
    table = tomllib.loads((ROOT / "faultline/records/fields.toml").read_text())
    own = [field["own"] for field in table["field"] if "own" in field]
    assert len(own) == len(set(own))
    assert all(0 < number < 0x4000 for number in own)
    for field in table["field"]:
        assert ("own" in field) != ("ie" in field), field["name"]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/README.md"])
def test_links_between_pages_lead_somewhere(name: str) -> None:
    """A relative link in a page for people points at a file that exists."""
    page = ROOT / name
    dead = [
        target
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert dead == []
