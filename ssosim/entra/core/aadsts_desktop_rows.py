"""Rows of the AADSTS catalogue about Seamless SSO: the Kerberos ticket and the tenant's setting."""

from __future__ import annotations

from ssosim.entra.core.aadsts_row import Aadsts

__all__ = ["DESKTOP_ROWS"]

_SSO = "Seamless SSO troubleshooting page and Entra error-code reference; wording and OAuth value unconfirmed"
_GRANT = "invalid_grant"

DESKTOP_ROWS: tuple[Aadsts, ...] = (
    Aadsts(81001, _GRANT, "The user's Kerberos ticket is too large.", _SSO),
    Aadsts(81002, _GRANT, "Unable to validate the user's Kerberos ticket. {reason}", _SSO),
    Aadsts(81003, _GRANT, "Unable to validate the user's Kerberos ticket. {reason}", _SSO),
    Aadsts(
        81004,
        _GRANT,
        "Kerberos authentication attempt failed (DesktopSsoIdentityInTicketIsNotAuthenticated). {reason}",
        _SSO,
    ),
    Aadsts(81005, _GRANT, "DesktopSsoAuthenticationPackageNotSupported: the package is not supported.", _SSO),
    Aadsts(81006, _GRANT, "DesktopSsoNoAuthorizationHeader: no authorization header was found.", _SSO),
    Aadsts(81007, _GRANT, "DesktopSsoTenantIsNotOptIn: the tenant is not enabled for Seamless SSO.", _SSO),
    Aadsts(81008, _GRANT, "Unable to validate the user's Kerberos ticket. {reason}", _SSO),
    Aadsts(
        81009,
        _GRANT,
        "DesktopSsoAuthorizationHeaderValueWithBadFormat: unable to validate the user's Kerberos ticket. {reason}",
        _SSO,
    ),
    Aadsts(
        81010, _GRANT, "DesktopSsoAuthTokenInvalid: the user's Kerberos ticket is expired or invalid. {reason}", _SSO
    ),
    Aadsts(
        81011,
        _GRANT,
        "DesktopSsoLookupUserBySidFailed: unable to find the user object based on information in the user's Kerberos "
        "ticket.",
        _SSO,
    ),
    Aadsts(
        81012,
        _GRANT,
        "DesktopSsoMismatchBetweenTokenUpnAndChosenUpn: the user trying to sign in is different from the user signed "
        "in to the device.",
        _SSO,
    ),
    Aadsts(
        81013,
        _GRANT,
        "Unable to find the user object based on information in the user's Kerberos ticket.",
        "Seamless SSO troubleshooting page; wording and OAuth value unconfirmed",
    ),
    Aadsts(
        81016,
        "invalid_request",
        "Invalid STS request. {reason}",
        "AADInternals; not in any document; OAuth value unconfirmed",
    ),
    Aadsts(
        50180,
        _GRANT,
        "Integrated Windows authentication is needed. Enable the tenant for Seamless SSO.",
        "Entra error-code reference (WindowsIntegratedAuthMissing); OAuth value unconfirmed",
    ),
    Aadsts(
        51006,
        _GRANT,
        "Integrated Windows authentication is needed. User logged in using a session token that is missing the "
        "integrated Windows authentication claim. Request the user to log in again.",
        "Entra error-code reference (ForceReauthDueToInsufficientAuth); OAuth value unconfirmed",
    ),
)
