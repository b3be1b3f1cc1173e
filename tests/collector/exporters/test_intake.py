"""From datagrams to the archive and the minutes: nothing twice, nothing lost without a count, whoever sends."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.exporters.config import ExporterConfig, ExportersConfig
from collector.exporters.exporter import Exporter
from collector.exporters.intake import IDLE_NS, ExportIntake
from collector.exporters.receiving import Datagram
from collector.rollup import talkers
from faultline.records.terms import SECOND_NS, Level, TenantId
from faultline.runtime.counters import Counters
from tests.collector.conftest import BEGIN_NS, Ground, open_ground
from tests.collector.exporters import datagrams as d
from tests.collector.exporters.stored import Stored

BEGIN_S = BEGIN_NS // SECOND_NS
TEMPLATE = d.template_set(0, 300, d.V9_FIELDS)


@attrs.define
class Router:
    """Sends to a collector in virtual time."""

    ground: Ground
    address: str = "192.0.2.1"

    def send(self, *octets: bytes, flush: bool = True) -> None:
        """Datagrams that come in now."""
        now_ns = self.ground.now_ns
        exports = self.ground.collector.exports
        stage = self.ground.collector.counters.stage("datagrams")
        stage.take(len(octets))
        exports.turn([Datagram(self.address, now_ns, one) for one in octets], now_ns=now_ns, monotonic_ns=now_ns)
        if flush:
            exports.flush(now_ns=now_ns, monotonic_ns=now_ns)

    @property
    def export_s(self) -> int:
        """The present second."""
        return self.ground.now_ns // SECOND_NS

    def netflow9(self, *records: bytes, sequence: int = 0, template: bool = True) -> bytes:
        """A packet with these records."""
        sets = [TEMPLATE] if template else []
        return d.netflow9(*sets, d.data_set(300, records), sequence=sequence, export_s=self.export_s)


def anybody(config: ExportersConfig | None = None) -> ExportersConfig:
    """Everybody may export."""
    return attrs.evolve(config or ExportersConfig(), any=True)


@pytest.fixture
def router(tmp_path: Path) -> Router:
    """A collector that listens to everybody."""
    return Router(open_ground(tmp_path, exporters=anybody()))


def test_flows_are_in_the_archive_with_their_line_and_how_they_were_sampled(router: Router) -> None:
    """A flow between the ends of a line is the line's; a factor that nobody told is absent and says so."""
    router.send(router.netflow9(d.record(octets=1500, packets=3)))
    router.ground.advance(40)
    [flow] = router.ground.flows()
    assert (flow["octets"], flow["packets"], flow["line"], flow["tenant"]) == (1500, 3, "L1", "bank")
    assert (flow["forward_direction"], flow["exporter"], flow["vantage"]) == ("a_to_z", "192.0.2.1", "192.0.2.1/3")
    assert (flow["sampling_factor"], flow["sampling_source"]) == (None, "unknown")
    assert (flow["start_ns"], flow["end_ns"]) == (BEGIN_NS - SECOND_NS, BEGIN_NS)


def test_octets_sent_are_those_of_the_archive_of_the_minutes_and_of_the_hour(router: Router) -> None:
    """However long flows lasted, their octets add up to what was exported, at every level."""
    records = [d.record(octets=1_000_003 + number, lasted_ms=7_000 * number) for number in range(30)]
    sent = sum(1_000_003 + number for number in range(30))
    router.ground.advance(600)
    router.send(router.netflow9(*records))
    router.ground.advance(7200)
    assert sum(flow["octets"] for flow in router.ground.flows()) == sent
    for level in (Level.MINUTE, Level.HOUR):
        points = router.ground.points("line_traffic", level)
        assert sum(point.fields["octets"] for point in points) == sent
        assert sum(point.fields["flows"] for point in points) == len(records)
        assert sum(point.fields["flows_of_unknown_sampling"] for point in points) == len(records)
    minutes = {point.time_ns: point.fields["octets"] for point in router.ground.points("line_traffic", Level.MINUTE)}
    assert len(minutes) >= 4  # the longest flow went on for more than three minutes


