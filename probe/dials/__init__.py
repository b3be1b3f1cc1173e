"""Dial tests: does a service let itself be reached, and how fast does it answer."""
