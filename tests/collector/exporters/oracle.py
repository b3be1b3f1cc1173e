"""The rules of exported flows in plain words: what the native module does by columns, here a row at a time.

One decoded row goes in, a row of the archive's columns comes out. Nothing is made up: an element that was not sent is absent, a
sampling factor that nobody told is absent and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Self

import attrs

from faultline.records.terms import SECOND_NS

_SCOPES = ("samplerId", "selectorId", "ingressInterface", "egressInterface", "template", "domain")
"""What may say it for a record, the closest first."""
_INTERVALS = ("samplingInterval", "samplerRandomInterval")


class SamplingSource(StrEnum):
    """Who says what the factor is."""

    TOLD = "told"
    CONFIGURED = "configured"
    UNKNOWN = "unknown"


@attrs.frozen(slots=True, kw_only=True)
class Sampling:
    """A factor with its provenance."""

    factor: float | None
    source: SamplingSource

    @classmethod
    def told(cls, factor: float) -> Self:
        """As the exporter says."""
        return cls(factor=factor, source=SamplingSource.TOLD)

    @classmethod
    def configured(cls, factor: float) -> Self:
        """As the operator says."""
        return cls(factor=factor, source=SamplingSource.CONFIGURED)

    @classmethod
    def unknown(cls) -> Self:
        """As nobody says."""
        return cls(factor=None, source=SamplingSource.UNKNOWN)


def sampling_of(record: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]) -> Sampling | None:
    """What the exporter tells of a record; None when it tells nothing."""
    for said in (record, *(options[scope] for scope in _SCOPES if scope in options)):
        factor = _factor(said)
        if factor is not None:
            return Sampling.told(factor)
    return None


def _factor(said: Mapping[str, Any]) -> float | None:
    for name in _INTERVALS:
        value = said.get(name)
        if type(value) is int and value > 0:  # 0 says nothing, in particular not "every packet"
            return float(value)
    taken, passed = said.get("samplingPacketInterval"), said.get("samplingPacketSpace", 0)
    if type(taken) is int and type(passed) is int and taken > 0:
        return (taken + passed) / taken
    size, population = said.get("samplingSize"), said.get("samplingPopulation")
    if type(size) is int and type(population) is int and 0 < size <= population:
        return population / size
    probability = said.get("samplingProbability")
    return 1 / probability if isinstance(probability, float) and 0 < probability <= 1 else None


MS_NS, US_NS = 1_000_000, 1_000
_UPTIME_NS = (1 << 32) * MS_NS
"""Uptimes of NetFlow are 32 bits of milliseconds: they begin anew every 49.7 days."""


_PACKETS = ("packetDeltaCount", "postPacketDeltaCount", "packetTotalCount", "postPacketTotalCount", "initiatorPackets")
_OCTETS = ("octetDeltaCount", "postOctetDeltaCount", "octetTotalCount", "postOctetTotalCount", "initiatorOctets")
_REVERSE_PACKETS = ("reversePacketDeltaCount", "reversePacketTotalCount", "responderPackets")
_REVERSE_OCTETS = ("reverseOctetDeltaCount", "reverseOctetTotalCount", "responderOctets")
_FRAME_OCTETS = ("layer2OctetDeltaCount", "layer2OctetTotalCount")
_NUMBERS: Mapping[str, tuple[str, ...]] = {
    "source_port": ("sourceTransportPort", "udpSourcePort", "tcpSourcePort"),
    "destination_port": ("destinationTransportPort", "udpDestinationPort", "tcpDestinationPort"),
    "protocol": ("protocolIdentifier",),
    "packets": _PACKETS,
    "octets": _OCTETS,
    "frame_octets": _FRAME_OCTETS,
    "reverse_packets": _REVERSE_PACKETS,
    "reverse_octets": _REVERSE_OCTETS,
    "tcp_flags": ("tcpControlBits",),
    "reverse_tcp_flags": ("reverseTcpControlBits",),
    "traffic_class": ("ipClassOfService",),
    "ingress_interface": ("ingressInterface",),
    "egress_interface": ("egressInterface",),
    "vlan": ("vlanId", "dot1qVlanId"),
    "source_as": ("bgpSourceAsNumber",),
    "destination_as": ("bgpDestinationAsNumber",),
    "vrf": ("ingressVRFID",),
}
_TEXTS: Mapping[str, tuple[str, ...]] = {
    "source_address": ("sourceIPv4Address", "sourceIPv6Address"),
    "destination_address": ("destinationIPv4Address", "destinationIPv6Address"),
    "next_hop": ("ipNextHopIPv4Address", "ipNextHopIPv6Address", "bgpNextHopIPv4Address", "bgpNextHopIPv6Address"),
    "interface_name": ("interfaceName",),
    "application": ("applicationName",),
}
_BITS = {"protocol": 8, "traffic_class": 8}
_BITS |= dict.fromkeys(("source_port", "destination_port", "tcp_flags", "reverse_tcp_flags", "vlan"), 16)
_BITS |= dict.fromkeys(("ingress_interface", "egress_interface", "source_as", "destination_as", "vrf"), 32)
_COUNTED = ("packets", "octets", "frame_octets", "reverse_packets", "reverse_octets")
_NO_ADDRESS = {"0.0.0.0", "::"}


@attrs.define(slots=True, kw_only=True)
class Sorted:
    """What a decoder's rows were."""

    flows: list[dict[str, Any]] = attrs.field(factory=list)
    options: int = 0
    counters: list[Mapping[str, Any]] = attrs.field(factory=list)
    """sFlow's counter samples, as they were decoded."""
    others: int = 0
    """Records that count nothing: events, discarded packets, what vendors say beside flows."""


