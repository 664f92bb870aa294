"""References of an estate to what does not exist, and limits of numbers: the nearest that exists is accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .changed_estate import Data, both, mistakes, put, two_realms

GRAPH = "https://graph.microsoft.com"
ISSUER = "https://oidc.contoso.example/cluster-1"
RESOLVER = {"name": "r", "address": "10.9.0.1"}


def resolver(**settings: Any) -> Callable[[Data], None]:
    """One resolver with these settings."""
    return put("resolvers", [RESOLVER | settings])


def agent(tenant: str) -> Callable[[Data], None]:
    """A device of Azure Pipelines more, the 17th, with a service connection in this tenant."""
    connection = {"id": "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5bff", "issuer": ISSUER, "subject": "s", "tenant": tenant}
    return put("devices.+", {"name": "agent", "kind": "pipelines", "service_connections": [connection]})


def role(resource: str, *roles: str) -> list[Data]:
    """One entry of application roles."""
    return [{"resource": resource, "app_roles": list(roles)}]


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        (
            put("managed_identities.0.app_role_assignments", role("https://graph.microsoft.con", "User.Read.All")),
            "managed_identities[0].app_role_assignments[0].resource",
            f"did you mean '{GRAPH}'?",
        ),
        (
            put("managed_identities.0.app_role_assignments", role(GRAPH, "everything")),
            "managed_identities[0].app_role_assignments[0].app_roles",
            "there is no application role of Microsoft Graph 'everything'",
        ),
        (
            both(
                put("devices.4.system_assigned_identity", True),
                put("devices.4.app_role_assignments", role("api://nobody", "x")),
            ),
            "devices[4].app_role_assignments[0].resource",
            "there is no API 'api://nobody'",
        ),
        (
            both(
                put("devices.4.system_assigned_identity", False),
                put("devices.4.app_role_assignments", role(GRAPH, "User.Read.All")),
            ),
            "devices[4].app_role_assignments",
            "set system_assigned_identity = true",
        ),
        (
            put("devices.11.workload_identity.tenant", "nowhere"),
            "devices[11].workload_identity.tenant",
            "there is no tenant 'nowhere'; known: contoso",
        ),
        (
            agent("contoso.onmicrosoft.con"),
            "devices[16].service_connections[0].tenant",
            "did you mean 'contoso.onmicrosoft.com'?",
        ),
        (put("hosts.0.name", ""), "hosts[0].name", "must not be empty nor hold control characters"),
        (put("hosts.0.name", "dc\x1b"), "hosts[0].name", "must not be empty nor hold control characters"),
        (put("federation_services.0.issuer", ""), "federation_services[0].issuer", "must not be empty"),
        (put("users.1.sam_account", "-bob"), "users[1].sam_account", "begins with a dash"),
        (put("realms.0.service_account.name", "-sso$"), "realms[0].service_account.name", "begins with a dash"),
        (put("cloud.request_loop_limit", -1), "cloud.request_loop_limit", "expected a number of requests"),
        (resolver(min_ttl=-1), "resolvers[0].min_ttl", "-1 is out of range"),
        (resolver(max_ttl=-1), "resolvers[0].max_ttl", "-1 is out of range"),
        (resolver(max_negative_ttl=2**31), "resolvers[0].max_negative_ttl", "is out of range"),
        (resolver(min_ttl=60, max_ttl=59), "resolvers[0].min_ttl", "60 is more than max_ttl, 59"),
        (resolver(client_timer=-0.5), "resolvers[0].client_timer", "is out of range"),
        (resolver(client_timer=float("nan")), "resolvers[0].client_timer", "nan is out of range"),
        (resolver(client_timer=float("inf")), "resolvers[0].client_timer", "inf is out of range"),
        (both(two_realms, put("users.1.realm", "B.TSET")), "users[1].realm", "did you mean 'B.TEST'?"),
        (both(two_realms, put("hosts.0.realm", "b.test")), "hosts[0].realm", "there is no realm 'b.test'"),
        (both(two_realms, put("realms.0.trusts", ["B.TEST", "C.TEST"])), "realms[0].trusts[1]", "no realm 'C.TEST'"),
    ],
)
def test_what_does_not_exist_is_named(change: Callable[[Data], object], path: str, words: str) -> None:
    """The key is named, with what is there instead: else a role or a trust would be dropped in silence."""
    found = mistakes(change)
    assert words in found.get(path, ""), found


@pytest.mark.parametrize(
    "change",
    [
        put("managed_identities.0.app_role_assignments", role(f"{GRAPH}/", "User.Read.All")),
        both(
            put("devices.4.system_assigned_identity", True),
            put("devices.4.app_role_assignments", role(GRAPH, "User.Read.All")),
        ),
        put("devices.11.workload_identity.tenant", "litware.onmicrosoft.com"),
        agent("contoso.com"),
        put("cloud.request_loop_limit", 0),
        resolver(min_ttl=60, max_ttl=60),
        resolver(client_timer=0.0, serve_stale=True),
        resolver(max_negative_ttl=0),
        both(two_realms, put("realms.0.trusts", ["B.TEST"]), put("users.1.realm", "B.TEST")),
    ],
)
def test_the_nearest_that_exists_is_accepted(change: Callable[[Data], object]) -> None:
    """The other side of each rule."""
    assert mistakes(change) == {}
