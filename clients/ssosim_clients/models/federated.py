"""A user of a federated domain, who signs in at the domain's security token service."""

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
    description="native client of a federated user: uses the domain's token service and not the autologon host",
    sources=("Azure Incident Retrospective TMS9-J_8: federated domains were not affected", RULES["wininet"].source),
    spn=RULES["wininet"],
    policy=SwallowAndRetry(),
    flow=NativeFlow(layers=(MSAL_DOTNET,)),
    domain="federated",
)
"""The flow is the same as that of Office. The user's domain decides which hosts it uses, so its device must have a
federated user."""
