"""What the collector asks this probe to do: standing tasks and one-off requests, taken by asking for them."""
