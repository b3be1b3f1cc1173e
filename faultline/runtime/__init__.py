"""How a service lives: configuration, logging, counters, clock, lifecycle. Knows nothing of flows."""
