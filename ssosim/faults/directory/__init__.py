"""Faults of the users and domains that the identity provider knows, one file each."""
