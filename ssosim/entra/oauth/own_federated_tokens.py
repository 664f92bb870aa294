"""Tokens of the cloud itself as federated tokens: only those of a user-assigned managed identity are exchanged.

Sources: Entra document "Configure an application to trust a managed identity" (same tenant, same cloud, one audience
for each cloud, user-assigned identities only); the failure modes in arsenvlad/entra-cross-tenant-app-fic-managed-
identity (700226, 700227, 700236); Microsoft Q&A question 2139753 (700236); azure-docs issues 109083 (700229) and 90276
(700222); affandar/PilotSwarm, OBO-FIC-LIMITATIONS (700214 for the GUID as audience, 700231 for a token that was itself
exchanged, the claim ``xms_ficinfo``).
"""

from __future__ import annotations

from msgspec import Struct

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.jwt_reader import SignedJwt
from ssosim.entra.core.openid_discovery import TokenVersion
from ssosim.estate.first_party import TOKEN_EXCHANGE, CloudName

__all__ = ["EXCHANGE_AUDIENCES", "ExchangingApplication", "OwnIssuer", "check_own_token", "list_audience_names"]

EXCHANGE_AUDIENCES: dict[CloudName, str] = {
    "public": "api://AzureADTokenExchange",
    "usgov": "api://AzureADTokenExchangeUSGov",
    "china": "api://AzureADTokenExchangeChina",
}
"""The audience of a federated credential for tokens of the cloud itself, by cloud."""

_USER_ASSIGNED = "/userassignedidentities/"


class OwnIssuer(Struct, frozen=True):
    """An issuer of access tokens of a cloud of the estate. ``is_here``: it is the cloud that was asked."""

    tenant_id: str
    version: TokenVersion
    cloud: CloudName
    is_here: bool = True


class ExchangingApplication(Struct, frozen=True):
    """Who exchanges a token. ``tenant_id``: its home tenant; ``is_managed_identity``: whether it is one itself."""

    tenant_id: str
    is_managed_identity: bool = False


def list_audience_names(audience: str, cloud: CloudName) -> tuple[str, ...]:
    """Return the texts by which a federated credential may name the ``aud`` of a token of the cloud itself.

    The token has the client id of the exchange API, the credential its identifier URI.
    """
    return (EXCHANGE_AUDIENCES[cloud], audience) if audience.lower() == TOKEN_EXCHANGE else (audience,)


def check_own_token(token: SignedJwt, issuer: OwnIssuer, application: ExchangingApplication, audience: str) -> None:
    """Check a token of ``issuer`` that matches a federated credential with ``audience``.

    The order of the checks is unconfirmed. Raises AadstsError: 700227 (an issuer of version 1.0, whose tokens never
    are for the exchange), 700214 (the credential's audience), 700238 (another cloud), 700229 (a user's
    token), 700231 (a token that was itself obtained by an exchange), 700226 (an application's token), 700236
    (another tenant), 700222 (a system-assigned identity, and an exchange for a managed identity: codes unconfirmed).
    """
    claims = token.claims
    name = str(claims.get("iss"))
    if issuer.version == "1.0":
        raise AadstsError(700227)
    if audience != EXCHANGE_AUDIENCES[issuer.cloud]:
        raise AadstsError(700214, audience=EXCHANGE_AUDIENCES[issuer.cloud])
    if not issuer.is_here:
        raise AadstsError(700238, issuer=name)
    if "scp" in claims or claims.get("idtyp", "app") != "app":
        raise AadstsError(700229)
    if "xms_ficinfo" in claims:
        raise AadstsError(700231)
    resource = claims.get("xms_mirid")
    if not isinstance(resource, str):
        raise AadstsError(700226)
    if issuer.tenant_id != application.tenant_id:
        raise AadstsError(700236, issuer=name)
    if application.is_managed_identity or _USER_ASSIGNED not in resource.lower():
        raise AadstsError(700222)
