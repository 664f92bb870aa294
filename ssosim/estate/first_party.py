"""Applications and APIs of Microsoft, which exist in every tenant: client ids, identifier URIs, scopes.

Sources: ROADtools ``roadtx/firstpartyscopes.json`` (commit fc344df: client ids, members of the family, redirect URIs,
which scopes Microsoft has preauthorised for which client, identifier URIs); Entra document "National clouds" and Azure
document "Compare Azure Government and global Azure" (identifier URIs of other clouds); microsoftgraph/msgraph-cli issue
48 and microsoftgraph/msgraph-sdk-python pull request 678 (Azure CLI gets AADSTS65002 for User.Read of Graph); Entra
document "Configure an application to trust a managed identity" (the token exchange by cloud) and microsoft-identity-web
issue 2551 (its tokens are of version 2.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Literal

from msgspec import Struct, json
from msgspec.structs import replace

from ssosim.estate.applications import Application, RedirectUri

__all__ = [
    "AAD_GRAPH",
    "ARM",
    "EXCHANGE_ONLINE",
    "FIRST_PARTY",
    "GRAPH",
    "GRAPH_URIS",
    "PREAUTHORIZED",
    "TOKEN_EXCHANGE",
    "CloudName",
    "cloud_name_of",
    "complete_application",
    "exists_in",
    "identifier_uris_in",
]

CloudName = Literal["public", "usgov", "china"]

GRAPH = "00000003-0000-0000-c000-000000000000"
AAD_GRAPH = "00000002-0000-0000-c000-000000000000"
ARM = "797f4846-ba00-4fd7-ba43-dac1f8f63013"
KEY_VAULT = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"
STORAGE = "e406a681-f3d4-42a8-90b6-c2b029497af1"
EXCHANGE_ONLINE = "00000002-0000-0ff1-ce00-000000000000"
SHAREPOINT_ONLINE = "00000003-0000-0ff1-ce00-000000000000"
SQL = "022907d3-0f1b-48f7-badc-1ba6abab6d66"
POWER_BI = "00000009-0000-0000-c000-000000000000"
TOKEN_EXCHANGE = "fb60f99c-7a34-4190-8149-302f77469936"  # noqa: S105 - a client id

_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
_POWERSHELL = "1950a258-227b-4e31-a9cf-717495945fc2"
_GRAPH_TOOLS = "14d82eec-204b-4c2f-b7e8-296a70dab67e"
_OFFICE = "d3590ed6-52b3-4102-aeff-aad2292ab01c"
_AAD_POWERSHELL = "1b730954-1685-4b74-9bfd-dac224a7b894"
_NATIVE_CLIENT = "https://login.microsoftonline.com/common/oauth2/nativeclient"
_OOB = "urn:ietf:wg:oauth:2.0:oob"

GRAPH_URIS: Mapping[CloudName, str] = MappingProxyType(
    {
        "public": "https://graph.microsoft.com",
        "usgov": "https://graph.microsoft.us",
        "china": "https://microsoftgraph.chinacloudapi.cn",
    }
)
"""The identifier URI of Microsoft Graph by cloud; a scope without a resource belongs to it."""


class _Api(Struct, frozen=True):
    """An API of Microsoft. ``uris`` by cloud; a host ``*.name`` stands for any one label."""

    client_id: str
    name: str
    uris: Mapping[CloudName, tuple[str, ...]]
    scopes: tuple[str, ...]
    app_roles: tuple[str, ...] = ()
    token_version: Literal[1, 2] = 1


_EVERY_API = (
    _Api(
        GRAPH,
        "Microsoft Graph",
        {
            "public": ("https://graph.microsoft.com", "https://canary.graph.microsoft.com"),
            "usgov": ("https://graph.microsoft.us", "https://dod-graph.microsoft.us"),
            "china": ("https://microsoftgraph.chinacloudapi.cn",),
        },
        (),  # hundreds, and more each month: a scope of Graph is known by its form and its consent
    ),
    _Api(
        AAD_GRAPH,
        "Windows Azure Active Directory",
        {
            "public": ("https://graph.windows.net",),
            "usgov": ("https://graph.microsoftazure.us",),
            "china": ("https://graph.chinacloudapi.cn",),
        },
        (
            "user_impersonation", "62e90394-69f5-4237-9190-012177145e10", "User.Read", "User.ReadBasic.All",
            "User.Read.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All",
            "Directory.AccessAsUser.All",
        ),
        ("Application.ReadWrite.OwnedBy", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"),
    ),
    _Api(
        ARM,
        "Windows Azure Service Management API",
        {
            "public": ("https://management.azure.com/", "https://management.core.windows.net/"),
            "usgov": ("https://management.usgovcloudapi.net/", "https://management.core.usgovcloudapi.net/"),
            "china": ("https://management.chinacloudapi.cn/", "https://management.core.chinacloudapi.cn/"),
        },
        ("user_impersonation",),
    ),
    _Api(
        KEY_VAULT,
        "Azure Key Vault",
        {
            "public": ("https://vault.azure.net", "https://*.vault.azure.net"),
            "usgov": ("https://vault.usgovcloudapi.net", "https://*.vault.usgovcloudapi.net"),
            "china": ("https://vault.azure.cn", "https://*.vault.azure.cn"),
        },
        ("user_impersonation",),
    ),
    _Api(
        STORAGE,
        "Azure Storage",
        {
            "public": (
                "https://storage.azure.com",
                "https://storage.core.windows.net",
                *(f"https://*.{kind}.core.windows.net" for kind in ("blob", "dfs", "file", "queue", "table")),
            ),
            "usgov": (
                "https://storage.azure.com",
                *(f"https://*.{kind}.core.usgovcloudapi.net" for kind in ("blob", "dfs", "file", "queue", "table")),
            ),
            "china": (
                "https://storage.azure.com",
                *(f"https://*.{kind}.core.chinacloudapi.cn" for kind in ("blob", "dfs", "file", "queue", "table")),
            ),
        },
        ("user_impersonation",),
    ),
    _Api(
        EXCHANGE_ONLINE,
        "Office 365 Exchange Online",
        {
            "public": (
                "https://outlook.office.com",
                "https://outlook.office365.com",
                "https://outlook.com",
                "https://ps.outlook.com",
            ),
            "usgov": ("https://outlook.office365.us",),
            "china": ("https://partner.outlook.cn",),
        },
        (
            "user_impersonation", "Mail.Read", "Mail.ReadWrite", "Mail.Send", "Calendars.Read", "Calendars.ReadWrite",
            "Calendars.ReadWrite.Shared", "Contacts.Read", "Contacts.ReadWrite", "Contacts.ReadWrite.Shared",
            "Mail.ReadWrite.Shared", "Mail.Send.Shared", "MailboxSettings.ReadWrite", "People.Read", "People.ReadWrite",
            "Tasks.Read", "Tasks.ReadWrite", "User.ReadBasic.All", "EAS.AccessAsUser.All", "EWS.AccessAsUser.All",
            "IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send", "Exchange.Manage",
            "MapiHttp.AccessAsUser.All",
            "Oab.AccessAsUser.All", "OWA.AccessAsUser.All", "OutlookService.AccessAsUser.All", "Group.ReadWrite.All",
        ),
        (
            "full_access_as_app", "Exchange.ManageAsApp", "IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp",
            "Mail.Read", "Mail.ReadWrite", "Mail.Send", "Calendars.Read", "Calendars.ReadWrite.All", "Contacts.Read",
            "Contacts.ReadWrite", "MailboxSettings.Read", "MailboxSettings.ReadWrite",
        ),
    ),
    _Api(
        SHAREPOINT_ONLINE,
        "Office 365 SharePoint Online",
        {
            "public": ("https://*.sharepoint.com/",),
            "usgov": ("https://*.sharepoint.us/",),
            "china": ("https://*.sharepoint.cn/",),
        },
        (
            "user_impersonation", "AllSites.Read", "AllSites.Write", "AllSites.Manage", "AllSites.FullControl",
            "MyFiles.Read", "MyFiles.Write", "Sites.Search.All", "TermStore.Read.All", "User.Read.All",
        ),
        ("Sites.Read.All", "Sites.ReadWrite.All", "Sites.Manage.All", "Sites.FullControl.All", "Sites.Selected",
         "TermStore.Read.All", "User.Read.All"),
    ),
    _Api(
        POWER_BI,
        "Power BI Service",
        {
            "public": ("https://analysis.windows.net/powerbi/api",),
            "usgov": (
                "https://analysis.usgovcloudapi.net/powerbi/api",
                "https://high.analysis.usgovcloudapi.net/powerbi/api",
                "https://mil.analysis.usgovcloudapi.net/powerbi/api",
            ),
            "china": ("https://analysis.chinacloudapi.cn/powerbi/api",),
        },
        ("App.Read.All", "Dashboard.Read.All", "Dataset.Read.All", "Dataset.ReadWrite.All", "Report.Read.All",
         "Report.ReadWrite.All", "Tenant.Read.All", "Workspace.Read.All", "Workspace.ReadWrite.All"),
        ("Tenant.Read.All", "Tenant.ReadWrite.All"),
    ),
    _Api(
        SQL,
        "Azure SQL Database",
        {
            "public": ("https://database.windows.net", "https://sql.azuresynapse.net"),
            "usgov": ("https://database.usgovcloudapi.net",),
            "china": ("https://database.chinacloudapi.cn",),
        },
        ("user_impersonation",),
        ("app_impersonation",),
    ),
    _Api(
        TOKEN_EXCHANGE,
        "AAD Token Exchange Endpoint: Public",
        {
            "public": ("api://AzureADTokenExchange",),
            "usgov": ("api://AzureADTokenExchangeUSGov",),
            "china": ("api://AzureADTokenExchangeChina",),
        },
        (),
        token_version=2,
    ),
)  # fmt: skip


def _native(client_id: str, name: str, *redirect_uris: str, family: bool = False) -> Application:
    uris = (*redirect_uris, f"ms-appx-web://Microsoft.AAD.BrokerPlugin/{client_id}")
    return Application(
        client_id=client_id,
        name=name,
        first_party=True,
        sign_in_audience="AzureADMultipleOrgs",
        allow_public_client=True,
        redirect_uris=tuple(RedirectUri(uri=each, type="native") for each in uris),
        family=family,
    )


class _NativeClient(Struct, frozen=True):
    """A public client in ``first_party_clients.json``; ``scopes`` by the client id of the API."""

    client_id: str
    name: str
    family: bool
    redirect_uris: tuple[str, ...]
    scopes: dict[str, tuple[str, ...]]


_MORE_CLIENTS = json.decode(
    resources.files("ssosim.estate").joinpath("first_party_clients.json").read_bytes(), type=tuple[_NativeClient, ...]
)
"""The members of the family of client ids, and common tools, from the list of ROADtools; APIs of the lab only."""

_CLIENTS = (
    _native(_CLI, "Microsoft Azure CLI", "http://localhost", _NATIVE_CLIENT, family=True),
    _native(_POWERSHELL, "Microsoft Azure PowerShell", "http://localhost", _NATIVE_CLIENT, _OOB, family=True),
    _native(_GRAPH_TOOLS, "Microsoft Graph Command Line Tools", "http://localhost", _NATIVE_CLIENT),
    _native(_OFFICE, "Microsoft Office", "http://localhost", _NATIVE_CLIENT, _OOB, family=True),
    _native(_AAD_POWERSHELL, "Azure Active Directory PowerShell", _NATIVE_CLIENT, _OOB),
    *(_native(each.client_id, each.name, *each.redirect_uris, family=each.family) for each in _MORE_CLIENTS),
)

FIRST_PARTY: Mapping[str, Application] = MappingProxyType(
    {each.client_id: each for each in _CLIENTS}
    | {
        each.client_id: Application(
            client_id=each.client_id,
            name=each.name,
            first_party=True,
            sign_in_audience="AzureADMultipleOrgs",
            identifier_uris=tuple(dict.fromkeys(uri for uris in each.uris.values() for uri in uris)),
            oauth2_permission_scopes=each.scopes,
            app_roles=each.app_roles,
            requested_access_token_version=each.token_version,
            optional_claims=("idtyp",),
        )
        for each in _EVERY_API
    }
)
"""The applications and APIs of Microsoft by client id. Access tokens are of version 1.0, for the exchange of 2.0."""

_URIS = {each.client_id: each.uris for each in _EVERY_API}

_OPENID = ("email", "openid", "profile")
_IMPERSONATION = {
    AAD_GRAPH: ("user_impersonation",),
    ARM: ("user_impersonation",),
    KEY_VAULT: ("user_impersonation",),
    STORAGE: ("user_impersonation",),
    EXCHANGE_ONLINE: ("user_impersonation",),
    SHAREPOINT_ONLINE: ("user_impersonation",),
    SQL: ("user_impersonation",),
}

PREAUTHORIZED: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {each.client_id: each.scopes for each in _MORE_CLIENTS}
    | {
        _CLI: _IMPERSONATION
        | {
            AAD_GRAPH: ("62e90394-69f5-4237-9190-012177145e10",),
            GRAPH: (
                *_OPENID, "Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "AuditLog.Read.All",
                "DelegatedPermissionGrant.ReadWrite.All", "Directory.AccessAsUser.All", "Group.ReadWrite.All",
                "User.Read.All", "User.ReadWrite.All",
            ),
        },
        _POWERSHELL: {api: scopes for api, scopes in _IMPERSONATION.items() if api != EXCHANGE_ONLINE}
        | {
            GRAPH: (
                *_OPENID, "Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "AuditLog.Read.All",
                "DelegatedPermissionGrant.ReadWrite.All", "Directory.AccessAsUser.All", "Group.ReadWrite.All",
                "User.Read.All",
            ),
        },
        _OFFICE: _IMPERSONATION
        | {
            GRAPH: (
                *_OPENID, "AuditLog.Create", "Calendar.ReadWrite", "Calendars.Read.Shared", "Calendars.ReadWrite",
                "Contacts.ReadWrite", "DataLossPreventionPolicy.Evaluate", "Directory.AccessAsUser.All",
                "Directory.Read.All", "Files.Read", "Files.Read.All", "Files.ReadWrite.All",
                "FileStorageContainer.Selected", "Group.Read.All", "Group.ReadWrite.All",
                "InformationProtectionPolicy.Read", "Mail.ReadWrite", "Mail.Send", "Notes.Create",
                "Organization.Read.All", "People.Read", "People.Read.All", "Printer.Read.All",
                "PrinterShare.ReadBasic.All", "PrintJob.Create", "PrintJob.ReadWriteBasic", "Reports.Read.All",
                "SensitiveInfoType.Detect", "SensitiveInfoType.Read.All", "SensitivityLabel.Evaluate",
                "Tasks.ReadWrite", "TeamMember.ReadWrite.All", "TeamsTab.ReadWriteForChat", "User.Read.All",
                "User.ReadBasic.All", "User.ReadWrite", "Users.Read",
            ),
            EXCHANGE_ONLINE: (
                "Calendars.ReadWrite", "Calendars.ReadWrite.Shared", "Contacts.ReadWrite", "Contacts.ReadWrite.Shared",
                "EAS.AccessAsUser.All", "EWS.AccessAsUser.All", "Group.ReadWrite.All", "Mail.ReadWrite",
                "Mail.ReadWrite.Shared", "Mail.Send", "Mail.Send.Shared", "MailboxSettings.ReadWrite",
                "MapiHttp.AccessAsUser.All", "Oab.AccessAsUser.All", "OutlookService.AccessAsUser.All",
                "OWA.AccessAsUser.All", "People.Read", "People.ReadWrite", "Tasks.ReadWrite", "User.ReadBasic.All",
                "user_impersonation",
            ),
        },
        _AAD_POWERSHELL: _IMPERSONATION
        | {
            GRAPH: (
                *_OPENID, "Agreement.Read.All", "Agreement.ReadWrite.All", "AgreementAcceptance.Read",
                "AgreementAcceptance.Read.All", "AuditLog.Read.All", "Directory.AccessAsUser.All",
                "Directory.ReadWrite.All", "Group.ReadWrite.All", "IdentityProvider.ReadWrite.All",
                "Policy.ReadWrite.TrustFramework", "PrivilegedAccess.ReadWrite.AzureAD",
                "PrivilegedAccess.ReadWrite.AzureADGroup", "PrivilegedAccess.ReadWrite.AzureResources",
                "TrustFrameworkKeySet.ReadWrite.All", "User.Invite.All",
            ),
        },
    }
)  # fmt: skip
"""By client id and API, the scopes for which Microsoft needs no consent of a tenant (AADSTS65002 for others).

