"""The composition root: starts, joins and stops the parts, on loopback or in a private network."""
