"""Runs in .cache/engines: one question a line on standard input, one answer a line on standard output, both JSON."""

from __future__ import annotations

import json
import os
import sys

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever the engine says belongs to standard error

from pyspark.errors import PySparkException  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402
from pyspark.sql.functions import expr  # noqa: E402

SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.sql.shuffle.partitions": "1",
}
builder = SparkSession.builder.master("local[1]")
for key, value in SETTINGS.items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()

for line in sys.stdin:
    question = json.loads(line)
    try:
        exec(question["prepare"], {"spark": spark, "expr": expr})  # noqa: S102 - what the page tells people to run
        answer = {"rows": [list(row) for row in spark.sql(question["statement"]).collect()]}
    except PySparkException as error:
        answer = {"error": str(error)}
    # Unsigned counters are decimals there.
    answers.write(json.dumps(answer, default=int) + "\n")
    answers.flush()
