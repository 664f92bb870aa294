"""What public libraries recorded from the real service, one value a row. ``test_recorded_answers`` compares the lab.

The rows are written here; no recording is copied. ``docs/generate.py`` renders them into ``docs/identity-provider.md``,
so this module imports the standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["RECORDED_ROWS", "SOURCES", "RecordedRow", "RecordedSource"]

Value = str | int | bool | None | list[str] | list[int]


@dataclass(frozen=True, slots=True)
class RecordedSource:
    """A recording: repository, path and commit of a file; of an issue or pull request its number, and no commit."""

    repository: str
    path: str
    commit: str = ""


@dataclass(frozen=True, slots=True)
class RecordedRow:
    """One value of a recording.

    ``exchange`` is the request, by its name in ``test_recorded_answers``; ``field`` is the place in the answer.
    ``{...}`` in a text stands for what differs between the recording and the lab. ``difference`` is the reason why the
    lab answers something else; empty if it answers the same. ``match``: the lab's text may be equal, or start so; a
    list may be contained.
    """

    exchange: str
    field: str
    value: Value
    source: str
    difference: str = ""
    match: Literal["equal", "starts", "contains"] = "equal"


_JS, _GO = "Azure/azure-sdk-for-js", "Azure/azure-sdk-for-go"
_NET, _PYTHON = "Azure/azure-sdk-for-net", "Azure/azure-sdk-for-python"
_JS_FOLDER = "sdk/identity/identity/recordings/node"
_GO_FOLDER = "sdk/azidentity/testdata/recordings"
_NET_FOLDER = "sdk/identity/Azure.Identity/tests/SessionRecords"
_PYTHON_FOLDER = "sdk/identity/azure-identity/tests/recordings"

SOURCES: dict[str, RecordedSource] = {
    "go-secret": RecordedSource(
        _GO,
        f"{_GO_FOLDER}/TestClientSecretCredential_InvalidSecretLive.json",
        "303951eb5b6fbce8f364b3b92c343ceec8e10add",
    ),
    "go-code": RecordedSource(
        _GO,
        f"{_GO_FOLDER}/TestAuthorizationCodeCredential_ConfidentialInvalidCodeLive.json",
        "0fc215515c7c36a3d341558f7f1bd49cb2f1e730",
    ),
    "go-certificate": RecordedSource(
        _GO,
        f"{_GO_FOLDER}/TestClientCertificateCredential_InvalidCertLive.json",
        "64f3ac0f62f96c3a2a7583d8cd108bc19977a602",
    ),
    "go-password": RecordedSource(
        _GO,
        f"{_GO_FOLDER}/TestUsernamePasswordCredential_InvalidPasswordLive.json",
        "64f3ac0f62f96c3a2a7583d8cd108bc19977a602",
    ),
    "go-device": RecordedSource(
        _GO,
        f"{_GO_FOLDER}/TestDeviceCodeCredential_Live/default_options.json",
        "abff6a881758003e87a40d32efa5c4a615c84656",
    ),
    "go-workload": RecordedSource(
        _GO,
        f"{_GO_FOLDER}/TestWorkloadIdentityCredential_Live/default_options.json",
        "6ecbfe0cd6ab3da3312cc90b203991b859e86ea5",
    ),
    "js-device": RecordedSource(
        _JS,
        f"{_JS_FOLDER}/devicecodecredential/recording_authenticates_with_specific_permissions.js",
        "890efd3e39ef3b1574572f9da0379f4087267528",
    ),
    "js-tenant": RecordedSource(
        _JS,
        f"{_JS_FOLDER}/environmentcredential/recording_throws_an_authenticationerror_when_gettoken_is_called_and_"
        "environmentcredential_authentication_failed.js",
        "98779687dad3bbe67393a3262c607b4ef9ff598f",
    ),
    "js-user": RecordedSource(
        _JS,
        f"{_JS_FOLDER}/environmentcredential/recording_finds_and_uses_client_usernamepassword_environment_variables.json",
        "2be3aceb6c1d558be1375d4f077edaad5ff39fb0",
    ),
    "js-application": RecordedSource(
        _JS,
        f"{_JS_FOLDER}/clientsecretcredential_internal/recording_authenticates_with_tenantid_on_gettoken.js",
        "baf5d3b328d3e7d4041560672e047b670a2961b5",
    ),
    "js-assertion": RecordedSource(
        _JS,
        f"{_JS_FOLDER}/clientassertioncredential_internal/recording_sends_the_expected_parameters.js",
        "831ec07459cdb41ba7e0c7e5023a3316cc7bc37d",
    ),
    "net-secret": RecordedSource(
        _NET,
        f"{_NET_FOLDER}/ClientSecretCredentialLiveTests/GetTokenIncorrectPassword.json",
        "0c064c566b4d24e71c5b81e520e57a59ad51b872",
    ),
    "net-password": RecordedSource(
        _NET,
        f"{_NET_FOLDER}/UsernamePasswordCredentialLiveTests/AuthenticateNoContext.json",
        "0efe5a88bc5ad131f561d1efc3adc0d933afb294",
    ),
    "net-refresh": RecordedSource(
        _NET,
        f"{_NET_FOLDER}/ChainedTokenCredentialLiveTests/ChainedTokenCredential_UseVisualStudioCodeCredential.json",
        "964a0d95aae2d4538838599ef9659ab9d2ba3c6e",
    ),
    "python-obo": RecordedSource(
        _PYTHON, f"{_PYTHON_FOLDER}/test_obo.test_obo.yaml", "170a8734bbeb0b9d6adb37246a741b01c6492f46"
    ),
    "python-revoked": RecordedSource(
        _PYTHON, f"{_PYTHON_FOLDER}/test_cae.test_username_password.yaml", "11f4440163f170b1e4a13b8bdb322d99aea32a5b"
    ),
    "msal-js": RecordedSource(
        "AzureAD/microsoft-authentication-library-for-js",
        "lib/msal-common/test/test_kit/StringConstants.ts",
        "02258124b42341c699aa68dbd51afe6dc4f0b854",
    ),
    "msal-net": RecordedSource(
        "AzureAD/microsoft-authentication-library-for-dotnet",
        "src/client/Microsoft.Identity.Lab.Api/Http/MockHelpers.cs",
        "09100c4c0cf131a848ce7fcfa4d929e1bec51659",
    ),
    "msal-net-rstr": RecordedSource(
        "AzureAD/microsoft-authentication-library-for-dotnet",
        "msal/tests/Test.MSAL.NET.Unit/Resources/WsTrustResponse13.xml",
        "ff5951e348bebb7dfc413c227f294887cbb13fed",
    ),
    "msal-java": RecordedSource(
        "AzureAD/microsoft-authentication-library-for-java",
        "msal4j-sdk/src/test/java/com/microsoft/aad/msal4j/TestConfiguration.java",
        "190d4284c2f6ce43575fb3b63cb8355eb01d9cad",
    ),
    "msal-python-mex": RecordedSource(
        "AzureAD/microsoft-authentication-library-for-python",
        "tests/microsoft.mex.xml",
        "9bdb09e8ed198996e335e673211958f29d2d6a7c",
    ),
    "msal-python-fault": RecordedSource(
        "AzureAD/microsoft-authentication-library-for-python",
        "tests/test_wstrust.py",
        "2349f5dfe0ffade266a94e3538e48093cf062cd8",
    ),
    "adal-net": RecordedSource(
        "AzureAD/azure-activedirectory-library-for-dotnet",
        "adal/tests/Test.ADAL.NET.Common/Mocks/MockHelpers.cs",
        "a198725fe8a44b9449a98b5f8e57865e131c6f9c",
    ),
    "refresh-malformed": RecordedSource("MicrosoftDocs/azure-docs", "issue 63819"),
    "code-malformed": RecordedSource("davidjrh/dnn.azureadprovider", "issue 112"),
    "consent": RecordedSource("O365/python-o365", "issue 323"),
    "secret-expired": RecordedSource("vcheckzen/FODI", "issue 23"),
    "secret-expired-text": RecordedSource("spencerwooo/onedrive-vercel-index", "issue 1051"),
    "mfa": RecordedSource("AzureAD/microsoft-authentication-library-for-js", "issue 5491"),
    "mfa-v1": RecordedSource("AzureAD/azure-activedirectory-library-for-nodejs", "issue 151"),
    "verifier": RecordedSource("AzureAD/microsoft-authentication-library-for-js", "issue 7425"),
    "decoy": RecordedSource("get-convex/convex-auth", "issue 457"),
    "tenant": RecordedSource("microsoftgraph/windowsupdates-webapplication-sample", "issue 6"),
    "resource": RecordedSource("TracecatHQ/tracecat", "issue 2466"),
    "two-resources": RecordedSource("Earlybyte/aad_oauth", "issue 328"),
    "scope": RecordedSource("anthropics/claude-code", "issue 73460"),
    "application": RecordedSource("MicrosoftDocs/azure-docs", "issue 21690"),
    "no-credential": RecordedSource("MicrosoftDocs/azure-docs", "issue 30777"),
    "loop": RecordedSource("Azure/azure-sdk-for-net", "issue 23324"),
    "code-expired": RecordedSource("snok/django-auth-adfs", "issue 245"),
    "spa": RecordedSource("AzureAD/microsoft-authentication-library-for-js", "issue 3032"),
}

_ERROR_KEYS = ["error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id", "error_uri"]
_URI = "https://login.microsoftonline.com/error?code="
_OLD_TEXT = "the text of 2021; the lab has that of captures from 2022 on"
_OPAQUE = "opaque to programs; the lab leaves it out"
_LIFETIME = "a setting here (access_token_lifetime)"
_CONFIGURATION_KEYS = [
    "token_endpoint", "token_endpoint_auth_methods_supported", "jwks_uri", "response_modes_supported",
    "subject_types_supported", "id_token_signing_alg_values_supported", "response_types_supported", "scopes_supported",
    "issuer", "request_uri_parameter_supported", "userinfo_endpoint", "authorization_endpoint",
    "device_authorization_endpoint", "http_logout_supported", "frontchannel_logout_supported", "end_session_endpoint",
    "claims_supported", "kerberos_endpoint", "tenant_region_scope", "cloud_instance_name", "cloud_graph_host_name",
    "msgraph_host", "rbac_url",
]  # fmt: skip
_LOGIN = "https://login.microsoftonline.com"
_FULL_TEXT_7000222 = (
    "AADSTS7000222: The provided client secret keys for app '{client}' are expired. Visit the Azure portal to create "
    "new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added "
    "security: https://aka.ms/certCreds."
)
_CODE_USED = (
    "AADSTS54005: OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an "
    "existing refresh token."
)

RECORDED_ROWS: tuple[RecordedRow, ...] = (
    # Instance discovery
    RecordedRow("instance discovery", "keys", ["tenant_discovery_endpoint", "api-version", "metadata"], "go-secret"),
    RecordedRow("instance discovery", "api-version", "1.1", "go-secret"),
    RecordedRow(
        "instance discovery",
        "tenant_discovery_endpoint",
        f"{_LOGIN}/organizations/v2.0/.well-known/openid-configuration",
        "go-device",
    ),
    RecordedRow(
        "instance discovery, version 1.0",
        "tenant_discovery_endpoint",
        f"{_LOGIN}/common/.well-known/openid-configuration",
        "python-revoked",
    ),
    RecordedRow(
        "instance discovery", "metadata.0.keys", ["preferred_network", "preferred_cache", "aliases"], "js-device"
    ),
    RecordedRow("instance discovery", "metadata.0.preferred_network", "login.microsoftonline.com", "js-device"),
    RecordedRow("instance discovery", "metadata.0.preferred_cache", "login.windows.net", "js-device"),
    RecordedRow(
        "instance discovery",
        "metadata.0.aliases",
        ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"],
        "net-secret",
    ),
    RecordedRow(
        "instance discovery",
        "metadata.1.aliases",
        ["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
        "msal-java",
    ),
    RecordedRow(
        "instance discovery",
        "metadata.3.aliases",
        ["login.microsoftonline.us", "login.usgovcloudapi.net"],
        "adal-net",
    ),
    RecordedRow("instance discovery", "header Cache-Control", "max-age=86400, private", "go-secret"),
    RecordedRow("instance discovery", "header Content-Type", "application/json; charset=utf-8", "go-secret"),
    # OpenID configuration
    RecordedRow("OpenID configuration", "keys", _CONFIGURATION_KEYS, "go-device"),
    RecordedRow("OpenID configuration", "issuer", f"{_LOGIN}/{{tenantid}}/v2.0", "go-device"),
    RecordedRow("OpenID configuration", "tenant_region_scope", None, "go-device"),
    RecordedRow("OpenID configuration of a tenant", "tenant_region_scope", "WW", "go-workload"),
    RecordedRow("OpenID configuration", "token_endpoint", f"{_LOGIN}/organizations/oauth2/v2.0/token", "go-device"),
    RecordedRow("OpenID configuration", "jwks_uri", f"{_LOGIN}/organizations/discovery/v2.0/keys", "go-device"),
    RecordedRow(
        "OpenID configuration",
        "device_authorization_endpoint",
        f"{_LOGIN}/organizations/oauth2/v2.0/devicecode",
        "go-device",
    ),
    RecordedRow("OpenID configuration", "userinfo_endpoint", "https://graph.microsoft.com/oidc/userinfo", "python-obo"),
    RecordedRow(
        "OpenID configuration",
        "token_endpoint_auth_methods_supported",
        ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "python-obo",
    ),
    RecordedRow(
        "OpenID configuration",
        "response_types_supported",
        ["code", "id_token", "code id_token", "id_token token"],
        "msal-js",
    ),
    RecordedRow("OpenID configuration", "request_uri_parameter_supported", False, "msal-js"),
    RecordedRow("OpenID configuration", "cloud_instance_name", "microsoftonline.com", "js-device"),
    RecordedRow("OpenID configuration", "kerberos_endpoint", f"{_LOGIN}/organizations/kerberos", "go-device"),
    RecordedRow("OpenID configuration", "rbac_url", "https://pas.windows.net", "go-device"),
    RecordedRow("OpenID configuration", "header Cache-Control", "max-age=86400, private", "python-obo"),
    RecordedRow("OpenID configuration of an unknown tenant", "status", 400, "js-tenant"),
    RecordedRow("OpenID configuration of an unknown tenant", "error", "invalid_tenant", "tenant"),
    RecordedRow("OpenID configuration of an unknown tenant", "keys", _ERROR_KEYS, "tenant"),
    RecordedRow(
        "OpenID configuration of an unknown tenant",
        "text",
        "AADSTS90002: Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing "
        "into the correct cloud. Check with your subscription administrator, this may happen if there are no active "
        "subscriptions for the tenant.",
        "tenant",
    ),
    # Realm discovery
    RecordedRow(
        "realm of a managed user",
        "keys",
        ["ver", "account_type", "domain_name", "cloud_instance_name", "cloud_audience_urn"],
        "go-password",
    ),
    RecordedRow("realm of a managed user", "ver", "1.0", "go-password"),
    RecordedRow("realm of a managed user", "account_type", "Managed", "python-obo"),
    RecordedRow("realm of a managed user", "cloud_instance_name", "microsoftonline.com", "net-password"),
    RecordedRow("realm of a managed user", "cloud_audience_urn", "urn:federation:MicrosoftOnline", "net-password"),
    RecordedRow("realm of a managed user", "header Cache-Control", "no-store, no-cache", "net-password"),
    RecordedRow(
        "realm of a managed user", "header Content-Disposition", "inline; filename=userrealm.json", "net-password"
    ),
    # Errors of the token endpoint
    RecordedRow("wrong secret", "status", 401, "go-secret"),
    RecordedRow("wrong secret", "error", "invalid_client", "net-secret"),
    RecordedRow("wrong secret", "error_codes", [7000215], "net-secret"),
    RecordedRow("wrong secret", "keys", _ERROR_KEYS, "net-secret"),
    RecordedRow("wrong secret", "error_uri", f"{_URI}7000215", "net-secret"),
    RecordedRow("wrong secret", "text", "AADSTS7000215: Invalid client secret is provided.", "go-secret", _OLD_TEXT),
    RecordedRow("wrong secret", "header Cache-Control", "no-store, no-cache", "go-secret"),
    RecordedRow("wrong secret", "header Pragma", "no-cache", "go-secret"),
    RecordedRow("wrong secret", "header Expires", "-1", "go-secret"),
    RecordedRow(
        "wrong secret", "header x-ms-clitelem", "1,7000215,0,,", "net-secret", "telemetry; no program acts on it"
    ),
    RecordedRow("expired secret", "error", "invalid_client", "secret-expired"),
    RecordedRow("expired secret", "keys", _ERROR_KEYS, "secret-expired"),
    RecordedRow("expired secret", "text", _FULL_TEXT_7000222, "secret-expired-text"),
    RecordedRow("unknown certificate", "status", 401, "go-certificate"),
    RecordedRow("unknown certificate", "error", "invalid_client", "go-certificate"),
    RecordedRow(
        "unknown certificate",
        "text",
        "AADSTS700027: Client assertion contains an invalid signature. [Reason - The key was not found., Thumbprint of "
        "key used by client: '",
        "go-certificate",
        match="starts",
    ),
    RecordedRow("unknown certificate", "error_uri", f"{_URI}700027", "go-certificate"),
    RecordedRow("client assertion that is no JWT", "status", 400, "js-assertion"),
    RecordedRow("client assertion that is no JWT", "error", "invalid_request", "js-assertion"),
    RecordedRow(
        "client assertion that is no JWT",
        "text",
        "AADSTS50027: JWT token is invalid or malformed.",
        "js-assertion",
        match="starts",
    ),
    RecordedRow("no credential", "error_codes", [7000216], "no-credential"),
    RecordedRow(
        "no credential",
        "text",
        "AADSTS7000216: 'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' "
        "grant type",
        "no-credential",
        match="starts",
    ),
    RecordedRow("wrong password", "status", 400, "go-password"),
    RecordedRow("wrong password", "error", "invalid_grant", "go-password"),
    RecordedRow("wrong password", "keys", _ERROR_KEYS, "go-password"),
    RecordedRow(
        "wrong password",
        "text",
        "AADSTS50126: Error validating credentials due to invalid username or password.",
        "go-password",
    ),
    RecordedRow("unknown user", "status", 400, "js-user"),
    RecordedRow("unknown user", "error", "invalid_grant", "js-user"),
    RecordedRow("unknown user", "suberror", "bad_token", "js-user"),
    RecordedRow("unknown user", "keys", [*_ERROR_KEYS, "suberror"], "js-user"),
    RecordedRow(
        "unknown user",
        "text",
        "AADSTS50034: The user account {user} does not exist in the {tenant} directory. To sign into this application, "
        "the account must be added to the directory.",
        "js-user",
    ),
    RecordedRow("unknown application", "error_codes", [700016], "application"),
    RecordedRow(
        "unknown application",
        "text",
        "AADSTS700016: Application with identifier '{client}' was not found in the directory '{tenant}'. This can "
        "happen if the application has not been installed by the administrator of the tenant or consented to by any "
        "user in the tenant. You may have sent your authentication request to the wrong tenant",
        "application",
        match="starts",
    ),
    RecordedRow("code that was used", "status", 400, "go-code"),
    RecordedRow("code that was used", "error", "invalid_grant", "go-code"),
    RecordedRow("code that was used", "text", _CODE_USED, "go-code"),
    RecordedRow(
        "code that was used",
        "keys",
        _ERROR_KEYS[:-1],
        "go-code",
        "the recording has no error_uri; bodies of other codes have one, so the lab always has",
    ),
    RecordedRow(
        "code that has expired",
        "text",
        "AADSTS70008: The provided authorization code or refresh token has expired due to inactivity.",
        "code-expired",
        match="starts",
    ),
    RecordedRow("code that is malformed", "error", "invalid_grant", "code-malformed"),
    RecordedRow("code with a wrong verifier", "error", "invalid_grant", "verifier"),
    RecordedRow(
        "code with a wrong verifier",
        "text",
        "AADSTS501481: The Code_Verifier does not match the code_challenge supplied in the authorization request.",
        "verifier",
    ),
    RecordedRow("code without a challenge, with a verifier", "error_codes", [501481], "decoy"),
    RecordedRow("code of a single-page application without Origin", "error", "invalid_request", "spa"),
    RecordedRow("refresh token that is malformed", "error", "invalid_grant", "refresh-malformed"),
    RecordedRow("refresh token that is malformed", "error_codes", [9002313], "refresh-malformed"),
    RecordedRow("refresh token that is malformed", "error_uri", f"{_URI}9002313", "refresh-malformed"),
    RecordedRow(
        "refresh token that is malformed",
        "text",
        "AADSTS9002313: Invalid request. Request is malformed or invalid.",
        "refresh-malformed",
        match="starts",
    ),
    RecordedRow("refresh token that was revoked", "status", 400, "python-revoked"),
    RecordedRow("refresh token that was revoked", "error", "invalid_grant", "python-revoked"),
    RecordedRow("refresh token that was revoked", "suberror", "bad_token", "python-revoked"),
    RecordedRow(
        "refresh token that was revoked",
        "text",
        "AADSTS50173: The provided grant has expired due to it being revoked, a fresh auth token is needed. The user "
        "might have changed or reset their password.",
        "python-revoked",
        match="starts",
    ),
    RecordedRow("scope without consent", "error", "invalid_grant", "consent"),
    RecordedRow("scope without consent", "suberror", "consent_required", "consent"),
    RecordedRow(
        "scope without consent",
        "text",
        "AADSTS65001: The user or administrator has not consented to use the application with ID '{client}' named "
        "'{name}'. Send an interactive authorization request for this user and resource.",
        "consent",
    ),
    RecordedRow(
        "scope without consent", "keys", [*_ERROR_KEYS[:-1], "suberror"], "consent", "the recording has no error_uri"
    ),
    RecordedRow("second factor required", "error", "invalid_grant", "mfa"),
    RecordedRow("second factor required", "suberror", "basic_action", "mfa"),
    RecordedRow("second factor required", "keys", [*_ERROR_KEYS, "suberror", "claims"], "mfa"),
    RecordedRow("second factor required", "claims.access_token.keys", ["capolids"], "mfa"),
    RecordedRow("second factor required", "claims.access_token.capolids.keys", ["essential", "values"], "mfa"),
    RecordedRow("enrolment required, version 1.0", "error", "interaction_required", "mfa-v1"),
    RecordedRow("enrolment required, version 1.0", "claims.access_token.keys", ["polids"], "mfa-v1"),
    RecordedRow(
        "enrolment required, version 1.0",
        "claims.access_token.polids.keys",
        ["essential", "Values"],
        "mfa-v1",
        "later captures and the on-behalf-of document have values in lower case",
    ),
    RecordedRow("unknown API", "error", "invalid_resource", "msal-net"),
    RecordedRow(
        "unknown API",
        "text",
        "AADSTS500011: The resource principal named {resource} was not found in the tenant named {tenant}. This can "
        "happen if the application has not been installed by the administrator of the tenant or consented to by any "
        "user in the tenant. You might have sent your authentication request to the wrong tenant.",
        "msal-net",
    ),
    RecordedRow("scope that the API does not have", "error_codes", [650053], "scope"),
    RecordedRow(
        "scope that the API does not have",
        "text",
        "AADSTS650053: The application '{name}' asked for scope '{scope}' that doesn't exist on the resource "
        "'00000003-0000-0000-c000-000000000000'.",
        "scope",
        match="starts",
    ),
    RecordedRow("scopes of two APIs", "error_codes", [28000], "two-resources"),
    RecordedRow(
        "scopes of two APIs",
        "text",
        "AADSTS28000: Provided value for the input parameter scope is not valid because it contains more than one "
        "resource. Scope",
        "two-resources",
        match="starts",
    ),
    RecordedRow("resource of another API, version 2.0", "error_codes", [9010010], "resource"),
    RecordedRow(
        "resource of another API, version 2.0",
        "text",
        "AADSTS9010010: The resource parameter provided in the request doesn't match with the requested scopes.",
        "resource",
    ),
    RecordedRow("request loop", "status", 400, "loop"),
    RecordedRow(
        "request loop",
        "text",
        "AADSTS50196: The server terminated an operation because it encountered a client request loop. Please contact "
        "your app vendor.",
        "loop",
    ),
    RecordedRow(
        "password over /common",
        "error_codes",
        [90010],
        "msal-net",
        "the code of 2018; MSAL.NET's later mocks have 9001023",
    ),
    # Device codes
    RecordedRow(
        "device code",
        "keys",
        ["user_code", "device_code", "verification_uri", "expires_in", "interval", "message"],
        "go-device",
    ),
    RecordedRow("device code", "expires_in", 900, "go-device"),
    RecordedRow("device code", "interval", 5, "go-device"),
    RecordedRow(
        "device code",
        "message",
        "To sign in, use a web browser to open the page {page} and enter the code {code} to authenticate.",
        "msal-js",
    ),
    RecordedRow(
        "device code",
        "verification_uri",
        "https://microsoft.com/devicelogin",
        "go-device",
        "the page is at the login host: microsoft.com is not part of the lab",
    ),
    RecordedRow("device code", "header Cache-Control", "no-store, no-cache", "go-device"),
    RecordedRow(
        "device code, version 1.0",
        "keys",
        ["user_code", "device_code", "verification_url", "expires_in", "interval", "message"],
        "adal-net",
    ),
    RecordedRow("device code, version 1.0", "expires_in", "900", "adal-net"),
    RecordedRow("device code, version 1.0", "interval", "5", "adal-net"),
    RecordedRow("device code that is pending", "status", 400, "go-device"),
    RecordedRow("device code that is pending", "error", "authorization_pending", "go-device"),
    RecordedRow("device code that is pending", "keys", _ERROR_KEYS, "msal-js"),
    RecordedRow(
        "device code that is pending",
        "text",
        "AADSTS70016: OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
        "go-device",
    ),
    RecordedRow("device code that has expired, version 1.0", "error", "code_expired", "adal-net"),
    RecordedRow(
        "device code that has expired, version 1.0", "text", "AADSTS70019: Verification code expired.", "adal-net"
    ),
    # Token responses
    RecordedRow(
        "tokens of a family application",
        "keys",
        [
            "token_type",
            "scope",
            "expires_in",
            "ext_expires_in",
            "access_token",
            "refresh_token",
            "foci",
            "id_token",
            "client_info",
        ],
        "go-device",
    ),
    RecordedRow("tokens of a family application", "token_type", "Bearer", "go-device"),
    RecordedRow("tokens of a family application", "foci", "1", "net-password"),
    RecordedRow(
        "tokens of a family application",
        "scope",
        "https://management.azure.com/user_impersonation https://management.azure.com/.default",
        "python-revoked",
    ),
    RecordedRow("tokens of a family application", "expires_in", 4145, "go-device", _LIFETIME),
    RecordedRow("tokens of a family application", "client_info.keys", ["uid", "utid"], "go-device"),
    RecordedRow(
        "tokens of a family application",
        "id_token.header.keys",
        ["typ", "alg", "kid"],
        "net-password",
        "the lab has x5t in both versions; the real one in version 1.0 only",
    ),
    RecordedRow("tokens of a family application", "id_token.header.alg", "RS256", "net-password"),
    RecordedRow(
        "tokens of a family application",
        "id_token.keys",
        ["aud", "iss", "iat", "nbf", "exp", "name", "oid", "preferred_username", "sub", "tid", "uti", "ver"],
        "net-password",
        match="contains",
    ),
    RecordedRow("tokens of a family application", "id_token.keys", ["aio", "rh"], "net-password", _OPAQUE, "contains"),
    RecordedRow("tokens of a family application", "id_token.exp - iat", 3900, "net-password"),
    RecordedRow("tokens of a family application", "id_token.iat - now", -300, "net-password"),
    RecordedRow("tokens of a family application", "id_token.ver", "2.0", "net-password"),
    RecordedRow(
        "tokens for another API",
        "scope",
        "https://vault.azure.net/user_impersonation https://vault.azure.net/.default",
        "net-refresh",
    ),
    RecordedRow("tokens for an API of a tenant", "scope", "{api}/{scope}", "python-obo"),
    RecordedRow(
        "tokens for Microsoft Graph",
        "scope words",
        ["openid", "profile", "email", "https://graph.microsoft.com/User.Read"],
        "js-device",
        match="contains",
    ),
    RecordedRow(
        "token of an application",
        "keys",
        ["token_type", "expires_in", "ext_expires_in", "access_token"],
        "js-application",
    ),
    RecordedRow("token of an application", "expires_in", 3599, "js-application", _LIFETIME),
    RecordedRow("token of an application", "header Pragma", "no-cache", "js-application"),
    RecordedRow(
        "token of an application with an assertion",
        "keys",
        ["token_type", "expires_in", "ext_expires_in", "access_token"],
        "go-workload",
    ),
    RecordedRow("access token, version 1.0", "access_token.exp - iat - expires_in", 300, "msal-java"),
    RecordedRow(
        "access token, version 1.0",
        "access_token.keys",
        [
            "aud",
            "iss",
            "iat",
            "nbf",
            "exp",
            "ver",
            "tid",
            "oid",
            "upn",
            "unique_name",
            "sub",
            "appid",
            "appidacr",
            "scp",
        ],
        "msal-java",
        match="contains",
    ),
    RecordedRow("access token, version 1.0", "access_token.keys", ["acr"], "msal-java", _OPAQUE, "contains"),
    RecordedRow("access token, version 1.0", "access_token.appidacr", "0", "msal-js"),
    RecordedRow("access token, version 1.0", "access_token.idtyp", "user", "msal-js"),
    RecordedRow("access token, version 1.0", "access_token.amr", ["pwd"], "msal-js"),
    RecordedRow(
        "access token for names of scopes alone",
        "access_token.aud",
        "00000003-0000-0000-c000-000000000000",
        "msal-js",
        "the lab names Microsoft Graph by its URL, as for scopes that do so",
    ),
    RecordedRow(
        "proof-of-possession token",
        "token_type",
        "pop",
        "msal-js",
        "not made here: the request is refused (9002313)",
    ),
    # WS-Trust of a federation service
    RecordedRow("MEX document", "root", "{http://schemas.xmlsoap.org/wsdl/}definitions", "msal-python-mex"),
    RecordedRow("MEX document", "name", "SecurityTokenService", "msal-python-mex"),
    RecordedRow(
        "MEX document",
        "targetNamespace",
        "http://schemas.microsoft.com/ws/2008/06/identity/securitytokenservice",
        "msal-python-mex",
    ),
    RecordedRow(
        "MEX document",
        "policies",
        [
            "CertificateWSTrustBinding_IWSTrustFeb2005Async_policy",
            "CustomBinding_IWSTrustFeb2005Async_policy",
            "UserNameWSTrustBinding_IWSTrustFeb2005Async_policy",
        ],
        "msal-python-mex",
        match="contains",
    ),
    RecordedRow(
        "MEX document",
        "windows policy",
        "{http://schemas.microsoft.com/ws/06/2004/policy/http}NegotiateAuthentication",
        "msal-python-mex",
    ),
    RecordedRow(
        "MEX document",
        "password policy",
        "{http://schemas.xmlsoap.org/ws/2005/07/securitypolicy}SignedSupportingTokens",
        "msal-python-mex",
    ),
    RecordedRow("fault of a federation service, 1.3", "code", "s:Sender", "msal-python-fault"),
    RecordedRow("fault of a federation service, 1.3", "subcode prefix", "a", "msal-python-fault"),
    RecordedRow(
        "fault of a federation service, 1.3",
        "subcode namespace",
        "http://docs.oasis-open.org/ws-sx/ws-trust/200512",
        "msal-python-fault",
    ),
    RecordedRow("fault of a federation service, 1.3", "language", "en-US", "msal-python-fault"),
    RecordedRow(
        "response of a federation service, 1.3",
        "body child",
        "{http://docs.oasis-open.org/ws-sx/ws-trust/200512}RequestSecurityTokenResponseCollection",
        "msal-net-rstr",
    ),
    RecordedRow("response of a federation service, 1.3", "audience", "urn:federation:MicrosoftOnline", "msal-net-rstr"),
    RecordedRow(
        "response of a federation service, 1.3",
        "confirmation",
        "urn:oasis:names:tc:SAML:1.0:cm:bearer",
        "msal-net-rstr",
    ),
    RecordedRow(
        "response of a federation service, 1.3",
        "signature",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "msal-net-rstr",
    ),
    RecordedRow(
        "response of a federation service, 1.3",
        "attributes",
        ["UPN", "ImmutableID"],
        "msal-net-rstr",
        match="contains",
    ),
)