def sort_rows(rows: Iterable[Mapping[str, Any]], *, received_ns: int, sampling: float | None = None) -> Sorted:
    """Tell flows from the rest.

    Args:
        rows: as `ExportDecoder.datagram` gives them.
        received_ns: when they came; the time of flows that tell none.
        sampling: the factor in the configuration, for exporters that do not tell it.
    """
    found = Sorted()
    for row in rows:
        if row.get("scope"):
            found.options += 1
        elif row.get("sample") == "counters":
            found.counters.append(row)
        elif row.get("sample") in (None, "flow") and (flow := flow_of(row, received_ns=received_ns, sampling=sampling)):
            found.flows.append(flow)
        else:
            found.others += 1
    return found


def flow_of(row: Mapping[str, Any], *, received_ns: int, sampling: float | None = None) -> dict[str, Any] | None:
    """One decoded row as a flow; None when it counts nothing."""
    record = row["record"]
    options = row.get("options", {})
    said = _joined(record, options)
    flow: dict[str, Any] = {
        name: number
        for name, of in _NUMBERS.items()
        if (number := _number(record, of, (1 << _BITS.get(name, 64)) - 1)) is not None
    }
    if row.get("sample") == "flow":
        flow |= _of_sample(record)
    if not any(name in flow for name in _COUNTED):
        return None
    flow |= {name: text for name, of in _TEXTS.items() if (text := _text(said, of)) is not None}
    if flow.get("next_hop") in _NO_ADDRESS:
        del flow["next_hop"]
    if record.get("flowDirection") == 1:
        flow["metered_at_egress"] = True
    start_ns, end_ns = _times(row, received_ns)
    factor = sampling_of(record, options) or (Sampling.configured(sampling) if sampling else Sampling.unknown())
    flow |= {"exporter": row["exporter"], "export_protocol": row["protocol"], "domain": row["domain"]}
    flow |= {"start_ns": start_ns, "end_ns": end_ns, "sampling_source": factor.source.value}
    if factor.factor is not None:
        flow["sampling_factor"] = factor.factor
    if "export_ns" in row:
        flow["export_ns"] = row["export_ns"]
    return flow


