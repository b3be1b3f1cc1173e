"""The demo line in network namespaces: real links, real processes, real faults."""
