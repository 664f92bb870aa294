"""Scenarios: faults on a timeline, clients that sign in, verdicts from the trace."""
