"""The steps of a sign-in: one name for the purpose of each request, used everywhere in the simulator.

Each route of the identity provider has its step. The trace passes it on to the judge, to the comparison of real clients
with their models, and to the report. None of these derives a step from a path or a host name.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["SignInStep"]


class SignInStep(StrEnum):
    """The purpose of a request in a sign-in."""

    REALM = "realm"
    """realm discovery: is the user's domain managed or federated? (``userrealm``, ``GetUserRealm.srf``)"""
    CREDENTIAL_TYPE = "credential-type"
    """``GetCredentialType``, with which the sign-in page finds out how this user may sign in"""
    SIGN_IN_PAGE = "sign-in-page"
    """a sign-in page, of the provider or of a federated domain, and the forms and reports that it posts"""
    AUTHORIZE = "authorize"
    """the authorization endpoint, which sends a browser to the sign-in page and back with a code"""
    REDIRECT = "redirect"
    """the redirect URI of a native application (``nativeclient``)"""
    INSTANCE = "instance"
    """instance discovery: the host names of the login service"""
    CONFIGURATION = "configuration"
    """OpenID Connect discovery: the endpoints of a tenant (``openid-configuration``)"""
    KEYS = "keys"
    """the public keys of the token signatures"""
    MEX = "mex"
    """WS-MetadataExchange: the WS-Trust endpoints of a domain"""
    WSTRUST_TICKET = "wstrust-ticket"
    """WS-Trust with a Kerberos ticket (``windowstransport``), and the first request without a ticket"""
    WSTRUST_PASSWORD = "wstrust-password"  # noqa: S105 - a step's name
    """WS-Trust with a user name and a password (``usernamemixed``)"""
    BROWSER_SSO = "browser-sso"
    """single sign-on of a browser with a Kerberos ticket (``winauth/sso``, ``adfs/ls/wia``)"""
    DEVICE_CODE = "device-code"
    """the request for a device code"""
    DEVICE_PAGE = "device-page"
    """the page where a user types a device code"""
    TOKEN = "token"  # noqa: S105 - a step's name
    """the token endpoint, with any grant type"""
    MANAGED_IDENTITY = "managed-identity"
    """the token endpoint of the host that a program runs on (IMDS, App Service, Azure Arc and others)"""
    USERINFO = "userinfo"
    """the userinfo endpoint: the claims of the user of an access token"""
    LOGOUT = "logout"
    """the logout page"""
    TICKET = "ticket"
    """a ticket request to the KDC"""
    OTHER = "other"
    """a request for a path that the provider does not serve"""
    UNKNOWN = "unknown"
    """no request was seen (a name without an address, a failed connection), and the host has no declared step"""
