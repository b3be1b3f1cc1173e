"""Layout of the state store, as steps from an empty file; `PRAGMA user_version` is the number of steps taken.

A step, once released, never changes: a new one is added. Numbers of 64 unsigned bits (incarnations) are kept as 16 hexadecimal
digits, because SQLite's integers are signed. Times are Unix nanoseconds UTC.
"""

from __future__ import annotations

import sqlite3

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE batches (              -- the ledger: what was acknowledged, in the order it is worked through
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      probe TEXT NOT NULL, incarnation TEXT NOT NULL, stream TEXT NOT NULL, seq INTEGER NOT NULL,
      digest BLOB NOT NULL,             -- SHA-256 of the octets
      octets INTEGER NOT NULL, records INTEGER NOT NULL,
      received_ns INTEGER NOT NULL,     -- the collector's clock
      wall_ns INTEGER NOT NULL,         -- the probe's clocks
      monotonic_ns INTEGER NOT NULL,
      watermark_ns INTEGER NOT NULL,    -- as the probe said it
      correction_ns INTEGER NOT NULL,   -- added to the probe's times when filing; 0 while its clock is good
      state INTEGER NOT NULL DEFAULT 0, -- 0 waiting, 1 in final windows, 2 damaged
      payload TEXT,                     -- path below the payload folder; absent once removed
      UNIQUE (probe, incarnation, stream, seq)
    );
    CREATE INDEX batches_waiting ON batches (id) WHERE state = 0;
    CREATE INDEX batches_payload ON batches (id) WHERE payload IS NOT NULL;
    CREATE TABLE streams (
      probe TEXT NOT NULL, incarnation TEXT NOT NULL, stream TEXT NOT NULL,
      contiguous INTEGER NOT NULL,      -- highest sequence up to which nothing is missing
      heard_ns INTEGER NOT NULL,
      PRIMARY KEY (probe, incarnation, stream)
    ) WITHOUT ROWID;
    CREATE TABLE gaps (                 -- sequences that will never come, as the probe said
      probe TEXT NOT NULL, incarnation TEXT NOT NULL, stream TEXT NOT NULL,
      first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, reason TEXT NOT NULL, told_ns INTEGER NOT NULL,
      PRIMARY KEY (probe, incarnation, stream, first_seq, last_seq)
    ) WITHOUT ROWID;
    CREATE TABLE clocks (               -- what is known of each probe's clocks
      probe TEXT NOT NULL, incarnation TEXT NOT NULL, document TEXT NOT NULL,
      PRIMARY KEY (probe, incarnation)
    ) WITHOUT ROWID;
    CREATE TABLE link_events (
      probe TEXT NOT NULL, interface TEXT NOT NULL, event_ns INTEGER NOT NULL, event TEXT NOT NULL,
      PRIMARY KEY (event_ns, probe, interface, event)
    ) WITHOUT ROWID;

    CREATE TABLE windows (              -- final windows
      level TEXT NOT NULL, start_ns INTEGER NOT NULL,
      revision INTEGER NOT NULL,        -- 1 when it became final, more with each late batch
      final_ns INTEGER NOT NULL,        -- when this revision was made
      pruned_ns INTEGER,                -- when its rows left the state store; absent while they are here
      PRIMARY KEY (level, start_ns)
    ) WITHOUT ROWID;
    CREATE TABLE rollups (
      level TEXT NOT NULL, start_ns INTEGER NOT NULL,
      measurement TEXT NOT NULL, tenant TEXT NOT NULL, tags TEXT NOT NULL,  -- JSON object, keys sorted
      sums TEXT NOT NULL,               -- JSON object: what adds up
      fields TEXT NOT NULL,             -- JSON object: the row as it is written to the metrics store
      PRIMARY KEY (level, start_ns, measurement, tenant, tags)
    ) WITHOUT ROWID;
    CREATE TABLE histograms (           -- octets as faultline/records/histogram.py
      level TEXT NOT NULL, start_ns INTEGER NOT NULL,
      measurement TEXT NOT NULL, tenant TEXT NOT NULL, tags TEXT NOT NULL,
      metric TEXT NOT NULL, octets BLOB NOT NULL,
      PRIMARY KEY (level, start_ns, measurement, tenant, tags, metric)
    ) WITHOUT ROWID;
    CREATE TABLE contributions (        -- which batches are in which final 10 s window
      start_ns INTEGER NOT NULL, batch INTEGER NOT NULL, sealed_ns INTEGER NOT NULL,
      PRIMARY KEY (start_ns, batch)
    ) WITHOUT ROWID;
    CREATE INDEX contributions_batch ON contributions (batch);

    CREATE TABLE outbox (               -- points on their way to the metrics store
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      points INTEGER NOT NULL, document BLOB NOT NULL
    );
    CREATE TABLE archive_files (        -- the flow archive is these files and no others
      path TEXT PRIMARY KEY, tenant TEXT NOT NULL, hour_ns INTEGER NOT NULL, generation INTEGER NOT NULL,
      first_batch INTEGER NOT NULL, last_batch INTEGER NOT NULL, rows INTEGER NOT NULL, octets INTEGER NOT NULL,
      retired_ns INTEGER                -- replaced by a compacted file, or beyond retention; removed a little later
    ) WITHOUT ROWID;
    CREATE TABLE documents (            -- what the analyzer keeps: incidents, evidence, baselines
      kind TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, document TEXT NOT NULL,
      PRIMARY KEY (kind, id)
    ) WITHOUT ROWID;
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
    """
    CREATE TABLE traces (               -- of each traced flow the newest trace, the route it is on, and the one before
      trace TEXT NOT NULL, probe TEXT NOT NULL, protocol INTEGER NOT NULL,
      source_address TEXT NOT NULL, source_port INTEGER NOT NULL,
      destination_address TEXT NOT NULL, destination_port INTEGER NOT NULL,
      traced_ns INTEGER NOT NULL,       -- by corrected time
      hops TEXT NOT NULL,               -- of the newest trace, as the record has them
      reached INTEGER NOT NULL,
      route TEXT NOT NULL,              -- the same, silent places filled from earlier traces of this route
      since_ns INTEGER NOT NULL,        -- first trace of this route
      previous TEXT,                    -- the route before; absent while there is none
      previous_ns INTEGER,              -- its last trace
      PRIMARY KEY (trace, probe, protocol, source_address, source_port, destination_address, destination_port)
    ) WITHOUT ROWID;
    CREATE TABLE route_changes (
      trace TEXT NOT NULL, probe TEXT NOT NULL, protocol INTEGER NOT NULL,
      source_address TEXT NOT NULL, source_port INTEGER NOT NULL,
      destination_address TEXT NOT NULL, destination_port INTEGER NOT NULL,
      changed_ns INTEGER NOT NULL,      -- the first trace of the route after
      before TEXT NOT NULL, after TEXT NOT NULL,
      PRIMARY KEY (changed_ns, trace, probe, protocol, source_address, source_port, destination_address, destination_port)
    ) WITHOUT ROWID;

    CREATE TABLE task_version (         -- one row: rises with every change of tasks and with every request
      one INTEGER PRIMARY KEY CHECK (one = 1),
      first INTEGER NOT NULL,           -- where this store began: seconds since 1970, so that no two stores give out the same
      version INTEGER NOT NULL
    );
    INSERT INTO task_version SELECT 1, begun, begun FROM (SELECT CAST(strftime('%s', 'now') AS INTEGER) AS begun);
    CREATE TABLE tasks (                -- standing tasks, as the probe is served them
      probe TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
      document TEXT NOT NULL,
      removed INTEGER NOT NULL DEFAULT 0, -- 1: the probe is told to stop it
      PRIMARY KEY (probe, id)
    ) WITHOUT ROWID;
    CREATE TABLE requests (             -- one-off orders; forgotten some time after they are decided
      id TEXT PRIMARY KEY, probe TEXT NOT NULL, kind TEXT NOT NULL, version INTEGER NOT NULL,
      document TEXT NOT NULL,
      created_ns INTEGER NOT NULL, expires_ns INTEGER NOT NULL,
      state TEXT NOT NULL,              -- waiting, served; expired, done, failed, unanswered
      decided_ns INTEGER                -- when it came into one of the last four
    ) WITHOUT ROWID;
    CREATE INDEX requests_open ON requests (probe, version) WHERE decided_ns IS NULL;
    CREATE TABLE request_fates (        -- how many requests ever came into each state, and `created`
      fate TEXT PRIMARY KEY, requests INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE device_events (        -- what devices and people said, each saying once
      id TEXT PRIMARY KEY,
      source TEXT NOT NULL, sender TEXT NOT NULL,
      place TEXT NOT NULL,              -- which part of the sender; empty: the whole
      component TEXT,                   -- absent: the inventory does not say what is there
      name TEXT NOT NULL,
      raised INTEGER NOT NULL,          -- 0: it is over
      told_ns INTEGER,                  -- by the sender's clock; absent: it did not say
      received_ns INTEGER NOT NULL,
      tenant TEXT NOT NULL, text TEXT NOT NULL,
      happened_ns INTEGER NOT NULL      -- the better known of the two times
    ) WITHOUT ROWID;
    CREATE INDEX device_events_time ON device_events (happened_ns, received_ns);
    CREATE TABLE device_states (        -- of each thing the newest saying, also when that is long ago
      id TEXT NOT NULL,
      source TEXT NOT NULL, sender TEXT NOT NULL, place TEXT NOT NULL, component TEXT, name TEXT NOT NULL,
      raised INTEGER NOT NULL, told_ns INTEGER, received_ns INTEGER NOT NULL, tenant TEXT NOT NULL, text TEXT NOT NULL,
      since_ns INTEGER NOT NULL,        -- when it began to be so
      repeats INTEGER NOT NULL,         -- how often it was said again
      PRIMARY KEY (sender, place, name)
    ) WITHOUT ROWID;
    """,
)


class NewerStoreError(Exception):
    """The file was written by a newer program."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to this program's layout; each step and its number in one transaction.

    Raises:
        NewerStoreError: it is beyond this program.
    """
    connection.execute("BEGIN IMMEDIATE")  # two processes may start at once: the second finds the work done
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        _refuse_newer(version)
        for number, step in enumerate(MIGRATIONS[version:], version + 1):
            for statement in _statements(step):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _refuse_newer(version: int) -> None:
    if version > len(MIGRATIONS):
        raise NewerStoreError(f"layout {version} is newer than {len(MIGRATIONS)}, the newest this program knows")


def _statements(script: str) -> list[str]:
    """`executescript` would commit in between."""
    statements: list[str] = []
    rest = ""
    for line in script.splitlines(keepends=True):
        rest += line
        if sqlite3.complete_statement(rest):
            statements.append(rest)
            rest = ""
    return statements
