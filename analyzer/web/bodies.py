"""Bodies of write calls: what may be in them, and how much of it. FastAPI describes them in /api/v1/openapi.json."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from faultline.records.line_result import ResultKind

Name = Annotated[str, Field(min_length=1, max_length=256)]
Time = Annotated[str, Field(min_length=1, max_length=64, description="2026-12-01 02:00 by the lines' clocks, or with an offset")]
Number = Annotated[float, Field(strict=True)]
Reason = Annotated[str, Field(max_length=500, description="what is done, in a few words; customers may read it")]


class Body(BaseModel):
    """An object with no other keys than these."""

    model_config = ConfigDict(extra="forbid", populate_by_name=False, frozen=True)


class WindowBody(Body):
    """Work that is to be declared."""

    components: Annotated[list[Name], Field(min_length=1, max_length=1000, description="ids of components or sites")]
    start: Annotated[Time, Field(alias="from")]
    end: Annotated[Time, Field(alias="to")]
    reason: Reason = ""
    despite_freeze: bool = False


class FreezeBody(Body):
    """A time in which nothing may be worked on."""

    start: Annotated[Time, Field(alias="from")]
    end: Annotated[Time, Field(alias="to")]
    tenants: Annotated[list[Name], Field(max_length=1000, description="whose lines; without these and lines: all")] = []
    lines: Annotated[list[Name], Field(max_length=1000)] = []
    reason: Reason = ""


class EventBody(Body):
    """What a person or a system tells of a place."""

    event: Annotated[str, Field(max_length=64, description="a name in capitals: LINK_DOWN, LOS, BGP_DOWN, POWER, PLANNED_WORK")]
    raised: Annotated[bool, Field(strict=True, description="false: it is over")] = True
    component: Annotated[Name | None, Field(description="id of a component; this or a device is needed")] = None
    device: Annotated[Name | None, Field(description="component id or address of a device, with one of the next three")] = None
    interface: Name | None = None
    index: Annotated[int | None, Field(strict=True, ge=0, le=(1 << 32) - 1)] = None
    peer: Name | None = None
    told_ns: Annotated[int | None, Field(strict=True, ge=0, lt=1 << 62, description="when it happened; without: now")] = None
    text: Annotated[str | None, Field(max_length=1000)] = None
    by: Annotated[Name | None, Field(description="a person's name, when a person says so")] = None
    id: Annotated[Name | None, Field(description="the same for the same saying sent again")] = None


class ResultBody(Body):
    """What another instrument measured of a line."""

    kind: ResultKind
    taken_ns: Annotated[int | None, Field(strict=True, ge=0, lt=1 << 62, description="without: now")] = None
    by: Annotated[str, Field(max_length=256, description="who, or which instrument, took it")] = ""
    passed: Annotated[bool | None, Field(strict=True)] = None
    values: Annotated[dict[Name, Number], Field(max_length=32, description="the units are in the names")] = {}
    text: Annotated[str, Field(max_length=1000)] = ""
