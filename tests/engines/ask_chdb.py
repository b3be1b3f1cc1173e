"""Runs in .cache/engines: one question a line on standard input, one answer a line on standard output, both JSON."""

from __future__ import annotations

import json
import os
import sys

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever the engine says belongs to standard error

import chdb  # noqa: E402

for line in sys.stdin:
    try:
        answer = {"rows": json.loads(chdb.query(json.loads(line)["statement"], "JSONCompact").bytes())["data"]}
    except RuntimeError as error:
        answer = {"error": str(error)}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
