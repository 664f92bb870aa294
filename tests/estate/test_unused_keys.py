"""Keys that a lab would never read: each is refused, and accepted beside the key that gives it its effect.

Each row changes the shipped estate ``contoso-azure``, which is without mistakes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ssosim.estate.toml import TomlMistakeError
from ssosim.scenario.loader import parse_scenario
from tests.scenario.scenarios import make_text

from .changed_estate import REALM, Data, both, mistakes, put, two_realms

CLOUD_USER = {
    "upn": "cloud@contoso.com",
    "object_id": "0a1f5c1e-6f0d-4a6c-9a1d-1111111111ff",
    "password": "Cloud-lab-password-1",
    "tenant": "contoso.onmicrosoft.com",
}
PROFILE, ENDPOINT = "traffic_managers.0", "traffic_managers.0.endpoints.0"
STS = "federation_services.0"
HERE = {"name": "here", "latency": {"westeurope": 2}}
CACHE = {"name": "cache", "address": "10.10.0.99"}
ANOTHER = {"name": "another", "address": "10.10.0.98", "devices": ["desk-1"]}
API = "applications.6"
ASSIGNED = "applications.6.service_principals.0.assigned_users"
ORDERS = put("applications.6.service_principals.+", {"tenant": "contoso.onmicrosoft.com"})
PERFORMANCE = both(
    put(f"{PROFILE}.routing", "performance"),
    put(f"{ENDPOINT}.location", "westeurope"),
    put("traffic_managers.0.endpoints.1.location", "here"),
)


def user(**changed: object) -> Callable[[Data], None]:
    """Return a change that adds a user without an account in the realm, or with one."""
    return put("users.+", CLOUD_USER | changed)


EXPIRED = datetime(2020, 1, 1, tzinfo=UTC)
NOTHING = put("name", "contoso-azure")
LAST_USER = "users[7]"
"""The user that ``user`` adds."""

ROWS = [
    # the key, where it is said, and what gives it its effect
    (put("hosts.1.realm", "CORP.CONTOSO.COM"), "hosts[1].realm", put("hosts.1.services.+", "kdc")),
    (put("realms.+", REALM | {"dns_lookup_realm": True}), "realms[1].dns_lookup_realm", None),
    (put("tenants.0.domains.0.federation_issuer", "urn:x"), "tenants[0].domains[0].federation_issuer", None),
    (
        put("tenants.0.domains.0.prompt_login_behavior", "disabled"),
        "tenants[0].domains[0].prompt_login_behavior",
        None,
    ),
    (
        put("tenants.0.domains.0.former_share", 0.5),
        "tenants[0].domains[0].former_share",
        put("tenants.0.domains.0.former_federation", "fabrikam-sts"),
    ),
    (
        put("tenants.0.domains.0.former_federation", "fabrikam-sts"),
        "tenants[0].domains[0].former_federation",
        put("tenants.0.domains.0.former_share", 0.5),
    ),
    (user(realm="CORP.CONTOSO.COM"), f"{LAST_USER}.realm", put("users.7.sam_account", "cloud")),
    (user(enctypes=["rc4-hmac"]), f"{LAST_USER}.enctypes", put("users.7.sam_account", "cloud")),
    (user(authorization_data_size=9), f"{LAST_USER}.authorization_data_size", put("users.7.sam_account", "cloud")),
    (user(account_expires=EXPIRED), f"{LAST_USER}.account_expires", put("users.7.sam_account", "cloud")),
    (
        put("devices.0.tenant", "contoso.onmicrosoft.com"),
        "devices[0].tenant",
        put("devices.0.kind", "vm"),
    ),
    (
        both(put(f"{STS}.protocol", "SAML20"), put(f"{STS}.mex_form", "metadata-section")),
        "federation_services[0].mex_form",
        put(f"{STS}.protocol", "WSTrust"),
    ),
    (put(f"{PROFILE}.max_return", 2), "traffic_managers[0].max_return", put(f"{PROFILE}.routing", "multivalue")),
    (
        put(f"{PROFILE}.monitor", {"protocol": "tcp", "path": "/health"}),
        "traffic_managers[0].monitor.path",
        put(f"{PROFILE}.monitor.protocol", "http"),
    ),
    (
        put(f"{PROFILE}.monitor", {"protocol": "tcp", "expected": ["200-299"]}),
        "traffic_managers[0].monitor.expected",
        put(f"{PROFILE}.monitor.protocol", "http"),
    ),
    (
        put(f"{PROFILE}.monitor", {"protocol": "tcp", "headers": ["A: b"]}),
        "traffic_managers[0].monitor.headers",
        put(f"{PROFILE}.monitor.protocol", "https"),
    ),
    (
        both(PERFORMANCE, put("dns.locations", [HERE]), put(f"{ENDPOINT}.location", "westeurop")),
        "traffic_managers[0].endpoints[0].location",
        put(f"{ENDPOINT}.location", "westeurope"),
    ),
    (
        both(put(f"{PROFILE}.routing", "geographic"), put(f"{ENDPOINT}.regions", ["world"]),
             put("traffic_managers.0.endpoints.1.regions", ["GEO-EU"])),
        "traffic_managers[0].endpoints[0].regions[0]",
        put(f"{ENDPOINT}.regions", ["WORLD"]),
    ),
    (put("dns.locations", [HERE | {"regions": ["Germany"]}]), "dns.locations[0].regions[0]",
     put("dns.locations.0.regions", ["DE-BY", "DE", "GEO-EU"])),
    (
        put("resolvers", [CACHE | {"client_timer": 0.5}]),
        "resolvers[0].client_timer",
        put("resolvers.0.serve_stale", True),
    ),
    (
        both(put("resolvers", [CACHE, ANOTHER]), put("devices.0.resolvers", ["cache"])),
        "resolvers[1].devices[0]",
        put("devices.0.resolvers", ["cache", "another"]),
    ),
    (put(f"{API}.client_secret", ""), "applications[6].client_secret", put(f"{API}.client_secret", "s")),
    (
        both(ORDERS, put(ASSIGNED, [{"user": "alice@contoso.com", "app_roles": ["Orders.Jobs"]}])),
        "applications[6].service_principals[0].assigned_users[0].app_roles",
        put(f"{ASSIGNED}.0.app_roles", ["Orders.Job"]),
    ),
    (
        both(ORDERS, put(ASSIGNED, ["alice@contoso.com", {"user": "Alice@contoso.com", "app_roles": ["Orders.Job"]}])),
        "applications[6].service_principals[0].assigned_users[1]",
        put(f"{ASSIGNED}.1.user", "bob@contoso.com"),
    ),
    (
        put("storage_accounts.0.containers", [{"name": "one"}, {"name": "one", "blobs": {"b": "c"}}]),
        "storage_accounts[0].containers[1].name",
        put("storage_accounts.0.containers.1.name", "two"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "path", "mended"), ROWS, ids=[path for _, path, _ in ROWS])
def test_a_key_without_an_effect_is_refused(
    change: Callable[[Data], None], path: str, mended: Callable[[Data], None] | None
) -> None:
    """With the key that it needs nothing is said about it."""
    needed = two_realms if path.startswith("realms") else NOTHING
    change = both(needed, put("realms.1.dns_lookup_realm", True)) if needed is two_realms else change
    assert path in mistakes(change)
    if mended is not None:
        assert path not in mistakes(both(change, mended))


@pytest.mark.parametrize(
    "path",
    [
        "cloud.audience_urn",
        "cloud.cloud_instance_name",
        "tenants.1.domains.0.federation_issuer",
        "tenants.0.display_name",
        "users.0.immutable_id",
        "applications.0.name",
        "federation_services.0.token_type",
        "traffic_managers.0.endpoints.0.name",
    ],
)
def test_a_text_says_something(path: str) -> None:
    """An empty one was taken for a key that is not there, and a control character went into messages."""
    key = re.sub(r"\.(\d+)", r"[\1]", path)
    for text in ("", "a\x1bb"):
        assert f"{text!r}: must not be empty nor hold control characters" in mistakes(put(path, text))[key]


@pytest.mark.parametrize(
    ("resolver", "text"),
    [
        ("min_ttl = -5", "resolvers[0].min_ttl: -5 is out of range"),
        ("min_ttl = 9\nmax_ttl = 8", "resolvers[0].min_ttl: 9 is more than max_ttl, 8"),
        ("client_timer = nan", "resolvers[0].client_timer: nan is out of range"),
        ("client_timer = 0.5", "resolvers[0].client_timer: is how long a resolver waits"),
        ('address = "10.1.1.1"\nname = " \\n"', "resolvers[0].name"),
    ],
)
def test_the_resolvers_of_a_scenario_have_the_same_rules(resolver: str, text: str) -> None:
    """They are those of an estate, wherever they are written."""
    rest = "" if "name" in resolver else 'name = "cache"\naddress = "10.10.0.99"\n'
    with pytest.raises(TomlMistakeError) as refused:
        parse_scenario(make_text(after=f"[[resolvers]]\n{rest}{resolver}\n"), "mine.toml")
    assert text in str(refused.value)
