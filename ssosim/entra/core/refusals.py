"""The table of refusals: what the identity provider refuses, with which code, by which source, and its test.

``docs/generate.py`` renders the table into ``docs/identity-provider.md``. A test checks that each row's code is in the
catalogue and that each row's test exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["REFUSALS", "Refusal"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row: what is refused, the AADSTS code, the public source, and the test.

    ``refusal`` is a short noun phrase for people. ``source`` names a public document or issue; ``unconfirmed`` marks
    what no public text shows. ``test`` is ``folder/file.py::function`` in ``tests``.
    """

    refusal: str
    code: int
    source: str
    test: str


_APPLICATIONS: tuple[Refusal, ...] = (
    Refusal(
        "application that the tenant does not have, or nobody",
        700016,
        "azure-cli issue 30456, microsoft-authentication-library-for-dotnet issue 1135",
        "entra/test_entra_applications.py::test_an_application_is_unknown_in_another_tenant",
    ),
    Refusal(
        "unknown client id at authorize, token and device code",
        700016,
        "azure-docs issue 35244",
        "entra/test_entra_applications.py::test_an_unknown_application_is_700016_everywhere",
    ),
    Refusal(
        "client credentials of a multi-tenant application without service principal in the tenant",
        7000229,
        "the guide of the Teams SDK (a recording of September 2025)",
        "entra/test_entra_applications.py::test_a_multi_tenant_application_needs_consent_in_each_tenant",
    ),
    Refusal(
        "client id of zeros, as templates have it",
        700038,
        "a public note on a sign-in page with a placeholder (May 2026); logs of Terraform",
        "entra/test_entra_applications.py::test_a_client_id_of_zeros_is_700038_everywhere",
    ),
    Refusal(
        "white space around a client id, a grant type or an assertion",
        700016,
        "unconfirmed",
        "entra/test_where_parameters_are.py::test_white_space_around_a_value_belongs_to_it",
    ),
    Refusal(
        "single-tenant application at a shared authority",
        50194,
        "aspnetcore-connect-sample issue 65",
        "entra/test_entra_applications.py::test_a_single_tenant_application_needs_its_own_endpoint",
    ),
    Refusal(
        "multi-tenant application without consent in the user's tenant",
        65001,
        "azure-docs issue 39189",
        "entra/test_entra_applications.py::test_a_multi_tenant_application_needs_consent_in_each_tenant",
    ),
    Refusal(
        "client credentials without a scope",
        90014,
        "an answer of December 2022 in the tests of a public client",
        "entra/test_entra_resources.py::test_client_credentials_without_a_scope_are_90014",
    ),
    Refusal(
        "password grant with white space around the password",
        50126,
        "azure-docs issue 93193, MSAL.NET issue 3249",
        "entra/test_smart_lockout.py::test_white_space_around_a_password_is_for_the_page_only",
    ),
    Refusal(
        "client credentials at a shared authority",
        50059,
        "azure-docs issue 24064",
        "entra/test_entra_applications.py::test_client_credentials_need_a_tenant",
    ),
    Refusal(
        "authorization request of an application without redirect URIs",
        500113,
        "OneDriveAPI issue 33",
        "entra/test_entra_applications.py::test_an_application_without_redirect_uris",
    ),
    Refusal(
        "application or service principal that is disabled",
        7000112,
        "Worklytics/psoxy pull request 74",
        "entra/test_entra_applications.py::test_a_disabled_application_is_7000112",
    ),
    Refusal(
        "user who is not assigned",
        50105,
        "o365soa/soa issue 90; OAuth value unconfirmed",
        "entra/test_entra_applications.py::test_an_assigned_user_signs_in_and_another_is_50105",
    ),
    Refusal(
        "refresh after the assignment has ended",
        50105,
        "as above",
        "entra/test_entra_applications.py::test_an_assignment_that_ends_ends_refreshing",
    ),
    Refusal(
        "application without consent: token, authorize, device code page",
        65001,
        "python-o365 issue 323; value at authorize: OpenID Connect Core 3.1.2.6",
        "entra/test_entra_applications.py::test_without_consent_every_way_in_is_65001",
    ),
    Refusal(
        "refresh for what nobody consents to (any more)",
        65001,
        "azure-sdk-for-net issue 21281",
        "entra/test_entra_applications.py::test_consent_that_is_withdrawn_ends_refreshing",
    ),
    Refusal(
        "consent of another user",
        65001,
        "Microsoft Graph, oAuth2PermissionGrant",
        "entra/test_entra_applications.py::test_consent_of_one_user_is_not_that_of_another",
    ),
    Refusal(
        "application of Microsoft beyond its preauthorisation",
        65002,
        "msgraph-cli issue 48, msgraph-sdk-python pull request 678",
        "entra/test_entra_applications.py::test_microsoft_has_not_preauthorised_everything",
    ),
    Refusal(
        "secret or assertion of a public client",
        700025,
        "cli-microsoft365 issue 948, oauth2ms issue 19",
        "entra/test_entra_applications.py::test_a_public_client_must_not_send_a_credential",
    ),
    Refusal(
        "secret at poll or refresh of a public flow",
        700025,
        "canonical/authd issue 1881, email-oauth2-proxy issue 363",
        "entra/test_entra_applications.py::test_an_application_with_a_secret_and_public_flows",
    ),
    Refusal(
        "secret with a code of a native redirect URI",
        700025,
        "sonichi/sutando pull request 2705",
        "entra/test_entra_applications.py::test_the_redirect_uri_decides_what_a_client_is",
    ),
    Refusal(
        "confidential client without a credential",
        7000218,
        "azure-sdk-for-go issue 22386",
        "entra/test_entra_applications.py::test_a_confidential_client_must_authenticate",
    ),
    Refusal(
        "client credentials without a credential",
        7000216,
        "azure-apim-extension issue 138",
        "entra/test_entra_applications.py::test_a_confidential_client_must_authenticate",
    ),
    Refusal(
        "device code of a confidential client without a credential",
        7000218,
        "MicrosoftDocs azure-docs issue 30487",
        "entra/test_entra_applications.py::test_a_device_code_of_a_confidential_client_needs_its_secret",
    ),
    Refusal(
        "`Origin` of a client that is no single-page application",
        9002326,
        "databricks-sdk-py issue 671",
        "entra/test_entra_applications.py::test_the_redirect_uri_decides_what_a_client_is",
    ),
    Refusal(
        "single-page application without `Origin`",
        9002327,
        "microsoft-authentication-library-for-js issue 3032",
        "entra/test_entra_applications.py::test_the_redirect_uri_decides_what_a_client_is",
    ),
    Refusal(
        "refresh of a single-page application after 24 hours",
        700084,
        "Entra document Refresh tokens",
        "entra/test_entra_applications.py::test_a_single_page_application_refreshes_for_a_day",
    ),
)
"""Applications, service principals and consent."""

