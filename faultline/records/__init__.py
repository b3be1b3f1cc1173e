"""What is measured: pure data shared by every stage, and the one field table."""
