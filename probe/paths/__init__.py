"""Paths: which routers a flow's packets pass, where flows part, and how large a packet may be."""
