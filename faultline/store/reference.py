"""The reference page of the roll-ups, written from the schema itself: docs/reference/rollups.md."""

from __future__ import annotations

from collections.abc import Iterator

from faultline.store.schema import MEASUREMENTS, STATISTICS, Adding, Measurement

_HEAD = """# Roll-ups

Generated from `faultline/store/schema.py` by `make docs`; do not edit. Measurements of the metrics store, in windows of 10 s,
1 min and 1 h. Times are nanoseconds, sizes octets, the rest counts, unless the name says otherwise. A field that was not
measured is absent; a tag that does not apply, too. Rows of lines are in their tenant's database and in the carrier's, rows of
the carrier's own equipment in the carrier's only; every row has the tag `tenant`.

A distribution `x` is written as {statistics}; the distribution itself is kept in the
state store, so that longer windows add it up. How two windows make a longer one is said of each field.
"""
_ADDING = {
    Adding.SUM: "sum",
    Adding.MIN: "smaller",
    Adding.MAX: "larger",
    Adding.NEWEST: "newest",
    Adding.BITS: "10 s windows only: a bit a second",
    Adding.DERIVED: "worked out anew",
}


def rollups_page() -> str:
    """The page as Markdown."""
    statistics = ", ".join(f"`x_{name}`" for name in STATISTICS)
    return "\n".join([_HEAD.format(statistics=statistics), *(line for spec in MEASUREMENTS.values() for line in _rows(spec))])


def _rows(spec: Measurement) -> Iterator[str]:
    yield f"## `{spec.name}`\n"
    where = "The tenant's database and the carrier's."
    if spec.shared or spec.private:
        where = "The carrier's database only." if spec.shared else "The tenant's database only."
    yield f"{spec.about} {where}\n"
    yield f"Tags: {', '.join(f'`{tag}`' for tag in spec.tags)}."
    if spec.distributions:
        yield f"Distributions: {', '.join(f'`{name}`' for name in spec.distributions)}."
    yield "\n| field | type | of two windows |\n|---|---|---|"
    spread = {f"{name}_{what}" for name in spec.distributions for what in STATISTICS}
    for name, field in spec.fields.items():
        if name not in spread:
            yield f"| `{name}` | {field.kind.value} | {_ADDING[field.adding]} |"
    yield ""