Microsoft Graph Command Line Tools is not here: it asks each tenant for consent, like an application of anybody.
"""


_ABSENT: Mapping[CloudName, frozenset[str]] = MappingProxyType({"china": frozenset({_GRAPH_TOOLS})})


def cloud_name_of(cloud_instance_name: str) -> CloudName:
    """Return the cloud of ``cloud_instance_name`` (the field of that name in the OpenID configuration)."""
    name = cloud_instance_name.lower()
    if name.endswith(".us"):
        return "usgov"
    return "china" if name.endswith(".cn") else "public"


def exists_in(cloud: CloudName, client_id: str) -> bool:
    """Whether ``cloud`` has the application ``client_id`` of Microsoft; True for an application of anybody else.

    Source: a live test of a public sign-in library (azure_auth, September 2026) asks each cloud for device codes: the
    Graph Command Line Tools are not in China, Azure PowerShell and Exchange PowerShell are in every cloud.
    """
    return client_id.lower() not in _ABSENT.get(cloud, frozenset())


def identifier_uris_in(cloud: CloudName, api: Application) -> tuple[str, ...]:
    """Return the identifier URIs of ``api`` in ``cloud``; those of an API of the user are the same in every cloud."""
    return _URIS[api.client_id][cloud] if api.client_id in _URIS else api.identifier_uris


def complete_application(application: Application) -> Application:
    """Return ``application`` as it exists: one of Microsoft has what Microsoft registered, whatever the file left out.

    A file may give such an application other redirect URIs, service principals and a secret of its own.
    """
    known = FIRST_PARTY.get(application.client_id.lower())
    if known is None:
        return application
    return replace(
        application,
        first_party=True,
        tenant=None,
        sign_in_audience=known.sign_in_audience,
        allow_public_client=known.allow_public_client,
        redirect_uris=application.redirect_uris or known.redirect_uris,
        identifier_uris=known.identifier_uris,
        oauth2_permission_scopes=known.oauth2_permission_scopes,
        app_roles=known.app_roles,
        requested_access_token_version=known.requested_access_token_version,
        optional_claims=known.optional_claims,
    )
