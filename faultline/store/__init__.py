"""Where roll-ups, state and flows are kept: schema, migrations, one read and write interface over SQLite, InfluxDB and Parquet."""