_RESOURCES: tuple[Refusal, ...] = (
    Refusal(
        "unknown API",
        500011,
        "azure-cli issue 16850, microsoft-identity-web issue 2796",
        "entra/test_entra_resources.py::test_an_unknown_api_is_500011",
    ),
    Refusal(
        "API that the tenant does not have",
        500011,
        "pnpassessment issue 76",
        "entra/test_entra_resources.py::test_an_api_of_another_tenant_is_500011",
    ),
    Refusal(
        "token for itself by a name other than the client id",
        90009,
        "microsoft-authentication-library-for-java issue 735, ms-365-mcp-server pull request 508",
        "entra/test_entra_resources.py::test_an_application_asks_for_itself_by_its_client_id",
    ),
    Refusal(
        "API that is disabled",
        500014,
        "microsoft-authentication-library-for-dotnet issue 3150",
        "entra/test_entra_resources.py::test_a_disabled_api_is_500014",
    ),
    Refusal(
        "malformed scope; .default beside another scope",
        70011,
        "msgraph-sample-android issue 11, DataverseDevTools-VSCode issue 84",
        "entra/test_entra_resources.py::test_a_malformed_scope_is_70011",
    ),
    Refusal(
        "scope that the API does not have",
        650053,
        "python-o365 issue 551, azure-docs issue 67211",
        "entra/test_entra_resources.py::test_a_scope_that_the_api_does_not_have_is_650053",
    ),
    Refusal(
        "scopes of two APIs at the token endpoint",
        28000,
        "aad_oauth issue 328, microsoft-authentication-library-for-js issue 1487",
        "entra/test_entra_resources.py::test_two_resources_are_28000_at_the_token_endpoint_only",
    ),
    Refusal(
        "code of scopes of several APIs without a scope at the token endpoint",
        28003,
        "microsoft-authentication-library-for-python issue 125, oauth2c issue 130",
        "entra/test_entra_resources.py::test_two_resources_are_28000_at_the_token_endpoint_only",
    ),
    Refusal(
        "client credentials with a scope by name",
        1002012,
        "databricks-sql-nodejs issue 226, msgraph-sdk-python issue 181",
        "entra/test_entra_resources.py::test_client_credentials_need_default",
    ),
    Refusal(
        "client credentials for two APIs",
        70011,
        "azure-sdk-for-net issue 9076, microsoft-authentication-library-for-js issue 6069",
        "entra/test_entra_resources.py::test_client_credentials_for_two_resources_are_70011",
    ),
    Refusal(
        "application without a role of an API that requires one",
        501051,
        "active-directory-dotnet-daemon issue 10; Entra error-code reference",
        "entra/test_entra_resources.py::test_an_api_may_require_a_role",
    ),
    Refusal(
        "user who is not assigned to an API that requires it",
        50105,
        "active-directory-dotnet-daemon issue 10",
        "entra/test_entra_resources.py::test_an_api_may_require_its_users_to_be_assigned",
    ),
)
"""Resources and scopes."""

