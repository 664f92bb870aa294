"""HTTP libraries with Negotiate, in a program that sends one request and tries nothing twice.

The models differ in their SPN rule and in whether a ticket is sent with the first request. What the program does about
an error is its own: here it ends.
"""

from __future__ import annotations

from typing import Final

from ssosim_clients.flows.http import HTTPCLIENT5 as HTTPCLIENT5_RETRIES
from ssosim_clients.flows.sso_request import SsoRequestFlow
from ssosim_clients.models.client import Client
from ssosim_clients.policies import FailFast
from ssosim_clients.spn import RULES

__all__ = [
    "GO_SPNEGO",
    "HTTPCLIENT5",
    "HTTPCLIENT5_AS_TYPED",
    "JAVA_JGSS",
    "NODE_KERBEROS",
    "build_http_library",
]

_ONE_REQUEST: Final = SsoRequestFlow()
_HTTPCLIENT5: Final = SsoRequestFlow(layers=(HTTPCLIENT5_RETRIES,))


def build_http_library(rule: str, library: str, flow: SsoRequestFlow = _ONE_REQUEST) -> Client:
    """A program with ``library`` that gets the SSO token of its user. It has the name of its SPN rule, ``rule``."""
    return Client(
        name=rule,
        description=f"{library}: one request to /winauth/sso, its error reaches the caller",
        sources=(RULES[rule].source,),
        spn=RULES[rule],
        policy=FailFast(),
        flow=flow,
        can_prompt=False,
    )


JAVA_JGSS: Final = build_http_library("java-jgss", "HTTP library on Java's GSS-API, such as OkHttp")
HTTPCLIENT5: Final = build_http_library("httpclient5", "Apache HttpClient 5 with its defaults", _HTTPCLIENT5)
HTTPCLIENT5_AS_TYPED: Final = build_http_library(
    "httpclient5-as-typed", "Apache HttpClient 5 without useCanonicalHostname", _HTTPCLIENT5
)
NODE_KERBEROS: Final = build_http_library("node-kerberos", "kerberos for Node with fetch")
GO_SPNEGO: Final = build_http_library("go-spnego", "go-spnego (dpotapov)", SsoRequestFlow(sends_ticket_first=True))
"""It needs a PTR record, and sends a ticket before it is asked for one."""
