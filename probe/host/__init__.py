"""What the host itself knows: counters of its interfaces and the state of its links."""
