"""Syslog as devices send it: framing, messages of RFC 3164 and RFC 5424, and patterns of their words."""
