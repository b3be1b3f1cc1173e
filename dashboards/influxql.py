"""InfluxQL queries as values, built from the schema: a measurement, field or tag that does not exist is an error at build.

Goes in: names. Comes out: text with Grafana's macros in it. Knows nothing of panels.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from faultline.store.lines import TENANT_TAG, identifier, literal
from faultline.store.schema import FieldKind, SchemaError, measurement

NUMBERS_ONLY = frozenset({"sum", "mean", "max", "min"})
ANY_KIND = frozenset({"last", "first", "count"})
LENGTH_VARIABLE = "every"
"""The variable that chooses the roll-up: `10s`, `1m` or `1h`; the retention policies are called `r` and that."""
CHOSEN_POLICY = f"r${{{LENGTH_VARIABLE}:raw}}"
TEN_SECONDS_POLICY = "r10s"
TIME_FILTER = "$timeFilter"
INTERVAL = "$__interval"


class QueryError(ValueError):
    """A query that the schema does not allow; the message names the measurement and the column."""


@attrs.frozen(slots=True, kw_only=True)
class Column:
    """One expression of a SELECT, with the name its values get."""

    text: str
    name: str = ""
    kind: FieldKind = FieldKind.FLOAT

    def named(self, name: str) -> Column:
        """The same under a name."""
        return attrs.evolve(self, name=name)

    def __add__(self, other: Column | float | str) -> Column:
        return self._with("+", other)

    def __sub__(self, other: Column | float | str) -> Column:
        return self._with("-", other)

    def __mul__(self, other: Column | float | str) -> Column:
        return self._with("*", other)

    def __truediv__(self, other: Column | float | str) -> Column:
        return self._with("/", other)

    def negative(self) -> Column:
        """Zero less it."""
        return Column(text=f"0 - {self.text}")

    def complement(self) -> Column:
        """One less it: the other part of a ratio."""
        return Column(text=f"1 - {self.text}")

    def floor(self) -> Column:
        """The whole number below."""
        return Column(text=f"floor({self.text})")

    def _with(self, sign: str, other: Column | float | str) -> Column:
        right = other.text if isinstance(other, Column) else str(other)
        return Column(text=f"({self.text} {sign} {right})")


@attrs.frozen(slots=True, kw_only=True)
class Source:
    """What a SELECT reads: a measurement or the results of other queries."""

    name: str
    text: str
    fields: Mapping[str, FieldKind]
    tags: frozenset[str]
    measured: bool
    """True: a measurement, which the time range must be asked of; False: queries that did so themselves."""

    def aggregate(self, function: str, field: str) -> Column:
        """A function over a field.

        Raises:
            QueryError: no such field or function, or numbers asked of a text.
        """
        kind = self.fields.get(field)
        if kind is None:
            raise QueryError(f"{self.name}: no field {field!r}")
        if function not in NUMBERS_ONLY | ANY_KIND:
            raise QueryError(f"{self.name}.{field}: no function {function!r}")
        if function in NUMBERS_ONLY and kind is FieldKind.STRING:
            raise QueryError(f"{self.name}.{field}: {function} of a text")
        told = FieldKind.INTEGER if function == "count" else kind
        return Column(text=f"{function}({identifier(field)})", name=field, kind=told)

    def sum(self, field: str) -> Column:
        """The sum of a field."""
        return self.aggregate("sum", field)

    def mean(self, field: str) -> Column:
        """The mean of a field."""
        return self.aggregate("mean", field)

    def max(self, field: str) -> Column:
        """The largest value of a field."""
        return self.aggregate("max", field)

    def min(self, field: str) -> Column:
        """The smallest value of a field."""
        return self.aggregate("min", field)

    def last(self, field: str) -> Column:
        """The newest value of a field."""
        return self.aggregate("last", field)

    def count(self, field: str) -> Column:
        """How many rows have the field."""
        return self.aggregate("count", field)

    def per_second(self, field: str, *, factor: int = 1) -> Column:
        """The sum of a bucket over its length, times a factor; for queries by interval."""
        return self.sum(field) * (1000 * factor) / "$__interval_ms"

    def value(self, field: str) -> Column:
        """Each row's value as it is."""
        kind = self.fields.get(field)
        if kind is None:
            raise QueryError(f"{self.name}: no field {field!r}")
        return Column(text=f"{identifier(field)}{'::field' if self.measured else ''}", name=field, kind=kind)

    def ratio(self, part: str, whole: str) -> Column:
        """The sum of one field over the sum of another."""
        return self.sum(part) / self.sum(whole)

    def tag_like(self, tag: str, variable: str) -> str:
        """Condition: the tag is one of a variable's chosen values."""
        return f"{self._tag(tag)} =~ /^(${{{variable}:regex}})$/"

    def tag_is(self, tag: str, text: str) -> str:
        """Condition: the tag is that text."""
        return f"{self._tag(tag)} = {literal(text)}"

    def list_holds(self, field: str, variable: str) -> str:
        """Condition: a comma-separated text field holds one of a variable's chosen values."""
        self.value(field)
        return f"{identifier(field)} =~ /(^|,)(${{{variable}:regex}})(,|$)/"

    def field_is(self, field: str, value: str | int) -> str:
        """Condition: the row's field has that value."""
        kind = self.value(field).kind
        if (kind is FieldKind.STRING) != isinstance(value, str):
            raise QueryError(f"{self.name}.{field}: compared with {value!r}")
        return f"{identifier(field)} = {literal(value) if isinstance(value, str) else value}"

    def check_tag(self, tag: str) -> None:
        """Refuse a tag that rows of this source do not have.

        Raises:
            QueryError: there is none.
        """
        if tag not in self.tags:
            raise QueryError(f"{self.name}: no tag {tag!r}")

    def _tag(self, tag: str) -> str:
        self.check_tag(tag)
        # `incident` has a field of the same name as a tag: InfluxQL must be told which.
        return identifier(tag) + ("::tag" if tag in self.fields else "")


