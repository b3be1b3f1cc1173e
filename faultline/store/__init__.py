"""Where roll-ups, state and flows are kept: schema, migrations, one interface over SQLite, InfluxDB and Parquet."""

from __future__ import annotations

from faultline.store.config import StoreConfig
from faultline.store.reader import StoreReader, open_reader

__all__ = ["StoreConfig", "StoreReader", "open_reader"]
