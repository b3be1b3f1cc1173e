"""From probes and addresses to vantages, lines, tenants and directions."""
