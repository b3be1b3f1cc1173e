"""Grafana's JSON (classic model) of a board in one language.

Goes in: a `Dashboard`. Comes out: a dict. Positions, panel ids, uids and links are worked out here, so no board can get them
wrong. The schema version is one that Grafana 11 to 13 read and migrate by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dashboards.influxql import LENGTH_VARIABLE
from dashboards.model import (
    TIME_COLUMN,
    Board,
    Dashboard,
    Kind,
    Link,
    Marks,
    Panel,
    Shown,
    Step,
    Target,
    Variable,
    VariableKind,
)
from dashboards.words import BAD, Language, Named, with_unit

SCHEMA_VERSION = 39
SOURCE_VARIABLE = "source"
SOURCE = {"type": "influxdb", "uid": f"${{{SOURCE_VARIABLE}}}"}
_ALL = ".+"
"""Value of "all" in a variable: whatever has the tag."""
_GENTLE = "#7b848f"


def uid(board: Board, language: Language) -> str:
    """A board's stable name in addresses."""
    return f"faultline-{board.value}-{language.value}"


def rendered(board: Dashboard, language: Language, variables_of: Mapping[Board, frozenset[str]]) -> dict[str, Any]:
    """One board. `variables_of` says which variables each board takes, for the links."""
    return {
        "annotations": {"list": [_marks(marks, language) for marks in board.marks]},
        "description": board.definition.say(language),
        "editable": True,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "links": [_way(link, language) for link in board.ways],
        "panels": list(_panels(board, language, variables_of)),
        "refresh": board.refresh,
        "schemaVersion": SCHEMA_VERSION,
        "tags": ["faultline", f"faultline-{language.value}"],
        "templating": {"list": [_variable(variable, language) for variable in board.variables]},
        "time": {"from": board.since, "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "title": board.title.say(language),
        "uid": uid(board.board, language),
        "weekStart": "",
    }


def _panels(board: Dashboard, language: Language, variables_of: Mapping[Board, frozenset[str]]) -> Iterable[dict[str, Any]]:
    number, top = 0, 0
    for row in board.rows:
        left = 0
        for panel in row.panels:
            number += 1
            place = {"h": row.height, "w": panel.width, "x": left, "y": top}
            yield _panel(panel, language, variables_of, {"id": number, "gridPos": place}, board)
            left += panel.width
        top += row.height


def _panel(
    panel: Panel, language: Language, variables_of: Mapping[Board, frozenset[str]], place: dict[str, Any], board: Dashboard
) -> dict[str, Any]:
    describe = _Described(language, board, variables_of)
    made: dict[str, Any] = {
        **place,
        "type": panel.kind.value,
        "title": panel.title.say(language),
        "description": with_unit(panel.definition, panel.unit).say(language),
        "datasource": SOURCE,
        "targets": [_target(t, panel.kind, chr(ord("A") + i)) for i, t in enumerate(panel.targets)],
        "fieldConfig": {
            "defaults": describe.defaults(panel),
            "overrides": [describe.override(name, shown, panel.kind) for name, shown in panel.shown.items()],
        },
        "options": _options(panel, language),
        "interval": f"${{{LENGTH_VARIABLE}}}" if any(v.name == LENGTH_VARIABLE for v in board.variables) else "10s",
        "maxDataPoints": 400,
    }
    if panel.days_ago:
        made["timeShift"] = f"{panel.days_ago}d"
    if panel.kind is Kind.TABLE:
        made["transformations"] = [_organized(panel)]
    return made


class _Described:
    """Field configurations in one language."""

    def __init__(self, language: Language, board: Dashboard, variables_of: Mapping[Board, frozenset[str]]) -> None:
        self._language = language
        self._board = board
        self._variables_of = variables_of

    def defaults(self, panel: Panel) -> dict[str, Any]:
        found: dict[str, Any] = {
            "unit": panel.unit.grafana,
            "noValue": panel.nothing.say(self._language),
            "color": {"mode": _colour_mode(panel)},
            "thresholds": _steps(panel.steps),
            "mappings": _mappings(panel.named, self._language),
            "custom": _custom(panel),
        }
        if panel.largest is not None:
            found["max"] = panel.largest
        if panel.kind in {Kind.SERIES, Kind.BARS} or panel.largest is not None:
            found["min"] = 0
        if panel.link is not None:
            found["links"] = [self._link(panel.link, panel.kind)]
        return found

    def override(self, name: str, shown: Shown, kind: Kind) -> dict[str, Any]:
        said: list[tuple[str, Any]] = [("displayName", shown.title.say(self._language)), ("unit", shown.unit.grafana)]
        if shown.named:
            said += [("mappings", _mappings(shown.named, self._language))]
        if shown.steps:
            said += [("thresholds", _steps(shown.steps)), ("color", {"mode": "thresholds"})]
        if shown.bar:
            said += [("custom.cellOptions", {"type": "gauge", "mode": "basic"}), ("min", 0), ("max", 1)]
        elif kind is Kind.TABLE and (shown.named or shown.steps):
            said += [("custom.cellOptions", {"type": "color-text"})]
        if shown.width is not None:
            said += [("custom.width", shown.width)]
        if shown.link is not None:
            said += [("links", [self._link(shown.link, kind)])]
        if shown.colour is not None:
            said += [("color", {"mode": "fixed", "fixedColor": shown.colour})]
        if shown.dashed:
            said += [("custom.lineStyle", {"fill": "dash", "dash": [8, 6]})]
        if shown.fill_below_to is not None:
            said += [("custom.fillBelowTo", shown.fill_below_to), ("custom.fillOpacity", 12)]
        return {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": key, "value": value} for key, value in said],
        }

    def _link(self, link: Link, kind: Kind) -> dict[str, Any]:
        url = f"/d/{uid(link.to, self._language)}?${{__url_time_range}}"
        for variable in sorted(self._taken_along(link)):
            url += f"&${{{variable}:queryparam}}"
        if link.line_from is not None:
            place = "__data.fields" if kind is Kind.TABLE else "__field.labels"
            url += f"&var-line=${{{place}.{link.line_from}}}"
        return {"title": link.title.say(self._language), "url": url, "targetBlank": False}

    def _taken_along(self, link: Link) -> set[str]:
        own = {variable.name for variable in self._board.variables}
        shared = own & self._variables_of[link.to]
        return shared - {"line"} if link.line_from is not None else shared


def _way(link: Link, language: Language) -> dict[str, Any]:
    return {
        "type": "link",
        "title": link.title.say(language),
        "url": f"/d/{uid(link.to, language)}",
        "icon": "dashboard",
        "keepTime": True,
        "includeVars": True,
        "asDropdown": False,
        "targetBlank": False,
        "tags": [],
        "tooltip": "",
    }


def _target(target: Target, kind: Kind, letter: str) -> dict[str, Any]:
    return {
        "refId": letter,
        "datasource": SOURCE,
        "rawQuery": True,
        "query": target.query.text,
        "resultFormat": "table" if kind is Kind.TABLE else "time_series",
        "alias": target.alias,
    }


def _colour_mode(panel: Panel) -> str:
    if panel.kind in {Kind.STAT, Kind.BARS} and panel.steps:
        return "thresholds"
    # A state timeline in threshold mode shows the threshold's text instead of the words of the states.
    return "palette-classic"


def _steps(steps: Sequence[Step]) -> dict[str, Any]:
    told = steps or (Step(since=0, colour=_GENTLE),)
    first, *others = told
    return {
        "mode": "absolute",
        "steps": [{"color": first.colour, "value": None}, *({"color": s.colour, "value": s.since} for s in others)],
    }


def _mappings(named: Sequence[Named], language: Language) -> list[dict[str, Any]]:
    if not named:
        return []
    options = {n.value: {"text": n.text.say(language), "color": n.colour, "index": i} for i, n in enumerate(named)}
    return [{"type": "value", "options": options}]


def _custom(panel: Panel) -> dict[str, Any]:
    if panel.kind is Kind.SERIES:
        return {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 8 if panel.stacked else 0,
            "showPoints": "auto",
            "pointSize": 4,
            "spanNulls": False,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if len(panel.steps) > 1 else "off"},
        }
    if panel.kind is Kind.STATES:
        return {"lineWidth": 0, "fillOpacity": 80}
    if panel.kind is Kind.TABLE:
        return {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}
    return {}


