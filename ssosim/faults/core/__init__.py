"""What a fault is, the active faults, and what they do to an exchange."""
