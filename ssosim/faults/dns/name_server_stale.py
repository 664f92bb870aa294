"""The fault ``name-server-stale``."""

from __future__ import annotations

from ssosim.dns.server.hierarchy import View
from ssosim.faults.core.fault import Applied
from ssosim.faults.core.name_server_fault import NameServerFault

__all__ = ["NameServerStale"]


class NameServerStale(NameServerFault, frozen=True, kw_only=True, tag="name-server-stale"):
    """A name server no longer gets changes: it answers from the zones before this fault.

    Source: Azure Incident Retrospective TMS9-J_8 (look from several places).
    """

    def view(self, applied: Applied) -> View:
        """Return the zones before the fault."""
        return View("stale", applied.before)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.describe_servers()} takes no changes"
