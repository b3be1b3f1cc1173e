"""A board as values: panels in rows, queries, units, thresholds and where a click leads. What it cannot say is an error at build.

Goes in: the boards' own modules. Comes out: nothing; `render` makes Grafana's JSON of it. Knows nothing of JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import attrs

from dashboards.influxql import Query
from dashboards.words import Named, Text, Unit

TIME_COLUMN = "Time"
"""What Grafana calls the time of a row; a table shows it only when it is asked for."""
GRID_COLUMNS = 24
"""Grafana's grid is that wide."""
MOST_PANELS = 12
"""More than a person takes in at a glance is no page."""


class BoardError(ValueError):
    """A board that cannot be drawn; the message names the board and the panel."""


class Board(StrEnum):
    """The five levels, each reached from the one above."""

    WALL = "l0"
    CUSTOMER = "l1"
    LINE = "l2"
    PATH = "l3"
    PROBES = "l4"


@attrs.frozen(slots=True, kw_only=True)
class Link:
    """Where a click leads. The time range goes along, and every variable the other board has as well."""

    to: Board
    title: Text
    line_from: str | None = None
    """Column (table) or tag (series) that holds the line to open; None: the line already chosen."""


@attrs.frozen(slots=True, kw_only=True)
class Step:
    """From this value on, that colour."""

    since: float
    colour: str


@attrs.frozen(slots=True, kw_only=True)
class Shown:
    """How a column of a table, or a named series, is shown."""

    title: Text
    unit: Unit
    named: tuple[Named, ...] = ()
    steps: tuple[Step, ...] = ()
    link: Link | None = None
    width: int | None = None
    bar: bool = False
    """Draw a share as a bar as well."""
    colour: str | None = None
    dashed: bool = False
    fill_below_to: str | None = None
    """Shade down to the series of that name."""


@attrs.frozen(slots=True, kw_only=True)
class Target:
    """One query of a panel."""

    query: Query
    alias: str = ""
    """Name of the series: `$tag_x` is a tag, `$col` the column."""


class Kind(StrEnum):
    """Kinds of panels; Grafana's own ids."""

    SERIES = "timeseries"
    STATES = "state-timeline"
    TABLE = "table"
    STAT = "stat"
    BARS = "bargauge"


@attrs.frozen(slots=True, kw_only=True)
class Panel:
    """One panel."""

    kind: Kind
    title: Text
    definition: Text
    """What the number is and what it is not; the unit is added to it."""
    nothing: Text
    """Shown when there is no data: says what that means."""
    targets: tuple[Target, ...]
    unit: Unit
    width: int
    named: tuple[Named, ...] = ()
    steps: tuple[Step, ...] = ()
    shown: dict[str, Shown] = attrs.field(factory=dict)
    """By column, for tables each one; by series name, for others those that differ."""
    link: Link | None = None
    largest: float | None = None
    """Upper end of the scale."""
    sort_by: tuple[str, bool] | None = None
    """Column of a table and whether the largest comes first."""
    days_ago: int = 0
    """Shows the same hours of an earlier day."""
    stacked: bool = False

    def __attrs_post_init__(self) -> None:
        where = self.title.en
        if not self.targets:
            raise BoardError(f"{where}: no query")
        if self.kind is Kind.TABLE:
            columns = set(self.targets[0].query.columns())
            if len(self.targets) != 1 or columns != set(self.shown) - {TIME_COLUMN}:
                raise BoardError(f"{where}: columns {sorted(columns)} are shown as {sorted(self.shown)}")
        if self.kind is Kind.STATES and not self.named:
            raise BoardError(f"{where}: a state timeline without words for its states")
        if self.kind in {Kind.SERIES, Kind.STATES} and any(t.query.every is None for t in self.targets):
            raise BoardError(f"{where}: a series without an interval")
        if self.sort_by is not None and self.sort_by[0] not in self.shown:
            raise BoardError(f"{where}: sorted by {self.sort_by[0]!r}, which is no column")


@attrs.frozen(slots=True, kw_only=True)
class Row:
    """Panels side by side."""

    height: int
    panels: tuple[Panel, ...]


class VariableKind(StrEnum):
    """Kinds of variables."""

    DATA_SOURCE = "datasource"
    QUERY = "query"
    CHOICE = "custom"


@attrs.frozen(slots=True, kw_only=True)
class Variable:
    """What a person may choose at the top of a board."""

    name: str
    kind: VariableKind
    title: Text
    query: str = ""
    """SHOW TAG VALUES, or the choices with commas."""
    several: bool = False
    """Several may be chosen, and all of them at first."""


@attrs.frozen(slots=True, kw_only=True)
class Marks:
    """Events drawn over every series."""

    title: Text
    query: Query
    text: str
    tags: str
    end_ms: str


@attrs.frozen(slots=True, kw_only=True)
class Dashboard:
    """One board."""

    board: Board
    title: Text
    definition: Text
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    ways: tuple[Link, ...] = ()
    """Links at the top."""
    marks: tuple[Marks, ...] = ()
    since: str = "now-1h"
    refresh: str = "10s"

    def __attrs_post_init__(self) -> None:
        for row in self.rows:
            if sum(panel.width for panel in row.panels) != GRID_COLUMNS:
                raise BoardError(f"{self.title.en}: the row of {row.panels[0].title.en!r} is not {GRID_COLUMNS} columns wide")
        if len(self.panels) > MOST_PANELS:
            raise BoardError(f"{self.title.en}: {len(self.panels)} panels; more than {MOST_PANELS} are no page")

    @property
    def panels(self) -> Sequence[Panel]:
        """All panels, in reading order."""
        return [panel for row in self.rows for panel in row.panels]
