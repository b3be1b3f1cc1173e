"""The reference page of the boards, made from the boards: every panel with its definition, unit and queries.

Comes out: Markdown. `appliance.reference` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from dashboards.boards import ALL
from dashboards.model import Dashboard, Panel, VariableKind
from dashboards.words import OWNERS, STATES, Language

_INTRODUCTION = """\
# Grafana boards

Made by `make docs` from the boards themselves. Five levels, each in English (`faultline-l0-en`) and Chinese (`faultline-l0-zh`),
each reached from the one above by a click that keeps the time range. How to get them into a Grafana:
[put the boards into Grafana](../how-to/grafana.md).

Every query is InfluxQL and reads one measurement of the metrics store. `r10s`, `r1m` and `r1h` are the retention policies of
the 10 s, 1 min and 1 h roll-ups; `${every:raw}` is the one chosen under "Roll-up" at the top of a board. What the analyzer
writes (`segment_health`, `incident`, `worst_lines`) exists at 10 s only.

Not on the boards, because the metrics store does not have it: top talkers and applications (in the flow archive), use of the
contracted rate, grades and sites (in the inventory), the path as a drawing (on the analyzer's page), two-line pairs, and the
availability clocks of a contract.
"""


def dashboards_page() -> str:
    """The whole page."""
    return "\n".join([_INTRODUCTION, *_states(), *(line for board in ALL for line in _board(board))]).rstrip() + "\n"


def _states() -> Iterator[str]:
    yield "## States and owners\n"
    yield "| number | shown as | in Chinese |\n|---|---|---|"
    for state in STATES:
        yield f"| {state.value} | {state.text.en} | {state.text.zh} |"
    yield ""
    yield "| owner | shown as | in Chinese |\n|---|---|---|"
    for owner in OWNERS:
        yield f"| `{owner.value}` | {owner.text.en} | {owner.text.zh} |"
    yield ""


def _board(board: Dashboard) -> Iterator[str]:
    yield f"## {board.title.en}\n"
    yield f"{board.definition.en} In Chinese: {board.title.zh}.\n"
    chosen = [
        f"{variable.title.en} (`{variable.name}`)"
        for variable in board.variables
        if variable.kind is not VariableKind.DATA_SOURCE
    ]
    yield f"To choose: {', '.join(chosen)}.\n"
    for panel in board.panels:
        yield from _panel(panel)


def _panel(panel: Panel) -> Iterator[str]:
    yield f"### {panel.title.en} · {panel.title.zh}\n"
    yield f"{panel.definition.en} Unit: {panel.unit.word.say(Language.EN)}. Without data: “{panel.nothing.en}”\n"
    if panel.days_ago:
        yield f"Shifted by {panel.days_ago} day.\n"
    for target in panel.targets:
        yield f"    {target.query.text}\n"
