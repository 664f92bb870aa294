"""Rows of the AADSTS catalogue about requests: tenants, parameters, codes, assertions, and failures of the service."""

from __future__ import annotations

from ssosim.entra.core.aadsts_row import Aadsts

__all__ = ["PROTOCOL_ROWS"]

_CODES = "Entra error-code reference"
_SPRAY = "AADInternals KillChain_utils.ps1; body unconfirmed"
_RECALLED = "general knowledge, in no source that was opened: code, text and OAuth value unconfirmed"
_SAML = "azure-activedirectory-library-for-python issue 80"
_GRANT, _REQUEST = "invalid_grant", "invalid_request"
_UNAVAILABLE = "temporarily_unavailable"

PROTOCOL_ROWS: tuple[Aadsts, ...] = (
    # Tenants
    Aadsts(
        50059,
        _REQUEST,
        "No tenant-identifying information found in either the request or implied by any provided credentials.",
        _SPRAY,
    ),
    Aadsts(
        90002,
        _REQUEST,
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the "
        "correct cloud. Check with your subscription administrator, this may happen if there are no active "
        "subscriptions for the tenant.",
        "letsencrypt-siteextension issue 108; OAuth value unconfirmed (invalid_tenant at the OpenID configuration: "
        "azure-keyvault-emulator issue 324)",
    ),
    Aadsts(
        900023,
        _REQUEST,
        "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain.",
        "caddy-dns/azure issue 3, dotnet/aspire issue 4253",
    ),
    Aadsts(
        500208,
        _REQUEST,
        "The domain is not a valid login domain for the account type.",
        f"{_CODES}; that it is said of a work account at /consumers, and its OAuth value, are unconfirmed",
    ),
    Aadsts(
        9001023,
        _REQUEST,
        "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or "
        "tenant-specific endpoint.",
        "MSAL.NET test mocks; wording unconfirmed",
    ),
    Aadsts(50049, "invalid_instance", "Unknown or invalid instance.", "MSAL.NET TestConstants.DiscoveryFailedResponse"),
    # Parameters
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
        "text: koskila.net on AADSTS90056 and AADSTS900561; OAuth value and status unconfirmed",
        status=405,
    ),
    Aadsts(
        9000411,
        _REQUEST,
        "The request is not properly formatted. The parameter '{name}' is duplicated.",
        "azure-sdk-for-java issue 31733 (token endpoint), microsoft-authentication-library-for-android issue 688",
    ),
    Aadsts(
        9002313,
        _REQUEST,
        "Invalid request. Request is malformed or invalid. {reason}",
        "MSAL.js test kit, dnn.azureadprovider issue 112",
    ),
    Aadsts(
        70003,
        "unsupported_grant_type",
        "The app requested an unsupported grant type '{grant}'.",
        f"{_CODES}; OAuth value by RFC 6749, section 5.2",
    ),
    Aadsts(
        165000,
        _REQUEST,
        "Invalid Request: Request tokens do not match the user context. Do not copy the user context values (cookies; "
        "form fields; headers) between different requests or user sessions; always maintain the ALL of the supplied "
        "values across a complete single user flow. Failure Reasons:[{reason}]",
        "text: public sign-in tools; OAuth value unconfirmed",
    ),
    # Authorization codes and device codes
    Aadsts(
        54005,
        _GRANT,
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh "
        "token.",
        f"{_CODES}; OAuth value by RFC 6749, section 5.2",
    ),
    Aadsts(
        500112,
        _GRANT,
        "The reply address '{given}' does not match the reply address provided when requesting Authorization code.",
        f"{_CODES}; OAuth value by RFC 6749, section 5.2",
    ),
    Aadsts(
        501481,
        _GRANT,
        "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
        f"{_CODES}; OAuth value by RFC 7636, section 4.6",
    ),
    Aadsts(
        501491, _REQUEST, "Invalid size of Code_Challenge parameter.", "azure-docs issue 42906; org-outlook issue 6"
    ),
    Aadsts(
        50149,
        _REQUEST,
        "Invalid Code_Challenge_method parameter.",
        "entra-docs pull request 1538; OAuth value unconfirmed",
    ),
    Aadsts(
        90023,
        _REQUEST,
        "Unsupported 'prompt' value.",
        "keycloak issue 15092, opencloud-eu/desktop issue 871, passport-azure-ad issue 331; OAuth value unconfirmed",
    ),
    Aadsts(
        700009,
        _GRANT,
        "Reply address must be provided when presenting an authorization code requested with an explicit reply "
        "address.",
        "microsoft-authentication-library-for-js issue 7728, azure-docs issue 95297",
    ),
    Aadsts(
        70016,
        "authorization_pending",
        "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
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
        "Verification code expired.",
        "device-code document; ADAL.NET MockHelpers",
        v1_error="code_expired",
    ),
    Aadsts(
        70020,
        "expired_token",
        "The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
        "azure-cli issue 22251, azure-docs issue 92366; a recording of March 2022 in the tests of a public client",
    ),
    # Assertions and grants
    Aadsts(70000, _GRANT, "Provided grant is invalid or malformed. {reason}", f"{_CODES}; OAuth value by its name"),
    Aadsts(70002, _GRANT, "Error validating credentials.", "ADAL Python issues 79, 80"),
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
        "msgraph-sdk-php issue 1585, azure-sdk-for-java issue 25109, MSAL.NET issue 1317",
    ),
    Aadsts(
        500131,
        _GRANT,
        "Assertion audience does not match the Client app presenting the assertion. The audience in the assertion was "
        "'{audience}' and the expected audience is '{client}' or one of the Application Uris of this application with "
        "App ID '{client}'({name}). The downstream client must request a token for the expected audience (the "
        "application that made the OBO call) and this application should use that token as the assertion.",
        "microsoft-authentication-library-for-js issue 389; captures of on-behalf-of programs",
    ),
    Aadsts(
        500133,
        _GRANT,
        "Assertion is not within its valid time range. Ensure that the access token is not expired before using it for "
        "user assertion, or request a new token. Current time: {now}, expiry time of assertion {expires}.",
        f"{_CODES}; OAuth value: captures of on-behalf-of programs",
    ),
    Aadsts(
        50107,
        _REQUEST,
        "The requested federation realm object '{realm}' does not exist.",
        "azure-docs issue 40210",
    ),
    Aadsts(
        90020,
        _GRANT,
        "The SAML 1.1 Assertion is missing ImmutableID of the user.",
        f"{_CODES}; OAuth value unconfirmed",
    ),
    Aadsts(
        7500514,
        _REQUEST,
        "A supported type of SAML response was not found. The supported response types are 'Response' (in XML "
        "namespace 'urn:oasis:names:tc:SAML:2.0:protocol') or 'Assertion' (in XML namespace "
        "'urn:oasis:names:tc:SAML:2.0:assertion').",
        "MSAL.NET issue 1871; OAuth value unconfirmed",
    ),
    # Failures of the service
    Aadsts(
        50000,
        "server_error",
        "There was an error issuing a token. The lab's own fault: see its log for the trace ID.",
        _RECALLED,
        status=500,
        page_status=500,
    ),
    Aadsts(
        90012,
        _UNAVAILABLE,
        "The request has timed out.",
        f"{_CODES}; OAuth value and status unconfirmed",
        status=504,
        page_status=504,
    ),
    Aadsts(
        90024,
        _UNAVAILABLE,
        "A transient error has occurred during sign in. Please retry.",
        f"{_CODES} (RequestBudgetExceededError); OAuth value and status by sibling 90033",
        status=503,
        page_status=503,
    ),
    Aadsts(
        90025,
        _UNAVAILABLE,
        "Request processing has exceeded gateway allowance.",
        "Azure AD incident reports; OAuth value and status by sibling 90033",
        status=504,
        page_status=504,
    ),
    Aadsts(
        90033,
        _UNAVAILABLE,
        "A transient error has occurred. Please try again.",
        "Azure AD, 14 December 2020 (status 503); OAuth value: test files of public programs",
        status=503,
        page_status=503,
    ),
    Aadsts(
        90036,
        "server_error",
        "An unexpected, non-retryable error stemming from the directory service has occurred.",
        f"{_CODES}; OAuth value and status unconfirmed",
        status=500,
        page_status=500,
    ),
)
