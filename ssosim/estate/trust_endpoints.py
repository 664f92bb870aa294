"""The WS-Trust endpoints of a federation service: those of AD FS, and any others that its metadata list.

Source: Microsoft 365 document "Sign-in fails if the federation service endpoints change", table of the default
endpoints of AD FS. ``trusttcp/windows`` is not here: it is no HTTPS. ``13/windowstransport`` is off by default; Entra
documents on hybrid join say to enable it, as the shipped estate does.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import Meta

from ssosim.estate.entry import EstateEntry

__all__ = [
    "DEFAULT_TRUST_ENDPOINTS",
    "INTRANET_ONLY",
    "TRUST_ENDPOINTS",
    "ExtraEndpoint",
    "TrustEndpointKind",
    "TrustEndpointName",
]

TrustEndpointKind = Literal[
    "windowstransport",
    "certificatemixed",
    "certificatetransport",
    "usernamemixed",
    "kerberosmixed",
    "issuedtokenmixedasymmetricbasic256",
    "issuedtokenmixedsymmetricbasic256",
]
TrustEndpointName = Literal[
    "2005/windowstransport",
    "2005/certificatemixed",
    "2005/certificatetransport",
    "2005/usernamemixed",
    "2005/kerberosmixed",
    "2005/issuedtokenmixedasymmetricbasic256",
    "2005/issuedtokenmixedsymmetricbasic256",
    "13/kerberosmixed",
    "13/certificatemixed",
    "13/usernamemixed",
    "13/issuedtokenmixedasymmetricbasic256",
    "13/issuedtokenmixedsymmetricbasic256",
    "13/windowstransport",
]
"""The last segments of an endpoint's path: the version of WS-Trust, and the kind."""

TRUST_ENDPOINTS: tuple[TrustEndpointName, ...] = get_args(TrustEndpointName)
"""The endpoints of AD FS, in the order of its metadata."""

DEFAULT_TRUST_ENDPOINTS = tuple(name for name in TRUST_ENDPOINTS if name != "13/windowstransport")
"""The endpoints that are enabled in a new installation of AD FS."""

INTRANET_ONLY = frozenset({"windowstransport", "kerberosmixed"})
"""The kinds that are not published outside of the corporate network."""


class ExtraEndpoint(EstateEntry, frozen=True, kw_only=True):
    """An endpoint that the metadata list before the others: any HTTPS address, with the policy of ``kind``.

    Nothing more is there: at the host of the service it answers 500, as one that is listed and cannot be used (MSAL Go
    issue 98).
    """

    kind: TrustEndpointKind
    address: Annotated[str, Meta(pattern=r"^https://[A-Za-z0-9._-]+(:[0-9]+)?/[!-~]*$")]
    version: Literal["2005", "13"] = "13"
