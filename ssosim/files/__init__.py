"""Folders that ssosim creates, checks and removes."""