def test_a_minute_is_stored_once_when_its_exporters_have_told_of_it(router: Router) -> None:
    """Until the active timeout and a minute more have gone by, nothing of a minute is stored; then all of it, in one revision."""
    for number in range(4):
        router.send(router.netflow9(d.record(), sequence=number))
        router.ground.advance(10)
    router.ground.advance(60)
    assert router.ground.points("line_traffic", Level.MINUTE) == []
    router.ground.advance(90)
    points = router.ground.points("line_traffic", Level.MINUTE)
    assert sum(point.fields["octets"] for point in points) == 4000
    assert router.ground.collector.counters.value("exported_minutes_stored") == 2


def test_a_batch_survives_a_crash_at_any_time_once(tmp_path: Path) -> None:
    """What was made durable is archived and added up once, whenever the collector died and however often."""
    router = Router(open_ground(tmp_path, exporters=anybody()))
    for number in range(12):
        router.send(router.netflow9(d.record(octets=100 + number), sequence=number))
        router.ground.advance(17)
        router.ground.restart()
    router.ground.advance(400)
    sent = sum(100 + number for number in range(12))
    assert sum(flow["octets"] for flow in router.ground.flows()) == sent
    assert sum(point.fields["octets"] for point in router.ground.points("line_traffic", Level.MINUTE)) == sent


def test_probes_windows_of_the_same_minute_are_not_lost(router: Router) -> None:
    """A minute that exported flows make final first takes in what probes measured in it, whenever that comes."""
    from tests.collector.conftest import FakeProbe, make_flow  # noqa: PLC0415

    router.send(router.netflow9(d.record(octets=500)))
    router.ground.advance(200)
    probe = FakeProbe()
    assert (
        router.ground.send(probe.batch("flows", {"flow": [make_flow(BEGIN_NS)]}, closed_ns=BEGIN_NS + 200 * SECOND_NS)).status
        == 200
    )
    router.ground.advance(120)
    minute = [point for point in router.ground.points("line_traffic", Level.MINUTE) if point.time_ns == BEGIN_NS]
    assert {point.tags["vantage"] for point in minute} >= {"v-branch"}


def test_sampled_counts_are_scaled_up_in_the_rollups_and_kept_as_exported_in_the_archive(router: Router) -> None:
    """A told factor is applied where traffic is added up; the archive keeps what was exported and the factor."""
    router.send(d.sflow5(sequence=1, samples=3, rate=100))
    router.ground.advance(300)
    flows = router.ground.flows()
    assert [(flow["octets"], flow["packets"], flow["sampling_factor"], flow["sampling_source"]) for flow in flows] == [
        (1000, 1, 100.0, "told")
    ] * 3
    [point] = router.ground.points("line_traffic", Level.MINUTE)
    assert (point.fields["octets"], point.fields["packets"], point.fields["flows_of_unknown_sampling"]) == (300_000, 300, 0)


def test_the_operator_may_say_what_the_exporter_does_not(tmp_path: Path) -> None:
    """A configured factor is used, and the flow says that it was configured; a told one is believed before it."""
    allow = [ExporterConfig(address="192.0.2.0/24", sampling=512)]
    router = Router(open_ground(tmp_path, exporters=ExportersConfig(allow=allow)))
    router.send(router.netflow9(d.record()), d.netflow5(1, sequence=0, export_s=router.export_s, sampling=0x4000 | 10))
    router.ground.advance(40)
    found = {(flow["export_protocol"], flow["sampling_factor"], flow["sampling_source"]) for flow in router.ground.flows()}
    assert found == {("netflow9", 512.0, "configured"), ("netflow5", 10.0, "told")}


