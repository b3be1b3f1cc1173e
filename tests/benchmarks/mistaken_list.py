"""A city's list of lines as an office keeps it, with twelve kinds of mistakes, and a program that corrects what messages name.

The program knows what the office knows (the true cells), and of the list only what it is told: of each message it reads file, row
and column, and corrects that cell.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

TITLES = ("电路编号", "客户名称", "等级", "业务类型", "带宽", "A端", "A端网段", "Z端", "Z端网段", "时区", "状态", "备用电路")
CUSTOMERS = 200
TYPES = ("MPLS VPN", "互联网专线", "sdh", "视频监控")
Row = list[str]
CODE, CUSTOMER, GRADE, TYPE, RATE, _, A_NETWORKS, _, Z_NETWORKS, ZONE, STATE, BACKUP = range(len(TITLES))

MISTAKES: Mapping[str, Callable[[Row, int], tuple[int, str]]] = {
    "a code that became a number": lambda _, number: (CODE, f"1.{number}E+11"),
    "a code that became a date": lambda _, number: (CODE, f"2026-01-{number % 28 + 1:02d}"),
    "a code that stands twice": lambda _, __: (CODE, code(0)),
    "no customer": lambda _, __: (CUSTOMER, ""),
    "no such grade": lambda _, __: (GRADE, "白金"),
    "a mistyped type": lambda _, __: (TYPE, "MPLS VPM"),
    "a rate without its unit": lambda _, __: (RATE, "100"),
    "an address where a network belongs": lambda row, _: (A_NETWORKS, row[A_NETWORKS].replace(".0/", ".5/")),
    "no network": lambda _, __: (Z_NETWORKS, "172.16.300.0/28"),
    "the same network at both ends": lambda row, _: (Z_NETWORKS, row[A_NETWORKS]),
    "no such time zone": lambda _, __: (ZONE, "Asia/Shangai"),
    "a backup that is not there": lambda _, number: (BACKUP, f"CN-9{number:05d}"),
}
"""What is wrong → (column, what stands there), from the true row and its number."""


def code(number: int) -> str:
    """Of a line."""
    return f"CN-{number:05d}"


def prefixes(number: int) -> tuple[str, str]:
    """Two networks that no other line joins."""
    return f"10.{number >> 8 & 255}.{number & 255}.0/24", f"172.{16 + (number >> 12)}.{number >> 4 & 255}.{(number & 15) * 16}/28"


def true_rows(lines: int) -> list[Row]:
    """What the office knows."""
    found = []
    for number in range(lines):
        a_prefix, z_prefix = prefixes(number)
        grade, rate = ("AAA", "AA", "A", "普通")[number % 4], (2, 10, 100, 1000)[number % 4]
        ends = (f"City{number % 90}", a_prefix, f"City{(number + 1) % 90}", z_prefix)
        facts = (code(number), f"Customer {number % CUSTOMERS}", grade, TYPES[number % 4], f"{rate}M")
        found.append([*facts, *ends, "Asia/Shanghai", "在用", code(number - 1) if number % 50 == 1 else ""])
    return found


def mistaken(rows: Sequence[Row], every: int) -> tuple[list[Row], dict[tuple[int, str], str]]:
    """The list with a mistake in one row of so many, kind after kind; and (row, column) → kind."""
    kinds = list(MISTAKES)
    made, where = [list(row) for row in rows], {}
    for turn, at in enumerate(range(every - 1, len(rows), every)):
        kind = kinds[turn % len(kinds)]
        column, text = MISTAKES[kind](rows[at], at)
        made[at][column] = text
        where[at + 2, TITLES[column]] = kind
    return made, where


def write(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """As spreadsheets of Chinese offices save it."""
    with path.open("w", encoding="gbk", newline="") as file:
        csv.writer(file).writerows([TITLES, *rows])


def correct(rows: Sequence[Row], problems: Iterable[Mapping[str, Any]], known: Sequence[Row]) -> set[tuple[int, str]]:
    """Correct the cells that messages name; gives which."""
    named = {(int(problem["row"]), str(problem["column"])) for problem in problems}
    for row, column in named:
        at = TITLES.index(column)
        rows[row - 2][at] = known[row - 2][at]
    return named
