"""Faults of HTTP exchanges, one file each."""