_CLIENT_AUTHENTICATION: tuple[Refusal, ...] = (
    Refusal(
        "secret that no secret of the application is, or its secret ID",
        7000215,
        "captures of Azure Arc and Microsoft Fabric guides",
        "entra/test_client_secrets.py::test_a_secret_is_good_within_its_dates",
    ),
    Refusal(
        "secret before its start date",
        7000215,
        "unconfirmed",
        "entra/test_client_secrets.py::test_dates_are_kept_to_the_second",
    ),
    Refusal(
        "secret after its end date",
        7000222,
        "botframework-sdk issue 6221, vsts-release-aas issue 119",
        "entra/test_client_secrets.py::test_dates_are_kept_to_the_second",
    ),
    Refusal(
        "secret beside an assertion, in the form or in the header",
        9002313,
        "RFC 6749, section 2.3; code unconfirmed",
        "entra/test_entra_strict_requests.py::test_a_client_authenticates_in_one_way",
    ),
    Refusal(
        "assertion without its type, or the reverse",
        900144,
        "RFC 7521, section 4.2",
        "entra/test_client_assertions.py::test_the_parameters_belong_together",
    ),
    Refusal(
        "assertion of another type",
        90011,
        "azure-activedirectory-library-for-ruby pull request 53",
        "entra/test_client_assertions.py::test_the_parameters_belong_together",
    ),
    Refusal(
        "assertion that is no JWT, lacks a claim or a thumbprint, has a list as audience or a name twice",
        50027,
        "panva/openid-client issue 348, MSAL.NET issue 124",
        "entra/test_client_assertions.py::test_every_defect_has_its_code",
    ),
    Refusal(
        "assertion with a type that is not JWT",
        5002727,
        "a capture of December 2021 in the source of an OAuth client (Go)",
        "entra/test_client_assertions.py::test_every_defect_has_its_code",
    ),
    Refusal(
        "assertion with another algorithm than RS256 and PS256, none and HMAC among them",
        5002738,
        "a capture of December 2021 in the source of an OAuth client (Go)",
        "entra/test_client_assertions.py::test_nothing_signed_without_the_private_key_is_accepted",
    ),
    Refusal(
        "assertion whose issuer and subject differ",
        50048,
        "msal4j issue 430",
        "entra/test_client_assertions.py::test_every_defect_has_its_code",
    ),
    Refusal(
        "assertion of another application",
        700021,
        "azure-identity troubleshooting guide",
        "entra/test_msal_proofs.py::test_a_wrong_proof_gets_its_code",
    ),
    Refusal(
        "assertion for another audience: host, tenant, version",
        700023,
        "MSAL.NET issue 2746, ADAL Python issue 79",
        "entra/test_client_assertions.py::test_every_defect_has_its_code",
    ),
    Refusal(
        "assertion outside of its time range",
        700024,
        "MSAL.NET issue 4951, msal4j issue 984",
        "entra/test_client_assertions.py::test_the_time_range_is_in_the_text",
    ),
    Refusal(
        "assertion with an unknown key",
        700027,
        "cli-microsoft365 issue 1621, MSAL.js issue 8339",
        "entra/test_client_assertions.py::test_an_unknown_key_is_named_by_its_thumbprint",
    ),
    Refusal(
        "assertion with a wrong signature",
        700027,
        "azure-activedirectory-library-for-python issue 225",
        "entra/test_client_assertions.py::test_a_wrong_signature_is_refused",
    ),
    Refusal(
        "certificate outside of its dates",
        700027,
        "reason of the text unconfirmed",
        "entra/test_client_assertions.py::test_a_certificate_is_good_within_its_dates",
    ),
    Refusal(
        "certificate of a trusted authority, for another subject",
        700030,
        "Entra error-code reference",
        "entra/test_client_assertions.py::test_700030_names_the_subjects_of_the_certificate",
    ),
    Refusal(
        "certificate chain that leads to no trusted authority",
        7000213,
        "MSAL.NET issue 3909",
        "entra/test_client_assertions.py::test_subject_and_issuer_are_both_checked",
    ),
    Refusal(
        "assertion with a key id and no thumbprint",
        700027,
        "keycloak issues 19425, 25439",
        "entra/test_client_assertions.py::test_every_defect_has_its_code",
    ),
    Refusal(
        "certificate of a trusted authority, outside of its dates",
        7000274,
        "microsoft-identity-web pull request 3653",
        "entra/test_client_assertions.py::test_subject_and_issuer_are_both_checked",
    ),
    Refusal(
        "federated token of an issuer that no credential names",
        700211,
        "azure-workload-identity issue 1200",
        "memory/test_federated_tokens.py::test_every_defect_has_its_code",
    ),
    Refusal(
        "federated token for an audience that no credential names",
        700212,
        "azure-workload-identity issue 1675",
        "memory/test_federated_tokens.py::test_every_defect_has_its_code",
    ),
    Refusal(
        "federated token for a subject that no credential names",
        700213,
        "Azure/login issue 482",
        "memory/test_federated_tokens.py::test_every_defect_has_its_code",
    ),
    Refusal(
        "federated token whose subject differs in case",
        7002138,
        "Azure/login issues 515, 517",
        "memory/test_federated_tokens.py::test_every_defect_has_its_code",
    ),
    Refusal(
        "assertion or federated token without ``iss``, ``aud`` or ``sub``",
        90014,
        "answers of 2023 in the tests of MSAL.NET (MockHelpers.cs); ``sub`` unconfirmed",
        "entra/test_client_assertions.py::test_every_defect_has_its_code",
    ),
    Refusal(
        "assertion or federated token whose header names no key",
        5002723,
        "answers of 2023 in the tests of MSAL.NET (MockHelpers.cs); federated tokens unconfirmed",
        "entra/test_federated_rules.py::test_a_token_that_names_no_key_is_refused",
    ),
    Refusal(
        "federated token for an application without federated credentials",
        70025,
        "logs of public workflows with Azure/login",
        "memory/test_federated_tokens.py::test_an_application_without_federated_credentials_accepts_no_token",
    ),
    Refusal(
        "federated token of a system-assigned identity, and one of the cloud itself for a managed identity",
        700222,
        'Entra document "Configure an application to trust a managed identity"; code unconfirmed',
        "entra/test_federated_rules.py::test_a_token_of_the_cloud_itself_is_that_of_a_user_assigned_identity_of_the_tenant",
    ),
    Refusal(
        "federated token of the cloud itself, the credential having another audience than the exchange",
        700214,
        "affandar/PilotSwarm OBO-FIC-LIMITATIONS",
        "entra/test_federated_rules.py::test_a_token_of_the_cloud_itself_is_that_of_a_user_assigned_identity_of_the_tenant",
    ),
    Refusal(
        "federated token of an application that is no managed identity",
        700226,
        "arsenvlad/entra-cross-tenant-app-fic-managed-identity",
        "memory/test_federated_tokens.py::test_a_token_of_the_cloud_itself_is_not_exchanged",
    ),
    Refusal(
        "federated token of the issuer of version 1.0 of the cloud itself",
        700227,
        "arsenvlad/entra-cross-tenant-app-fic-managed-identity",
        "entra/test_federated_rules.py::test_a_token_of_the_cloud_itself_is_that_of_a_user_assigned_identity_of_the_tenant",
    ),
    Refusal(
        "federated token of a user of the cloud itself",
        700229,
        "azure-docs issue 109083",
        "entra/test_federated_rules.py::test_a_token_of_the_cloud_itself_is_that_of_a_user_assigned_identity_of_the_tenant",
    ),
    Refusal(
        "federated token that was itself obtained with a federated token",
        700231,
        "affandar/PilotSwarm OBO-FIC-LIMITATIONS",
        "entra/test_federated_rules.py::test_a_token_of_the_cloud_itself_is_that_of_a_user_assigned_identity_of_the_tenant",
    ),
    Refusal(
        "federated token of a managed identity of another tenant",
        700236,
        "Microsoft Q&A question 2139753",
        "entra/test_federated_rules.py::test_a_token_of_the_cloud_itself_is_that_of_a_user_assigned_identity_of_the_tenant",
    ),
    Refusal(
        "federated token of a managed identity of another cloud",
        700238,
        "public notes of July 2026 on US Government and the public cloud",
        "entra/test_federated_rules.py::test_a_token_of_the_cloud_itself_is_that_of_a_user_assigned_identity_of_the_tenant",
    ),
    Refusal(
        "federated token whose key the issuer does not publish, or with a wrong signature",
        7000272,
        "azure-workload-identity issue 1232; the signature: unconfirmed",
        "memory/test_federated_tokens.py::test_the_signature_is_that_of_the_issuer",
    ),
    Refusal(
        "federated token whose issuer cannot be reached",
        50166,
        "azure-workload-identity issues 642, 1130; azure-cli issue 28863",
        "memory/test_federated_tokens.py::test_a_fault_of_the_issuer_is_50166",
    ),
)
"""Secrets, certificates and federated credentials of applications."""

