"""The steps of a sign-in: one name for what a request is for, wherever it is seen, counted or compared.

The identity provider's routes say which step each of them is, and the trace carries it from there to the judge, the
comparison of real clients with their models, and the report. Nothing is guessed from a path or a host name.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["SignInStep"]


class SignInStep(StrEnum):
    """What a request of a sign-in is for."""

    REALM = "realm"
    """realm discovery: whose domain the user's is (``userrealm``, ``GetUserRealm.srf``)"""
    CREDENTIAL_TYPE = "credential-type"
    """``GetCredentialType``, the sign-in page's own question: how may this user sign in?"""
    SIGN_IN_PAGE = "sign-in-page"
    """a page where a person signs in, of the provider or of a federated domain, and what it posts or reports"""
    AUTHORIZE = "authorize"
    """the authorization endpoint, which leads a browser to the sign-in page and back with a code"""
    REDIRECT = "redirect"
    """the address of a native application to which the browser returns (``nativeclient``)"""
    INSTANCE = "instance"
    """instance discovery: the names of the login host"""
    CONFIGURATION = "configuration"
    """OpenID Connect discovery: the endpoints of a tenant (``openid-configuration``)"""
    KEYS = "keys"
    """the keys with which tokens are signed"""
    MEX = "mex"
    """WS-MetadataExchange: the WS-Trust endpoints of a domain"""
    WSTRUST_TICKET = "wstrust-ticket"
    """WS-Trust with a Kerberos ticket (``windowstransport``), the challenge without one included"""
    WSTRUST_PASSWORD = "wstrust-password"  # noqa: S105 - a step's name
    """WS-Trust with a user name and a password (``usernamemixed``)"""
    BROWSER_SSO = "browser-sso"
    """single sign-on of a browser by a Kerberos ticket (``winauth/sso``, ``adfs/ls/wia``)"""
    DEVICE_CODE = "device-code"
    """asking for a device code"""
    DEVICE_PAGE = "device-page"
    """the page where a person types a device code"""
    TOKEN = "token"  # noqa: S105 - a step's name
    """the token endpoint, whatever the grant"""
    TICKET = "ticket"
    """asking the KDC for a ticket"""
    OTHER = "other"
    """a request for a path at which the provider has nothing"""
    UNKNOWN = "unknown"
    """no path was seen (a name without an address, a failed connection), and nobody has said what the host is for"""
