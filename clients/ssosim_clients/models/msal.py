"""The MSAL libraries, called by a program that does not handle their errors."""

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
    keeps="60 s after 429 or 5xx of /token, by a key that contains the assertion, so a new sign-in is not affected",
)

MSAL4J_IWA: Final = Client(
    name="msal4j-iwa",
    description="msal4j integrated Windows authentication on a JVM: the SPN as typed, remembers one failure",
    sources=(
        "msal4j 1.17.2 AcquireTokenByAuthorizationGrantSupplier.java, MexParser.java, HttpHelper.java; 1.26.0 (run)",
        RULES["java"].source,
    ),
    spn=RULES["java"],
    policy=FailFast(),
    flow=NativeFlow(
        app=Application(headers=ClientHeaders("MSAL.Java", "1.26.0", "Windows 10")),
        layers=(http.MSAL4J, Msal4jLock()),
        mex_requirements=mex.MSAL4J,
        federation_protocol="WSTrust",
        unescaped="",
        instance_discovery=True,
    ),
    can_prompt=False,
    keeps="a failed Negotiate per host until the JVM ends; any request for 5 s after 429 or 5xx",
)
"""A CNAME does not change its SPN; it changes those of .NET and browsers. The real library does not check the status of
the MEX response. That changes no outcome, since it cannot parse a body that is not WSDL."""

MSAL_PYTHON_ROPC: Final = Client(
    name="msal-python-ropc",
    description="MSAL Python with a user name and password: only the login host, unless the user is Federated",
    sources=("msal 1.39 application.py, authority.py, throttled_http_client.py (read, run)",),
    policy=FailFast(),
    flow=MsalPythonPassword(),
    can_prompt=False,
    keeps="realm and MEX responses 24 h, errors 60 s by URL, and a 404 of the login host until the process ends",
)
"""It sends no ``x-client-*`` headers, so the realm response is Managed and it does not use the autologon host. For a
federated user it uses the domain's token service."""
