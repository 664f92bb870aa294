"""Faults of certificates, one file each."""
