"""Both metrics stores behind the one interface: what is written is read back, the same from either."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faultline.records.points import Point
from faultline.records.terms import CARRIER, SECOND_NS, Level, TenantId
from faultline.store.config import InfluxConfig, RetentionConfig
from faultline.store.influx_metrics import InfluxMetrics
from faultline.store.metrics import MetricsStore, MetricsUnavailableError
from faultline.store.schema import MEASUREMENTS, FieldKind, Measurement, SchemaError, checked
from faultline.store.sqlite_metrics import SqliteMetrics
from tests.store.conftest import NOW_S, free_port, make_point, start_influxd, stop_process

FOREVER = RetentionConfig(ten_seconds_s=0, minute_s=0, hour_s=0)
NOW_NS = NOW_S * SECOND_NS


def open_sqlite(path: Path) -> SqliteMetrics:
    """An embedded store that keeps everything."""
    return SqliteMetrics(path, retention=FOREVER, durable=False)


def open_influx(url: str, retention: RetentionConfig = FOREVER) -> InfluxMetrics:
    """A store on the real influxd, in databases of its own."""
    return InfluxMetrics(InfluxConfig(url=url, database_prefix=f"t{uuid.uuid4().hex[:8]}_"), retention=retention)


@pytest.fixture(params=["sqlite", pytest.param("influx", marks=pytest.mark.influx)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MetricsStore]:
    """Each kind of store, empty."""
    made: MetricsStore
    if request.param == "sqlite":
        made = open_sqlite(tmp_path / "metrics.db")
    else:
        made = open_influx(request.getfixturevalue("influxd_url"))
    yield made
    made.close()


def read_all(
    store: MetricsStore,
    measurement: str = "session",
    level: Level = Level.TEN_SECONDS,
    *,
    tenant: TenantId | None = None,
) -> list[Point]:
    """Everything of the last two hours."""
    return store.read(measurement, level, NOW_NS - 7200 * SECOND_NS, NOW_NS, tenant=tenant)


def test_what_is_written_is_read_back(store: MetricsStore) -> None:
    """Values, types, tags and time survive; what was not measured stays absent."""
    point = make_point(fields={"sent": 100, "rtt_min": -5, "clock_class": 'a "quoted" \\ text\nof two lines'})
    assert store.write([point]) == []
    assert read_all(store) == [point]


def test_writing_an_identity_again_replaces_its_values(store: MetricsStore) -> None:
    """Absolutes: a window that is rewritten counts once."""
    store.write([make_point(fields={"sent": 1})])
    store.write([make_point(fields={"sent": 7})])
    assert [p.fields for p in read_all(store)] == [{"sent": 7}]


def test_levels_do_not_mix(store: MetricsStore) -> None:
    """A minute that begins with a 10 s window is another row."""
    store.write([make_point(), make_point(level=Level.MINUTE, fields={"sent": 600})])
    assert [p.fields["sent"] for p in read_all(store)] == [100]
    assert [p.fields["sent"] for p in read_all(store, level=Level.MINUTE)] == [600]


def test_a_tenant_reads_its_own_rows_and_the_carrier_all(store: MetricsStore) -> None:
    """No read of one tenant gives another's rows; line rows are in the carrier's view too."""
    bank, school = make_point(), make_point(tenant=TenantId("school ü/1"))
    store.write([bank, school])
    span = (NOW_NS - 3600 * SECOND_NS, NOW_NS)
    assert store.read("session", Level.TEN_SECONDS, *span, tenant=school.tenant) == [school]
    assert store.read("session", Level.TEN_SECONDS, *span, tenant=CARRIER) == []
    assert store.read("session", Level.TEN_SECONDS, *span) == [bank, school]


def test_what_is_private_to_a_tenant_is_read_by_its_name_alone(store: MetricsStore) -> None:
    """Nobody reads every tenant's hosts and applications at once, from neither kind of store."""
    mine = make_point(measurement="application", tags={"line": "L1", "application": "dns"}, fields={"flows": 3})
    store.write([mine])
    assert read_all(store, "application", tenant=mine.tenant) == [mine]
    assert read_all(store, "application", tenant=TenantId("school")) == []
    assert read_all(store, "application") == []


def test_tags_select_and_ranges_are_half_open(store: MetricsStore) -> None:
    """All given tags must match; the end of the range is not included."""
    here = make_point(tags={"line": "L1", "session": "s1"})
    there = make_point(tags={"line": "L1", "session": "s,2 = '\\ %41"})
    nowhere = make_point(tags={"session": "s3"})
    store.write([here, there, nowhere])
    span = (here.time_ns, here.time_ns + 1)
    assert store.read("session", Level.TEN_SECONDS, *span, tags=there.tags) == [there]
    assert store.read("session", Level.TEN_SECONDS, *span, tags={"line": "L1"}) == [there, here]
    assert nowhere in store.read("session", Level.TEN_SECONDS, *span)
    assert store.read("session", Level.TEN_SECONDS, here.time_ns - 5, here.time_ns) == []


