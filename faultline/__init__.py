"""Faultline's shared rooms: what is measured, how a service lives, what the operator knows, and the inference."""
