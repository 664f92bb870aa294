"""Folders that ssosim makes, owns and removes."""