_GRANTS: tuple[Refusal, ...] = (
    Refusal(
        "assertion of on-behalf-of that was not signed here, or that is no access token",
        50013,
        "msgraph-sdk-php issue 1585, MSAL.NET issue 1317",
        "entra/test_on_behalf_of.py::test_tokens_that_are_no_assertion",
    ),
    Refusal(
        "assertion of on-behalf-of for another API",
        500131,
        "microsoft-authentication-library-for-js issue 389",
        "entra/test_on_behalf_of.py::test_tokens_that_are_no_assertion",
    ),
    Refusal(
        "assertion of on-behalf-of that has expired",
        500133,
        "Entra error-code reference; OAuth value: captures of on-behalf-of programs",
        "entra/test_on_behalf_of.py::test_tokens_that_are_no_assertion",
    ),
    Refusal(
        "on-behalf-of with the token of an application",
        7000114,
        "Entra error-code reference; OAuth value unconfirmed",
        "entra/test_on_behalf_of.py::test_tokens_that_are_no_assertion",
    ),
    Refusal(
        "assertion of on-behalf-of that is no JWT",
        50027,
        "Entra error-code reference",
        "entra/test_on_behalf_of.py::test_requests_that_are_refused",
    ),
    Refusal(
        "on-behalf-of without a credential of the API",
        7000218,
        "on-behalf-of document",
        "entra/test_on_behalf_of.py::test_requests_that_are_refused",
    ),
    Refusal(
        "on-behalf-of for an API that nobody consented to",
        65001,
        "on-behalf-of document",
        "entra/test_on_behalf_of.py::test_consent_is_said_as_such",
    ),
    Refusal(
        "on-behalf-of for a user who is disabled",
        50057,
        "Entra error-code reference",
        "entra/test_on_behalf_of.py::test_a_disabled_user_gets_no_further",
    ),
    Refusal(
        "instance discovery for a host of no known cloud",
        50049,
        "MSAL.NET TestConstants.DiscoveryFailedResponse",
        "entra/test_entra_documents.py::test_instance_discovery_of_an_unknown_host",
    ),
    Refusal(
        "method that an endpoint does not have",
        900561,
        "koskila.net on AADSTS90056 and AADSTS900561; status unconfirmed",
        "entra/test_entra_errors.py::test_wrong_method_host_and_path",
    ),
)
"""On-behalf-of, and requests of other endpoints."""

