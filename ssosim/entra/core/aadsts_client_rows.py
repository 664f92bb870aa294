"""The rows of the AADSTS catalogue for clients that prove who they are: secrets, certificates, federated credentials."""

from __future__ import annotations

from ssosim.entra.core.aadsts_row import Aadsts

__all__ = ["CLIENT_ROWS"]

_REQUEST, _CLIENT = "invalid_request", "invalid_client"
_CODES = "Entra error-code reference"
_GUIDE = "azure-identity troubleshooting guides; wording and status unconfirmed"
_FIC = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
_CREDENTIALS = "https://learn.microsoft.com/entra/identity-platform/certificate-credentials"
_CHECK = "Check your federated identity credential Subject, Audience and Issuer against the presented assertion."

CLIENT_ROWS: tuple[Aadsts, ...] = (
    Aadsts(
        7000215,
        _CLIENT,
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not "
        "the client secret ID, for a secret added to app '{client}'.",
        "public captures; status by sibling 7000222; that a secret that is not yet valid has this code is unconfirmed",
        status=401,
    ),
    Aadsts(
        7000222,
        _CLIENT,
        "The provided client secret keys for app '{client}' are expired. Visit the Azure portal to create new keys for "
        "your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: "
        "https://aka.ms/certCreds.",
        "botframework-sdk issue 6221, vsts-release-aas issue 119",
        status=401,
    ),
    Aadsts(
        90011,
        _REQUEST,
        "Unexpected client assertion type.",
        "azure-activedirectory-library-for-ruby pull request 53; status unconfirmed",
    ),
    Aadsts(
        50027,
        _REQUEST,
        "JWT token is invalid or malformed. {reason}",
        "panva/openid-client issue 348, MSAL.NET issue 124; OAuth value and status unconfirmed",
    ),
    Aadsts(
        5002727,
        _REQUEST,
        "Invalid JWT header type specified, must be 'JWT' or 'http://openid.net/specs/jwt/1.0'.",
        "a capture of December 2021 in the source of an OAuth client (Go)",
    ),
    Aadsts(
        5002738,
        _REQUEST,
        "Invalid JWT token. '{algorithm}' is not a supported signature algorithm. Supported signing algorithms are: "
        "'RS256, PS256'",
        "a capture of December 2021 in the source of an OAuth client (Go)",
    ),
    Aadsts(
        50048,
        _CLIENT,
        "Subject must match the issuer claim in the client assertion.",
        "msal4j issue 430; OAuth value and status unconfirmed",
        status=401,
    ),
    Aadsts(
        700021,
        _CLIENT,
        "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at "
        f"{_CREDENTIALS} .",
        _GUIDE,
        status=401,
    ),
    Aadsts(
        700023,
        _CLIENT,
        f"Client assertion audience claim does not match Realm issuer. Review the documentation at {_CREDENTIALS} .",
        "MSAL.NET issue 2746, ADAL Python issue 79 (401)",
        status=401,
    ),
    Aadsts(
        700024,
        _CLIENT,
        "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {not_before}, expiry "
        f"time of assertion {{expires}}. Review the documentation at {_CREDENTIALS} .",
        "MSAL.NET issue 4951, msal4j issue 984",
        status=401,
    ),
    Aadsts(
        700027,
        _CLIENT,
        "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - "
        "{reason}, Thumbprint of key used by client: '{thumbprint}', Please visit the Azure Portal, Graph "
        "Explorer or directly use MS Graph to see configured keys for app Id '{client}'.]",
        "MSAL.js issue 8339, cli-microsoft365 issue 1621, azure-sdk-for-java issue 25109 (reasons); status unconfirmed",
        status=401,
    ),
    Aadsts(
        7000272,
        _CLIENT,
        "The certificate with identifier {thumbprint} used to sign the federated credential could not be found in the "
        "metadata of identity provider {issuer}. Please validate that your Identity Provider's metadata exposes the key "
        "used to sign the incoming token.",
        "azure-workload-identity issue 1232; that a wrong signature has this code too, and the status, are unconfirmed",
        status=401,
    ),
    Aadsts(
        7000274,
        _CLIENT,
        "The certificate in the client assertion is not within its validity period.",
        "microsoft-identity-web pull request 3653; wording and status unconfirmed",
        status=401,
    ),
    Aadsts(
        700030,
        _CLIENT,
        "Invalid certificate - subject name in certificate isn't authorized. SubjectNames/SubjectAlternativeNames (up "
        "to 10) in token certificate are: {subjects}.",
        f"{_CODES}; OAuth value and status unconfirmed",
        status=401,
    ),
    Aadsts(
        700211,
        _CLIENT,
        f"No matching federated identity record found for presented assertion issuer '{{issuer}}'. {_CHECK} {_FIC}",
        "azure-workload-identity issue 1200",
        status=401,
    ),
    Aadsts(
        700212,
        _CLIENT,
        f"No matching federated identity record found for presented assertion audience '{{audience}}'. {_CHECK} {_FIC}",
        f"{_CODES}; status by sibling 700211",
        status=401,
    ),
    Aadsts(
        700213,
        _CLIENT,
        f"No matching federated identity record found for presented assertion subject '{{subject}}'. {_CHECK} {_FIC}",
        "Azure/login issue 482, azure-workload-identity issue 1200",
        status=401,
    ),
    Aadsts(
        7002138,
        _CLIENT,
        "No matching federated identity record found for presented assertion subject '{subject}'. The subject matches with "
        f"case-insensitive comparison, but not with case-sensitive comparison. {_CHECK} See documentation at: {_FIC}.",
        "Azure/login issues 515, 517; status by sibling 700213",
        status=401,
    ),
    Aadsts(
        700222,
        _CLIENT,
        "AAD-issued tokens may not be used for federated identity flows.",
        "microsoft-identity-web issue 2519, azure-docs issue 90276; status unconfirmed",
        status=401,
    ),
    Aadsts(
        50166,
        _REQUEST,
        "Request to External OIDC endpoint failed. {reason}",
        "azure-workload-identity issues 642, 1130; azure-cli issue 28863",
    ),
)