def test_strangers_are_counted_and_not_decoded(tmp_path: Path) -> None:
    """Who is not allowed costs a look-up and a count."""
    router = Router(open_ground(tmp_path, exporters=ExportersConfig(allow=[ExporterConfig(address="198.51.100.1")])))
    router.send(router.netflow9(d.record()))
    assert router.ground.stage("datagrams")["dropped"] == {"not_allowed": 1}
    router.ground.advance(40)
    assert router.ground.flows() == []


def test_late_templates_decode_what_waited(router: Router) -> None:
    """Records that came before their template are stored when it comes."""
    router.send(router.netflow9(d.record(), sequence=0, template=False))
    assert router.ground.collector.counters.value("exporter_unknown_templates", exporter="192.0.2.1") == 1
    router.send(d.netflow9(TEMPLATE, sequence=1, export_s=router.export_s))
    router.ground.advance(40)
    assert len(router.ground.flows()) == 1
    assert router.ground.collector.counters.value("exporter_held_decoded", exporter="192.0.2.1") == 1


def test_gaps_are_counted_in_the_protocols_own_unit(router: Router) -> None:
    """Of NetFlow v5 flows are missing, of v9 packets."""
    router.send(d.netflow5(5, sequence=0, export_s=router.export_s), d.netflow5(5, sequence=12, export_s=router.export_s))
    router.send(router.netflow9(d.record(), sequence=0), router.netflow9(d.record(), sequence=4))
    lost = router.ground.collector.counters
    assert lost.value("exporter_lost", exporter="192.0.2.1", protocol="netflow5") == 7
    assert lost.value("exporter_lost", exporter="192.0.2.1", protocol="netflow9") == 3


def test_a_wrong_clock_is_corrected_and_told(router: Router) -> None:
    """A router that believes it is 1970 has its flows filed by our time; what it said is kept beside."""
    router.send(d.netflow9(TEMPLATE, d.data_set(300, [d.record()]), sequence=0, export_s=1000))
    router.ground.advance(40)
    [flow] = router.ground.flows()
    assert flow["end_ns"] == BEGIN_NS
    assert flow["clock_correction_ns"] == BEGIN_NS - 1000 * SECOND_NS
    assert router.ground.collector.counters.value("exporter_bad_clock_flows", exporter="192.0.2.1") == 1


def test_templates_options_and_sequences_are_known_again_after_a_restart(tmp_path: Path) -> None:
    """A restart needs no new template, knows the sampling that options told, and counts what was lost meanwhile."""
    options = d.options_template(256, [(1, 4)], [(34, 4), (35, 1)])
    told = d.data_set(256, [(7).to_bytes(4) + (1000).to_bytes(4) + b"\x02" + bytes(3)])
    router = Router(open_ground(tmp_path, exporters=anybody()))
    router.send(d.netflow9(TEMPLATE, options, told, sequence=0, export_s=router.export_s))
    state = router.ground.collector.exports.state()
    router.ground.restart()
    assert router.ground.collector.exports.restore(state, now_ns=router.ground.now_ns) == 1
    router.send(router.netflow9(d.record(), sequence=5, template=False))
    router.ground.advance(40)
    [flow] = router.ground.flows()
    assert (flow["sampling_factor"], flow["sampling_source"]) == (1000.0, "told")
    assert router.ground.collector.counters.value("exporter_lost", exporter="192.0.2.1", protocol="netflow9") == 4
    assert router.ground.collector.counters.value("exporter_unknown_templates", exporter="192.0.2.1") == 0


