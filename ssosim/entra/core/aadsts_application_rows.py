"""Rows of the AADSTS catalogue about applications: registration, consent, resources, proofs of identity."""

from __future__ import annotations

from ssosim.entra.core.aadsts_row import Aadsts

__all__ = ["APPLICATION_ROWS"]

_CODES = "Entra error-code reference"
_REQUEST, _CLIENT, _GRANT, _SCOPE = "invalid_request", "invalid_client", "invalid_grant", "invalid_scope"
_CERTIFICATES = (
    "Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/"
    "active-directory-certificate-credentials ."
)
_FEDERATION = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
_CHECK = (
    f"Check your federated identity credential Subject, Audience and Issuer against the presented assertion. "
    f"{_FEDERATION}"
)

APPLICATION_ROWS: tuple[Aadsts, ...] = (
    # Applications in a tenant
    Aadsts(
        700016,
        "unauthorized_client",
        "Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the "
        "application has not been installed by the administrator of the tenant or consented to by any user in the "
        "tenant. You may have sent your authentication request to the wrong tenant.",
        "azure-docs issue 35244; OAuth value: azure-cli issue 30456 and captures of Azure Kubernetes Service guides",
    ),
    Aadsts(
        700038,
        "unauthorized_client",
        "{client} is not a valid application identifier.",
        "a public note on a sign-in page with a placeholder (May 2026), and logs of Terraform; OAuth value by sibling "
        "700016",
    ),
    Aadsts(
        7000229,
        "invalid_client",
        "The client application {client} is missing service principal in the tenant {tenant}. See instructions here: "
        "https://go.microsoft.com/fwlink/?linkid=2225119",
        "a recording of September 2025 in the guide of the Teams SDK",
        status=401,
    ),
    Aadsts(
        7000112,
        "unauthorized_client",
        "Application '{client}'({name}) is disabled.",
        f"Azure DevOps and Entra troubleshooting documents (text); OAuth value by its name in the {_CODES} "
        "(UnauthorizedClientApplicationDisabled)",
    ),
    Aadsts(
        50194,
        _REQUEST,
        "Application '{client}'({name}) is not configured as a multi-tenant application. Usage of the /common endpoint "
        "is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the "
        "application to be multi-tenant.",
        f"{_CODES}; OAuth value: public captures",
    ),
    Aadsts(
        65001,
        _GRANT,
        "The user or administrator has not consented to use the application with ID '{client}' named '{name}'. Send an "
        "interactive authorization request for this user and resource.",
        "azure-docs issue 39189, python-o365 issue 323; value at the authorization endpoint: OpenID Connect Core "
        "3.1.2.6",
        suberror="consent_required",
        authorize_error="consent_required",
        page="ConvergedConsent",
    ),
    Aadsts(
        65004,
        "access_denied",
        "User declined to consent to access the app.",
        "azure-docs issue 114009; error_subcode: tests of MSAL for Android",
        error_subcode="cancel",
    ),
    Aadsts(
        700051,
        "unsupported_response_type",
        "response_type '{value}' is not enabled for the application.",
        "microsoft-authentication-library-for-js issue 766",
    ),
    Aadsts(
        700054,
        "unsupported_response_type",
        "response_type '{value}' is not enabled for the application.",
        f"{_CODES}; OAuth value by RFC 6749, section 4.1.2.1",
    ),
    Aadsts(
        50011,
        _REQUEST,
        "The redirect URI '{redirect}' specified in the request does not match the redirect URIs configured for the "
        "application '{client}'. Make sure the redirect URI sent in the request matches one added to your application "
        "in the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more about how to "
        "troubleshoot this issue.",
        f"{_CODES}; always an error page, for the address is not to be trusted",
    ),
    Aadsts(
        9002326,
        _REQUEST,
        "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type. Request "
        "origin: '{origin}'.",
        "databricks-sdk-py issue 671, microsoft-authentication-library-for-js issue 2482",
    ),
    Aadsts(
        9002327,
        _REQUEST,
        "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests.",
        "microsoft-authentication-library-for-js issue 3032",
    ),
    Aadsts(
        9002325,
        _REQUEST,
        "Proof Key for Code Exchange is required for cross-origin authorization code redemption.",
        "microsoft-authentication-library-for-js issues; OAuth value by analogy with 9002326",
    ),
    Aadsts(
        7000114,
        _GRANT,
        "Application '{client}' is not allowed to make application on-behalf-of calls.",
        f"{_CODES}; OAuth value unconfirmed",
    ),
    # Resources and scopes
    Aadsts(
        65002,
        _REQUEST,
        "Consent between first party application '{client}' and first party resource '{resource}' must be configured "
        "via preauthorization - applications owned and operated by Microsoft must get approval from the API owner "
        "before requesting tokens for that API.",
        "msgraph-cli issue 48, msgraph-sdk-python pull request 678, DSRegTool issue 1; OAuth value unconfirmed",
    ),
    Aadsts(
        90009,
        _REQUEST,
        "Application '{client}'({name}) is requesting a token for itself. This scenario is supported only if resource "
        "is specified using the GUID based App Identifier.",
        "microsoft-authentication-library-for-java issue 735, ms-identity-javascript-react-tutorial issue 94 (value)",
    ),
    Aadsts(
        500113,
        _REQUEST,
        "No reply address is registered for the application.",
        "OneDriveAPI issue 33, onedrive-sample-apibrowser-dotnet issue 27; OAuth value unconfirmed, shown on a page",
    ),
    Aadsts(
        650053,
        _CLIENT,
        "The application '{name}' asked for scope '{scope}' that doesn't exist on the resource '{resource}'. Contact "
        "the app vendor.",
        "python-o365 issue 551, azure-docs issues 37280 and 67211 (OAuth value); status unconfirmed",
        status=401,
    ),
    Aadsts(
        500011,
        "invalid_resource",
        "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if the "
        "application has not been installed by the administrator of the tenant or consented to by any user in the "
        "tenant. You might have sent your authentication request to the wrong tenant.",
        "MSAL.NET MockHelpers, azure-cli issue 16850, microsoft-identity-web issue 2796",
    ),
    Aadsts(
        500014,
        "invalid_resource",
        "The service principal for resource '{resource}' is disabled. This indicate that a subscription within the "
        "tenant has lapsed, or that the administrator for this tenant has disabled the application, preventing tokens "
        "from being issued for it.",
        f"{_CODES}; OAuth value by analogy with 500011",
    ),
    Aadsts(
        501051,
        _GRANT,
        "Application '{client}'({name}) is not assigned to a role for the application '{resource}'.",
        f"{_CODES}; OAuth value unconfirmed",
    ),
    Aadsts(
        70011,
        _SCOPE,
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter "
        "'scope' is not valid. {reason}",
        "client-credentials and auth-code documents",
    ),
    Aadsts(
        1002012,
        _SCOPE,
        "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
        "/.default suffixed to the resource identifier (application ID URI).",
        "databricks-sql-nodejs issue 226, msgraph-sdk-python issue 181, azure-docs issue 99862",
    ),
    Aadsts(
        28000,
        _REQUEST,
        "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope "
        "{scope} is not valid.",
        "aad_oauth issue 328, microsoft-authentication-library-for-js issue 1487; OAuth value by its sibling 28003 "
        "(MSAL Python issue 125)",
    ),
    Aadsts(
        28003,
        _REQUEST,
        "Provided value for the input parameter scope cannot be empty when requesting an access token using the "
        "provided authorization code. Please specify a valid scope.",
        "microsoft-authentication-library-for-python issue 125",
    ),
    Aadsts(
        650057,
        "invalid_resource",
        "Invalid resource. The client has requested access to a resource which is not listed in the requested "
        "permissions in the client's application registration. Client app ID: {client}({name}). Resource value from "
        "request: {resource}.",
        f"{_CODES}; OAuth value by RFC 8707, section 2, unconfirmed",
    ),
    # Secrets
    Aadsts(
        700025,
        _CLIENT,
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
        "oauth2ms issue 19; cli-microsoft365 issue 948 (status)",
        status=401,
    ),
    Aadsts(
        7000215,
        _CLIENT,
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not "
        "the client secret ID, for a secret added to app '{client}'.",
        "captures of Azure Arc and Microsoft Fabric guides, status 401",
        status=401,
    ),
    Aadsts(
        7000216,
        _CLIENT,
        "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
        "azure-apim-extension issue 138, a recording of azure-sdk-for-js (status 401)",
        status=401,
    ),
    Aadsts(
        7000218,
        _CLIENT,
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        "active-directory-dotnet-native-aspnetcore issue 22",
        status=401,
    ),
    Aadsts(
        7000222,
        _CLIENT,
        "The provided client secret keys for app '{client}' are expired. Visit the Azure portal to create new keys for "
        "your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: "
        "https://aka.ms/certCreds.",
        "botframework-sdk issue 6221",
        status=401,
    ),
    Aadsts(
        50012,
        _CLIENT,
        "Authentication failed. {reason}",
        "ADAL Python issue 79 (paired with 70002)",
        status=401,
        outer_codes=(70002,),
    ),
    # Client assertions
    Aadsts(
        700021,
        _CLIENT,
        f"Client assertion application identifier doesn't match 'client_id' parameter. {_CERTIFICATES}",
        "azure-identity troubleshooting guide; status by sibling 700027",
        status=401,
    ),
    Aadsts(
        700023,
        _CLIENT,
        f"Client assertion audience claim does not match Realm issuer. {_CERTIFICATES}",
        "azure-identity troubleshooting guides; status by sibling 700027",
        status=401,
    ),
    Aadsts(
        700024,
        _CLIENT,
        "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {not_before}, "
        f"expiry time of assertion {{expires}}. {_CERTIFICATES}",
        "capture in an Azure Kubernetes Service guide (May 2023); status by sibling 700027",
        status=401,
    ),
    Aadsts(
        700027,
        _CLIENT,
        "Client assertion contains an invalid signature. [Reason - {reason}, Thumbprint of key used by client: "
        "'{thumbprint}'{found}, Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see "
        "configured keys for app Id '{client}'.]",
        "cli-microsoft365 issue 1621, azure-sdk-for-java issue 25109 (reasons and found key, of 50013); in 2026 an "
        "unknown key has another first sentence (MSAL.js issue 8339); status 401: test files of public tools",
        status=401,
    ),
    Aadsts(
        700030,
        _CLIENT,
        "Invalid certificate - subject name in certificate is not authorized. SubjectNames/SubjectAlternativeNames (up "
        "to 10) in token certificate are: {subjects}.",
        f"{_CODES}; status by sibling 700027",
        status=401,
    ),
    Aadsts(
        50027,
        _REQUEST,
        "JWT token is invalid or malformed. {reason}",
        f"a capture of 2017 (invalid_request, status 400); text: {_CODES}",
    ),
    Aadsts(
        5002727,
        _REQUEST,
        "Invalid JWT header type specified, must be 'JWT' or 'http://openid.net/specs/jwt/1.0'.",
        "a capture of December 2021 in the source of an OAuth client (Go)",
    ),
    Aadsts(
        5002738,
        _CLIENT,
        "Invalid JWT token. '{algorithm}' is not a supported signature algorithm. Supported signing algorithms are: "
        "'RS256,PS256'",
        "answers of December 2023 in the tests of MSAL.NET (MockHelpers.cs: invalid_client; its list is "
        "RS256,RS384,RS512); invalid_request in a capture of December 2021; status unconfirmed",
        status=401,
    ),
    Aadsts(
        50048,
        _CLIENT,
        "Subject must match Issuer claim in the client assertion.",
        f"{_CODES}; OAuth value and status by sibling 700021",
        status=401,
    ),
    # Federated identity credentials
    Aadsts(
        70021,
        _REQUEST,
        "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. Assertion "
        f"Subject: '{{subject}}'. Assertion Audience: '{{audience}}'. {_FEDERATION}",
        "azure-workload-identity captures up to December 2023",
    ),
    Aadsts(
        700211,
        _CLIENT,
        f"No matching federated identity record found for presented assertion issuer '{{issuer}}'. {_CHECK}",
        "Azure/login issue 515, azure-workload-identity issue 1200; status by sibling 700213",
        status=401,
    ),
    Aadsts(
        700212,
        _CLIENT,
        f"No matching federated identity record found for presented assertion audience '{{audience}}'. {_CHECK}",
        "azure-workload-identity issue 1200; status by sibling 700213",
        status=401,
    ),
    Aadsts(
        700213,
        _CLIENT,
        f"No matching federated identity record found for presented assertion subject '{{subject}}'. {_CHECK}",
        "azure-workload-identity issue 1200; logs of Terraform test runs (401 invalid_client)",
        status=401,
    ),
    Aadsts(
        7002138,
        _CLIENT,
        "No matching federated identity record found for presented assertion subject '{subject}'. The subject matches "
        f"with case-insensitive comparison, but not with case-sensitive comparison. {_CHECK}",
        "Azure/login issue 515; wording unconfirmed; status by sibling 700213",
        status=401,
    ),
    Aadsts(
        50166,
        _REQUEST,
        "Request to External OIDC endpoint failed. {reason}",
        "azure-workload-identity issues 642, 605 (by its older code 90061: 400), 1130",
    ),
    # Other clouds
    Aadsts(
        900382,
        _REQUEST,
        "Confidential Client is not supported in Cross Cloud request.",
        "webprofusion/certify issue 553, ms-rest-nodeauth issue 110 (400 invalid_request)",
    ),
    Aadsts(
        900432,
        _REQUEST,
        "Confidential Client is not supported in Cross Cloud request.",
        "aad-sso-wordpress issue 244; OAuth value and status by sibling 900382",
    ),
    Aadsts(
        90038,
        _REQUEST,
        "Tenant '{tenant}' request is being redirected to the National Cloud '{cloud}'.",
        "tieto/sipe issue 182; msgraph-cli issue 396 (400 invalid_request for a tenant of another cloud)",
    ),
    Aadsts(
        900383,
        _REQUEST,
        "Please login to your National Cloud dedicated portal.",
        "notes of a public VPN client; OAuth value and status unconfirmed",
    ),
    Aadsts(
        900384,
        _GRANT,
        "JWT token failed signature validation. [Reason - The authorization code was issued by the cloud '{cloud}'. "
        "Review the documentation at https://docs.microsoft.com/en-us/graph/deployments to determine the corresponding "
        "service endpoint.]",
        "microsoft-authentication-library-for-android issue 1454; the text after the first sentence, OAuth value and "
        "status unconfirmed",
    ),
)
