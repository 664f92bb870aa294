"""The fault ``name-server-lame``."""

from __future__ import annotations

from ssosim.dns.server.hierarchy import View
from ssosim.faults.core.fault import Applied
from ssosim.faults.core.name_server_fault import NameServerFault

__all__ = ["NameServerLame"]


class NameServerLame(NameServerFault, frozen=True, kw_only=True, tag="name-server-lame"):
    """A name server does not know the zone that is delegated to it: REFUSED. Source: RFC 1912 section 2.8."""

    def view(self, applied: Applied) -> View:  # noqa: ARG002 - the same for all requests
        """Return a server without the zone."""
        return View("lame")

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.describe_servers()} does not know the zone"
