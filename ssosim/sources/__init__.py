"""Where facts come from: a table of sources, and what five documents say, with titles and addresses.

An id stands in data only: in a scenario's ``sources``, in a finding. What a person reads has titles. The ids of
statements have the prefix of their document and a number, as ``TMS9-080``.
"""

from __future__ import annotations

from ssosim.sources.table import Source, Sources, Statement, UnknownSourceError, load

__all__ = ["Source", "Sources", "Statement", "UnknownSourceError", "load"]
