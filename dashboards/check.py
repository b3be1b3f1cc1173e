"""What is wrong with boards, as a person would look for it in the JSON itself.

Goes in: JSON documents, whoever made them. Comes out: problems with their coordinates. Knows the schema of the metrics, not the
generator: a mistake of the generator is found here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dashboards import files
from faultline.store.lines import POLICIES, TENANT_TAG
from faultline.store.schema import MEASUREMENTS

_FROM = re.compile(r'FROM "(?P<policy>[^"]+)"\."(?P<measurement>[^"]+)"')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ALIAS = re.compile(r'AS "((?:[^"\\]|\\.)*)"')
_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'|/\^.*?\$/|/\(.*?\)/")
_VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}")
_GRAFANAS_OWN = re.compile(r"^__")
_KNOWN_POLICIES = {*POLICIES.values(), "r${every:raw}"}
_NOT_DRAWN = {"row", "text"}


def problems(folder: Path) -> list[str]:
    """Everything that is wrong with the committed files."""
    found = []
    wanted = files.contents()
    for name in sorted({*wanted, *files.present(folder)}):
        path = folder / name
        if name not in wanted:
            found.append(f"{name}: is no board any more: faultline dashboards build")
        elif not path.exists():
            found.append(f"{name}: is missing: faultline dashboards build")
        elif path.read_text(encoding="utf-8") != wanted[name]:
            found.append(f"{name}: is not current: faultline dashboards build")
    boards = files.boards()
    found += _twice("uid", [str(board["uid"]) for board in boards])
    for board in boards:
        found += board_problems(board)
    return found


def board_problems(board: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with one board."""
    where = str(board.get("uid", "a board without uid"))
    panels = [panel for panel in board.get("panels", []) if panel.get("type") not in _NOT_DRAWN]
    found = [f"{where}: {told}" for told in _twice("panel id", [str(panel.get("id")) for panel in panels])]
    found += [f"{where}: {told}" for told in _overlaps(panels)]
    for panel in panels:
        found += [f"{where} panel {panel.get('id')} {panel.get('title', '')!r}: {told}" for told in _panel_problems(panel)]
    found += [f"{where}: {told}" for told in _variable_problems(board)]
    for variable in board.get("templating", {}).get("list", []):
        if variable.get("type") == "query":
            found += [f"{where} variable {variable['name']}: {told}" for told in query_problems(str(variable["query"]))]
    for marks in board.get("annotations", {}).get("list", []):
        found += [f"{where} annotation {marks['name']!r}: {told}" for told in query_problems(str(marks["query"]))]
    return found


def query_problems(query: str) -> list[str]:
    """Names in a query that the schema does not have."""
    found = []
    measured = [match.groupdict() for match in _FROM.finditer(query)]
    if not measured:
        return [f"reads no measurement: {query}"]
    known = {*_ALIAS.findall(query), TENANT_TAG}
    for source in measured:
        if source["policy"] not in _KNOWN_POLICIES:
            found.append(f"no retention policy {source['policy']!r}")
        spec = MEASUREMENTS.get(source["measurement"])
        if spec is None:
            found.append(f"no measurement {source['measurement']!r}")
        else:
            known |= {*spec.fields, *spec.tags}
    bare = _TEXT.sub("", _FROM.sub("", query))
    found += [f"{measured[0]['measurement']} has no field or tag {name!r}" for name in _QUOTED.findall(bare) if name not in known]
    if query.upper().startswith("SELECT"):
        found += [f"{source['measurement']} is read without a time range" for source in _without_time(query)]
    return found


def _without_time(query: str) -> Iterator[Mapping[str, str]]:
    for match in _FROM.finditer(query):
        if not query[match.end() :].startswith(" WHERE $timeFilter"):
            yield match.groupdict()


def _panel_problems(panel: Mapping[str, Any]) -> Iterator[str]:
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    if not panel.get("title"):
        yield "no title"
    if not panel.get("description"):
        yield "no description"
    if not defaults.get("unit"):
        yield "no unit"
    if not defaults.get("noValue"):
        yield "no words for no data"
    if not panel.get("targets"):
        yield "no query"
    yield from _twice("query letter", [str(target.get("refId")) for target in panel.get("targets", [])])
    for target in panel.get("targets", []):
        for told in query_problems(str(target.get("query", ""))):
            yield f"query {target.get('refId')}: {told}"


def _overlaps(panels: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for i, one in enumerate(panels):
        a = one["gridPos"]
        if a["x"] < 0 or a["w"] < 1 or a["h"] < 1 or a["x"] + a["w"] > 24:  # noqa: PLR2004 - Grafana's grid
            yield f"panel {one['id']}: reaches beyond the grid: {a}"
        for other in panels[i + 1 :]:
            b = other["gridPos"]
            beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
            below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
            if not beside and not below:
                yield f"panels {one['id']} and {other['id']} overlap"


def _variable_problems(board: Mapping[str, Any]) -> Iterator[str]:
    variables = board.get("templating", {}).get("list", [])
    names = [str(variable["name"]) for variable in variables]
    yield from _twice("variable", names)
    inside = [board.get("panels", []), board.get("annotations", {})]
    used = {name for part in [*inside, *variables] for name in _VARIABLE.findall(str(part)) if not _GRAFANAS_OWN.match(name)}
    for name in names:
        if name not in used:
            yield f"variable {name!r} is used nowhere"
    for name in sorted(used - set(names)):
        yield f"variable {name!r} is used and not defined"


def _twice(what: str, values: Sequence[str]) -> list[str]:
    return [f"{what} {value!r} {count} times" for value, count in Counter(values).items() if count > 1]
