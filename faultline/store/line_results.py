"""Results of other instruments in the state store: a line's newest."""

from __future__ import annotations

import json

from faultline.records.line_result import LineResult, result_document, result_from_document
from faultline.records.terms import LineCode
from faultline.store.state import StateStore

MOST_A_LINE = 100
"""Older ones go: what is attached to a ticket is with the ticket."""


class LineResultBook:
    """Over a state store."""

    def __init__(self, state: StateStore) -> None:
        self._state = state

    def add(self, result: LineResult) -> bool:
        """Keep a result, durably on return. False: it was there already."""
        kind = _kind(result.line)
        with self._state.transaction():
            if self._state.document(kind, result.id) is not None:
                return False
            self._state.put_document(kind, result.id, 1, json.dumps(result_document(result), ensure_ascii=False))
            for old in self._state.documents(kind)[:-MOST_A_LINE]:
                self._state.remove_document(kind, old.id)
        return True

    def of_line(self, line: LineCode) -> list[LineResult]:
        """Newest first, by when they were taken."""
        return [result_from_document(json.loads(kept.text)) for kept in reversed(self._state.documents(_kind(line)))]


def _kind(line: LineCode) -> str:
    """A kind of document a line: a line's own are found without looking at all others."""
    return f"result/{line}"
