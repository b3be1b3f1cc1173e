"""The demonstration: a small bank's network, real packets, a fault only the driver knows, and the verdict beside the truth."""
