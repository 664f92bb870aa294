"""HTTP libraries with Negotiate, in a program that sends one request and tries nothing twice.

The models differ in their SPN rule and in whether a ticket is sent with the first request. What the program does about
an error is its own: here it ends.
"""

from __future__ import annotations

from typing import Final

from ssosim_clients.flows.sso_request import SsoRequestFlow
from ssosim_clients.models.client import Client
from ssosim_clients.policies import FailFast
from ssosim_clients.spn import RULES

__all__ = ["GO_SPNEGO", "HTTPCLIENT5", "JAVA_JGSS", "NODE_KERBEROS", "build_http_library"]


def build_http_library(name: str, library: str, rule: str, *, sends_ticket_first: bool = False) -> Client:
    """A program with ``library`` that gets the SSO token of its user. It forms SPNs by the rule named ``rule``."""
    return Client(
        name=name,
        description=f"{library}: one request to /winauth/sso, its error reaches the caller",
        sources=(RULES[rule].source,),
        spn=RULES[rule],
        policy=FailFast(),
        flow=SsoRequestFlow(sends_ticket_first=sends_ticket_first),
        can_prompt=False,
    )


JAVA_JGSS: Final = build_http_library("java-jgss", "HTTP library on Java's GSS-API, such as OkHttp", "java-jgss")
HTTPCLIENT5: Final = build_http_library("httpclient5", "Apache HttpClient 5 with its defaults", "httpclient5")
NODE_KERBEROS: Final = build_http_library("node-kerberos", "kerberos for Node with fetch", "node-kerberos")
GO_SPNEGO: Final = build_http_library("go-spnego", "go-spnego (dpotapov)", "go-spnego", sends_ticket_first=True)
"""It needs a PTR record, and sends a ticket before it is asked for one."""
