"""Imports zones from zone files, octoDNS, JSON of providers and zone transfers. Mistakes are reported together."""

from ssosim.dns.imports.import_errors import Imported, ImportMistakeError
from ssosim.dns.imports.tree import read_tree

__all__ = ["ImportMistakeError", "Imported", "read_tree"]
