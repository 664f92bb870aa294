"""A user of a federated domain, who signs in at the company's own security token service."""

from __future__ import annotations

from typing import Final

from ssosim_clients.flows import NativeFlow
from ssosim_clients.flows.http import MSAL_DOTNET
from ssosim_clients.models.client import Client
from ssosim_clients.policies import SwallowAndRetry
from ssosim_clients.spn import RULES

__all__ = ["FEDERATED_USER"]

FEDERATED_USER: Final = Client(
    name="federated-user",
    description="native client of a federated domain's user: its own token service, so autologon does not matter",
    sources=("Azure Incident Retrospective TMS9-J_8: federated domains were not affected", RULES["wininet"].source),
    spn=RULES["wininet"],
    policy=SwallowAndRetry(),
    flow=NativeFlow(layers=(MSAL_DOTNET,)),
    domain="federated",
)
"""The same flow as Office's; the user's domain decides where it leads, so give it a device of such a user."""