@pytest.mark.parametrize("sequence", [0, 1, (1 << 31) - 1, 1 << 31, (1 << 31) + 1, (1 << 32) - 2])
def test_a_restored_decoder_expects_the_number_that_follows(sequence: int) -> None:
    """Wherever the count stood, the next datagram is no gap and the one after is."""
    first = Exporter("e", sampling=None, max_domains=4)
    first.decode([(BEGIN_NS, d.netflow9(TEMPLATE, sequence=sequence, export_s=BEGIN_S))])
    second = Exporter("e", sampling=None, max_domains=4)
    second.restore(first.memory.replay())
    follows = d.netflow9(sequence=(sequence + 1) % (1 << 32), export_s=BEGIN_S)
    assert second.decode([(BEGIN_NS, follows)]).account == {}
    skips = d.netflow9(sequence=(sequence + 4) % (1 << 32), export_s=BEGIN_S)
    assert second.decode([(BEGIN_NS, skips)]).account == {("gaps", "netflow9"): 1, ("lost", "netflow9"): 2}


def test_an_exporter_cannot_have_domains_without_end() -> None:
    """A hundred thousand domains from one address: those beyond the bound are refused and remembered nowhere."""
    exporter = Exporter("e", sampling=None, max_domains=16)
    flood = [(BEGIN_NS, d.netflow9(TEMPLATE, sequence=0, export_s=BEGIN_S, domain=number)) for number in range(100_000)]
    decoded = exporter.decode(flood)
    assert decoded.refused == {"too_many_domains": 100_000 - 16}
    assert exporter.memory.octets == 16 * (len(TEMPLATE) - 4)


def test_templates_without_end_fill_no_memory() -> None:
    """Of one exporter a bounded part is remembered across restarts."""
    exporter = Exporter("e", sampling=None, max_domains=16)
    many = ((8, 4),) * 400
    for number in range(256, 1256):
        exporter.decode([(BEGIN_NS, d.netflow9(d.template_set(0, number, many), sequence=0, export_s=BEGIN_S))])
    assert exporter.memory.octets <= 256 << 10


def test_silent_exporters_make_room_for_new_ones(tmp_path: Path) -> None:
    """There is room for so many; one more is refused until another was silent for an hour."""
    ground = open_ground(tmp_path, exporters=attrs.evolve(anybody(), max_exporters=1))
    Router(ground).send(d.netflow5(1, sequence=0, export_s=BEGIN_S))
    Router(ground, address="192.0.2.2").send(d.netflow5(1, sequence=0, export_s=BEGIN_S))
    assert ground.stage("datagrams")["dropped"] == {"too_many_exporters": 1}
    ground.now_ns += IDLE_NS
    Router(ground, address="192.0.2.2").send(d.netflow5(1, sequence=0, export_s=BEGIN_S))
    assert ground.stage("datagrams")["dropped"] == {"too_many_exporters": 1}


