"""The fault ``name-server-dead``."""

from __future__ import annotations

from ssosim.dns.server.hierarchy import View
from ssosim.faults.core.fault import Applied
from ssosim.faults.core.name_server_fault import NameServerFault

__all__ = ["NameServerDead"]


class NameServerDead(NameServerFault, frozen=True, kw_only=True, tag="name-server-dead"):
    """A name server never answers.

    Source: Facebook, 4 October 2021 (all of them withdrew themselves); Azure Incident Retrospective TMS9-J_8 (hosts
    with one DNS provider and with several).
    """

    def view(self, applied: Applied) -> View:  # noqa: ARG002 - the same for all requests
        """Return a server that sends no answers."""
        return View("dead")

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.describe_servers()} is silent"
