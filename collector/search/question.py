"""A question to the archive as SQL: which rows, or which sums by group and by time. Pure.

Sums are of what went over the line: counts of sampled flows are scaled up by their factor. Over time a flow counts in every
interval it touches, by its share of it, as in the roll-ups.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import attrs

from collector.search.compiling import Sql
from collector.search.fields import COLUMNS, FIELDS, Field

SOURCE = "read_parquet(?, union_by_name = true, hive_partitioning = true, hive_types_autocast = false)"
MOST_INTERVALS = 100_000


class Order(StrEnum):
    """By what groups are ranked."""

    OCTETS = "octets"
    PACKETS = "packets"
    FLOWS = "flows"


ROW_COLUMNS = (
    "start_ns", "end_ns", "protocol", "source_address", "source_port", "destination_address", "destination_port",
    "packets", "octets", "reverse_packets", "reverse_octets", "application", "tenant", "line", "forward_direction", "vantage",
    "exporter", "ingress_interface", "egress_interface", "sampling_factor", "sampling_source",
    "tcp_segments", "retransmissions", "loss_upstream", "loss_downstream", "rtt_server_ns", "rtt_client_ns",
)  # fmt: skip
"""Columns of a flow as it is printed, under the names of the flow record."""
TABLE_COLUMNS = (
    "start_ns", "end_ns", "protocol", "source_address", "source_port", "destination_address", "destination_port",
    "packets", "octets", "reverse_octets", "application", "line", "vantage",
)  # fmt: skip
"""Of these what a person reads at a glance; the other formats have them all."""


@attrs.frozen(slots=True, kw_only=True)
class Question:
    """What is asked."""

    condition: Sql
    start_ns: int
    """First start of flows that count."""
    end_ns: int
    """End of starts, not included."""
    groups: tuple[Field, ...] = ()
    interval_ns: int | None = None
    """Sums by time: length of the intervals."""
    order: Order = Order.OCTETS
    limit: int | None = None

    @property
    def sums(self) -> bool:
        """Whether sums are asked for, not flows."""
        return bool(self.groups) or self.interval_ns is not None


def query_of(question: Question, paths: Sequence[str]) -> Sql:
    """The statement over the files of the archive, and its values."""
    flows = _flows(question, paths)
    return _summed(question, flows) if question.sums else _rows(question, flows)


def _flows(question: Question, paths: Sequence[str]) -> Sql:
    """The flows that fit, with every column that may be asked for."""
    absent = ", ".join(f"NULL::{kind} AS {name}" for name, kind in COLUMNS.items())
    source = f"SELECT * FROM {SOURCE} UNION ALL BY NAME SELECT {absent} WHERE false"  # noqa: S608 - see the module's page
    text = f"SELECT * FROM ({source}) WHERE start_ns >= ? AND start_ns < ? AND {question.condition.text}"  # noqa: S608
    return Sql(text, (list(paths), question.start_ns, question.end_ns, *question.condition.parameters))


def _rows(question: Question, flows: Sql) -> Sql:
    columns = ", ".join(ROW_COLUMNS)
    limit = "" if question.limit is None else f" LIMIT {question.limit:d}"
    return Sql(f"SELECT {columns} FROM ({flows.text}) ORDER BY start_ns{limit}", flows.parameters)  # noqa: S608 - no value is in it


_SCALE = "coalesce(sampling_factor, 1.0)"
_SHARE = "share"


def _summed(question: Question, flows: Sql) -> Sql:
    names = [field.name for field in question.groups]
    keys = [f'{field.sql[0]} AS "{field.name}"' for field in question.groups]
    parameters: tuple[object, ...] = flows.parameters
    source, share, begins = f"({flows.text})", "1.0", "true"
    if question.interval_ns is not None:
        source, share, begins = f"({_spread(question.interval_ns, flows.text)})", _SHARE, "is_first"
        names.insert(0, "time_ns")
        keys.insert(0, "time_ns")
    octets = " + ".join(f"coalesce({name}, 0)" for name in ("octets", "reverse_octets"))
    packets = " + ".join(f"coalesce({name}, 0)" for name in ("packets", "reverse_packets"))
    sums = [
        f"count(*) FILTER ({begins}) AS flows",
        f"round(sum(({packets}) * {_SCALE} * {share}))::UBIGINT AS packets",
        f"round(sum(({octets}) * {_SCALE} * {share}))::UBIGINT AS octets",
        f"count(*) FILTER ({begins} AND sampling_source = 'unknown') AS flows_of_unknown_sampling",
    ]
    grouped = ", ".join(f'"{name}"' for name in names)
    text = f"SELECT {', '.join([*keys, *sums])} FROM {source} GROUP BY {', '.join(_expressions(question))}"  # noqa: S608
    order = f"time_ns, {question.order.value} DESC" if question.interval_ns is not None else f"{question.order.value} DESC"
    if question.interval_ns is not None and question.groups and question.limit is not None:
        # The same groups in every interval: those with the largest sums of all.
        ranked = f"ORDER BY sum({question.order.value}) DESC LIMIT {question.limit:d}"
        best = f"SELECT {_quoted(question.groups)} FROM sums GROUP BY ALL {ranked}"  # noqa: S608 - words of this program
        same = _same(question.groups)
        text = f"WITH sums AS ({text}), best AS ({best}) SELECT sums.* FROM sums SEMI JOIN best ON ({same})"  # noqa: S608
        return Sql(f"{text} ORDER BY {order}, {grouped}", parameters)
    limit = "" if question.limit is None or not question.groups else f" LIMIT {question.limit:d}"
    return Sql(f"{text} ORDER BY {order}, {grouped}{limit}", parameters)


def _expressions(question: Question) -> list[str]:
    time = ["time_ns"] if question.interval_ns is not None else []
    return time + [field.sql[0] for field in question.groups]


def _quoted(groups: Sequence[Field]) -> str:
    return ", ".join(f'"{field.name}"' for field in groups)


def _same(groups: Sequence[Field]) -> str:
    return " AND ".join(f'sums."{field.name}" IS NOT DISTINCT FROM best."{field.name}"' for field in groups)


def _spread(interval_ns: int, flows: str) -> str:
    """Each flow once for each interval that it touches, with its share of it; of one flow at most 1000 are believed."""
    begin = f"(start_ns - start_ns % {interval_ns:d})"
    end = "greatest(end_ns - 1, start_ns)"  # what ends at a border was all before it
    last = f"least({end} - {end} % {interval_ns:d}, {begin} + {1000 * interval_ns:d})"
    share = (
        f"CASE WHEN {last} = {begin} THEN 1.0 ELSE"
        f" (least(end_ns, time_ns + {interval_ns:d}) - greatest(start_ns, time_ns))::DOUBLE"
        f" / (least(end_ns, {last} + {interval_ns:d}) - start_ns) END"
    )
    times = f"unnest(generate_series({begin}, {last}, {interval_ns:d}))"
    return (
        f"SELECT *, {share} AS {_SHARE}, time_ns = {begin} AS is_first"  # noqa: S608 - numbers of this program
        f" FROM (SELECT *, {times} AS time_ns FROM ({flows}))"
    )


def groups_of(text: str) -> tuple[Field, ...]:
    """The fields of a list with commas.

    Raises:
        ValueError: one of them is no field that flows can be grouped by.
    """
    known = [name for name, field in FIELDS.items() if field.groups]
    found = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name not in known:
            raise ValueError(f"flows cannot be grouped by {name!r}; they can by {', '.join(known)}")
        found.append(FIELDS[name])
    return tuple(dict.fromkeys(found))
