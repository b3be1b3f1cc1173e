"""What the operator knows: schema, reading, checking, and the positions from which via follows. Pure."""
