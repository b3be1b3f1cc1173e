"""The demonstration: one leased line with real packets, a fault that only the driver knows, and the verdict beside the truth."""
