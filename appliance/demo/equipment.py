"""What the bank's routers tell of themselves: where their traps come from, and what their ports lead to.

Goes in: the network. Comes out: what an operator would have written into the inventory. Their management network is one of its
own, so that a router behind a cut line can still say so; it ends at the collector's host, whose loopback stands for it.
"""

from __future__ import annotations

from typing import Any

from appliance.demo.network import BRANCHES, ELEMENTS
from faultline.records.terms import ComponentKind

TRAPS = "127.0.0.1:1162"
"""Where the collector hears them, on its own host."""
NETWORK = "127.0.1.0/24"
COMMUNITY = "demo"
ROUTERS = tuple(
    element.id
    for element in ELEMENTS.values()
    if element.kind is ComponentKind.DEVICE and any(element.id in branch.path for branch in BRANCHES)
)
MANAGEMENT = {router: f"127.0.1.{number}" for number, router in enumerate(ROUTERS, 1)}
"""Router → the address its traps come from."""
_LINK_DOWN, _IF_INDEX = "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.2.2.1.1"
FIRST_INDEX = 1
"""ifIndex of a router's first port."""


def ports() -> list[dict[str, Any]]:
    """Every router's ports to what lies beside it on a line, with their ifIndex; a port is called by what it leads to."""
    beside: dict[str, dict[str, None]] = {router: {} for router in ROUTERS}
    for branch in BRANCHES:
        for before, router, after in zip(branch.path, branch.path[1:], branch.path[2:], strict=False):
            if router in beside:
                beside[router] |= {before: None, after: None}
    return [
        {"device": router, "interface": f"to-{component}", "index": index, "component": component}
        for router, components in beside.items()
        for index, component in enumerate(components, FIRST_INDEX)
    ]


def link_down(router: str, component: str, *, to: str = TRAPS) -> list[str]:
    """The command by which a router says that its port to a component is down."""
    index = next(str(port["index"]) for port in ports() if (port["device"], port["component"]) == (router, component))
    sender = ["snmptrap", "-v", "2c", "-c", COMMUNITY, f"--clientaddr={MANAGEMENT[router]}", to]
    return [*sender, "", _LINK_DOWN, f"{_IF_INDEX}.{index}", "i", index]
