"""Mistakes that a schema cannot find, one each: the key path that is named, and the words of the message.

Each row changes the shipped estate ``contoso-azure``, which is without mistakes, and names what must be said.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from .changed_estate import DELEGATION, PROXY, REALM, SAMBA, Data, again, both, mistakes, put, two_realms

EARLY, LATE = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
ISSUER = "https://oidc.contoso.example/cluster-1"
FEDERATED = {"issuer": ISSUER, "subject": "s", "name": "nnn"}
CLUSTER = {
    "issuer": "https://oidc.contoso.example/cluster-9",
    "subject": "s",
    "client_id": "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b11",
}
SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"


ENDPOINT = "traffic_managers.0.endpoints"

MISTAKES = [
    # tenants
    (
        again("tenants", id="11111111-1111-4111-8111-111111111111"),
        "tenants[2].domains[0].name",
        "already verified by tenant 'Contoso'",
    ),
    (
        again("tenants", id="11111111-1111-4111-8111-111111111111", domains=[]),
        "tenants[2].initial_domain",
        "used already at tenants[0]",
    ),
    (
        put("tenants.1.domains.+", {"name": "Contoso.onmicrosoft.com"}),
        "tenants[1].domains[1].name",
        "initial domain of tenant 'Contoso'",
    ),
    (
        put("tenants.0.domains.+", {"name": "CONTOSO.com"}),
        "tenants[0].domains[2].name",
        "already verified by tenant 'Contoso'",
    ),
    (
        put("tenants.0.domains.0.federation", "fabrikam-sts"),
        "tenants[0].domains[0].federation",
        'only a domain with kind = "federated"',
    ),
    (
        put("tenants.0.domains.0.former_federation", "nobody"),
        "tenants[0].domains[0].former_federation",
        "no federation service 'nobody'",
    ),
    (
        put("tenants.0.domains.1.former_federation", "fabrikam-sts"),
        "tenants[0].domains[1].former_federation",
        "only a managed domain",
    ),
    (
        put("tenants.0.domains.1", {"name": "f.com", "kind": "federated"}),
        "tenants[0].domains[1].federation",
        "no federation service ''",
    ),
    (again("federation_services"), "federation_services[1].name", "used already at federation_services[0].name"),
    # realms
    (
        put("realms.0.services.+", "HTTP/Intranet.corp.contoso.com"),
        "realms[0].services[2]",
        "is an SPN of this realm already",
    ),
    (
        put("realms.0.service_account.spns", ["http/sts.fabrikam.com"]),
        "realms[0].services[1]",
        "is an SPN of this realm already",
    ),
    (put("realms.0.service_account.spns", []), "realms[0].service_account.spns", "needs at least one SPN"),
    (put("realms.0.domain", "corp contoso"), "realms[0].domain", "is not a DNS domain"),
    (put("realms.0.trusts", ["CORP.CONTOSO.COM"]), "realms[0].trusts[0]", "a realm does not trust itself"),
    (put("realms.0.trusts", ["CORP.CONTOSO.CON"]), "realms[0].trusts[0]", "did you mean 'CORP.CONTOSO.COM'?"),
    (put("realms.0.parent", "CORP.CONTOSO.COM"), "realms[0].parent", "the parents are a circle"),
    (put("realms.0.parent", "ROOT"), "realms[0].parent", "there is no realm 'ROOT'; known: CORP.CONTOSO.COM"),
    (
        both(two_realms, put("realms.0.parent", "B.TEST"), put("realms.1.parent", "CORP.CONTOSO.COM")),
        "realms[1].parent",
        "circle",
    ),
    (put("realms.+", REALM), "hosts", 'needs a host with "kdc" in its services and realm = "B.TEST"'),
    (both(two_realms, put("realms.1.name", "corp.contoso.com")), "realms[1].name", "used already at realms[0].name"),
    (put("hosts.0.realm", "C.TEST"), "hosts[0].realm", "there is no realm 'C.TEST'"),
    (put("realms.0.kdc_proxy", "proxy.corp.contoso.com"), "hosts", "the realm CORP.CONTOSO.COM has a KDC proxy"),
    (put("hosts.+", PROXY), "realms[0].kdc_proxy", 'names no host, and a host has "kdc-proxy" in its services'),
    (put("hosts.0.services.+", "kdc-proxy"), "hosts[0].services", "a KDC proxy needs a host of its own"),
    # a directory of Samba
    (put("realms.0.delegations", [DELEGATION]), "realms[0].delegations", 'need directory = "samba"'),
    (both(two_realms, SAMBA), "realms[0].directory", "a realm of Samba is the only one of its estate"),
    (
        both(SAMBA, put("realms.0.ticket_lifetime", 1800)),
        "realms[0].ticket_lifetime",
        "1800 seconds: Samba has whole hours",
    ),
    (
        both(SAMBA, put("realms.0.renewable_lifetime", 5000)),
        "realms[0].renewable_lifetime",
        "5000 seconds: Samba has whole hours",
    ),
    (both(SAMBA, put("realms.0.netbios_name", "A" * 16)), "realms[0].netbios_name", "is no NetBIOS name: up to 15"),
    (both(SAMBA, put("realms.0.netbios_name", "A_B")), "realms[0].netbios_name", "is no NetBIOS name: up to 15"),
    (
        both(SAMBA, put("realms.0.delegations", [DELEGATION | {"service": "HTTP/x"}])),
        "realms[0].delegations[0].service",
        "has 'HTTP/x'; known: HTTP/autologon",
    ),
    (
        both(SAMBA, put("realms.0.delegations", [DELEGATION | {"allowed_to_delegate_to": ["HTTP/y"]}])),
        "realms[0].delegations[0].allowed_to_delegate_to",
        "no account of the realm has 'HTTP/y'",
    ),
    (both(SAMBA, put("realms.0.delegations", [DELEGATION] * 2)), "realms[0].delegations[1].service", "entry already"),
    (
        both(SAMBA, put("users.1.authorization_data_size", 4000)),
        "users[1].authorization_data_size",
        "Samba issues a PAC of its own",
    ),
    (both(SAMBA, put("users.1.sam_account", "Guest")), "users[1].sam_account", "no account that Samba has itself"),
    (both(SAMBA, put("users.1.sam_account", "a" * 21)), "users[1].sam_account", "up to 20 characters"),
    # users
    (
        put("users.1.sam_account", "bob the builder"),
        "users[1].sam_account",
        "letters, digits, dot, dash and underscore only",
    ),
    (put("users.1.sid", None), "users[1].sid", "a user with a sam_account needs a sid"),
    (put("users.1.sid", "S-2-5"), "users[1].sid", "is not a security identifier"),
    (put("users.1.upn", "bob"), "users[1].upn", "is not a user principal name; expected name@domain"),
    (put("users.1.object_id", "1234"), "users[1].object_id", "is not a GUID"),
    (put("users.1.tenant", "contosso.onmicrosoft.com"), "users[1].tenant", "did you mean 'contoso.onmicrosoft.com'?"),
    (put("users.1.guest_tenants", ["nowhere"]), "users[1].guest_tenants[0]", "there is no tenant 'nowhere'"),
    (
        put("users.1.guest_tenants", ["contoso.onmicrosoft.com"]),
        "users[1].guest_tenants[0]",
        "is the user's own tenant",
    ),
    (put("users.1.totp_secret", "short"), "users[1].totp_secret", "is not base32 of at least 10 octets"),
    (put("users.1.totp_secret", "0189!" * 8), "users[1].totp_secret", "is not base32 of at least 10 octets"),
    (put("users.1.on_premises_upn", "bob"), "users[1].on_premises_upn", "expected name@domain"),
    (put("users.1.on_premises_upn", "Alice@contoso.com"), "users[1].on_premises_upn", "is the name of another user"),
    # devices and identities
    (put("devices", []), "devices", "needs at least one device"),
    (put("devices.1.user", ""), "devices[1].user", 'a device of kind "desktop" needs a user'),
    (put("devices.14.user", ""), "devices[14].user", 'a device of kind "cloud-shell" needs a user'),
    (put("devices.1.user", "lena@litware.example"), "devices[1].user", "has no sam_account and cannot sign on"),
    (put("devices.1.name", "desk\x07"), "devices[1].name", "must not be empty nor hold control characters"),
    (
        put("devices.4.tenant", "nowhere"),
        "devices[4].tenant",
        "there is no tenant 'nowhere'; known: contoso.onmicrosoft.com",
    ),
    (
        put("devices.0.system_assigned_identity", True),
        "devices[0].kind",
        'kind "desktop" has no managed identities; these have: aks-pod',
    ),
    (
        put("devices.8.user_assigned_identities", ["orders"]),
        "devices[8].user_assigned_identities",
        "Azure Arc has a system-assigned identity only",
    ),
    (
        put("devices.5.user_assigned_identities", ["order"]),
        "devices[5].user_assigned_identities[0]",
        "did you mean 'orders'?",
    ),
    (
        put("devices.5.workload_identity", CLUSTER),
        "devices[5].workload_identity",
        'belongs to a device of kind "aks-workload"',
    ),
    (put("devices.11.workload_identity", CLUSTER), "devices[11].workload_identity.issuer", "there is no issuer"),
    (
        again("managed_identities", client_id="7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b29"),
        "managed_identities[2].name",
        "used already at managed_identities[0]",
    ),
    (
        again("managed_identities", name="other"),
        "managed_identities[2].client_id",
        "is the client id of identity 'orders' already",
    ),
    (
        put("managed_identities.1.client_id", "7C1C2B4E-3B57-4F0A-8F8E-2A9D4D6E5B01"),
        "managed_identities[1].client_id",
        "of application 'Contoso back end'",
    ),
    (
        put("managed_identities.1.system_assigned", True),
        "managed_identities[1].system_assigned",
        "is user-assigned; leave this key out",
    ),
    (put("managed_identities.1.tenant", "nowhere"), "managed_identities[1].tenant", "there is no tenant 'nowhere'"),
    # credentials
    (
        put("applications.10.secrets.0", {"value": "x", "start_date_time": LATE, "end_date_time": EARLY}),
        "applications[10].secrets[0].end_date_time",
        "is not after start_date_time",
    ),
    (
        put("applications.10.secrets.0", {"value": "x", "start_date_time": LATE, "end_date_time": LATE}),
        "applications[10].secrets[0].end_date_time",
        "is not after start_date_time",
    ),
    (
        put("applications.10.certificates.+", {"display_name": "report"}),
        "applications[10].certificates[1].display_name",
        "the name of another generated certificate",
    ),
    (
        put("applications.10.certificates.0", {"display_name": "r", "start_date_time": LATE, "end_date_time": EARLY}),
        "applications[10].certificates[0].end_date_time",
        "is not after",
    ),
    (
        put("applications.10.certificates.0", {"pem": "nonsense"}),
        "applications[10].certificates[0].pem",
        "is not a certificate in PEM",
    ),
    (
        put("applications.10.certificates.0", {"pem": "nonsense", "file": "x.pem"}),
        "applications[10].certificates[0].file",
        "has pem already; give one of the two",
    ),
    (
        put("applications.10.certificates.0", {"pem": "nonsense", "end_date_time": LATE}),
        "applications[10].certificates[0].end_date_time",
        "only for a certificate that the lab generates",
    ),
    (
        put(
            "applications.10.federated_credentials",
            [FEDERATED | {"name": f"nnn{number}", "subject": str(number)} for number in range(21)],
        ),
        "applications[10].federated_credentials",
        "at most 20 federated credentials",
    ),
    (
        put("applications.10.federated_credentials", [FEDERATED, FEDERATED | {"subject": "t"}]),
        "applications[10].federated_credentials[1].name",
        "another credential",
    ),
    (
        put("applications.10.federated_credentials", [FEDERATED, FEDERATED | {"name": "mmm"}]),
        "applications[10].federated_credentials[1].subject",
        "has this issuer and subject",
    ),
    (put("openid_issuers", []), "openid_issuers", 'needs at least one issuer: a host has "oidc-issuer"'),
    (put("hosts.7.services", ["arm"]), "openid_issuers", 'needs a host with "oidc-issuer" in its services'),
    (again("openid_issuers"), "openid_issuers[1].issuer", "is there already"),
    (
        put("openid_issuers.+", {"issuer": "https://login.microsoftonline.com/x"}),
        "openid_issuers[1].issuer",
        "is a host of the identity provider",
    ),
    (again("applications", name="twice"), "applications[11].client_id", "used already at applications[0].client_id"),
    # Azure resources
    (again("subscriptions"), "subscriptions[2].id", "used already at subscriptions[0]"),
    (
        put("subscriptions.1.tenant", "litware.onmicrosoft.con"),
        "subscriptions[1].tenant",
        "did you mean 'litware.onmicrosoft.com'?",
    ),
    (
        put("subscriptions.0.resource_groups.+", {"name": "SHOP"}),
        "subscriptions[0].resource_groups[2].name",
        "is there twice",
    ),
    (again("key_vaults", name="CONTOSO-shop"), "key_vaults[1].name", "used already at key_vaults[0]"),
    (again("storage_accounts"), "storage_accounts[1].name", "used already at storage_accounts[0]"),
    (
        put("key_vaults.0.subscription", SUBSCRIPTION[:-1] + "9"),
        "key_vaults[0].subscription",
        "there is no subscription",
    ),
    (put("storage_accounts.0.resource_group", "shops"), "storage_accounts[0].resource_group", "did you mean 'shop'?"),
    (
        put("storage_accounts.0.resource_group", "books"),
        "storage_accounts[0].resource_group",
        "there is no resource group 'books'",
    ),
    (put("role_assignments.0.role", "Ownr"), "role_assignments[0].role", "did you mean 'Owner'?"),
    (
        put("role_assignments.0.principal", "alicia@contoso.com"),
        "role_assignments[0].principal",
        "did you mean 'alice@contoso.com'?",
    ),
    (
        put("role_assignments.0.principal", "desk-1"),
        "role_assignments[0].principal",
        "there is no user, identity or application 'desk-1'",
    ),
    (
        put("role_assignments.0.principal", "0a1f5c1e-6f0d-4a6c-9a1d-11111111111g"),
        "role_assignments[0].principal",
        "there is no user",
    ),
    (
        put("role_assignments.0.scope", f"/subscriptions/{SUBSCRIPTION[:-1]}9"),
        "role_assignments[0].scope",
        "there is no subscription",
    ),
    # traffic managers and locations
    (
        put(f"{ENDPOINT}.1.name", "weu"),
        "traffic_managers[0].endpoints[1].name",
        "is there twice: give each its own name",
    ),
    (
        put(f"{ENDPOINT}.1.target", "x.example"),
        "traffic_managers[0].endpoints[1]",
        "'neu' has address and target: give one of",
    ),
    (put(f"{ENDPOINT}.1.address", None), "traffic_managers[0].endpoints[1]", "'neu' has none of them: give one of"),
    (
        put(f"{ENDPOINT}.1.address", "x.example"),
        "traffic_managers[0].endpoints[1].address",
        "a DNS name goes into target",
    ),
    (
        put(f"{ENDPOINT}.1", {"name": "n", "profile": "aadg-autologin"}),
        "traffic_managers[0].endpoints[1].profile",
        "did you mean 'aadg-autologon'?",
    ),
    (
        both(
            put("traffic_managers.0.routing", "multivalue"), put(f"{ENDPOINT}.1", {"name": "n", "target": "x.example"})
        ),
        "traffic_managers[0].endpoints[1].address",
        "multivalue routing takes IP addresses only",
    ),
    (
        put("traffic_managers.0.routing", "performance"),
        "traffic_managers[0].endpoints[0].location",
        "needs the endpoint's location",
    ),
    (
        put("traffic_managers.0.routing", "geographic"),
        "traffic_managers[0].endpoints[1].regions",
        "needs regions, e.g. GEO-EU",
    ),
    (
        both(put(f"{ENDPOINT}.0.regions", ["WORLD"]), put(f"{ENDPOINT}.1.regions", ["WORLD"])),
        "traffic_managers[0].endpoints[1].regions",
        "is mapped already",
    ),
    (
        both(put(f"{ENDPOINT}.0.subnets", ["10.0.0.0/8"]), put(f"{ENDPOINT}.1.subnets", ["10.0.0.0/8"])),
        "traffic_managers[0].endpoints[1].subnets[0]",
        "mapped already",
    ),
    (
        put(f"{ENDPOINT}.0.subnets", ["10.0.0.1/8"]),
        "traffic_managers[0].endpoints[0].subnets[0]",
        "has host bits set); expected e.g. 192.0.2.0/24",
    ),
    (
        put("traffic_managers.0.monitor", {"interval": 10, "timeout": 10}),
        "traffic_managers[0].monitor.timeout",
        "with interval = 10 the timeout is 5 to 9 seconds",
    ),
    (
        put("traffic_managers.0.monitor", {"interval": 30, "timeout": 4}),
        "traffic_managers[0].monitor.timeout",
        "with interval = 30 the timeout is 5 to 10 seconds",
    ),
    (
        put("traffic_managers.0.monitor", {"expected": ["200-299", "300-299"]}),
        "traffic_managers[0].monitor.expected[1]",
        "has the larger number first",
    ),
    (
        put("dns", {"locations": [{"name": "a", "subnets": []}, {"name": "a", "subnets": []}]}),
        "dns.locations[1].name",
        "is there twice",
    ),
    (
        put("dns", {"locations": [{"name": "a", "subnets": ["10.0.0.0/8"]}, {"name": "b", "subnets": ["10.0.0.0/8"]}]}),
        "dns.locations[1].subnets[0]",
        "is mapped already",
    ),
    (
        again("traffic_managers", dns_name="other.trafficmanager.net"),
        "traffic_managers[1].name",
        "used already at traffic_managers[0].name",
    ),
    (put("traffic_managers.0.dns_name", "a b"), "traffic_managers[0].dns_name", "is not a host name"),
    # zones and resolvers
    (put("zones.1.name", "traffic manager"), "zones[1].name", "is not a DNS name"),
    (
        put("zones.2.records.0.name", "login.microsoftonline.com."),
        "zones[2].records[0].name",
        "ends with a dot; names are relative",
    ),
    (put("zones.0.records.0.alias_record", "x"), "zones[0].records[0].alias_record", "an alias has one target"),
    (
        put("zones.0.records.0.type", "TXT"),
        "zones[0].records[0].type",
        "an alias record set is of type A, AAAA or CNAME",
    ),
    (put("zones.0.records.0.values", ["192.0.2.1"]), "zones[0].records[0].values", "has no values of its own"),
    (put("resolvers", [{"name": "r", "address": "ten"}]), "resolvers[0].address", "'ten' is not an IP address"),
    (put("resolvers", [{"name": "r", "address": "127.0.0.1"}]), "resolvers[0].address", "expected one like 192.0.2.10"),
    (
        put("resolvers", [{"name": "r", "address": "100.64.1.1"}]),
        "resolvers[0].address",
        "which the lab uses for its devices",
    ),
    (
        put("resolvers", [{"name": "r", "address": "10.10.0.53"}]),
        "resolvers[0].address",
        "is the address of a host already",
    ),
    (
        put("resolvers", [{"name": "r", "address": "10.9.0.1", "devices": ["desk-9"]}]),
        "resolvers[0].devices",
        "did you mean 'desk-3'?",
    ),
    (
        put("resolvers", [{"name": "r", "address": "10.9.0.1", "forward_to": ["r"]}]),
        "resolvers[0].forward_to",
        "no resolver above this one 'r'",
    ),
    (
        put("resolvers", [{"name": "r", "address": "10.9.0.1", "location": "10.1.0.1/16"}]),
        "resolvers[0].location",
        "is not a subnet; expected e.g. 10.1.0.0/16",
    ),
    (
        put("resolvers", [{"name": "r", "address": "10.9.0.1", "devices": ["desk-1"]}]),
        "resolvers",
        "one of them must be for all other devices",
    ),
    (
        put("resolvers", [{"name": "r", "address": "10.9.0.1"}, {"name": "R", "address": "10.9.0.2"}]),
        "resolvers[1].name",
        "used already at resolvers[0].name",
    ),
    (put("devices.0.resolvers", ["r"]), "devices[0].resolvers", "there is no resolver 'r'; known: none"),
    (
        both(put("resolvers", [{"name": "r", "address": "10.9.0.1"}]), put("devices.0.resolvers", ["r", "r"])),
        "devices[0].resolvers",
        "names a resolver twice",
    ),
    # values
    (put("name", "con\x00toso"), "name", "must not be empty nor hold control characters"),
    (put("cloud.login_hosts", []), "cloud.login_hosts", "needs at least one name, e.g. login.microsoftonline.com"),
    (put("cloud.mex_path", "no-slash"), "cloud.mex_path", "is not a path"),
    (put("cloud.access_token_lifetime", 0), "cloud.access_token_lifetime", "expected seconds from 1"),
    (put("cloud.clock_skew", -1), "cloud.clock_skew", "expected seconds from 0"),
    (
        put("realms.0.ticket_lifetime", 2**31),
        "realms[0].ticket_lifetime",
        f"{2**31} is out of range; expected seconds from 1 to {2**31 - 1}",
    ),
    (
        put("federation_services.0.token_lifetime", 0),
        "federation_services[0].token_lifetime",
        "expected seconds from 1",
    ),
]


@pytest.mark.parametrize(
    ("change", "path", "words"), MISTAKES, ids=[f"{number}-{row[1]}" for number, row in enumerate(MISTAKES)]
)
def test_a_mistake_is_named_by_its_key_and_says_what_is_expected(
    change: Callable[[Data], object], path: str, words: str
) -> None:
    """The key path of the mistake is named, and the text has the words; nothing is accepted and dropped."""
    found = mistakes(change)
    assert words in found.get(path, ""), found


RIGHT = [
    put("realms.0.services.+", "HTTP/web.corp.contoso.com:8080"),
    both(two_realms, put("realms.1.service_account.spns", ["HTTP/autologon.microsoftazuread-sso.com"])),
    both(two_realms, put("realms.1.parent", "CORP.CONTOSO.COM")),
    both(put("hosts.+", PROXY), put("realms.0.kdc_proxy", "proxy.corp.contoso.com")),
    put("users.1.on_premises_upn", "Bob@contoso.com"),
    put("users.1.totp_secret", "jbswy3dpehpk3pxp"),
    put("users.5.guest_tenants", ["contoso.onmicrosoft.com"]),
    put("applications.10.secrets.0", {"value": "x", "start_date_time": EARLY, "end_date_time": LATE}),
    put("applications.10.secrets.0", {"value": "x", "end_date_time": LATE}),
    put("applications.10.federated_credentials", [FEDERATED, FEDERATED | {"name": "mmm", "subject": "t"}]),
    put("role_assignments.0.principal", "0A1F5C1E-6f0d-4a6c-9a1d-999999999999"),
    put("role_assignments.0.principal", "vm-1"),
    put("traffic_managers.0.monitor", {"interval": 30, "timeout": 10, "expected": ["200-200", "301"]}),
    put("traffic_managers.0.routing", "multivalue"),
    put("dns", {"locations": [{"name": "a", "subnets": ["10.0.0.0/8"]}, {"name": "b", "subnets": ["10.0.0.0/16"]}]}),
    put("resolvers", [{"name": "r", "address": "10.9.0.1"}, {"name": "s", "address": "10.9.0.2", "forward_to": ["r"]}]),
    put("resolvers", [{"name": "r", "address": "2001:db8:1::9"}]),
    both(SAMBA, put("realms.0.delegations", [DELEGATION])),
]


@pytest.mark.parametrize("change", RIGHT)
def test_what_is_right_is_accepted(change: Callable[[Data], object]) -> None:
    """The other side of the rules: the nearest estate that is right has no mistake."""
    assert mistakes(change) == {}
