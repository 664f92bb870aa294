"""A joined Windows device that signs in with its primary refresh token."""

from __future__ import annotations

from typing import Final

from ssosim_clients.flows import PrtFlow
from ssosim_clients.models.client import Client
from ssosim_clients.policies import SwallowAndRetry

__all__ = ["PRT_DEVICE"]

PRT_DEVICE: Final = Client(
    name="prt-device",
    description="joined device with a primary refresh token: the token endpoint only, never the autologon host",
    sources=(
        "Entra documentation: primary refresh token (14 days, renewed by use); it takes precedence over Seamless SSO",
        "Azure Incident Retrospective TMS9-J_8: not affected by the incident",
        "unconfirmed: retries and background period, the same values as for Office",
    ),
    policy=SwallowAndRetry(),
    flow=PrtFlow(),
    keeps="the refresh token, for 14 days from its last use",
)
