"""A bank's line with everything a path can have: equal paths, hosts behind Z, sites, a silent probe."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from faultline.records.incident import Base
from faultline.records.terms import ComponentKind, Owner
from faultline.reports.material import LinePath, PathElement, PathHost, PathVantage
from faultline.reports.sentences import Speaker
from faultline.reports.words import Language


def make_element(base: str, kind: ComponentKind, owner: Owner, site: str | None = None) -> PathElement:
    """An element whose name is its id with a capital letter."""
    return PathElement(base=Base(base), name=base.capitalize(), kind=kind, owner=owner, site=Base(site) if site else None)


def _core() -> PathElement:
    def branch(router: str) -> tuple[PathElement, ...]:
        kinds = {f"pe-{router}": ComponentKind.SEGMENT, router: ComponentKind.DEVICE, f"{router}-pe": ComponentKind.SEGMENT}
        return tuple(make_element(base, kind, Owner.CARRIER_CORE) for base, kind in kinds.items())

    return PathElement(
        base=Base("core"),
        name="Core",
        kind=ComponentKind.SEGMENT,
        owner=Owner.CARRIER_CORE,
        between=("PE1", "PE3"),
        branches=(branch("p1"), branch("p2")),
    )


@pytest.fixture
def line_path() -> LinePath:
    """LAN, CE, loop, PE, a core of two equal paths, firewall; a server with a service, and a resolver."""
    return LinePath(
        elements=(
            make_element("lan", ComponentKind.SEGMENT, Owner.CUSTOMER, "branch"),
            make_element("ce", ComponentKind.DEVICE, Owner.CUSTOMER, "branch"),
            make_element("loop", ComponentKind.SEGMENT, Owner.ACCESS),
            make_element("pe1", ComponentKind.DEVICE, Owner.CARRIER_CORE),
            _core(),
            make_element("fw", ComponentKind.DEVICE, Owner.DESTINATION, "dc"),
        ),
        hosts=(
            PathHost(
                element=make_element("srv", ComponentKind.SERVER, Owner.DESTINATION, "dc"),
                services=(make_element("svc", ComponentKind.SERVICE, Owner.DESTINATION),),
            ),
            PathHost(element=make_element("dns", ComponentKind.RESOLVER, Owner.DESTINATION, "dc")),
        ),
        vantages=(PathVantage(name="ce-wan", position=1.5), PathVantage(name="fw-wan", position=4.5, silent=True)),
        sites=(
            make_element("branch", ComponentKind.SITE, Owner.CUSTOMER),
            make_element("dc", ComponentKind.SITE, Owner.DESTINATION),
        ),
    )


@pytest.fixture
def speaker(line_path: LinePath) -> Speaker:
    """English, with the line's names."""
    return Speaker(language=Language.EN, names=line_path.names)


@pytest.fixture
def plain() -> Callable[[str], str]:
    """The words of markup."""
    return lambda markup: re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", markup)).strip()
