"""Queries built from the schema: what it does not have cannot be asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dashboards.influxql import INTERVAL, Query, QueryError, results_of, rows_of, tag_values


def test_a_query_says_its_roll_up_its_time_range_and_its_groups() -> None:
    """The text is InfluxQL with Grafana's macros, every name quoted."""
    session = rows_of("session")
    query = Query(
        source=session,
        select=(session.ratio("lost_forward", "sent").named("lost"),),
        where=(session.tag_like("line", "line"),),
        by=("session",),
        every=INTERVAL,
    )
    assert query.text == (
        'SELECT (sum("lost_forward") / sum("sent")) AS "lost" FROM "r${every:raw}"."session" '
        'WHERE $timeFilter AND "line" =~ /^(${line:regex})$/ GROUP BY time($__interval), "session" fill(none)'
    )
    assert query.columns() == ("session", "lost")


def test_a_question_about_answers_asks_for_the_time_inside_only() -> None:
    """A query over queries leaves the time range to them, and knows their columns and groups."""
    health = rows_of("segment_health", policy="r10s")
    worst = results_of(Query(source=health, select=(health.max("state"),), by=("line",)))
    query = Query(source=worst, select=(worst.count("state").named("lines"),), where=(worst.field_is("state", 3),))
    assert query.text == (
        'SELECT count("state") AS "lines" FROM (SELECT max("state") AS "state" FROM "r10s"."segment_health" '
        'WHERE $timeFilter GROUP BY "line") WHERE "state" = 3'
    )


def test_a_name_that_is_tag_and_field_is_told_apart() -> None:
    """`event` of an incident is both: a condition on the tag says so."""
    assert rows_of("incident").tag_is("event", "raise") == "\"event\"::tag = 'raise'"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: rows_of("weather"), "no measurement 'weather'"),
        (lambda: rows_of("session").sum("loss"), "session: no field 'loss'"),
        (lambda: rows_of("session").value("loss"), "session: no field 'loss'"),
        (lambda: rows_of("session").sum("clock_class"), "session.clock_class: sum of a text"),
        (lambda: rows_of("session").aggregate("median", "sent"), "no function 'median'"),
        (lambda: rows_of("session").tag_like("vantage", "x"), "session: no tag 'vantage'"),
        (lambda: rows_of("session").field_is("sent", "many"), "session.sent: compared with 'many'"),
        (lambda: rows_of("incident").list_holds("line", "line"), "incident: no field 'line'"),
        (lambda: tag_values("session", "vantage"), "session: no tag 'vantage'"),
        (lambda: Query(source=rows_of("session"), select=()), "a column without a name"),
        (lambda: Query(source=rows_of("session"), select=(rows_of("session").ratio("sent", "sent"),)), "without a name"),
        (lambda: Query(source=rows_of("session"), select=(rows_of("session").sum("sent"),) * 2), "two columns of one name"),
        (lambda: Query(source=rows_of("session"), select=(rows_of("session").sum("sent"),), by=("rank",)), "no tag 'rank'"),
    ],
)
def test_what_the_schema_lacks_is_an_error_at_build(wrong: Callable[[], object], said: str) -> None:
    """A wrong measurement, field, tag or kind never reaches a board."""
    with pytest.raises(QueryError, match=said.replace("(", r"\(")):
        wrong()
