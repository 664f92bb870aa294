"""Rows of the AADSTS catalogue about users: accounts, passwords, second factors, Conditional Access, refresh tokens."""

from __future__ import annotations

from ssosim.entra.core.aadsts_row import Aadsts

__all__ = ["USER_ROWS"]

_CODES = "Entra error-code reference"
_SPRAY = "AADInternals KillChain_utils.ps1; body unconfirmed"
_RECALLED = "general knowledge, in no source that was opened: code, text and OAuth value unconfirmed"
_GRANT, _INTERACTION = "invalid_grant", "interaction_required"
_CHANGE = (
    "Due to a configuration change made by your administrator, or because you moved to a new location, you must "
    "{what} to access '{{resource}}'."
)
_GUEST = (
    "User account '{user}' from identity provider '{issuer}' does not exist in tenant '{tenant}' and cannot access the "
    "application '{client}'({name}) in that tenant. The account needs to be added as an external user in the tenant "
    "first. Sign out and sign in again with a different Azure Active Directory user account."
)

USER_ROWS: tuple[Aadsts, ...] = (
    # Accounts and passwords
    Aadsts(
        50034,
        _GRANT,
        "The user account {user} does not exist in the {tenant} directory. To sign into this application, the account "
        "must be added to the directory.",
        "a recording of azure-sdk-for-js (August 2023)",
        suberror="bad_token",
        page="ConvergedSignIn",
    ),
    Aadsts(
        50053,
        _GRANT,
        "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
        f"{_SPRAY}; text: {_CODES}",
        page="ConvergedSignIn",
    ),
    Aadsts(
        50055,
        _GRANT,
        "The password is expired.",
        f"{_CODES}; wording and suberror unconfirmed",
        suberror="user_password_expired",
        page="ConvergedChangePassword",
    ),
    Aadsts(
        50056,
        _GRANT,
        "Invalid or null password: no password exists in the directory for this user.",
        _SPRAY,
        page="ConvergedSignIn",
    ),
    Aadsts(50057, _GRANT, "The user account is disabled.", f"{_CODES}; wording unconfirmed", page="ConvergedSignIn"),
    Aadsts(
        50126,
        _GRANT,
        "Error validating credentials due to invalid username or password.",
        "Windows dsregcmd documentation",
        page="ConvergedSignIn",
    ),
    Aadsts(
        50144,
        _GRANT,
        "The user's Active Directory password has expired.",
        f"{_CODES}; wording and suberror unconfirmed",
        suberror="user_password_expired",
        page="ConvergedChangePassword",
    ),
    Aadsts(80014, _GRANT, "Validation request responded after maximum elapsed time exceeded.", _SPRAY),
    Aadsts(
        50020,
        _GRANT,
        _GUEST,
        "text: azure-docs issue 118443, python-o365 issue 1119; OAuth value unconfirmed",
        authorize_error="access_denied",
    ),
    Aadsts(
        90072,
        _GRANT,
        _GUEST,
        "vscode-mssql pull request 17670, azure-cli pull request 31742; text as 50020 (Entra error-code reference); "
        "OAuth values unconfirmed",
        v1_error=_INTERACTION,
    ),
    Aadsts(
        51004,
        _GRANT,
        "The user account {user} does not exist in the {tenant} directory. To sign into this application, the account "
        "must be added to the directory.",
        "GSuite-as-identity-Provider issue 4; OAuth value unconfirmed",
    ),
    Aadsts(
        50128,
        "invalid_request",
        "Invalid domain name: no tenant-identifying information found in either the request or implied by any provided "
        "credentials.",
        _SPRAY,
        page="ConvergedSignIn",
    ),
    Aadsts(
        50058,
        "login_required",
        "A silent sign-in request was sent but no user is signed in.",
        "auth-code document (OAuth value); text: tools that read it from the page's $Config",
        page="ConvergedSignIn",
    ),
    Aadsts(
        50105,
        _GRANT,
        "Your administrator has configured the application {name} ('{client}') to block users unless they are "
        "specifically granted ('assigned') access to the application. The signed in user '{user}' is blocked because "
        "they are not a direct member of a group with access, nor had access directly assigned by an administrator. "
        "Please contact your administrator to assign access to this application.",
        "text: azure-search-openai-demo documentation and captures; OAuth values unconfirmed",
        authorize_error="access_denied",
    ),
    # Second factors
    Aadsts(
        50074,
        _GRANT,
        "Strong Authentication is required.",
        f"{_CODES}; OAuth value by analogy with 50076",
        suberror="basic_action",
        v1_error=_INTERACTION,
        claims=True,
        page="ConvergedTFA",
    ),
    Aadsts(
        50072,
        _GRANT,
        _CHANGE.format(what="enroll in multi-factor authentication"),
        f"{_CODES}; OAuth value by analogy with 50079",
        suberror="basic_action",
        v1_error=_INTERACTION,
        claims=True,
        page="ConvergedProofUpRedirect",
    ),
    Aadsts(
        50076,
        _GRANT,
        _CHANGE.format(what="use multi-factor authentication"),
        "microsoft-authentication-library-for-js issue 5491 (v2), ADAL Python issue 85 (v1)",
        suberror="basic_action",
        v1_error=_INTERACTION,
        claims=True,
        page="ConvergedTFA",
    ),
    Aadsts(
        50079,
        _GRANT,
        _CHANGE.format(what="enroll in multi-factor authentication"),
        "on-behalf-of document (v1); v2 value by analogy with 50076",
        suberror="basic_action",
        v1_error=_INTERACTION,
        claims=True,
        page="ConvergedProofUpRedirect",
    ),
    Aadsts(
        50158,
        _GRANT,
        "External security challenge was not satisfied.",
        f"{_CODES}; OAuth value and suberror by analogy with 50076",
        suberror="basic_action",
        v1_error=_INTERACTION,
        claims=True,
    ),
    Aadsts(
        500121,
        _GRANT,
        "Authentication failed during strong authentication request.",
        f"{_CODES}; OAuth value unconfirmed",
        page="ConvergedTFA",
    ),
    # Conditional Access
    Aadsts(
        50097,
        _GRANT,
        "Device authentication is required.",
        f"{_CODES}; OAuth value and suberror unconfirmed",
        suberror="additional_action",
        v1_error=_INTERACTION,
        claims=True,
    ),
    Aadsts(
        53000,
        _GRANT,
        "Device is not in required device state: {state}. Conditional Access policy requires a compliant device, and "
        "the device is not compliant. The user must enroll their device with an approved MDM provider like Intune.",
        f"{_CODES}; v2 value and claims by analogy with 53003",
        suberror="message_only",
        v1_error=_INTERACTION,
        claims=True,
        page="ConvergedConditionalAccess",
    ),
    Aadsts(
        53001,
        _GRANT,
        "Device is not in required device state: {state}. Conditional Access policy requires a domain joined device, "
        "and the device is not domain joined.",
        f"{_CODES}; v2 value and claims by analogy with 53003",
        suberror="message_only",
        v1_error=_INTERACTION,
        claims=True,
        page="ConvergedConditionalAccess",
    ),
    Aadsts(
        53002,
        _GRANT,
        "Application used is not an approved application for Conditional Access.",
        f"{_CODES}; v2 value and claims by analogy with 53003",
        suberror="message_only",
        v1_error=_INTERACTION,
        claims=True,
        page="ConvergedConditionalAccess",
    ),
    Aadsts(
        53003,
        _GRANT,
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
        "MSOLSpray issue 5 (v1), a capture of a v2 body with capolids of March 2025; sp-rest-proxy issue 96 (SOAP)",
        suberror="message_only",
        v1_error=_INTERACTION,
        claims=True,
        page="ConvergedConditionalAccess",
    ),
    # Refresh tokens
    Aadsts(
        70008,
        _GRANT,
        "The provided authorization code or refresh token has expired due to inactivity. {reason}",
        "MSAL.NET test mocks; wording unconfirmed",
    ),
    Aadsts(
        700082,
        _GRANT,
        "The refresh token has expired due to inactivity. The token was issued on {issued} and was inactive for "
        "{inactive}.",
        "azure-cli issue 14244; suberror: foundry-dev-tools issue 707",
        suberror="bad_token",
    ),
    Aadsts(
        700081,
        _GRANT,
        "The refresh token has expired due to maximum lifetime. The token was issued on {issued} and the maximum "
        "allowed lifetime for this application is {lifetime}.",
        "MSAL.js PublicClientApplication.spec.ts; wording unconfirmed",
    ),
    Aadsts(
        700084,
        _GRANT,
        "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of "
        "{lifetime}, which cannot be extended. It is now expired and a new sign in request must be sent by the SPA to "
        "the sign in page. The token was issued on {issued}.",
        f"MSAL.js tests; text: {_CODES}",
    ),
    Aadsts(
        70043,
        _GRANT,
        "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access. The token "
        "was issued on {issued} and the maximum allowed lifetime for this request is {lifetime}.",
        "email-oauth2-proxy issue 181 (v2), vscode-azure-account issue 673 (v1)",
        suberror="token_expired",
        v1_error=_INTERACTION,
    ),
    Aadsts(
        70044,
        _GRANT,
        "The session has expired or is invalid due to sign-in frequency checks by conditional access.",
        f"{_CODES}; OAuth value and suberror by analogy with 70043",
        suberror="token_expired",
        v1_error=_INTERACTION,
    ),
    Aadsts(
        50173,
        _GRANT,
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have "
        "changed or reset their password. The grant was issued on '{issued}' and the TokensValidFrom date (before "
        "which tokens are not valid) for this user is '{valid_from}'.",
        "azure-sdk-for-js recording of October 2021 (v2); suberror by analogy with 700082",
        suberror="bad_token",
    ),
    Aadsts(
        50196,
        _GRANT,
        "The server terminated an operation because it encountered a client request loop. Please contact your app "
        "vendor.",
        f"MSAL.NET issue 1788, himmelblau issue 290; text: {_CODES}",
    ),
)
