"""SQL Server clients that sign in with Entra "integrated": MSAL.NET inside SqlClient."""

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
    "Azure Incident Retrospective TMS9-J_8: Management Studio went on failing while the name was a CNAME",
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
"""Runs on .NET Framework, whose SPN is the canonical name of the connection's look-up: a CNAME means NTLM and a 403.
"Integrated" has no window of its own; a person would choose another way of signing in and connect again."""

SQLCLIENT: Final = dataclasses.replace(
    SSMS,
    name="sqlclient",
    description="a service on .NET with SqlClient, Entra integrated: the exception reaches the caller",
    sources=(*_SOURCES, RULES["dotnet"].source),
    spn=RULES["dotnet"],
)
"""Runs on .NET 6 and later: no NTLM after an unknown SPN, the 401 is the result."""