def test_flows_wait_while_the_disk_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is a problem that is told; what fits the memory is stored when there is room, the rest is counted."""
    router = Router(open_ground(tmp_path, exporters=attrs.evolve(anybody(), flush_flows=10)))
    batches = router.ground.collector.exports._batches
    with monkeypatch.context() as patched:

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr(batches, "put", full)
        for number in range(15):
            router.send(router.netflow9(*[d.record()] * 10, sequence=number))
        assert "No space left" in str(router.ground.collector.exports.problem)
    router.send()
    assert router.ground.collector.exports.problem is None
    router.ground.advance(40)
    dropped = router.ground.stage("exported")["dropped"]["not_stored"]
    assert len(router.ground.flows()) == 150 - dropped
    assert router.ground.stage("exported")["balanced"]


_PIECES = st.sampled_from(
    [
        TEMPLATE,
        d.data_set(300, [d.record()]),
        d.data_set(301, [bytes(40)]),
        d.options_template(256, [(1, 4)], [(34, 4)]),
        d.data_set(256, [bytes(8)]),
        b"\x00\x02\xff\xff",
    ]
)
_WELL_FORMED = st.one_of(
    st.lists(_PIECES, max_size=4).map(lambda sets: d.netflow9(*sets, sequence=1, export_s=BEGIN_S)),
    st.lists(_PIECES, max_size=4).map(lambda sets: d.ipfix(*sets, sequence=1, export_s=BEGIN_S)),
    st.integers(1, 3).map(lambda count: d.netflow5(count, sequence=1, export_s=BEGIN_S)),
    st.integers(1, 3).map(lambda count: d.sflow5(sequence=1, samples=count)),
)


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    octets = bytearray(draw(_WELL_FORMED))
    for _ in range(draw(st.integers(0, 4))):
        octets[draw(st.integers(0, len(octets) - 1))] = draw(st.integers(0, 255))
    return bytes(octets[: draw(st.integers(0, len(octets)))])


@given(st.lists(st.one_of(st.binary(max_size=80), _damaged()), max_size=12))
def test_no_datagram_ends_the_intake(octets: list[bytes]) -> None:
    """Whatever comes is decoded, refused or counted, and everything that went in is accounted for."""
    counters = Counters()
    stored: list[int] = []
    intake = ExportIntake(anybody(), batches=Stored(stored), counters=counters)  # type: ignore[arg-type]
    counters.stage("datagrams").take(len(octets))
    intake.turn([Datagram("192.0.2.1", BEGIN_NS, one) for one in octets], now_ns=BEGIN_NS, monotonic_ns=0)
    intake.flush(now_ns=BEGIN_NS, monotonic_ns=0)
    shots = {shot.name: shot for shot in counters.snapshots()}
    assert all(shot.balanced and not shot.held for shot in shots.values())
    assert sum(stored) == shots["exported"].out
    ExportIntake(anybody(), batches=Stored([]), counters=Counters()).restore(intake.state(), now_ns=BEGIN_NS)  # type: ignore[arg-type]


def test_a_line_is_told_its_applications_and_its_largest_talkers(router: Router) -> None:
    """By application and direction, and by rank; the hour's are those of its minutes, and octets are counted once in each."""
    records = [d.record(f"10.1.0.{number}", octets=1000 * number) for number in range(1, 13)]
    router.send(router.netflow9(*records))
    router.ground.advance(10)
    router.send(router.netflow9(d.record("10.1.0.3", octets=100_000), sequence=1))
    router.ground.advance(7200)
    sent = sum(1000 * number for number in range(1, 13)) + 100_000
    for level in (Level.MINUTE, Level.HOUR):
        applications = router.ground.points("application", level, tenant=TenantId("bank"))
        assert sum(point.fields["octets"] for point in applications) == sent
        assert {(p.tags["application"], p.tags["direction"], p.tags["line"]) for p in applications} == {
            ("tcp/443", "a_to_z", "L1")
        }
    talkers_of_hours = router.ground.points("top_talkers", Level.HOUR, tenant=TenantId("bank"))
    before, after = ([p for p in talkers_of_hours if (p.time_ns < BEGIN_NS) is early] for early in (True, False))
    # The first flows ended with the hour, the last one ten seconds later.
    largest = {int(point.tags["rank"]): (point.fields["address"], point.fields["octets"]) for point in before}
    assert largest[1] == ("10.2.0.9", 78_000)
    assert largest[2] == ("10.1.0.12", 12_000)
    assert len(largest) == 10
    assert {point.fields["address"] for point in after} == {"10.1.0.3", "10.2.0.9"}
    assert {point.tenant for point in talkers_of_hours} == {"bank"}


def test_candidates_of_many_parts_are_those_of_the_whole() -> None:
    """Whatever order parts come in, addresses that are large in each have their exact sums and ranks."""
    whole: dict[str, talkers.Counts] = {}
    for _ in range(5):
        part = {f"10.0.0.{number}": (100 * number, number, 1) for number in range(1, 12)}
        whole = talkers.read(talkers.written(talkers.joined(whole, part)))
    found = talkers.largest(whole, kept=talkers.RANKS)
    assert found[0] == ("10.0.0.11", (5500, 55, 5))
    assert len(found) == talkers.RANKS