_PARAMETERS: tuple[Refusal, ...] = (
    Refusal(
        "`claims` that is no JSON object of objects",
        50117,
        "Entra error page of the code; OpenID Connect Core 5.5",
        "entra/test_request_parameters.py::test_malformed_claims_are_50117",
    ),
    Refusal(
        "`resource` in version 2.0 for another API than that of the scopes",
        9010010,
        "tracecat issue 2466, powerbi-modeling-mcp issue 68",
        "entra/test_request_parameters.py::test_resource_in_version_2_is_that_of_the_scopes",
    ),
    Refusal(
        "password in version 1.0 without `resource`",
        900144,
        "azure-docs issues 46696, 101261",
        "entra/test_request_parameters.py::test_version_1_needs_a_resource_where_a_user_is_asked_for",
    ),
    Refusal(
        "`request`, `request_uri`, `registration`, another `token_type`, other parameters for what is not made here",
        9002313,
        "OpenID Connect Core 3.1.2.6 (OAuth values); code unconfirmed",
        "entra/test_request_parameters.py::test_what_is_not_made_here_is_refused",
    ),
    Refusal(
        "code of a single-page application without PKCE",
        9002325,
        "dbt guide to Entra ID sign-in, microsoft-authentication-library-for-js issues",
        "entra/test_request_parameters.py::test_a_single_page_application_needs_pkce",
    ),
    Refusal(
        "unknown API among several of an authorization request",
        500011,
        "MSAL.NET, extra scopes to consent",
        "entra/test_request_parameters.py::test_all_scopes_of_an_authorization_request_count",
    ),
    Refusal(
        "`/.default` beside a scope by name, of whatever API",
        70011,
        "Entra document Scopes and permissions",
        "entra/test_request_parameters.py::test_all_scopes_of_an_authorization_request_count",
    ),
    Refusal(
        "one API without consent among several of an authorization request",
        65001,
        "MSAL.NET, extra scopes to consent",
        "entra/test_request_parameters.py::test_consent_is_needed_for_every_api_of_a_request",
    ),
)
"""Parameters of OAuth requests."""

