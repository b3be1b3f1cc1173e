"""Lines: their ends, their paths, and what can be wrong with them."""

from __future__ import annotations

import pytest

from .mistaking import Mistakes, check_told

MISTAKES: Mistakes = {
    "dangling tenant": ("tenant: bank", "tenant: bnak", "lines[0].tenant", "no tenant 'bnak'", "did you mean 'bank'"),
    "state": ("state: in_service", "state: in-service", "lines[0].state", "is not one of", "did you mean 'in_service'"),
    "rate": ("100_000_000 ", "100M ", "lines[0].cir_bps", "not a whole number above 0", "write digits"),
    "rate of nothing": ("100_000_000 ", "0 ", "lines[0].cir_bps", "not a whole number above 0", "write digits"),
    "time zone": ("Asia/Shanghai", "Asia/Shangai", "lines[0].time_zone", "no time zone", "IANA"),
    "own backup": ("    grade: AA", "    backup: CN-NB-0017", "lines[0].backup", "its own backup", "other line"),
    "dangling backup": ("    grade: AA", "    backup: CN-NB-0071", "lines[0].backup", "no line", "did you mean"),
    "prefix with host bits": (
        "[10.1.17.0/24]",
        "[10.1.17.1/24]",
        "lines[0].a_end.prefixes[0]",
        "not a network",
        "is 10.1.17.0/24",
    ),
    "prefix": ("[10.1.17.0/24]", "[ningbo]", "lines[0].a_end.prefixes[0]", "not a network", "address/length"),
    "no prefixes": (", prefixes: [10.9.0.0/24]", "", "lines[0].z_end", "'prefixes' is missing", "list the networks"),
    "prefix twice": ("[10.9.0.0/24]", "[10.9.0.0/24, 10.9.0.0/24]", "lines[0].z_end.prefixes[1]", "there twice", "keep one"),
    "prefix at both ends": ("[10.9.0.0/24]", "[10.1.17.0/24]", "lines[0].z_end", "behind both ends", "where it is"),
    "dangling path": ("pe2, loop-z, fw", "pe2, loop-x, fw", "lines[0].path[6]", "no component 'loop-x'", "did you mean 'loop-z'"),
    "loop": (
        "pe2, loop-z, fw",
        "pe2, core, fw",
        "lines[0].path[6]",
        "already element 4 of the path: a loop",
        "crosses a component once",
    ),
    "service on a path": ("dc-lan, server]", "dc-lan, server, teller]", "lines[0].path[10]", "is a service", "segments"),
    "no path": ("    path: [", "    # path: [", "lines[0]", "'path' is missing", "from A to Z"),
    "bundle and member on a path": ("pe1, core, pe2,", "pe1, core, p1, pe2,", "lines[0].path[5]", "is inside 'core'", "not both"),
    "unknown host behind an end": (
        "hosts: [dns-1]}",
        "hosts: [dns-2]}",
        "lines[0].z_end.hosts[0]",
        "no component",
        "did you mean",
    ),
    "a device behind an end": (
        "hosts: [dns-1]}",
        "hosts: [dns-1, p1]}",
        "lines[0].z_end.hosts[1]",
        "'p1' is a device",
        "servers and",
    ),
    "on the path and behind it": ("hosts: [dns-1]}", "hosts: [dns-1, server]}", "lines[0].path[9]", "behind an end", "keep one"),
    "reports to nowhere": (
        "    grade: AA",
        "    reports_to: z",
        "lines[0].reports_to",
        "not one of a_end, z_end",
        "name the end",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_line_its_key_and_what_to_do(name: str, example_text: str) -> None:
    """One mistake in the file is one problem: where, what is wrong, what to do."""
    check_told(example_text, MISTAKES[name], alone=True)
