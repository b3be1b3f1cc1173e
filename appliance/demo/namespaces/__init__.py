"""The bank's network in network namespaces: real links, real processes, real faults."""
