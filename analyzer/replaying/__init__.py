"""`faultline analyzer replay`: what would be said today of stored measurements, and how that differs from what was said."""