_BROWSERS: tuple[Refusal, ...] = (
    Refusal(
        "`Origin` with a grant of programs: password, device code, assertions, client credentials",
        9002326,
        "azure-docs issues 75699 (password), 76480 (client credentials); other grants unconfirmed",
        "entra/test_browser_rules.py::test_a_page_gets_no_tokens_by_the_grants_of_programs",
    ),
    Refusal(
        "several values of `prompt`, or an unknown one; `admin_consent` in version 2.0",
        90023,
        "opencloud-eu/desktop issue 871, compass-calendar issue 3662, keycloak issue 15092",
        "entra/test_browser_rules.py::test_prompt_is_read",
    ),
    Refusal(
        "`response_type=token`",
        700051,
        "microsoft-authentication-library-for-js issue 766",
        "entra/test_entra_authorize.py::test_errors_that_are_sent_to_the_application",
    ),
    Refusal(
        "code without `redirect_uri`, or with the parameter misspelt",
        700009,
        "microsoft-authentication-library-for-js issue 7728, azure-docs issue 95297",
        "entra/test_browser_rules.py::test_a_code_needs_its_redirect_uri",
    ),
    Refusal(
        "unknown `code_challenge_method`",
        50149,
        "entra-docs pull request 1538",
        "entra/test_browser_rules.py::test_the_challenge_has_a_method_and_a_size",
    ),
    Refusal(
        "`code_challenge` with padding, or of another size than that of its method",
        501491,
        "azure-docs issue 42906, org-outlook issue 6",
        "entra/test_browser_rules.py::test_the_challenge_has_a_method_and_a_size",
    ),
    Refusal(
        "`prompt=none` without a session",
        50058,
        "OpenID Connect Core 3.1.2.6",
        "entra/test_browser_rules.py::test_prompt_is_read",
    ),
)
"""Pages of other sites, and parameters of browsers."""

_FEDERATION: tuple[Refusal, ...] = (
    Refusal(
        "issuer that is not the one of the user's domain",
        50107,
        "mandiant/ADFSpoof issue 6",
        "entra/test_adfs_as_adfs.py::test_the_issuer_is_that_of_the_domain",
    ),
    Refusal(
        "issuer of another domain of the same service",
        50034,
        "unconfirmed",
        "entra/test_adfs_as_adfs.py::test_an_issuer_is_good_for_its_own_domain",
    ),
    Refusal(
        "token of a federation service for another relying party",
        50008,
        "SAML core, section 2.5.1.4",
        "entra/test_adfs_as_adfs.py::test_a_relying_party_of_the_estate_gets_its_own_token",
    ),
    Refusal(
        "assertion after the domain has become a managed one",
        50107,
        "azure-docs issue 40210",
        "faults/test_directory_faults.py::test_an_assertion_after_the_conversion_is_refused",
    ),
    Refusal(
        "assertion with a second audience restriction that does not name the cloud",
        50008,
        "SAML 2.0 core, section 2.5.1.4; jellyfin-plugin-sso issue 460",
        "entra/test_saml_conditions.py::test_the_recipient_must_be_in_every_audience_restriction",
    ),
    Refusal(
        "assertion with a condition that is not understood",
        50008,
        "SAML 2.0 core, section 2.5.1.1",
        "entra/test_saml_conditions.py::test_a_condition_that_is_not_understood_makes_it_invalid",
    ),
    Refusal(
        "assertion whose subject is not confirmed for a bearer (holder of key)",
        50008,
        "RFC 7522, section 3; node-saml issue 435; code unconfirmed",
        "entra/test_saml_conditions.py::test_a_subject_that_is_not_confirmed_for_a_bearer",
    ),
    Refusal(
        "assertion whose confirmation or session has ended, or is for another recipient",
        50008,
        "SAML 2.0 core, sections 2.4.1.2 and 2.7.2; keycloak issue 45652; code unconfirmed",
        "entra/test_saml_conditions.py::test_the_confirmation_has_dates_of_its_own",
    ),
    Refusal(
        "assertion of another version, or with dates that are no dates of XML Schema",
        50008,
        "SAML 2.0 core, sections 1.3.3 and 4.1.3; code unconfirmed",
        "entra/test_saml_conditions.py::test_an_instant_is_a_date_time_of_xml_schema",
    ),
)
"""Assertions of federation services."""

