"""An estate for the tests of applications: two tenants, applications of each kind, an API of the user's own."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from msgspec.structs import replace

from ssosim.estate import (
    Application,
    AppRoleAssignment,
    AssignedUser,
    Estate,
    OAuth2PermissionGrant,
    RedirectUri,
    ServicePrincipal,
    default_estate,
)

CONTOSO: Final = "contoso.onmicrosoft.com"
LITWARE: Final = "litware.onmicrosoft.com"
ALICE, ALICE_PASSWORD = "alice@contoso.com", "Alice-lab-password-1"
BOB, BOB_PASSWORD = "bob@contoso.com", "Bob-lab-password-1"
LENA, LENA_PASSWORD = "lena@litware.example", "Lena-lab-password-1"

GRAPH: Final = "https://graph.microsoft.com"
API: Final = "api://orders"
API_ID: Final = "a0000000-0000-4000-8000-000000000001"
DAEMON: Final = "a0000000-0000-4000-8000-000000000002"
BOTH: Final = "a0000000-0000-4000-8000-000000000003"
PUBLIC: Final = "a0000000-0000-4000-8000-000000000004"
WEB: Final = "a0000000-0000-4000-8000-000000000005"
MULTI: Final = "a0000000-0000-4000-8000-000000000006"
ASSIGNED: Final = "a0000000-0000-4000-8000-000000000007"
OFF: Final = "a0000000-0000-4000-8000-000000000008"
STRANGER: Final = "a0000000-0000-4000-8000-000000000009"
V1_API: Final = "api://ledger"
V1_API_ID: Final = "a0000000-0000-4000-8000-00000000000a"
CLI: Final = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
SECRET: Final = "a-secret-of-the-lab"
DAEMON_OBJECT: Final = "b0000000-0000-4000-8000-000000000002"

USER_READ: Final = OAuth2PermissionGrant(resource=GRAPH, scope="User.Read")
ORDERS_READ: Final = OAuth2PermissionGrant(resource=API, scope="Orders.Read")


def at(tenant: str, *grants: OAuth2PermissionGrant, **more: Any) -> ServicePrincipal:
    """A service principal in ``tenant`` with these grants."""
    return ServicePrincipal(tenant=tenant, oauth2_permission_grants=grants, **more)


APPLICATIONS: Final = (
    Application(
        client_id=API_ID,
        name="Orders API",
        tenant=CONTOSO,
        identifier_uris=(API,),
        oauth2_permission_scopes=("Orders.Read", "Orders.Write"),
        app_roles=("Orders.Admin", "Orders.Job"),
        requested_access_token_version=2,
        optional_claims=("idtyp",),
    ),
    Application(
        client_id=V1_API_ID,
        name="Ledger API",
        tenant=CONTOSO,
        identifier_uris=(V1_API,),
        oauth2_permission_scopes=("user_impersonation",),
        app_roles=("Ledger.Job",),
        service_principals=(
            ServicePrincipal(
                tenant=CONTOSO,
                assignment_required=True,
                assigned_users=(AssignedUser(user=ALICE, app_roles=("Ledger.Admin",)),),
            ),
        ),
    ),
    Application(
        client_id=DAEMON,
        name="Orders job",
        tenant=CONTOSO,
        client_secret=SECRET,
        service_principals=(
            ServicePrincipal(
                tenant=CONTOSO,
                object_id=DAEMON_OBJECT,
                app_role_assignments=(
                    AppRoleAssignment(resource=API, app_roles=("Orders.Job",)),
                    AppRoleAssignment(resource=GRAPH, app_roles=("User.Read.All", "Mail.Send")),
                ),
            ),
        ),
    ),
    Application(
        client_id=BOTH,
        name="Mail proxy",
        tenant=CONTOSO,
        client_secret=SECRET,
        allow_public_client=True,
        redirect_uris=(RedirectUri(uri="https://mail.contoso.com/back", type="web"),),
        service_principals=(at(CONTOSO, USER_READ, ORDERS_READ),),
    ),
    Application(
        client_id=PUBLIC,
        name="Orders on the desk",
        tenant=CONTOSO,
        allow_public_client=True,
        redirect_uris=("http://localhost",),
        service_principals=(
            at(
                CONTOSO,
                ORDERS_READ,
                OAuth2PermissionGrant(resource=V1_API, scope="user_impersonation"),
                OAuth2PermissionGrant(resource=API, scope="Orders.Write", consent_type="Principal", principal=ALICE),
            ),
        ),
    ),
    Application(
        client_id=WEB,
        name="Orders in the browser",
        tenant=CONTOSO,
        client_secret=SECRET,
        redirect_uris=(
            RedirectUri(uri="https://orders.contoso.com/back", type="web"),
            RedirectUri(uri="https://orders.contoso.com/spa", type="spa"),
            RedirectUri(uri="http://localhost", type="native"),
        ),
        service_principals=(at(CONTOSO, USER_READ, ORDERS_READ),),
    ),
    Application(
        client_id=MULTI,
        name="Reports of somebody",
        tenant=LITWARE,
        sign_in_audience="AzureADMultipleOrgs",
        allow_public_client=True,
        client_secret=SECRET,
        service_principals=(at(LITWARE, USER_READ),),
    ),
    Application(
        client_id=ASSIGNED,
        name="For a few",
        tenant=CONTOSO,
        allow_public_client=True,
        redirect_uris=("http://localhost",),
        service_principals=(at(CONTOSO, USER_READ, assignment_required=True, assigned_users=(ALICE,)),),
    ),
    Application(
        client_id=OFF,
        name="Switched off",
        tenant=CONTOSO,
        allow_public_client=True,
        client_secret=SECRET,
        redirect_uris=("http://localhost",),
        service_principals=(at(CONTOSO, USER_READ, enabled=False),),
    ),
    Application(
        client_id=STRANGER,
        name="Nobody consented",
        tenant=CONTOSO,
        allow_public_client=True,
        redirect_uris=("http://localhost",),
    ),
)


def make_estate(**cloud: Any) -> Estate:
    """Contoso and Litware with these applications; ``cloud`` are other settings of the cloud."""
    estate = default_estate()
    changed = replace(estate.cloud, **cloud) if cloud else estate.cloud
    return replace(estate, cloud=changed, applications=(*estate.applications, *APPLICATIONS))


def change_principal(estate: Estate, client_id: str, **changes: Any) -> Estate:
    """The estate with another first service principal of ``client_id``."""
    applications = tuple(
        replace(
            each,
            service_principals=(replace((*each.service_principals, ServicePrincipal(tenant=CONTOSO))[0], **changes),),
        )
        if each.client_id == client_id
        else each
        for each in estate.applications
    )
    return replace(estate, applications=applications)


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, unverified."""
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def password_form(
    client: str, scope: str, user: str = ALICE, password: str = ALICE_PASSWORD, **more: str
) -> dict[str, str]:
    """A password grant."""
    return {
        "client_id": client, "grant_type": "password", "username": user, "password": password, "scope": scope, **more
    }  # fmt: skip


def app_form(client: str, scope: str, secret: str | None = SECRET, **more: str) -> dict[str, str]:
    """A client credentials grant."""
    form = {"client_id": client, "grant_type": "client_credentials", "scope": scope, **more}
    return form if secret is None else form | {"client_secret": secret}
