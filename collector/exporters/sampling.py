"""How many packets one exported packet stands for, and who says so.

Three answers, never guessed: `told` by the exporter (in the record, in its header, or in options that apply to it),
`configured` by the operator, or `unknown`, which is not 1: an exporter that samples and does not say so looks exactly like that.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

import attrs

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
