"""Conditions to SQL of DuckDB. Pure: values go into parameters and never into the text.

Goes in: a filter. Comes out: a condition over the archive's columns and the values of its `?`. The text is made of the words of
`fields` and of this module; nothing that a person typed is in it.

What a flow does not have fits no condition, and its negation fits it: `not application dns` finds the flows of no known
application, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from collector.search import language
from collector.search.fields import Kind
from collector.search.language import Comparison, Condition, Filter, Network, Pattern, Range, Value

_SIDE = (
    "CREATE TEMP MACRO v6_side(a, n) AS CASE WHEN split_part(a, '::', n) = '' THEN []::VARCHAR[]"
    " ELSE string_split(split_part(a, '::', n), ':') END"
)
"""The groups of an IPv6 address before (1) and behind (2) its `::`."""
_GROUP_OF = (
    "CREATE TEMP MACRO v6_group(a, i) AS TRY_CAST('0x' || CASE WHEN NOT contains(a, '::') THEN split_part(a, ':', i)"
    " WHEN i <= len(v6_side(a, 1)) THEN v6_side(a, 1)[i]"
    " WHEN i > 8 - len(v6_side(a, 2)) THEN v6_side(a, 2)[i - 8 + len(v6_side(a, 2))] ELSE '0' END AS INTEGER)"
)
"""One of its eight groups; what `::` stands for is zeros."""
MACROS = (_SIDE, _GROUP_OF)
"""What an engine must know before it is asked."""

_IPV4 = 4
_OCTET, _GROUP = 8, 16

Sites = Callable[[str], Sequence[str]]
"""From a site to the lines that end there."""


@attrs.frozen(slots=True)
class Sql:
    """A condition, and the values of its `?` in order."""

    text: str
    parameters: tuple[object, ...] = ()


def compile_filter(found: Filter, *, lines_of_site: Sites, definite: bool = False) -> Sql:
    """The SQL of a filter.

    Args:
        found: the conditions.
        lines_of_site: what the inventory says of sites.
        definite: whether what is absent must make false of a condition, not unknown. Only below a negation is that a difference,
            and elsewhere a bare comparison lets the engine skip whole groups of rows.
    """
    match found:
        case Condition():
            return _condition(found, lines_of_site, definite=definite)
        case language.Not(part):
            inner = compile_filter(part, lines_of_site=lines_of_site, definite=True)
            return Sql(f"(NOT {inner.text})", inner.parameters)
        case language.All(parts):
            known = [compile_filter(part, lines_of_site=lines_of_site, definite=definite) for part in parts]
            return _joined(known, "AND", empty="true")
        case language.Any(parts):
            known = [compile_filter(part, lines_of_site=lines_of_site, definite=definite) for part in parts]
            return _joined(known, "OR", empty="false")


def _joined(parts: Sequence[Sql], word: str, *, empty: str) -> Sql:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Sql(empty)
    text = f" {word} ".join(part.text for part in parts)
    return Sql(f"({text})", tuple(value for part in parts for value in part.parameters))


def _condition(found: Condition, lines_of_site: Sites, *, definite: bool) -> Sql:
    if found.field.kind is Kind.SITE:
        values: Sequence[Value] = [line for site in found.values for line in lines_of_site(str(site))]
    else:
        values = found.values
    tests = [_test(expression, found.comparison, value) for expression in found.field.sql for value in values]
    whole = _joined(tests, "OR", empty="false")
    unequal = found.comparison is Comparison.UNEQUAL
    if definite or unequal:
        whole = Sql(f"coalesce({whole.text}, false)", whole.parameters)
    # `!=` of a field with two columns: neither of them is it.
    return Sql(f"(NOT {whole.text})", whole.parameters) if unequal else whole


def _test(expression: str, comparison: Comparison, value: Value) -> Sql:
    match value:
        case Range(low, high):
            return Sql(f"{expression} BETWEEN ? AND ?", (low, high))
        case Pattern(parts):
            return Sql(f"{expression} LIKE ? ESCAPE '\\'", ("%".join(_literal(part) for part in parts),))
        case int() | float() | str():
            sign = "=" if comparison is Comparison.UNEQUAL else comparison.value
            return Sql(f"{expression} {sign} ?", (value,))
        case _:
            return _inside(expression, value)


def _literal(text: str) -> str:
    """A text in a pattern of LIKE, meaning itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _inside(column: str, network: Network) -> Sql:
    """Addresses are kept as text: whole octets are compared as text, the rest of the prefix as a number."""
    if network.prefixlen == network.max_prefixlen:
        return Sql(f"{column} = ?", (str(network.network_address),))
    return _inside_4(column, network) if network.version == _IPV4 else _inside_6(column, network)


def _inside_4(column: str, network: Network) -> Sql:
    octets = network.network_address.packed
    whole, rest = divmod(network.prefixlen, _OCTET)
    start = "".join(f"{octet}." for octet in octets[:whole])
    found = Sql(f"{column} LIKE ?", (f"{start}%",)) if whole else Sql(f"NOT contains({column}, ':')")
    if rest:
        low = octets[whole]
        part = Sql(
            f"TRY_CAST(split_part({column}, '.', {whole + 1}) AS INTEGER) BETWEEN ? AND ?",
            (low, low + (1 << (_OCTET - rest)) - 1),
        )
        found = _joined([found, part], "AND", empty="true")
    return found


def _inside_6(column: str, network: Network) -> Sql:
    packed = network.network_address.packed
    groups = [int.from_bytes(packed[at : at + 2]) for at in range(0, len(packed), 2)]
    whole, rest = divmod(network.prefixlen, _GROUP)
    parts = [Sql(f"contains({column}, ':')")]
    parts += [Sql(f"v6_group({column}, {number + 1}) = ?", (groups[number],)) for number in range(whole)]
    if rest:
        low = groups[whole]
        parts.append(Sql(f"v6_group({column}, {whole + 1}) BETWEEN ? AND ?", (low, low + (1 << (_GROUP - rest)) - 1)))
    return _joined(parts, "AND", empty="true")