_USERS: tuple[Refusal, ...] = (
    Refusal(
        "one factor where two are required",
        50076,
        "microsoft-authentication-library-for-js issue 5491, azure-cli issue 5566",
        "entra/test_sign_in_rules.py::test_programs_get_the_codes_of_the_second_factor",
    ),
    Refusal(
        "one factor of a user who has no second",
        50079,
        "on-behalf-of document",
        "entra/test_sign_in_rules.py::test_programs_get_the_codes_of_the_second_factor",
    ),
    Refusal(
        "one factor at the sign-in page, where the second is asked for",
        50074,
        "davmail issues 285, 306; Entra error-code reference",
        "entra/test_sign_in_rules.py::test_the_page_asks_for_the_second_factor_and_then_lets_in",
    ),
    Refusal(
        "one factor at the sign-in page, of a user who has no second",
        50072,
        "Entra error-code reference",
        "entra/test_sign_in_rules.py::test_a_user_without_a_second_factor_must_enroll_at_the_page",
    ),
    Refusal(
        "wrong, old or used one-time code",
        500121,
        "Entra error-code reference; RFC 6238, section 5.2",
        "entra/test_sign_in_rules.py::test_a_headless_program_does_not_get_past_the_second_factor",
    ),
    Refusal(
        "device that is not compliant",
        53000,
        "Entra error-code reference",
        "entra/test_sign_in_rules.py::test_each_control_has_its_code",
    ),
    Refusal(
        "device that is not joined to the domain",
        53001,
        "Entra error-code reference",
        "entra/test_sign_in_rules.py::test_each_control_has_its_code",
    ),
    Refusal(
        "application that is not approved",
        53002,
        "Entra error-code reference",
        "entra/test_sign_in_rules.py::test_each_control_has_its_code",
    ),
    Refusal(
        "access that a policy blocks",
        53003,
        "MSOLSpray issue 5, sp-rest-proxy issue 96",
        "entra/test_sign_in_rules.py::test_each_control_has_its_code",
    ),
    Refusal(
        "refresh after the sign-in frequency",
        70043,
        "email-oauth2-proxy issue 181, vscode-azure-account issue 673",
        "entra/test_sign_in_rules.py::test_sign_in_frequency_ends_refreshing",
    ),
    Refusal(
        "code or assertion older than the sign-in frequency",
        70044,
        "Entra error-code reference",
        "entra/test_sign_in_rules.py::test_a_code_is_too_old_for_every_time",
    ),
    Refusal(
        "locked account",
        50053,
        "AADInternals KillChain_utils.ps1",
        "entra/test_sign_in_rules.py::test_the_state_of_an_account_decides",
    ),
    Refusal(
        "password, even the right one, after ten failures with different passwords (smart lockout)",
        50053,
        'Microsoft Learn "Configure smart lockout thresholds"; growth of the duration and tickets unconfirmed',
        "entra/test_smart_lockout.py::test_ten_different_wrong_passwords_lock_the_right_one",
    ),
    Refusal(
        "disabled account",
        50057,
        "Entra error-code reference",
        "entra/test_sign_in_rules.py::test_the_state_of_an_account_decides",
    ),
    Refusal(
        "password that has expired or must be changed",
        50055,
        "microsoft-graph-docs-contrib issue 5530",
        "entra/test_sign_in_rules.py::test_the_state_of_an_account_decides",
    ),
    Refusal(
        "refresh with what an old password gave",
        50173,
        "azure-cli issue 242, react-native-azure-ad issue 31",
        "entra/test_sign_in_rules.py::test_a_new_password_revokes_what_the_old_one_gave",
    ),
    Refusal(
        "refresh of a revoked session",
        50173,
        "Entra document Refresh tokens",
        "entra/test_sign_in_rules.py::test_revoked_sessions_are_over_however_they_began",
    ),
    Refusal(
        "user of another tenant who is no guest",
        50020,
        "python-o365 issue 1119",
        "entra/test_sign_in_rules.py::test_a_stranger_is_not_a_guest",
    ),
    Refusal(
        "user of another tenant who is no guest, where two factors are required",
        90072,
        "vscode-mssql pull request 17670, azure-cli pull request 31742",
        "entra/test_sign_in_rules.py::test_a_stranger_is_not_a_guest",
    ),
    Refusal(
        "password of a guest at the host's tenant",
        50034,
        "password grant document",
        "entra/test_sign_in_rules.py::test_the_password_grant_is_for_the_home_tenant",
    ),
    Refusal(
        "assertion of a federation service without an ImmutableID",
        90020,
        "Entra error-code reference",
        "entra/test_sign_in_rules.py::test_an_assertion_names_the_user_by_immutable_id",
    ),
    Refusal(
        "ImmutableID that no user has",
        51004,
        "GSuite-as-identity-Provider issue 4",
        "entra/test_sign_in_rules.py::test_an_assertion_names_the_user_by_immutable_id",
    ),
    Refusal(
        "request loop of a user's client",
        50196,
        "MSAL.NET issue 1788, himmelblau issue 290; limit unconfirmed",
        "entra/test_sign_in_rules.py::test_a_client_that_loops_is_stopped",
    ),
    Refusal(
        "request loop of an application",
        50196,
        "azure-sdk-for-net issue 23324; limit unconfirmed",
        "entra/test_sign_in_rules.py::test_an_application_that_loops_is_told_to_wait",
    ),
)
"""Users, second factors, Conditional Access, guests."""

