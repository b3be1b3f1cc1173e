"""What probes are asked to do: standing tasks out of the inventory, and a closer look at a line that is suspected."""
