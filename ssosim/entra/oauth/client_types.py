"""Whether the client of a token request is public or confidential, and whether it has authenticated accordingly.

A public client sends no credential, a confidential client must. What a client is depends on the grant:

- client credentials: confidential;
- authorization code: by the type of its redirect URI. ``web`` is confidential, ``native`` and ``spa`` are public;
- refresh token: as when the user signed in;
- device code, password, assertion of a user: no redirect URI decides, so ``allow_public_client`` of the application
  does (``isFallbackPublicClient``).

So an application may have a secret and public flows: it polls for a device code without the secret, and must refresh
without it. ``client_authentication`` looks at the credential itself.

Sources: Entra document "Public client and confidential client applications", Microsoft Graph ``application`` resource
(``isFallbackPublicClient``); canonical/authd issue 1881, email-oauth2-proxy issue 363, cli-microsoft365 issue 948
(700025); azure-sdk-for-go issue 22386 (7000218 for an application with web addresses only); azure-apim-extension issue
138 (7000216); databricks-sdk-py issue 671 (9002326), microsoft-authentication-library-for-js issue 3032 (9002327).
"""

from __future__ import annotations

from msgspec.structs import replace

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call
from ssosim.entra.core.provider import Provider
from ssosim.entra.oauth.client_authentication import authenticate_presented
from ssosim.entra.oauth.token_request import ClientType, TokenRequest
from ssosim.estate import Application
from ssosim.estate.applications import RedirectUriType

__all__ = [
    "as_client_type",
    "authenticate_as",
    "check_origin",
    "client_type_of_redirect",
    "fallback_client_type",
    "has_credentials",
]


def fallback_client_type(application: Application) -> ClientType:
    """Return the type of the client where no redirect URI decides."""
    return "public" if application.allow_public_client else "confidential"


def client_type_of_redirect(type_of_uri: RedirectUriType) -> ClientType:
    """Return the type of a client that got its code at a redirect URI of this type."""
    if type_of_uri == "web":
        return "confidential"
    return "spa" if type_of_uri == "spa" else "public"


def as_client_type(text: str) -> ClientType:
    """Return the client type that a sealed token names; one that is not known is confidential, the strictest."""
    if text == "public":
        return "public"
    return "spa" if text == "spa" else "confidential"


def authenticate_as(provider: Provider, call: Call, request: TokenRequest, client_type: ClientType) -> TokenRequest:
    """Return ``request`` with its client known to be of ``client_type``, and authenticated if that is confidential.

    Raises AadstsError: 700025 for a public client that sends a credential; 7000216 (client credentials) and 7000218
    for a confidential client that sends none; the codes of ``authenticate_client`` for a wrong one.
    """
    if client_type != "confidential":
        if request.credential.presented:
            raise AadstsError(700025)
        return request if client_type == request.client_type else replace(request, client_type=client_type)
    if not request.credential.presented:
        raise AadstsError(7000216 if request.grant_type == "client_credentials" else 7000218)
    authenticate_presented(provider, call, request.application, request.credential, request.authority)
    return replace(request, client_type=client_type, confidential=True)


def has_credentials(application: Application) -> bool:
    """Whether ``application`` has a credential with which it can authenticate."""
    return application.has_credentials


def check_origin(call: Call, client_type: ClientType) -> None:
    """Check that a single-page application, and nobody else, redeems its token from a web page.

    Raises AadstsError 9002326 for an ``Origin`` of another client, 9002327 for a single-page application without. Only
    codes and refresh tokens can be those of a single-page application: a password and client credentials from a page
    are refused, whatever the application (azure-docs issues 75699 and 76480).
    """
    origin = call.headers.get("Origin", "")
    if origin and client_type != "spa":
        raise AadstsError(9002326, origin=origin[:128])
    if not origin and client_type == "spa":
        raise AadstsError(9002327)
