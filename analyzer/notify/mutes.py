"""Mutes: who wants not to be told of what, why, and until when; kept in the outbox, because they decide what goes into it.

A mute suppresses telling, never watching: incidents are raised, revised and cleared as ever. What is muted is kept back in the
words of its last event, and told as a beginning when the mute ends and it is still open. Nobody hears of an end whose beginning
he was not told.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

import attrs

from analyzer.notify.outbox import Item, Outbox
from faultline.records.terms import SECOND_NS

_MINUTE_NS = 60 * SECOND_NS


class Scope(StrEnum):
    """What a mute is about."""

    LINE = "line"
    COMPONENT = "component"


@attrs.frozen(slots=True, kw_only=True)
class Mute:
    """One mute in force."""

    id: int
    scope: Scope
    what: str
    """Circuit code, or component id without direction."""
    reason: str
    owner: str
    """Who asked for it."""
    since_ns: int
    until_ns: int


@attrs.frozen(slots=True, kw_only=True)
class Sayable:
    """An event of an incident that people are to hear of."""

    incident: str
    ends: bool
    lines: frozenset[str]
    bases: frozenset[str]
    """Suspected components without direction."""
    item: Callable[[bool], Item]
    """Its words; with True as the beginning of the incident, whatever the event."""


def covered(lines: frozenset[str], bases: frozenset[str], mutes: Iterable[Mute]) -> bool:
    """Whether mutes cover an incident whole: one more line, or one more suspect, and it is told."""
    muted: dict[Scope, set[str]] = {scope: set() for scope in Scope}
    for mute in mutes:
        muted[mute.scope].add(mute.what)
    return bool(lines and muted[Scope.LINE] >= lines) or bool(bases and muted[Scope.COMPONENT] >= bases)


class MuteBook:
    """Over the outbox's file."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def add(self, scope: Scope, what: str, *, reason: str, owner: str, minutes: int, now_ns: int) -> int:
        """Mute from now on; returns its id."""
        values = (scope.value, what, reason, owner, now_ns, now_ns + minutes * _MINUTE_NS)
        with self._outbox.transaction() as db:
            query = "INSERT INTO mutes (scope, what, reason, owner, since_ns, until_ns) VALUES (?, ?, ?, ?, ?, ?)"
            return int(db.execute(query, values).lastrowid or 0)

    def end(self, number: int, now_ns: int) -> bool:
        """End one before its time; False when none of that id is in force. What it kept back is told with the next step."""
        with self._outbox.transaction() as db:
            query = "UPDATE mutes SET until_ns = ? WHERE id = ? AND until_ns > ?"
            return db.execute(query, (now_ns, number, now_ns)).rowcount > 0

    def in_force(self, now_ns: int) -> list[Mute]:
        """Those that hold now."""
        with self._outbox.transaction(synced=False) as db:
            return _in_force(db, now_ns)

    def tell(self, said: Sequence[Sayable], now_ns: int) -> int:
        """Write what is to be told now, of what is new and of what was kept back; returns how many entries are new."""
        with self._outbox.transaction() as db:
            items = _sifted(db, said, _in_force(db, now_ns))
            return self._outbox.write(db, items, now_ns)


def _in_force(db: sqlite3.Connection, now_ns: int) -> list[Mute]:
    query = "SELECT id, scope, what, reason, owner, since_ns, until_ns FROM mutes WHERE until_ns > ? ORDER BY id"
    names = ("id", "scope", "what", "reason", "owner", "since_ns", "until_ns")
    rows = [dict(zip(names, row, strict=True)) for row in db.execute(query, (now_ns,))]
    return [Mute(**row | {"scope": Scope(row["scope"])}) for row in rows]


def _sifted(db: sqlite3.Connection, said: Sequence[Sayable], mutes: Sequence[Mute]) -> list[Item]:
    """What was kept back first: it is older."""
    for one in said:
        _forget(db, one.incident)  # the newer event says what the older one would have
    passed = _released(db, mutes)
    for one in said:
        _forget(db, one.incident)  # and so it does within one step
        known = _was_told(db, one.incident)
        if one.ends:
            db.execute("DELETE FROM begun WHERE incident = ?", (one.incident,))
            if known:
                passed.append(one.item(False))
            continue
        item = one.item(not known)
        if covered(one.lines, one.bases, mutes):
            document = json.dumps({"lines": sorted(one.lines), "bases": sorted(one.bases), "body": item.body}, ensure_ascii=False)
            db.execute("INSERT INTO kept_back VALUES (?, ?, ?)", (item.incident, item.revision, document))
        else:
            db.execute("INSERT OR IGNORE INTO begun VALUES (?)", (one.incident,))
            passed.append(item)
    return passed


def _released(db: sqlite3.Connection, mutes: Sequence[Mute]) -> list[Item]:
    released = []
    for incident, revision, text in db.execute("SELECT incident, revision, document FROM kept_back ORDER BY rowid").fetchall():
        kept = json.loads(text)
        if covered(frozenset(kept["lines"]), frozenset(kept["bases"]), mutes):
            continue
        _forget(db, incident)
        db.execute("INSERT OR IGNORE INTO begun VALUES (?)", (incident,))
        released.append(Item(incident=incident, revision=revision, body=kept["body"]))
    return released


def _forget(db: sqlite3.Connection, incident: str) -> None:
    """What was kept back of an incident."""
    db.execute("DELETE FROM kept_back WHERE incident = ?", (incident,))


def _was_told(db: sqlite3.Connection, incident: str) -> bool:
    query = "SELECT 1 FROM begun WHERE incident = ? UNION ALL SELECT 1 FROM entries WHERE incident = ? LIMIT 1"
    return db.execute(query, (incident, incident)).fetchone() is not None
