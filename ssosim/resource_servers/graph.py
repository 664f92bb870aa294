"""Microsoft Graph: the service ``graph``. ``/me``, ``/organization``, ``/users`` and ``/oidc/userinfo``.

Service principals are in ``graph_service_principals``.

Sources: Microsoft Graph documents "Get user", "List users", "Get organization" (permissions, properties), "Microsoft
Graph error responses"; msgraph-sdk-python (requests); Entra document "UserInfo endpoint". The challenge is that of
recordings of microsoftgraph/msgraph-sdk-javascript issues; its ``client_id`` is that of Microsoft Graph.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

from ssosim.entra import Call, HttpReply
from ssosim.entra.core.messages import make_json_reply
from ssosim.entra.oauth.userinfo import handle_userinfo
from ssosim.estate import Estate, Tenant, User
from ssosim.estate.first_party import GRAPH, cloud_name_of
from ssosim.resource_servers.access_tokens import Caller, Requirements, TokenRefusedError, check_access_token
from ssosim.resource_servers.application import ResourceApplication, ResourceError
from ssosim.resource_servers.endpoints import GRAPH_HOSTS, graph_audiences
from ssosim.resource_servers.graph_service_principals import ServicePrincipals
from ssosim.services.service import Service

__all__ = ["GraphApplication", "graph"]

_ME = frozenset({"User.Read", "User.ReadWrite", "User.ReadBasic.All", "User.Read.All", "User.ReadWrite.All"})
_DIRECTORY = frozenset({"Directory.Read.All", "Directory.ReadWrite.All"})
_DIRECTORY_AS_USER = _DIRECTORY | {"Directory.AccessAsUser.All"}
_USERS = frozenset({"User.ReadBasic.All", "User.Read.All", "User.ReadWrite.All"})
_ORGANIZATION = frozenset({"Organization.Read.All", "Organization.ReadWrite.All"})
_APPLICATIONS = frozenset({"Application.Read.All", "Application.ReadWrite.All"})
_EXPIRED = "Lifetime validation failed, the token is expired."


@dataclass(frozen=True, slots=True)
class GraphApplication(ResourceApplication):
    """The endpoints of Microsoft Graph."""

    def answer(self, call: Call) -> HttpReply:
        """Answer one request."""
        words = [part.lower() for part in call.path]
        if words == ["oidc", "userinfo"] and call.method in ("GET", "POST"):
            return handle_userinfo(self.provider, call, ())
        caller = check_access_token(self.provider, call, Requirements(graph_audiences(self.provider.estate)))
        return make_json_reply(self._answer(call, caller, words))

    def refuse_token(self, call: Call, refused: TokenRefusedError) -> HttpReply:
        """Return 401 with the challenge of Microsoft Graph."""
        return _refuse_token(call, refused)

    def reply_error(self, call: Call, error: ResourceError) -> HttpReply:
        """Return an error as Microsoft Graph writes it."""
        return _reply_error(call, error)

    def _answer(self, call: Call, caller: Caller, words: list[str]) -> dict[str, Any]:
        if call.method != "GET" or words[:1] not in (["v1.0"], ["beta"]):
            raise ResourceError(400, "BadRequest", "Resource not found for the segment of the request.")
        base = f"https://{call.host}/{words[0]}/$metadata"
        match words[1:]:
            case ["me"]:
                return {"@odata.context": f"{base}#users/$entity", **self._describe_self(caller)}
            case ["organization"]:
                return {"@odata.context": f"{base}#organization", "value": [self._describe_organization(caller)]}
            case ["users"]:
                _require(caller, delegated=_USERS | _DIRECTORY_AS_USER, application=_USERS | _DIRECTORY)
                values = [self._describe(user, caller.tenant) for user in self._users(caller.tenant)]
                return {"@odata.context": f"{base}#users", "value": values}
            case ["users", name]:
                return {"@odata.context": f"{base}#users/$entity", **self._find_user(caller, name)}
            case [first, *_] if first.startswith("serviceprincipals"):
                return self._read_service_principals(caller, words[1:], call.query.get("$filter", ""), base)
        raise ResourceError(400, "BadRequest", f"Resource not found for the segment '{'/'.join(words[1:])[:64]}'.")

    def _describe_self(self, caller: Caller) -> dict[str, Any]:
        if caller.kind == "app":
            raise ResourceError(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
        _require(caller, delegated=_ME | _DIRECTORY_AS_USER, application=frozenset())
        user = self.provider.directory.find_user_by_id(caller.object_id)
        if user is None:
            raise ResourceError(404, "Request_ResourceNotFound", f"Resource '{caller.object_id}' does not exist.")
        return self._describe(user, caller.tenant)

    def _describe_organization(self, caller: Caller) -> dict[str, Any]:
        delegated = _ORGANIZATION | _DIRECTORY_AS_USER | {"User.Read"}
        _require(caller, delegated=delegated, application=_ORGANIZATION | _DIRECTORY)
        tenant = caller.tenant
        names = (tenant.initial_domain, *(domain.name for domain in tenant.domains))
        return {
            "id": tenant.id,
            "displayName": tenant.display_name,
            "verifiedDomains": [
                {"name": name, "isDefault": index == 0, "isInitial": index == 0, "type": "Managed"}
                for index, name in enumerate(names)
            ],
            "onPremisesSyncEnabled": any(user.sid and user.synced for user in self._users(tenant)) or None,
        }

    def _find_user(self, caller: Caller, name: str) -> dict[str, Any]:
        directory = self.provider.directory
        user = directory.find_user_by_id(name) or directory.find_user(name)
        own = user is not None and caller.kind == "user" and self._id_of(user, caller.tenant) == caller.object_id
        delegated = (_ME if own else _USERS) | _DIRECTORY_AS_USER
        _require(caller, delegated=delegated, application=_USERS | _DIRECTORY)
        if user is None or user not in self._users(caller.tenant):
            raise ResourceError(
                404,
                "Request_ResourceNotFound",
                f"Resource '{name[:128]}' does not exist or one of its queried reference-property objects are not "
                "present.",
            )
        return self._describe(user, caller.tenant)

    def _read_service_principals(
        self, caller: Caller, words: list[str], odata_filter: str, base: str
    ) -> dict[str, Any]:
        _require(caller, delegated=_APPLICATIONS | _DIRECTORY_AS_USER, application=_APPLICATIONS | _DIRECTORY)
        found = ServicePrincipals(self.provider, caller.tenant)
        if words == ["serviceprincipals"]:
            return {"@odata.context": f"{base}#servicePrincipals", "value": found.list(odata_filter)}
        return {"@odata.context": f"{base}#servicePrincipals/$entity", **found.find(words)}

    def _users(self, tenant: Tenant) -> list[User]:
        """Return the users of ``tenant``, with its guests; on-premises accounts that are not synchronised are not."""
        directory = self.provider.directory
        return [
            user
            for user in self.provider.estate.users
            if user.synced and (directory.find_tenant(user.tenant) is tenant or directory.is_guest(user, tenant))
        ]

    def _id_of(self, user: User, tenant: Tenant) -> str:
        return self.provider.directory.find_object_id(user, tenant)

    def _describe(self, user: User, tenant: Tenant) -> dict[str, Any]:
        given, _, family = user.display_name.partition(" ")
        home = self.provider.directory.find_tenant(user.tenant) is tenant
        external = f"{user.upn.replace('@', '_')}#EXT#@{tenant.initial_domain}"
        return {
            "businessPhones": [],
            "displayName": user.display_name,
            "givenName": given or None,
            "jobTitle": None,
            "mail": user.upn,
            "mobilePhone": None,
            "officeLocation": None,
            "preferredLanguage": None,
            "surname": family or None,
            "userPrincipalName": user.upn if home else external,
            "id": self._id_of(user, tenant),
        }


def _require(caller: Caller, *, delegated: frozenset[str], application: frozenset[str]) -> None:
    """Raise the refusal unless the token has one of the permissions of its kind."""
    had, wanted = (caller.scopes, delegated) if caller.kind == "user" else (caller.roles, application)
    if not had & wanted:
        raise ResourceError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def _refuse_token(call: Call, refused: TokenRefusedError) -> HttpReply:
    text = {
        "missing": "Access token is empty.",
        "malformed": "IDX14100: JWT is not well formed, there are no dots (.).",
        "audience": "Access token validation failure. Invalid audience.",
        "expired": _EXPIRED,
        "not_yet_valid": _EXPIRED,
        "revoked": "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: "
        "TokenIssuedBeforeRevocationTimestamp",
    }.get(refused.reason, "Access token validation failure.")
    host = "login.microsoftonline.com"
    authorize = f'Bearer realm="", authorization_uri="https://{host}/common/oauth2/authorize", client_id="{GRAPH}"'
    if refused.claims:
        authorize += f', error="insufficient_claims", claims="{refused.claims}"'
    reply = _reply_error(call, ResourceError(401, "InvalidAuthenticationToken", text))
    return dataclasses.replace(reply, headers=(*reply.headers, ("WWW-Authenticate", authorize)))


def _reply_error(call: Call, error: ResourceError) -> HttpReply:
    inner = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(call.now)),
        "request-id": call.trace_id,
        "client-request-id": call.correlation_id,
    }
    body = {"error": {"code": error.code, "message": error.message, "innerError": inner}}
    fields = (("request-id", call.trace_id), ("client-request-id", call.correlation_id))
    reply = make_json_reply(body, error.status, fields)
    return dataclasses.replace(reply, error_description=f"{error.code}: {error.message}")


def graph(estate: Estate) -> tuple[Service, ...]:
    """Return the service at the host of Microsoft Graph in the estate's cloud."""
    host = GRAPH_HOSTS[cloud_name_of(estate.cloud.cloud_instance_name)]
    audiences = graph_audiences(estate)
    return (Service(name="graph", dns_names=(host,), audiences=audiences, application=GraphApplication.start),)
