"""The rows of the AADSTS catalogue."""

from __future__ import annotations

from ssosim.entra.core.aadsts_client_rows import CLIENT_ROWS
from ssosim.entra.core.aadsts_row import Aadsts

__all__ = ["ROWS", "Aadsts"]

_CODES = "Entra error-code reference"
_SSO = "Seamless SSO troubleshooting page and Entra error-code reference; wording and OAuth value unconfirmed"
_RECALLED = "general knowledge, in no source that was opened: code, text and OAuth value unconfirmed"
_SPRAY = "AADInternals KillChain_utils.ps1; body unconfirmed"


_GRANT, _REQUEST, _CLIENT = "invalid_grant", "invalid_request", "invalid_client"
_SAML = "azure-activedirectory-library-for-python issue 80"

ROWS: tuple[Aadsts, ...] = (
    *CLIENT_ROWS,
    # Users and passwords
    Aadsts(50034, _GRANT, "The user account {user} does not exist in the {tenant} directory.", _SPRAY),
    Aadsts(50053, _GRANT, "The account is locked after too many attempts with an incorrect password.", _SPRAY),
    Aadsts(
        50055,
        _GRANT,
        "The password is expired.",
        f"{_CODES}; wording and suberror unconfirmed",
        suberror="user_password_expired",
    ),
    Aadsts(50056, _GRANT, "Invalid or null password: no password exists in the directory for this user.", _SPRAY),
    Aadsts(50057, _GRANT, "The user account is disabled.", f"{_CODES}; wording unconfirmed"),
    Aadsts(
        50059,
        _REQUEST,
        "No tenant-identifying information found in either the request or implied by any provided credentials.",
        _SPRAY,
    ),
    Aadsts(
        50076,
        _GRANT,
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must "
        "use multi-factor authentication to access '{resource}'.",
        "microsoft-authentication-library-for-js issue 5491 (v2), ADAL Python issue 85 (v1)",
        suberror="basic_action",
        v1_error="interaction_required",
    ),
    Aadsts(
        50079,
        _GRANT,
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must "
        "enroll in multifactor authentication to access '{resource}'.",
        "on-behalf-of document; v2 value by analogy with 50076",
        suberror="basic_action",
        v1_error="interaction_required",
    ),
    Aadsts(
        50126,
        _GRANT,
        "Error validating credentials due to invalid username or password.",
        "Windows dsregcmd documentation",
    ),
    Aadsts(50128, _REQUEST, "Invalid domain name: no tenant-identifying information found.", _SPRAY),
    Aadsts(80014, _GRANT, "Validation request responded after maximum elapsed time exceeded.", _SPRAY),
    Aadsts(
        53003,
        _GRANT,
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
        "MSOLSpray issue 5; sp-rest-proxy issue 96 (SOAP)",
        suberror="message_only",
        v1_error="interaction_required",
    ),
    # Tenants, applications, parameters
    Aadsts(
        90002,
        _REQUEST,
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the "
        "correct cloud.",
        "letsencrypt-siteextension issue 108; OAuth value unconfirmed",
    ),
    Aadsts(
        900023,
        _REQUEST,
        "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain.",
        "caddy-dns/azure issue 3, dotnet/aspire issue 4253",
    ),
    Aadsts(
        900144,
        _REQUEST,
        "The request body must contain the following parameter: '{name}'.",
        "MicrosoftDocs azure-docs issue 43780, microsoft-graph-docs-contrib issue 1369",
    ),
    Aadsts(
        900561,
        _REQUEST,
        "The endpoint only accepts {allowed} requests. Received a {method} request.",
        _RECALLED,
        status=405,
    ),
    Aadsts(
        9001023,
        _REQUEST,
        "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or "
        "tenant-specific endpoint.",
        "MSAL.NET test mocks; wording unconfirmed",
    ),
    Aadsts(
        9000411,
        _REQUEST,
        "The request is not properly formatted. The parameter '{name}' is duplicated.",
        "azure-sdk-for-java issue 31733 (token endpoint), microsoft-authentication-library-for-android issue 688",
    ),
    Aadsts(
        500208,
        _REQUEST,
        "The domain is not a valid login domain for the account type.",
        f"{_CODES}; that it is said of a work account at /consumers, and its OAuth value, are unconfirmed",
    ),
    Aadsts(
        9002313,
        _REQUEST,
        "Invalid request. Request is malformed or invalid. {reason}",
        "MSAL.js test kit, dnn.azureadprovider issue 112",
    ),
    Aadsts(70003, "unsupported_grant_type", "The app requested an unsupported grant type '{grant}'.", _RECALLED),
    Aadsts(
        70011,
        "invalid_scope",
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter "
        "'scope' is not valid. {reason}",
        "client-credentials and auth-code documents; wording unconfirmed",
    ),
    Aadsts(
        700016,
        "unauthorized_client",
        "Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the "
        "application has not been installed by the administrator of the tenant or consented to by any user in the "
        "tenant. You may have sent your authentication request to the wrong tenant.",
        "azure-docs issue 35244; OAuth value unconfirmed",
    ),
    Aadsts(
        700025,
        _CLIENT,
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
        "oauth2ms issue 19; status unconfirmed",
        status=401,
    ),
    Aadsts(
        7000218,
        _CLIENT,
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        "active-directory-dotnet-native-aspnetcore issue 22",
        status=401,
    ),
    Aadsts(50049, "invalid_instance", "Unknown or invalid instance.", "MSAL.NET TestConstants.DiscoveryFailedResponse"),
    # Sign-in pages, codes and device codes
    Aadsts(
        50011,
        _REQUEST,
        "The redirect URI '{redirect}' specified in the request does not match the redirect URIs configured for the "
        "application '{client}'.",
        "Entra error-code reference; always an error page, for the address is not to be trusted",
    ),
    Aadsts(
        50058,
        "login_required",
        "A silent sign-in request was sent but no user is signed in.",
        "auth-code document (OAuth value); code and text unconfirmed",
    ),
    Aadsts(54005, _GRANT, "The authorization code was already redeemed; a new one is needed.", _RECALLED),
    Aadsts(
        500112,
        _GRANT,
        "The reply address '{given}' does not match the one that the authorization code was requested with.",
        _RECALLED,
    ),
    Aadsts(
        50196,
        "slow_down",
        "The polling interval is not kept.",
        "RFC 8628 section 3.5 (OAuth value); the code is borrowed from request loops, for no own one is known",
    ),
    Aadsts(
        501481, _GRANT, "The code_verifier does not match the code_challenge of the authorization request.", _RECALLED
    ),
    Aadsts(501491, _REQUEST, "The size of the code_challenge parameter is not valid.", _CODES),
    Aadsts(65004, "access_denied", "The user declined to sign in to the application.", _RECALLED),
    Aadsts(
        700054,
        "unsupported_response_type",
        "The response_type '{value}' is not enabled for the application.",
        _RECALLED,
    ),
    Aadsts(
        70016,
        "authorization_pending",
        "The user has not signed in with the device code yet. Continue polling.",
        "MSAL.js and ADAL.NET test mocks",
    ),
    Aadsts(
        70017,
        "authorization_declined",
        "The user declined the authorization request.",
        "device-code document (OAuth value); code unconfirmed",
    ),
    Aadsts(70018, "bad_verification_code", "The verification code is not valid.", _CODES),
    Aadsts(
        70019,
        "expired_token",
        "The verification code has expired.",
        "device-code document; ADAL.NET MockHelpers",
        v1_error="code_expired",
    ),
    Aadsts(
        165000,
        _REQUEST,
        "The request tokens do not match the user context; do not copy values between sessions. {reason}",
        _RECALLED,
    ),
    # Assertions and grants
    Aadsts(70002, _GRANT, "Error validating credentials.", "ADAL Python issues 79, 80"),
    Aadsts(
        70008,
        _GRANT,
        "The provided authorization code or refresh token has expired or was revoked. {reason}",
        "MSAL.NET test mocks; wording unconfirmed",
    ),
    Aadsts(
        700082,
        _GRANT,
        "The refresh token has expired due to inactivity. The token was issued on {issued} and was "
        "inactive for {inactive}.",
        "azure-cli issue 14244",
        suberror="bad_token",
    ),
    Aadsts(
        50006,
        _GRANT,
        "The element with ID '{id}' was either unsigned or the signature was invalid. {reason}",
        f"{_SAML}; wording unconfirmed",
        outer_codes=(70002, 50008),
    ),
    Aadsts(50008, _GRANT, "SAML token is invalid. {reason}", f"{_SAML}; wording unconfirmed", outer_codes=(70002,)),
    Aadsts(
        50013,
        _GRANT,
        "Assertion failed signature validation. [Reason - {reason}]",
        "msgraph-sdk-php issue 1585, azure-sdk-for-java issue 25109",
    ),
    Aadsts(
        50107,
        _REQUEST,
        "The requested federation realm object '{realm}' does not exist.",
        "azure-docs issue 40210; wording unconfirmed",
    ),
    Aadsts(
        90020,
        _GRANT,
        "The SAML 1.1 Assertion is missing ImmutableID of the user.",
        f"{_CODES}; wording and OAuth value unconfirmed",
    ),
    Aadsts(
        7500514,
        _REQUEST,
        "A supported type of SAML response was not found. The supported response types are 'Response' (in XML "
        "namespace 'urn:oasis:names:tc:SAML:2.0:protocol') or 'Assertion' (in XML namespace "
        "'urn:oasis:names:tc:SAML:2.0:assertion').",
        "MSAL.NET issue 1871; wording and OAuth value unconfirmed",
    ),
    Aadsts(
        50000,
        "server_error",
        "There was an error issuing a token. The lab's own fault: see its log for the trace ID.",
        _RECALLED,
        status=500,
    ),
    # Desktop SSO
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
        81016, _REQUEST, "Invalid STS request. {reason}", "AADInternals; not in any document; OAuth value unconfirmed"
    ),
)
