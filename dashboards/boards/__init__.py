"""The five boards, from the wall of a control room down to the counters of a probe."""

from __future__ import annotations

from collections.abc import Mapping

from dashboards.boards.customer import CUSTOMER
from dashboards.boards.line import LINE
from dashboards.boards.path import PATH
from dashboards.boards.probes import PROBES
from dashboards.boards.wall import WALL
from dashboards.model import Board, Dashboard

ALL: tuple[Dashboard, ...] = (WALL, CUSTOMER, LINE, PATH, PROBES)


def variables_of() -> Mapping[Board, frozenset[str]]:
    """Which variables each board takes."""
    return {board.board: frozenset(variable.name for variable in board.variables) for board in ALL}
