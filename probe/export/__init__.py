"""Carries batches from the spool to the collector until it acknowledges them."""
