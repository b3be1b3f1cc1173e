"""The README's pictures, made from a simulated run: what the terminal says, and what the pages look like."""
