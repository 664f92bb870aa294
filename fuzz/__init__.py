"""Parsers of bytes from outside as functions, their slowest known inputs, and the reference for the limit on CPU time."""
