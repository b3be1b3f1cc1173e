"""The carrier's alarm socket, as a client: frames, a session without a socket, alarms to events, and the connection."""
