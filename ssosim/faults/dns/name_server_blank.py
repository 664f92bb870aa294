"""The fault ``name-server-blank``."""

from __future__ import annotations

from ssosim.dns.server.hierarchy import View
from ssosim.faults.core.fault import Applied
from ssosim.faults.core.name_server_fault import NameServerFault

__all__ = ["NameServerBlank"]


class NameServerBlank(NameServerFault, frozen=True, kw_only=True, tag="name-server-blank"):
    """A name server has an empty copy of the zone: it answers NXDOMAIN, which resolvers cache.

    Source: Azure DNS, 2 May 2019.
    """

    def view(self, applied: Applied) -> View:  # noqa: ARG002 - the same for all requests
        """Return an empty zone."""
        return View("blank")

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.describe_servers()} has an empty zone"
