"""The committed files: what they should hold, writing them, and which of them are not current.

Goes in: a folder. Comes out: text by relative path. Deterministic: the same boards give the same octets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dashboards.boards import ALL, variables_of
from dashboards.provisioning import documents
from dashboards.render import rendered
from dashboards.words import Language

HERE = Path(__file__).resolve().parent
BOARDS_FOLDER = "grafana"
PROVISIONING_FOLDER = "provisioning"
_HEADER = "# Made by `faultline dashboards build`.\n"


def boards() -> list[dict[str, Any]]:
    """Every board in every language."""
    return [rendered(board, language, variables_of()) for board in ALL for language in Language]


def contents() -> Mapping[str, str]:
    """Every file as it should be, by its path."""
    found = {f"{BOARDS_FOLDER}/{board['uid']}.json": board_text(board) for board in boards()}
    for name, document in documents().items():
        found[f"{PROVISIONING_FOLDER}/{name}"] = _HEADER + yaml.safe_dump(
            document, sort_keys=False, allow_unicode=True, width=130
        )
    return found


def board_text(board: Mapping[str, Any]) -> str:
    """A board as it is committed and as differences are shown."""
    return json.dumps(board, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def write(folder: Path) -> list[str]:
    """Write what is not current, take away what is no board any more; the paths that changed."""
    wanted = contents()
    changed = []
    for name, text in wanted.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(name)
    for name in present(folder) - set(wanted):
        (folder / name).unlink()
        changed.append(name)
    return sorted(changed)


def present(folder: Path) -> set[str]:
    """The generated files that are there."""
    found = {*folder.glob(f"{BOARDS_FOLDER}/*.json"), *folder.glob(f"{PROVISIONING_FOLDER}/**/*.yaml")}
    return {path.relative_to(folder).as_posix() for path in found}
