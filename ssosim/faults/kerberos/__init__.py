"""Faults of the KDC, one file each."""
