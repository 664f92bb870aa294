"""The Intune management agent: a service that cannot show a prompt."""

from __future__ import annotations

from typing import Final

from ssosim_clients.flows.native import NativeFlow
from ssosim_clients.models.client import Client
from ssosim_clients.policies import SwallowAndRetry
from ssosim_clients.spn import RULES

__all__ = ["INTUNE_AGENT"]

INTUNE_AGENT: Final = Client(
    name="intune-agent",
    description="management agent, a service: swallows errors until its next check-in an hour later",
    sources=(
        "Azure Incident Retrospective TMS9-J_8: Intune among the clients hit worst",
        "Intune documentation: the management extension checks in every 60 minutes",
        RULES["winhttp"].source,
        "unconfirmed: retries within a check-in, and that its stack is WinHTTP",
    ),
    spn=RULES["winhttp"],
    policy=SwallowAndRetry(tries=2, pause=5.0, round_interval=3600.0),
    flow=NativeFlow(),
    can_prompt=False,
)
"""If the user must act, it fails: a service cannot show a prompt."""
