"""An inventory with dial tests and traces, as the operator's file has them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from faultline.inventory import Inventory, parse

TESTED = """
dials:
  - {id: dial-teller, line: CN-NB-0017, sender: ce-lan, protocol: tcp, endpoint: svc-teller}
  - {id: dial-dns, line: CN-NB-0017, sender: ce-lan, protocol: dns, endpoint: dns-1, query: teller.bank.example}
traces:
  - {id: trace-fw, line: CN-NB-0017, sender: ce-wan, target: fw-wan}
  - {id: trace-teller, line: CN-NB-0017, sender: ce-wan, target: svc-teller}
  - {id: trace-server, line: CN-NB-0017, sender: ce-wan, target: server}
  - {id: trace-back, line: CN-NB-0017, sender: fw-wan, target: ce-wan}
"""


def with_tests(line_file: str, tested: str = TESTED) -> str:
    """The line's file with addresses, services, dial tests and traces."""
    changes = {
        "owner: destination, name: Application server}": (
            "owner: destination, name: Application server, addresses: [10.9.0.11], hosts: [svc-teller]}\n"
            "  - {id: svc-teller, kind: service, owner: destination, name: Teller, ports: [tcp/8200]}\n"
            "  - {id: dns-1, kind: resolver, owner: destination, name: Resolver, addresses: [10.9.0.53]}"
        ),
        "prefixes: [10.9.0.0/24]": "prefixes: [10.9.0.0/24], hosts: [dns-1]",
        "id: fw-wan, probe: dc": "id: fw-wan, address: 10.8.0.2, probe: dc",
        "id: ce-wan, probe: branch": "id: ce-wan, address: 10.8.1.1, probe: branch",
        "sender: ce-wan, reflector: fw-wan": "sender: ce-wan, reflector: fw-wan, source_port: 41011",
    }
    for old, new in changes.items():
        assert old in line_file, old
        line_file = line_file.replace(old, new)
    return line_file + tested


@pytest.fixture
def tested_file(line_file: str) -> str:
    """The text."""
    return with_tests(line_file)


@pytest.fixture
def inventory_of(line_file: str) -> Callable[..., Inventory]:
    """Inventories with other tests, or another change of the text."""

    def made(tested: str = TESTED, change: tuple[str, str] | None = None) -> Inventory:
        text = with_tests(line_file, tested)
        if change is not None:
            assert change[0] in text
            text = text.replace(*change)
        return parse(text, where="inventory.yaml")

    return made
