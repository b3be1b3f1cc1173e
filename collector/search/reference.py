"""The reference page of the filter language, written from its table of fields: docs/reference/flow-filters.md."""

from __future__ import annotations

from collections.abc import Iterator

from collector.search.fields import ALIASES, FIELDS, VALUES

_HEAD = """# Filters of flows

Generated from `collector/search/fields.py` by `make docs`; do not edit. `faultline collector flows search FILTER` finds the flows
of the archive that fit ([how to](../how-to/search-flows.md)).

    filter     = either
    either     = both { "or" both }
    both       = one { ["and"] one }
    one        = "not" one | "(" either ")" | condition
    condition  = field [ "=" | "!=" | "<" | "<=" | ">" | ">=" ] value
               | field "in" "(" value { "," value } ")"

- Words may be in capitals or not. `and` may be left out. Without a comparison `=` is meant. `in` holds for any of its values.
- A condition on a field with two columns (`address`, `port`, `interface`, `as`) holds when it holds for one of them; `!=` when
  for neither.
- What a flow does not have fits no condition, and so its negation does: `not application dns` finds the flows of no known
  application, too.
- A flow is one record of the archive: of a probe, what a connection did in one interval of 10 s; of a router, what it exported.
  `octets` and `packets` are as measured, both directions; sums (`--group-by`, `--by`) are scaled up by the sampling factor.
- At most 10,000 characters, 500 conditions, 50 parentheses inside each other.

## Values

| kind | how it is written |
|---|---|"""


def filters_page() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *_kinds(), "", "## Fields", "", *_fields(), ""])


def _kinds() -> Iterator[str]:
    for kind, written in VALUES.items():
        yield f"| {kind.value} | {written} |"


def _fields() -> Iterator[str]:
    yield "| field | also | kind | groups | what it is |"
    yield "|---|---|---|---|---|"
    for field in FIELDS.values():
        also = ", ".join(f"`{alias}`" for alias, name in ALIASES.items() if name == field.name)
        yield f"| `{field.name}` | {also} | {field.kind.value} | {'yes' if field.groups else ''} | {field.about} |"
