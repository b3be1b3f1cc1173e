"""Flow tables learn whose service each record uses: looked up once a distinct (place, address, protocol, port).

Goes in: a placed flow table. Comes out: for each record of a line the number of its endpoint, and which side it is on. The
endpoint is looked for at the destination, where clients send to. A probe that starts in the middle of a connection may take the
server's packet for its first one: then the source is the endpoint, but only where somebody listens on that very port, because a
server opens connections of its own, too. No loop over rows.
"""

from __future__ import annotations

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from collector.enrich.flows import Placed
from collector.enrich.places import Endpoint, Places

_PORTS = 1 << 16
_PROTOCOLS = 1 << 8


@attrs.frozen(slots=True, kw_only=True)
class Answering:
    """The endpoints of a flow table."""

    names: tuple[str, ...]
    index: NDArray[np.int64]
    """For each row the number of its endpoint; -1: none that the inventory knows."""
    at_source: NDArray[np.bool_]
    """For each row whether the endpoint sent the packets that count as forward."""


def find_endpoints(placed: Placed, *, places: Places) -> Answering:
    """Find the endpoint of every row."""
    rows = placed.table.num_rows
    index, at_source = np.full(rows, -1, np.int64), np.zeros(rows, bool)
    if not places.endpoint_addresses:
        return Answering(names=(), index=index, at_source=at_source)
    numbers: dict[str, int] = {}
    on_line = np.array([place.line is not None for place in placed.places], bool)[placed.index]
    for side in ("destination", "source"):
        asked = on_line & (index < 0) & _known(placed.table.column(f"{side}_address"), places)
        chosen = np.flatnonzero(asked)
        if not chosen.size:
            continue
        codes, found = _looked_up(placed, chosen, side, places)
        accepted = [endpoint if endpoint and (side == "destination" or endpoint.listens) else None for endpoint in found]
        of_code = np.array([numbers.setdefault(e.id, len(numbers)) if e else -1 for e in accepted], np.int64)
        index[chosen] = of_code[codes]
        at_source[chosen] = side == "source"
    return Answering(names=tuple(numbers), index=index, at_source=at_source & (index >= 0))


def _known(column: pa.ChunkedArray, places: Places) -> NDArray[np.bool_]:
    """Rows whose address is an endpoint's at all: ports are looked at of those only."""
    addresses = pa.array(sorted(places.endpoint_addresses), pa.string())
    return np.asarray(pc.is_in(column, value_set=addresses), dtype=bool)


def _looked_up(
    placed: Placed, chosen: NDArray[np.int64], side: str, places: Places
) -> tuple[NDArray[np.int64], list[Endpoint | None]]:
    """For each chosen row the number of its question, and the answers."""
    table = placed.table.take(pa.array(chosen))
    encoded = pc.dictionary_encode(table.column(f"{side}_address")).combine_chunks()
    addresses = encoded.dictionary.to_pylist()
    key = placed.index[chosen] * len(addresses) + np.asarray(encoded.indices, dtype=np.int64)
    key = key * _PROTOCOLS + np.asarray(table.column("protocol"), dtype=np.int64)
    key = key * _PORTS + np.asarray(table.column(f"{side}_port"), dtype=np.int64)
    distinct, codes = np.unique(key, return_inverse=True)
    found = []
    for question in distinct.tolist():
        rest, port = divmod(question, _PORTS)
        rest, protocol = divmod(rest, _PROTOCOLS)
        place, address = divmod(rest, len(addresses))
        found.append(places.endpoint(placed.places[place].tenant, addresses[address], protocol, port))
    return codes, found
