"""Questions to the flow archive: a small language of conditions, and what answers it."""
