"""A network that does not exist, measured as probes would: seeded, in virtual time, into the real collector and analyzer."""
