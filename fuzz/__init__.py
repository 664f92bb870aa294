"""Parsers of bytes from outside as plain functions, their worst known inputs, and the reference that bounds them."""
