"""HTTP libraries with Negotiate, in a program that sends one request and tries nothing twice.

The models differ in their SPN rule and in whether a ticket is sent with the first request. What the program does about
an error is its own: here it ends.
"""

from __future__ import annotations

from typing import Final

from ssosim_clients.flows.http import HTTPCLIENT5 as HTTPCLIENT5_RETRIES
from ssosim_clients.flows.http import HttpLayer
from ssosim_clients.flows.sso_request import NegotiateStyle, SsoRequestFlow
from ssosim_clients.models.client import Client
from ssosim_clients.policies import FailFast
from ssosim_clients.spn import RULES

__all__ = [
    "CURL_NEGOTIATE",
    "GO_SPNEGO",
    "HEIMDAL",
    "HTTPCLIENT5",
    "HTTPCLIENT5_AS_TYPED",
    "HTTPX_GSSAPI",
    "HTTPX_GSSAPI_REQUIRED",
    "JAVA_JGSS",
    "LIBSOUP",
    "LWP_NEGOTIATE",
    "NODE_KERBEROS",
    "PYSPNEGO",
    "REQUESTS_KERBEROS",
    "REQUESTS_KERBEROS_OPTIONAL",
    "build_http_library",
]


def build_http_library(
    name: str, library: str, rule: str, style: NegotiateStyle | None = None, layers: tuple[HttpLayer, ...] = ()
) -> Client:
    """A program with ``library`` that gets the SSO token of its user. It forms SPNs by the rule named ``rule``."""
    return Client(
        name=name,
        description=f"{library}: one request to /winauth/sso, its error reaches the caller",
        sources=(RULES[rule].source,),
        spn=RULES[rule],
        policy=FailFast(),
        flow=SsoRequestFlow(style=style or NegotiateStyle(), layers=layers),
        can_prompt=False,
    )


JAVA_JGSS: Final = build_http_library("java-jgss", "HTTP library on Java's GSS-API, such as OkHttp", "java-jgss")
HTTPCLIENT5: Final = build_http_library(
    "httpclient5", "Apache HttpClient 5 with its defaults", "httpclient5", layers=(HTTPCLIENT5_RETRIES,)
)
HTTPCLIENT5_AS_TYPED: Final = build_http_library(
    "httpclient5-as-typed",
    "Apache HttpClient 5 without useCanonicalHostname",
    "httpclient5-as-typed",
    layers=(HTTPCLIENT5_RETRIES,),
)
NODE_KERBEROS: Final = build_http_library("node-kerberos", "kerberos for Node with fetch", "node-kerberos")
GO_SPNEGO: Final = build_http_library(
    "go-spnego", "go-spnego (dpotapov)", "go-spnego", NegotiateStyle(sends_ticket_first=True)
)
"""It needs a PTR record, and sends a ticket before it is asked for one."""

CURL_NEGOTIATE: Final = build_http_library(
    "curl-negotiate",
    "libcurl over MIT Kerberos, such as PHP's",
    "curl-gssapi",
    NegotiateStyle(sends_ticket_first=True, connects_first=True),
)
"""It sends a ticket before it is asked for one; without a ticket it sends the request all the same."""
LIBSOUP: Final = build_http_library(
    "libsoup", "libsoup 3 with SoupAuthNegotiate", "libsoup", NegotiateStyle(challenges=20)
)
"""It starts again at each challenge; the session restarts a message at most so often (measured)."""
LWP_NEGOTIATE: Final = build_http_library(
    "lwp-negotiate", "LWP with LWP::Authen::Negotiate", "lwp-negotiate", NegotiateStyle(challenges=7)
)
"""It has no counter; LWP::UserAgent follows so many responses, its ``max_redirect`` (measured)."""
REQUESTS_KERBEROS: Final = build_http_library(
    "requests-kerberos",
    "requests with HTTPKerberosAuth, mutual authentication REQUIRED (its default)",
    "requests-kerberos",
    NegotiateStyle(challenges=2, demands_mutual_token=True),
)
REQUESTS_KERBEROS_OPTIONAL: Final = build_http_library(
    "requests-kerberos-optional",
    "requests with HTTPKerberosAuth, mutual authentication OPTIONAL or DISABLED",
    "requests-kerberos",
    NegotiateStyle(challenges=2),
)
HTTPX_GSSAPI: Final = build_http_library(
    "httpx-gssapi",
    "httpx with HTTPSPNEGOAuth, mutual authentication DISABLED (its default)",
    "httpx-gssapi",
    NegotiateStyle(challenges=2),
)
HTTPX_GSSAPI_REQUIRED: Final = build_http_library(
    "httpx-gssapi-required",
    "httpx with HTTPSPNEGOAuth, mutual authentication REQUIRED",
    "httpx-gssapi",
    NegotiateStyle(challenges=2, demands_mutual_token=True),
)
PYSPNEGO: Final = build_http_library("pyspnego", "a program with pyspnego", "pyspnego")
HEIMDAL: Final = build_http_library("heimdal", "a program with Heimdal's GSS-API", "heimdal")
