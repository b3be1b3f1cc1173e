"""A proving ground for the localiser: generated networks, packets drawn hop by hop, methods of others beside ours, a score."""