def _options(panel: Panel, language: Language) -> dict[str, Any]:
    match panel.kind:
        case Kind.SERIES:
            return {
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }
        case Kind.STATES:
            return {
                "mergeValues": True,
                "showValue": "auto",
                "alignValue": "left",
                "rowHeight": 0.85,
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                "tooltip": {"mode": "single", "sort": "none"},
            }
        case Kind.TABLE:
            return {"showHeader": True, "cellHeight": "sm", "sortBy": _sorted_by(panel, language)}
        case Kind.STAT:
            return {
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
                "colorMode": "value",
                "graphMode": "none",
                "justifyMode": "auto",
                "orientation": "auto",
                "textMode": "value_and_name" if len(panel.targets) > 1 or len(panel.targets[0].query.select) > 1 else "value",
                "wideLayout": True,
            }
        case Kind.BARS:
            return {
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
                "displayMode": "basic",
                "orientation": "horizontal",
                "showUnfilled": True,
                "valueMode": "color",
                "namePlacement": "auto",
                "sizing": "auto",
                "minVizHeight": 16,
                "minVizWidth": 8,
            }


def _sorted_by(panel: Panel, language: Language) -> list[dict[str, Any]]:
    """Grafana sorts by the name that is shown."""
    if panel.sort_by is None:
        return []
    column, descending = panel.sort_by
    return [{"displayName": panel.shown[column].title.say(language), "desc": descending}]


