"""The network drawn as text."""

from __future__ import annotations

from itertools import pairwise

from appliance.demo.kinds import TRAITS
from appliance.demo.network import SITES
from appliance.demo.picture import draw
from appliance.demo.probing import Probes

WIDTH = 98
"""A terminal of a hundred columns, less the indentation."""


def test_the_picture_shows_everything_that_can_fail_in_a_hundred_columns() -> None:
    """Each component that a kind fits is named as `--segment` takes it; sites are drawn by what is in them."""
    rows = draw(Probes.FULL)
    assert max(map(len, rows)) <= WIDTH
    words = {word for row in rows for word in row.replace("◆", " ").split()}
    spans = {"core-1", "core-2"}
    assert {place for traits in TRAITS.values() for place in traits.places} - set(SITES) - spans <= words


def test_the_suspect_is_underlined_where_it_is_drawn() -> None:
    """The waves stand under the name and nowhere else."""
    rows = draw(Probes.FULL, ["loop-2"])
    (marks,) = (number for number, row in enumerate(rows) if "~" in row and "suspected" not in row)
    start, end = rows[marks].index("~"), rows[marks].rindex("~") + 1
    assert rows[marks - 1][start:end] == "loop-2"


def test_a_span_and_a_site_are_underlined_by_what_they_are_made_of() -> None:
    """The core from PE1 is its segments and routers; a branch without power is its LAN and its router."""

    def underlined(suspect: str) -> str:
        rows = draw(Probes.FULL, [suspect])
        return " ".join(
            above[at] if mark == "~" else " "
            for above, row in pairwise(rows)
            if "~" in row and "suspected" not in row
            for at, mark in enumerate(row)
        )

    def words(text: str) -> set[str]:
        return {"".join(part.split()) for part in text.split("   ") if part.strip()}

    assert words(underlined("branch-3")) == {"lan-3", "ce-3"}
    assert words(underlined("core-1")) == {"pe1-p1", "pe1-p2", "p1", "p2", "p1-pe3", "p2-pe3"}


def test_probes_at_the_ends_look_at_fewer_places() -> None:
    """Without mirrors the diamonds at the provider edges are plain wire."""
    full, ends = (sum(row.count("◆") for row in draw(probes)[:-1]) for probes in (Probes.FULL, Probes.ENDS))
    assert (full, ends) == (13, 10)
