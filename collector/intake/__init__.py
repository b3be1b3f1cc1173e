"""Taking batches in: who may, what is refused and why, and what is durable before the answer."""
