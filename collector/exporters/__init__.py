"""Intake of what routers and switches export: NetFlow v5 and v9, IPFIX, sFlow v5."""
