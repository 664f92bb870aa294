"""Applications in estate files: what the shipped file has, and mistakes in files of users."""

from __future__ import annotations

from importlib import resources

import pytest

from ssosim.estate import EstateError, default_estate, parse_estate
from ssosim.estate.applications import derive_object_id

TEXT = (resources.files("ssosim.estate") / "contoso.toml").read_text()
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
DESK = "allow_public_client = true\n"
API = 'app_roles = ["Orders.Job"]\nrequested'
GRANT = 'scope = "Orders.Read"'
HOME = 'tenant = "contoso.onmicrosoft.com"\napp_role'
URIS = 'identifier_uris = ["api://contoso-orders"]'
DESK_PRINCIPAL = "applications[7].service_principals[0]"
JOB_PRINCIPAL = "applications[5].service_principals[0]"

MISTAKES = [
    (
        'name = "Contoso orders API"\ntenant = "contoso',
        'name = "Contoso orders API"\ntenant = "contso',
        "applications[6].tenant",
        "did you mean",
    ),
    (DESK, f"{DESK}first_party = true\n", "applications[7].tenant", "it is in every tenant"),
    (DESK, f'{DESK}sign_in_audience = "Everybody"\n', "applications[7].sign_in_audience", "expected one of: AzureADM"),
    ('type = "native"', 'type = "desktop"', "applications[7].redirect_uris[0].type", "expected one of: "),
    (URIS, 'identifier_uris = ["orders"]', "applications[6].identifier_uris[0]", "matching regex"),
    (URIS, 'identifier_uris = ["https://*.contoso.com"]', "applications[6].identifier_uris[0]", "has no *"),
    (
        URIS,
        'identifier_uris = ["https://vault.azure.net/"]',
        "applications[6].identifier_uris[0]",
        "another application already",
    ),
    (API, 'app_roles = ["a b"]\nrequested', "applications[6].app_roles[0]", "matching regex"),
    (
        "requested_access_token_version = 2",
        "requested_access_token_version = 3",
        "applications[6].requested_access_token_version",
        "expected one of: 1, 2",
    ),
    (
        GRANT,
        'scope = "Orders.Reed"',
        f"{DESK_PRINCIPAL}.oauth2_permission_grants[1].scope",
        "did you mean 'Orders.Read'?",
    ),
    (GRANT, 'scope = " "', f"{DESK_PRINCIPAL}.oauth2_permission_grants[1].scope", "names no scope"),
    (
        GRANT,
        f'{GRANT}, consent_type = "Principal"',
        f"{DESK_PRINCIPAL}.oauth2_permission_grants[1].principal",
        "no user ''",
    ),
    (
        GRANT,
        f'{GRANT}, principal = "bob@contoso.com"',
        f"{DESK_PRINCIPAL}.oauth2_permission_grants[1].principal",
        "consent for all users has no principal",
    ),
    (
        GRANT,
        f'{GRANT}, consent_type = "Principal", principal = "bo@contoso.com"',
        f"{DESK_PRINCIPAL}.oauth2_permission_grants[1].principal",
        "did you mean 'bob@contoso.com'?",
    ),
    (
        '{ resource = "api://contoso-orders", scope',
        '{ resource = "api://contoso-order", scope',
        f"{DESK_PRINCIPAL}.oauth2_permission_grants[1].resource",
        "did you mean 'api://contoso-orders'?",
    ),
    (
        'scope = "User.Read"',
        'scope = "mailread"',
        f"{DESK_PRINCIPAL}.oauth2_permission_grants[0].scope",
        "no scope of Microsoft Graph 'mailread'",
    ),
    (
        'app_roles = ["User.Read.All"]',
        'app_roles = ["everything"]',
        f"{JOB_PRINCIPAL}.app_role_assignments[0].app_roles",
        "no application role of Microsoft Graph",
    ),
    (
        'app_roles = ["Orders.Job"] },',
        'app_roles = ["Orders.Jobs"] },',
        f"{JOB_PRINCIPAL}.app_role_assignments[1].app_roles",
        "did you mean 'Orders.Job'?",
    ),
    (
        HOME,
        'tenant = "litware.onmicrosoft.com"\napp_role',
        f"{JOB_PRINCIPAL}.tenant",
        'sign_in_audience = "AzureADMultipleOrgs"',
    ),
    (HOME, 'tenant = "nobody.example"\napp_role', f"{JOB_PRINCIPAL}.tenant", "no tenant 'nobody.example'"),
    (
        HOME,
        'tenant = "contoso.onmicrosoft.com"\nobject_id = "x"\napp_role',
        f"{JOB_PRINCIPAL}.object_id",
        "is not a GUID",
    ),
    (
        HOME,
        'tenant = "contoso.onmicrosoft.com"\nassigned_users = ["bo@contoso.com"]\napp_role',
        f"{JOB_PRINCIPAL}.assigned_users[0]",
        "did you mean 'bob@contoso.com'?",
    ),
    (
        'assertion = "desktop',
        'not_checked = ["consnet"]\nassertion = "desktop',
        "cloud.not_checked[0]",
        "did you mean 'consent'?",
    ),
]


@pytest.mark.parametrize(("old", "new", "where", "words"), MISTAKES)
def test_a_mistake_names_its_place(old: str, new: str, where: str, words: str) -> None:
    """File, line, key path, and what is expected."""
    assert old in TEXT
    with pytest.raises(EstateError) as caught:
        parse_estate(TEXT.replace(old, new, 1), "mine.toml")
    line = next((each for each in str(caught.value).splitlines() if where in each), "")
    assert line.startswith("mine.toml:"), caught.value
    assert words in line


def test_a_second_service_principal_in_a_tenant_is_a_mistake() -> None:
    """A tenant has an application once."""
    text = TEXT.replace("\n[[federation_services]]", (
        '\n[[applications.service_principals]]\ntenant = "contoso.com"\n\n[[federation_services]]'
    ), 1)  # fmt: skip
    with pytest.raises(EstateError, match=r"service_principals\[1\]\.tenant: .* already"):
        parse_estate(text, "mine.toml")


def test_an_application_of_microsoft_is_complete_whatever_the_file_says() -> None:
    """A file of before, with id, name and address alone, has the same application as the shipped one."""
    bare = f'[[applications]]\nclient_id = "{CLI.upper()}"\nname = "Azure CLI"\nredirect_uris = ["http://localhost"]\n'
    head, _, rest = TEXT.partition("# Applications of Microsoft")
    text = head + bare + "[[federation_services]]" + rest.partition("[[federation_services]]")[2]
    found = parse_estate(text, "mine.toml").application(CLI)
    assert found is not None
    assert (found.first_party, found.multi_tenant, found.allow_public_client, found.tenant) == (True, True, True, None)
    assert [(each.uri, each.type) for each in found.list_redirect_uris()] == [("http://localhost", "native")]


def test_an_object_id_is_derived_from_tenant_and_application() -> None:
    """Always the same, in lower or upper case; another one in another tenant."""
    first, second = (tenant.id for tenant in default_estate().tenants)
    assert derive_object_id(first, CLI) == derive_object_id(first.upper(), CLI.upper())
    assert derive_object_id(first, CLI) != derive_object_id(second, CLI)