def _organized(panel: Panel) -> dict[str, Any]:
    """Columns in the order they are shown in, without the time that InfluxQL puts before groups."""
    hidden = {} if TIME_COLUMN in panel.shown else {TIME_COLUMN: True}
    return {
        "id": "organize",
        "options": {
            "excludeByName": hidden,
            "includeByName": {},
            "indexByName": {name: index for index, name in enumerate(panel.shown)},
            "renameByName": {},
        },
    }


def _variable(variable: Variable, language: Language) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": variable.name,
        "label": variable.title.say(language),
        "type": variable.kind.value,
        "hide": 0,
        "skipUrlSync": False,
        "multi": variable.several,
        "includeAll": variable.several,
        "query": variable.query,
    }
    match variable.kind:
        case VariableKind.DATA_SOURCE:
            return {**made, "query": "influxdb", "regex": "/^Faultline/", "refresh": 1, "options": []}
        case VariableKind.CHOICE:
            first = variable.query.split(",")[0]
            options = [{"text": each, "value": each, "selected": each == first} for each in variable.query.split(",")]
            return {**made, "current": options[0], "options": options}
        case VariableKind.QUERY:
            everything = {"allValue": _ALL, "current": {"text": ["All"], "value": ["$__all"]}} if variable.several else {}
            return {
                **made,
                **everything,
                "datasource": SOURCE,
                "refresh": 2,  # when the time range changes
                "regex": "",
                "sort": 1,
                "options": [],
            }


def _marks(marks: Marks, language: Language) -> dict[str, Any]:
    return {
        "name": marks.title.say(language),
        "datasource": SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": BAD,
        "query": marks.query.text,
        "rawQuery": True,
        "textColumn": marks.text,
        "tagsColumn": marks.tags,
        "timeEndColumn": marks.end_ms,
        "target": {"refId": "Anno", "query": marks.query.text, "rawQuery": True, "textEditor": True},
    }
