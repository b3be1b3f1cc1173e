"""Telling people and their systems: alarm texts, the durable outbox, and the interfaces that read from it."""