def test_nothing_written_reads_as_nothing(store: MetricsStore) -> None:
    """A measurement without rows is empty, not an error; one that does not exist is an error."""
    assert read_all(store, "interface") == []
    with pytest.raises(SchemaError):
        read_all(store, "weather")


def test_a_point_outside_the_schema_is_refused_alone(store: MetricsStore) -> None:
    """A poison point goes with its reason; the others are kept."""
    good = make_point()
    bad = make_point(fields={"sent": "many"})
    (refused,) = store.write([bad, good])
    assert refused.point is bad
    assert "session.sent" in refused.reason
    assert read_all(store) == [good]


@pytest.mark.parametrize(
    "changes",
    [
        {"measurement": "weather"},
        {"fields": {}},
        {"fields": {"sent": True}},
        {"fields": {"sent": 1 << 63}},
        {"fields": {"nonsense": 1}},
        {"fields": {"clock_class": "\ud800"}},
        {"tags": {"colour": "red"}},
        {"tags": {"line": ""}},
        {"measurement": "line_quality", "tags": {}, "fields": {"one_sided_ratio": float("nan")}},
        {"measurement": "line_quality", "tags": {}, "fields": {"one_sided_ratio": float("inf")}},
    ],
)
def test_the_schema_refuses_what_a_store_could_not_keep(changes: dict[str, object]) -> None:
    """One type a field for ever; numbers are finite and of 64 bits; absent is left out, not empty."""
    with pytest.raises(SchemaError):
        checked(make_point(**changes))


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12)
VALUES = {
    FieldKind.INTEGER: st.integers(-(1 << 63) + 1, (1 << 63) - 1),
    FieldKind.FLOAT: st.floats(allow_nan=False, allow_infinity=False, width=64),
    FieldKind.STRING: TEXT,
}


def points_of(spec: Measurement) -> st.SearchStrategy[Point]:
    """Any points of a measurement, within the last hour."""
    fields = st.dictionaries(st.sampled_from(sorted(spec.fields)), st.none(), min_size=1, max_size=6).flatmap(
        lambda chosen: st.fixed_dictionaries({name: VALUES[spec.fields[name].kind] for name in chosen})
    )
    return st.builds(
        Point,
        measurement=st.just(spec.name),
        level=st.sampled_from(Level),
        tenant=st.sampled_from([TenantId("bank"), TenantId("_unassigned"), CARRIER]) | TEXT.map(TenantId),
        tags=st.dictionaries(st.sampled_from(spec.tags), TEXT),
        time_ns=st.integers(1, 3000).map(lambda s: NOW_NS - s * SECOND_NS),
        fields=fields,
    )


ANY_POINTS = st.lists(st.sampled_from(sorted(MEASUREMENTS)).flatmap(lambda name: points_of(MEASUREMENTS[name])), max_size=12)


def same_everywhere(points: list[Point], stores: list[MetricsStore]) -> None:
    """Each store gives back what was written, and all the same."""
    unique = {p.identity: p for p in points}
    written = list(unique.values())
    for store in stores:
        assert store.write(written) == []
    for name in sorted({p.measurement for p in written}):
        for level in Level:
            expected = {p.identity: p for p in written if p.measurement == name and p.level is level}
            tenants = {p.tenant for p in written} if MEASUREMENTS[name].private else {None}
            for store in stores:
                found = [p for tenant in tenants for p in read_all(store, name, level, tenant=tenant)]
                assert {p.identity: p for p in found} == expected
                assert len(found) == len(expected)


