"""Batches on disk between being made and being acknowledged: nothing lost that was kept, nothing missing unsaid."""
