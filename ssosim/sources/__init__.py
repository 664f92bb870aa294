"""The sources of facts: a table of sources with titles and addresses, and the statements of five documents.

Ids are for data only, such as the ``sources`` of a scenario or a finding. Output for people has titles. The id of a
statement is the prefix of its document and a number, such as ``TMS9-080``.
"""

from __future__ import annotations

from ssosim.sources.table import Source, Sources, Statement, UnknownSourceError, load_sources

__all__ = ["Source", "Sources", "Statement", "UnknownSourceError", "load_sources"]
