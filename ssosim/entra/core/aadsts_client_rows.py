"""The rows of the AADSTS catalogue for client assertions and federated tokens that the other pages of rows lack."""

from __future__ import annotations

from ssosim.entra.core.aadsts_row import Aadsts

__all__ = ["CLIENT_ROWS"]

_REQUEST, _CLIENT = "invalid_request", "invalid_client"

CLIENT_ROWS: tuple[Aadsts, ...] = (
    Aadsts(
        90011,
        _REQUEST,
        "Unexpected client assertion type.",
        "azure-activedirectory-library-for-ruby pull request 53; status unconfirmed",
    ),
    Aadsts(
        90014,
        _REQUEST,
        "The required field '{name}' is missing from the credential. Ensure that you have all the necessary parameters "
        "for the login request.",
        "answers of December 2023 in the tests of MSAL.NET (MockHelpers.cs: iss, aud); an answer of December 2022 in "
        "the tests of a public client (scope of client credentials)",
    ),
    Aadsts(
        5002723,
        _CLIENT,
        "Invalid JWT token. No certificate SHA-1 thumbprint, certificate SHA-256 thumbprint, nor keyId specified in "
        "token header.",
        "answers of December 2023 in the tests of MSAL.NET (MockHelpers.cs); for a federated token, and status, "
        "unconfirmed",
        status=401,
    ),
    Aadsts(
        70025,
        _CLIENT,
        "The client '{client}'({name}) has no configured federated identity credentials.",
        "logs of public workflows with Azure/login; status by sibling 700213",
        status=401,
    ),
    # Parameters that change what is granted
    Aadsts(
        50117,
        _REQUEST,
        "Failed to deserialize policy specified in the request's claim parameter.",
        "Entra error page of this code; OAuth value and status unconfirmed",
    ),
    Aadsts(
        901002,
        _REQUEST,
        "The 'resource' request parameter is not supported.",
        "azure-docs issue 33853, vscode issue 254009; up to March 2026; OAuth value unconfirmed",
    ),
    Aadsts(
        9010010,
        "invalid_target",
        "The resource parameter provided in the request doesn't match with the requested scopes.",
        "TracecatHQ/tracecat issue 2466, microsoft/powerbi-modeling-mcp issue 68; OAuth value: a capture of September "
        "2026 and RFC 8707, section 2",
    ),
    Aadsts(
        7000213,
        _CLIENT,
        "Invalid certificate chain.",
        "MSAL.NET issue 3909; status unconfirmed",
        status=401,
    ),
    Aadsts(
        7000272,
        _CLIENT,
        "The certificate with identifier {thumbprint} used to sign the federated credential could not be found in the "
        "metadata of identity provider {issuer}. Please validate that your Identity Provider's metadata exposes the "
        "key used to sign the incoming token.",
        "azure-workload-identity issue 1232; status, and that a wrong signature has this code too, are unconfirmed",
        status=401,
    ),
    Aadsts(
        7000274,
        _CLIENT,
        "The certificate in the client assertion is not within its validity period.",
        "microsoft-identity-web pull request 3653 (code and meaning); wording and status unconfirmed",
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
        700214,
        _CLIENT,
        "The audience of the federated identity credential must be '{audience}'.",
        "affandar/PilotSwarm OBO-FIC-LIMITATIONS (code and meaning); wording and status unconfirmed",
        status=401,
    ),
    Aadsts(
        700226,
        _CLIENT,
        "Only MSI tokens may be used as Federated Identity Credentials for AAD issuer.",
        "arsenvlad/entra-cross-tenant-app-fic-managed-identity; status unconfirmed",
        status=401,
    ),
    Aadsts(
        700227,
        _CLIENT,
        "Forbidden token audience.",
        "arsenvlad/entra-cross-tenant-app-fic-managed-identity; status unconfirmed",
        status=401,
    ),
    Aadsts(
        700229,
        _CLIENT,
        "Forbidden token type. Only app-only tokens may be used as Federated Identity Credentials for AAD issuer.",
        "azure-docs issue 109083; status unconfirmed",
        status=401,
    ),
    Aadsts(
        700231,
        _CLIENT,
        "Token obtained using another federated identity credential may not be used as federated identity credential.",
        "affandar/PilotSwarm OBO-FIC-LIMITATIONS, public notes on Entra errors (text); status unconfirmed",
        status=401,
    ),
    Aadsts(
        700236,
        _CLIENT,
        "Entra ID tokens issued by issuer '{issuer}' may not be used for federated identity credential flows for "
        "applications or managed identities registered in this tenant.",
        "Microsoft Q&A question 2139753; status unconfirmed",
        status=401,
    ),
    Aadsts(
        700238,
        _CLIENT,
        "Tokens issued by issuer '{issuer}' may not be used for federated identity credential flows for applications "
        "or managed identities registered in this tenant.",
        "public notes of July 2026 on a managed identity of US Government in the public cloud; status unconfirmed",
        status=401,
    ),
)
