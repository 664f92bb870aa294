"""SQL Server clients with the sign-in "Entra integrated": MSAL.NET inside SqlClient."""

from __future__ import annotations

import dataclasses
from typing import Final

from ssosim_clients.flows.http import MSAL_DOTNET
from ssosim_clients.flows.native import NativeFlow
from ssosim_clients.models.client import Client
from ssosim_clients.policies import FailFast
from ssosim_clients.spn import RULES

__all__ = ["SQLCLIENT", "SSMS"]

_SOURCES: Final = (
    "SqlClient ActiveDirectoryAuthenticationProvider: ActiveDirectoryIntegrated is MSAL.NET's integrated sign-in",
    "Azure Incident Retrospective TMS9-J_8: Management Studio continued to fail while the name was a CNAME",
    "MSAL.NET DefaultRetryPolicy: one retry after 1 s on 5xx or time-out",
)

SSMS: Final = Client(
    name="ssms",
    description="SQL Server Management Studio, Entra integrated: an error dialog at the first failure",
    sources=(*_SOURCES, RULES["dotnet-framework"].source),
    spn=RULES["dotnet-framework"],
    policy=FailFast(),
    flow=NativeFlow(layers=(MSAL_DOTNET,)),
    can_prompt=False,
)
"""It runs on .NET Framework, whose SPN has the canonical name of the connection's look-up. With a CNAME it sends NTLM
and gets a 403. "Integrated" shows no prompt; the user would choose another sign-in method and connect again."""

SQLCLIENT: Final = dataclasses.replace(
    SSMS,
    name="sqlclient",
    description="a service on .NET with SqlClient, Entra integrated: the exception reaches the caller",
    sources=(*_SOURCES, RULES["dotnet"].source),
    spn=RULES["dotnet"],
)
"""It runs on .NET 6 and later: after an unknown SPN it does not send NTLM, and the 401 is the result."""