_CLOUDS: tuple[Refusal, ...] = (
    Refusal(
        "secret at the public cloud, for a tenant of US Government",
        900382,
        "ms-rest-nodeauth issue 110, certify issue 553",
        "entra/test_clouds.py::test_a_secret_at_the_wrong_cloud",
    ),
    Refusal(
        "secret at the public cloud, for a tenant of China",
        90002,
        "azure-powershell issue 22647, azure-sdk-for-net issue 28170",
        "entra/test_clouds.py::test_a_secret_at_the_wrong_cloud",
    ),
    Refusal(
        "certificate assertion at the wrong cloud",
        700023,
        "live tests of the public library azure_auth, September 2026",
        "entra/test_clouds.py::test_an_assertion_at_the_wrong_cloud",
    ),
    Refusal(
        "password, device code or ticket at the wrong cloud; a secret in other pairs of clouds",
        90038,
        "sipe issue 182, msgraph-cli issue 396; some pairs of clouds unconfirmed",
        "entra/test_clouds.py::test_a_password_at_the_wrong_cloud",
    ),
    Refusal(
        "user of another cloud at the page of an application that is not of Microsoft",
        900383,
        "notes of a public VPN client; when exactly is unconfirmed",
        "entra/test_clouds.py::test_an_application_of_one_cloud_leads_nowhere",
    ),
    Refusal(
        "code that another cloud has issued",
        900384,
        "MSAL for Android issue 1454; OAuth value unconfirmed",
        "entra/test_clouds.py::test_the_page_leads_a_user_to_the_own_cloud",
    ),
    Refusal(
        "resource of another cloud",
        500011,
        "steampipe-plugin-azuread issue 167",
        "entra/test_clouds.py::test_a_resource_of_another_cloud",
    ),
)
"""Requests at the wrong cloud."""

REFUSALS: Mapping[str, tuple[Refusal, ...]] = MappingProxyType(
    {
        "Applications": _APPLICATIONS,
        "Client authentication": _CLIENT_AUTHENTICATION,
        "Resources and scopes": _RESOURCES,
        "Parameters of requests": _PARAMETERS,
        "On-behalf-of and other endpoints": _GRANTS,
        "Federation services": _FEDERATION,
        "Users": _USERS,
        "Browsers": _BROWSERS,
        "Other clouds": _CLOUDS,
    }
)
"""The rows by the title of their section, in the order of the page."""