@given(points=ANY_POINTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_points_survive_the_embedded_store(tmp_path: Path, points: list[Point]) -> None:
    """Whatever text names, tags and values hold."""
    store = open_sqlite(tmp_path / f"{uuid.uuid4().hex}.db")
    same_everywhere(points, [store])
    store.close()


@pytest.mark.influx
@given(points=ANY_POINTS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_both_stores_are_equal_on_any_points(influxd_url: str, tmp_path: Path, points: list[Point]) -> None:
    """Line protocol and InfluxQL escape every text there is; a real influxd and SQLite answer alike."""
    stores: list[MetricsStore] = [open_sqlite(tmp_path / f"{uuid.uuid4().hex}.db"), open_influx(influxd_url)]
    same_everywhere(points, stores)
    for store in stores:
        store.close()


@pytest.mark.influx
def test_a_poison_line_is_found_among_thousands_and_the_others_are_kept(influxd_url: str) -> None:
    """The server refuses a field of another type: the request is halved until the one line stands alone."""
    store = open_influx(influxd_url)
    early = make_point(time_ns=make_point().time_ns - 1)
    store.write([early])
    # Someone wrote our field with another type into the next shard's measurement: influxd now refuses ours.
    name = f"{store._config.database_prefix}bank"
    store._http.post("/write", params={"db": name, "rp": "r10s"}, content=f"line_traffic packets=1.5 {early.time_ns}")
    good = [make_point(tags={"line": f"L{number}", "session": "s"}) for number in range(6000)]
    bad = make_point(measurement="line_traffic", tags={"line": "L1"}, fields={"packets": 1})
    (refused,) = store.write([*good[:3000], bad, *good[3000:]])
    assert refused.point is bad
    assert not refused.expired
    assert "conflict" in refused.reason
    assert len(read_all(store)) == 6001
    store.close()


@pytest.mark.influx
def test_a_point_older_than_the_store_keeps_is_expired_and_not_poison(influxd_url: str) -> None:
    """Beyond retention nothing is wrong with a point; it is counted apart, and fresh ones beside it are kept."""
    store = open_influx(influxd_url, RetentionConfig(ten_seconds_s=86_400))
    old = [make_point(time_ns=NOW_NS - 30 * 86_400 * SECOND_NS + number) for number in range(50)]
    refused = store.write([make_point(), *old])
    assert {entry.point.time_ns for entry in refused} == {point.time_ns for point in old}
    assert all(entry.expired for entry in refused)
    assert read_all(store) == [make_point()]
    store.close()


@pytest.mark.influx
def test_an_outage_is_unavailable_and_ends(influxd_binary: str, tmp_path: Path) -> None:
    """No answer is not a refusal: the same write succeeds when influxd is back, with what it had."""
    port = free_port()
    store = InfluxMetrics(InfluxConfig(url=f"http://127.0.0.1:{port}", timeout_s=2), retention=FOREVER)
    with pytest.raises(MetricsUnavailableError):
        store.write([make_point()])
    process = start_influxd(influxd_binary, tmp_path, port)
    try:
        assert store.write([make_point()]) == []
    finally:
        stop_process(process)
    with pytest.raises(MetricsUnavailableError):
        store.write([make_point()])
    with pytest.raises(MetricsUnavailableError):
        read_all(store)
    process = start_influxd(influxd_binary, tmp_path, port)
    try:
        assert read_all(store) == [make_point()]
    finally:
        stop_process(process)
        store.close()


@pytest.mark.influx
def test_a_database_that_was_dropped_is_made_again(influxd_url: str) -> None:
    """An operator who empties the server loses the past, not the future."""
    store = open_influx(influxd_url)
    store.write([make_point()])
    for tenant in ("bank", "carrier"):
        store._ask(f'DROP DATABASE "{store._config.database_prefix}{tenant}"', method="POST")
    with pytest.raises(MetricsUnavailableError):
        store.write([make_point()])
    assert store.write([make_point()]) == []
    assert read_all(store) == [make_point()]
    store.close()


def test_the_embedded_store_forgets_what_is_beyond_retention(tmp_path: Path) -> None:
    """Rows go by the age of their level; 0 keeps for ever."""
    store = SqliteMetrics(tmp_path / "m.db", retention=RetentionConfig(ten_seconds_s=3600, minute_s=0), durable=False)
    old, new = make_point(time_ns=NOW_NS - 3601 * SECOND_NS), make_point()
    store.write([old, new, make_point(level=Level.MINUTE, time_ns=old.time_ns)])
    store.expire(NOW_NS)
    assert read_all(store) == [new]
    assert len(read_all(store, level=Level.MINUTE)) == 1
    store.close()


def test_a_field_added_later_gets_its_column(tmp_path: Path) -> None:
    """A file of an earlier version is taken as it is; its rows lack the new field."""
    store = open_sqlite(tmp_path / "m.db")
    store.write([make_point(fields={"sent": 1})])
    store._connection.execute('ALTER TABLE session DROP COLUMN "rtt_p99"')
    store.close()
    store = open_sqlite(tmp_path / "m.db")
    later = make_point(tags={"session": "s2"}, fields={"rtt_p99": 5})
    store.write([later])
    assert [p.fields for p in read_all(store)] == [{"rtt_p99": 5}, {"sent": 1}]
    store.close()
