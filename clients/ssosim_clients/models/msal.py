"""The MSAL libraries, called by a program that does nothing of its own about errors."""

from __future__ import annotations

from typing import Final

from ssosim_clients.flows import MsalPythonPassword, NativeFlow, http, mex
from ssosim_clients.flows.realm import ClientHeaders
from ssosim_clients.flows.throttle import Msal4jLock
from ssosim_clients.flows.token import Application
from ssosim_clients.models.client import Client
from ssosim_clients.policies import FailFast
from ssosim_clients.spn import RULES

__all__ = ["MSAL4J_IWA", "MSAL_DOTNET_IWA", "MSAL_PYTHON_ROPC"]

MSAL_DOTNET_IWA: Final = Client(
    name="msal-dotnet-iwa",
    description="MSAL.NET AcquireTokenByIntegratedWindowsAuth on .NET: the exception reaches the caller",
    sources=(
        "MSAL.NET 4.87 IntegratedWindowsAuthRequest.cs, WsTrustWebRequestManager.cs, DefaultRetryPolicy",
        RULES["dotnet"].source,
    ),
    spn=RULES["dotnet"],
    policy=FailFast(),
    flow=NativeFlow(layers=(http.MSAL_DOTNET,)),
    can_prompt=False,
    keeps="60 s after 429 or 5xx of /token, by a key that holds the assertion, so a new sign-in never meets it",
)

MSAL4J_IWA: Final = Client(
    name="msal4j-iwa",
    description="msal4j integrated Windows authentication on a JVM: the SPN as typed, one failure is remembered",
    sources=(
        "msal4j 1.17.2 AcquireTokenByAuthorizationGrantSupplier.java, MexParser.java, HttpHelper.java; 1.26.0 (run)",
        RULES["java"].source,
    ),
    spn=RULES["java"],
    policy=FailFast(),
    flow=NativeFlow(
        app=Application(headers=ClientHeaders("MSAL.Java", "1.26.0", "Windows 10")),
        layers=(http.MSAL4J, Msal4jLock()),
        reading=mex.MSAL4J,
        protocol="WSTrust",
        safe="",
        instances=True,
    ),
    can_prompt=False,
    keeps="a failed Negotiate per host until the JVM ends; any request for 5 s after 429 or 5xx",
)
"""Not moved by a CNAME, where .NET and browsers are. It does not look at the status of the MEX answer, which no outcome
depends on: what is no WSDL fails one line later."""

MSAL_PYTHON_ROPC: Final = Client(
    name="msal-python-ropc",
    description="MSAL Python with a user name and password: anything but Federated means the login host alone",
    sources=("msal 1.39 application.py, authority.py, throttled_http_client.py (read, run)",),
    policy=FailFast(),
    flow=MsalPythonPassword(),
    can_prompt=False,
    keeps="realm and MEX answers 24 h, refusals 60 s by URL, and for ever that a login host answered 404",
)
"""It sends no x-client headers, is told Managed, and never meets autologon; a federated domain's service it does."""
