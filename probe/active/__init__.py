"""Active test sessions: STAMP (RFC 8762, 8972) as session-sender and session-reflector."""
