"""What a line of each type is made of, when a list says no more than its code, its customer and two networks.

A template is the ordinary build of such a line in a carrier's network, cut at its demarcations: whose fault it is can be told
from it, how many boxes stand in between cannot. Whoever knows better declares the line's own path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import attrs

from faultline.records.terms import ComponentKind, Owner


class LineType(StrEnum):
    """Types of line."""

    SDH = "sdh"
    MPLS_VPN = "mpls_vpn"
    INTERNET_STATIC = "internet_static"
    INTERNET_BGP = "internet_bgp"
    VIDEO = "video"
    IDC_PORT = "idc_port"
    VOICE = "voice"


@attrs.frozen(slots=True)
class Part:
    """An element of a template."""

    suffix: str
    kind: ComponentKind
    owner: Owner
    name: str


_SEGMENT, _DEVICE = ComponentKind.SEGMENT, ComponentKind.DEVICE
_LAN_A = Part("lan-a", _SEGMENT, Owner.CUSTOMER, "customer LAN")
_CE_A = Part("ce-a", _DEVICE, Owner.CUSTOMER, "customer's router")
_ACCESS_A = Part("access-a", _SEGMENT, Owner.ACCESS, "access loop")
_CORE = Part("core", _SEGMENT, Owner.CARRIER_CORE, "carrier core")
_ACCESS_Z = Part("access-z", _SEGMENT, Owner.ACCESS, "far access loop")
_CE_Z = Part("ce-z", _DEVICE, Owner.DESTINATION, "far router")
_LAN_Z = Part("lan-z", _SEGMENT, Owner.DESTINATION, "far LAN")
_INTERNET = Part("internet", _SEGMENT, Owner.OTHER_CARRIER, "Internet beyond the carrier")

TEMPLATES: Mapping[LineType, Sequence[Part]] = {
    LineType.SDH: (
        _LAN_A,
        _ACCESS_A,
        Part("transmission", _SEGMENT, Owner.CARRIER_CORE, "transmission network"),
        _ACCESS_Z,
        _LAN_Z,
    ),
    LineType.MPLS_VPN: (_LAN_A, _CE_A, _ACCESS_A, _CORE, _ACCESS_Z, _CE_Z, _LAN_Z),
    LineType.INTERNET_STATIC: (_LAN_A, _CE_A, _ACCESS_A, _CORE, _INTERNET, _LAN_Z),
    LineType.INTERNET_BGP: (
        _LAN_A,
        Part("border-a", _DEVICE, Owner.CUSTOMER, "customer's border router"),
        _ACCESS_A,
        _CORE,
        _INTERNET,
        _LAN_Z,
    ),
    LineType.VIDEO: (
        Part("cameras", _SEGMENT, Owner.CUSTOMER, "cameras and their LAN"),
        Part("onu", _DEVICE, Owner.ACCESS, "access terminal"),
        _ACCESS_A,
        _CORE,
        Part("platform", _SEGMENT, Owner.DESTINATION, "video platform's LAN"),
    ),
    LineType.IDC_PORT: (
        Part("rack-lan", _SEGMENT, Owner.CUSTOMER, "rack's LAN"),
        Part("port", _SEGMENT, Owner.ACCESS, "data-centre port"),
        _CORE,
        _INTERNET,
        _LAN_Z,
    ),
    LineType.VOICE: (
        Part("pbx-lan", _SEGMENT, Owner.CUSTOMER, "exchange's LAN"),
        Part("iad", _DEVICE, Owner.ACCESS, "integrated access device"),
        _ACCESS_A,
        _CORE,
        Part("voice-platform", _SEGMENT, Owner.DESTINATION, "voice platform"),
    ),
}


def built(code: str, line_type: LineType) -> list[dict[str, Any]]:
    """The components of a line of a type, from A to Z, as the inventory file has them."""
    return [
        {
            "id": component_id(code, part),
            "kind": part.kind.value,
            "owner": part.owner.value,
            "name": f"{code} {part.name}",
        }
        for part in TEMPLATES[line_type]
    ]


def component_id(code: str, part: Part) -> str:
    """Id of a template's element on a line."""
    return f"{code}.{part.suffix}"
