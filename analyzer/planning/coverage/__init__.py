"""What today's probes can tell apart, before any fault."""