@attrs.frozen(slots=True, kw_only=True)
class Query:
    """One SELECT."""

    source: Source
    select: tuple[Column, ...]
    where: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    every: str | None = None
    """Length of the buckets; None: one row a group."""
    newest_first: int | None = None
    """That many rows, the newest first."""

    def __attrs_post_init__(self) -> None:
        names = [column.name for column in self.select]
        if not names or "" in names:
            raise QueryError(f"{self.source.name}: a column without a name")
        if len(set(names)) != len(names):
            raise QueryError(f"{self.source.name}: two columns of one name in {names}")
        for tag in self.by:
            self.source.check_tag(tag)

    @property
    def text(self) -> str:
        """As Grafana is given it."""
        columns = ", ".join(f"{column.text} AS {identifier(column.name)}" for column in self.select)
        conditions = ([TIME_FILTER] if self.source.measured else []) + list(self.where)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        groups = ([f"time({self.every})"] if self.every else []) + [identifier(tag) for tag in self.by]
        by = f" GROUP BY {', '.join(groups)}" if groups else ""
        fill = " fill(none)" if self.every else ""
        order = f" ORDER BY time DESC LIMIT {self.newest_first}" if self.newest_first else ""
        return f"SELECT {columns} FROM {self.source.text}{where}{by}{fill}{order}"  # noqa: S608 - names are from the schema

    def columns(self) -> tuple[str, ...]:
        """The names of a result as a table: groups, then values."""
        return (*self.by, *(column.name for column in self.select))


def rows_of(name: str, *, policy: str = CHOSEN_POLICY) -> Source:
    """A measurement at a roll-up.

    Raises:
        QueryError: there is no such measurement.
    """
    try:
        spec = measurement(name)
    except SchemaError as error:
        raise QueryError(str(error)) from None
    return Source(
        name=name,
        text=f"{identifier(policy)}.{identifier(name)}",
        fields={field: spec.fields[field].kind for field in spec.fields},
        tags=frozenset({*spec.tags, TENANT_TAG}),
        measured=True,
    )


def results_of(*queries: Query) -> Source:
    """The rows of queries, together, as something to ask further."""
    fields = {column.name: column.kind for query in queries for column in query.select}
    return Source(
        name=" and ".join(query.source.name for query in queries),
        text=", ".join(f"({query.text})" for query in queries),
        fields=fields,
        tags=frozenset.intersection(*(frozenset(query.by) for query in queries)),
        measured=False,
    )


def tag_values(name: str, tag: str, *, of: Mapping[str, str] | None = None) -> str:
    """The query of a variable: a tag's values, where other tags are as chosen (tag to variable)."""
    source = rows_of(name, policy=TEN_SECONDS_POLICY)
    source.check_tag(tag)
    where = " AND ".join(source.tag_like(other, variable) for other, variable in (of or {}).items())
    return f"SHOW TAG VALUES FROM {source.text} WITH KEY = {identifier(tag)}" + (f" WHERE {where}" if where else "")
