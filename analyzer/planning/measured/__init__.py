"""The inventory against the world: what was traced and measured, beside what is declared."""
