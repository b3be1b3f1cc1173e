"""From records to windows: rows that add up, and when a window is final."""