def _joined(record: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The record, and beside it the names that options give to its metering interface and its application."""
    point = "egressInterface" if record.get("flowDirection") == 1 else "ingressInterface"
    said: dict[str, Any] = {}
    for scope in ("applicationId", point):
        said |= {name: value for name, value in options.get(scope, {}).items() if name in {"interfaceName", "applicationName"}}
    return said | dict(record) if said else record


def _of_sample(record: Mapping[str, Any]) -> dict[str, Any]:
    """A sampled packet is a flow of one packet."""
    found: dict[str, Any] = {"packets": 1}
    if isinstance(length := record.get("ipTotalLength"), int):
        found["octets"] = length
    if isinstance(length := record.get("dataLinkFrameSize"), int):
        found["frame_octets"] = length
    return found


def _number(record: Mapping[str, Any], names: tuple[str, ...], limit: int) -> int | None:
    for name in names:
        value = record.get(name)
        if type(value) is int and 0 <= value <= limit:
            return value
    return None


def _text(record: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = record.get(name)
        if isinstance(value, str) and value:
            return value
    return None


_STARTS = (
    ("flowStartNanoseconds", 1),
    ("flowStartMicroseconds", US_NS),
    ("flowStartMilliseconds", MS_NS),
    ("flowStartSeconds", SECOND_NS),
    ("observationTimeNanoseconds", 1),
    ("observationTimeMicroseconds", US_NS),
    ("observationTimeMilliseconds", MS_NS),
)
_ENDS = (
    ("flowEndNanoseconds", 1),
    ("flowEndMicroseconds", US_NS),
    ("flowEndMilliseconds", MS_NS),
    ("flowEndSeconds", SECOND_NS),
)
_DURATIONS = (("flowDurationMicroseconds", US_NS), ("flowDurationMilliseconds", MS_NS))
_MAX_NS = 1 << 62
"""Beyond it times are nonsense, and sums of them no 64 bits."""


def _times(row: Mapping[str, Any], received_ns: int) -> tuple[int, int]:
    """First and last packet on the exporter's clock; of a flow that tells neither, when it was exported."""
    record = row["record"]
    export_ns = row.get("export_ns", received_ns)
    start_ns = _instant(row, _STARTS, "flowStartSysUpTime", "flowStartDeltaMicroseconds")
    end_ns = _instant(row, _ENDS, "flowEndSysUpTime", "flowEndDeltaMicroseconds")
    lasted_ns = next((record[name] * unit for name, unit in _DURATIONS if type(record.get(name)) is int), None)
    if end_ns is None:
        end_ns = export_ns if start_ns is None or lasted_ns is None else start_ns + lasted_ns
    if start_ns is None:
        start_ns = end_ns if lasted_ns is None else end_ns - lasted_ns
    end_ns = max(0, min(end_ns, _MAX_NS))
    # A flow that ends before it begins is one whose end is right: it was exported then.
    return (start_ns, end_ns) if 0 <= start_ns <= end_ns else (end_ns, end_ns)


def _instant(row: Mapping[str, Any], names: Iterable[tuple[str, int]], uptime: str, before_export: str) -> int | None:
    record = row["record"]
    for name, unit in names:
        value = record.get(name)
        if type(value) is int and 0 < value * unit <= _MAX_NS:
            return int(value) * unit
    init = record.get("systemInitTimeMilliseconds")
    init_ns = init * MS_NS if type(init) is int else row.get("system_init_ns")
    if type(record.get(uptime)) is int and init_ns is not None:
        instant = int(init_ns) + int(record[uptime]) * MS_NS
        wrapped = instant > row.get("export_ns", instant) + _UPTIME_NS // 2
        return instant - _UPTIME_NS if wrapped else instant
    if type(record.get(before_export)) is int and "export_ns" in row:
        return int(row["export_ns"]) - int(record[before_export]) * US_NS
    return None
