"""Planned work: windows and freezes, whom they hit, and what each customer is told."""
