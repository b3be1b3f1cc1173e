"""The way back to the probes: what they are asked to do."""
