"""Faults of the DNS, one file each."""
