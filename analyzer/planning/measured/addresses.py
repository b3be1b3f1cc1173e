"""Addresses that were seen on two lines which declare them differently.

Goes in: the inventory, addresses with the lines their flows were filed under. Comes out: doubts. An address that two lines
declare by the same network is on both by declaration: every branch talks to the data centre. Where one declares it by a wider
network than the other, traffic of the one is taken for the other's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

import attrs
import duckdb

from analyzer.planning.doubt import Doubt, Doubtful, Spot, some
from faultline.inventory import Inventory, Line
from faultline.records.terms import LineCode, TenantId
from faultline.store.archive import FlowArchive

MOST_ADDRESSES = 100_000
"""Addresses on several lines that are looked at: a data centre's servers, of all tenants."""
_MEMORY = "256MB"
_Prefix = ipaddress.IPv4Network | ipaddress.IPv6Network


@attrs.frozen(slots=True, kw_only=True)
class OnLines:
    """An address and where it was seen."""

    tenant: TenantId
    address: str
    lines: tuple[LineCode, ...]


def on_several_lines(archive: FlowArchive, *, start_ns: int, end_ns: int) -> list[OnLines]:
    """Addresses of flows that start in [start_ns, end_ns) and were filed under more than one line."""
    found: list[OnLines] = []
    files: dict[TenantId, list[str]] = {}
    for file in archive.files(tenant=None, start_ns=start_ns, end_ns=end_ns):
        files.setdefault(file.tenant, []).append(str(archive.folder / file.path))
    query = (
        "SELECT address, list_sort(list(DISTINCT line)) AS lines FROM (SELECT line, unnest([source_address, destination_address])"
        " AS address FROM read_parquet(?, union_by_name = true, hive_partitioning = false)"
        " WHERE start_ns >= ? AND start_ns < ? AND line IS NOT NULL AND line != '')"
        " GROUP BY address HAVING count(DISTINCT line) > 1 ORDER BY address LIMIT ?"
    )
    with duckdb.connect(":memory:", config={"threads": 1, "memory_limit": _MEMORY}) as engine:
        for tenant, paths in files.items():
            rows = engine.execute(query, [paths, start_ns, end_ns, MOST_ADDRESSES]).fetchall()
            found += [OnLines(tenant=tenant, address=row[0], lines=tuple(LineCode(code) for code in row[1])) for row in rows]
    return found


def address_doubts(inventory: Inventory, seen: Iterable[OnLines]) -> Iterator[Doubt]:
    """Addresses on lines that declare them by networks of different size: one doubt for each wider network, with an example."""
    networks = {line.code: _networks(line) for line in inventory.lines.values()}
    wider: dict[tuple[LineCode, _Prefix], list[tuple[str, LineCode, _Prefix]]] = {}
    for one in seen:
        address = ipaddress.ip_address(one.address)
        declared = {code: _narrowest(networks.get(code, ()), address) for code in one.lines}
        known = {code: prefix for code, prefix in declared.items() if prefix is not None}
        if len({prefix.prefixlen for prefix in known.values()}) < 2:  # noqa: PLR2004 - all declare it alike
            continue
        home, narrow = max(known.items(), key=lambda item: item[1].prefixlen)
        for code, prefix in known.items():
            if prefix.prefixlen < narrow.prefixlen:
                wider.setdefault((code, prefix), []).append((one.address, home, narrow))
    for (code, prefix), examples in wider.items():
        addresses = some(dict.fromkeys(address for address, *_ in examples))
        _, home, narrow = examples[0]
        yield Doubt(
            what=Doubtful.TWO_LINES,
            subjects=(code, home, *dict.fromkeys(address for address, *_ in examples)),
            text=f"{addresses} seen on {code}, which declares {prefix}, and on {home}, which declares {narrow}",
            remedy=f"narrow {prefix} of {code} to what is its own, or list {narrow} with both",
            at=Spot(section="lines", name=code, key=_end_of(inventory.lines[code], prefix)),
        )


def _networks(line: Line) -> Sequence[_Prefix]:
    return [ipaddress.ip_network(prefix) for prefix in (*line.a_end.prefixes, *line.z_end.prefixes)]


def _narrowest(networks: Iterable[_Prefix], address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> _Prefix | None:
    inside = [network for network in networks if network.version == address.version and address in network]
    return max(inside, key=lambda network: network.prefixlen, default=None)


def _end_of(line: Line, prefix: _Prefix) -> str:
    return "a_end" if str(prefix) in line.a_end.prefixes else "z_end"
