"""Zones as immutable values: record sets, zones, traffic manager profiles, edits, and answers as a pure function."""
