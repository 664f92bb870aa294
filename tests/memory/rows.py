"""Every fault there is, each with the sets of fields that it is tried with."""

from __future__ import annotations

from typing import Any

from ssosim.faults import FAULTS

__all__ = ["ALONE", "BEHIND_A_RESOLVER", "OF_HOSTS", "ROWS", "WITH_IPV6"]

OF_HOSTS = {name for name, kind in FAULTS.items() if kind.__module__.startswith("ssosim.faults.credential_hosts.")}
"""The faults of hosts that give programs tokens. No client model asks such a host: see tests/credential_hosts."""

LOGIN, AUTOLOGON, STS = "login.microsoftonline.com", "autologon.microsoftazuread-sso.com", "sts.fabrikam.com"
ZONE, PROFILE = "microsoftazuread-sso.com", "aadg-autologon"
BACK_END, SYNC = "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b01", "3f2e9c1d-6a4b-4d7e-9b0f-5c8a1e2d3b47"
SOAP = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body/></s:Envelope>"

Fields = dict[str, Any]

ROWS: dict[str, list[Fields]] = {
    "name-removed": [{"name": AUTOLOGON}, {"name": STS}, {"name": AUTOLOGON, "for_s": 3600}],
    "record-set-empty": [{"name": AUTOLOGON}, {"name": LOGIN}],
    "wrong-address": [
        {"name": AUTOLOGON},
        {"name": AUTOLOGON, "address": "192.0.2.10"},
        {"name": AUTOLOGON, "address": "10.10.0.53"},
        {"name": LOGIN, "address": "2001:db8:bad::1"},
    ],
    "ttl-changed": [{"name": AUTOLOGON, "ttl": 5}],
    "traffic-manager-deleted": [{"profile": PROFILE}, {"profile": PROFILE, "for_s": 900}],
    "cname-for-alias": [{"name": AUTOLOGON, "profile": PROFILE}],
    "cname-loop": [{"name": AUTOLOGON}, {"name": LOGIN, "length": 1}],
    "long-chain": [{"name": AUTOLOGON, "length": length} for length in (3, 15, 16, 20)],
    "aaaa-wrong": [{"name": AUTOLOGON}],
    "aaaa-dead": [{"name": AUTOLOGON}],
    "ptr-mismatch": [{"address": "192.0.2.20"}, {"address": "198.51.100.30", "points_to": AUTOLOGON}],
    "reverse-zone-dead": [{}, {"how": "servfail"}, {"zone": "2.0.192.in-addr.arpa"}],
    "nxdomain": [{"names": [AUTOLOGON]}, {"names": ["*.microsoftonline.com"], "clients": ["office"]}],
    "servfail": [{"names": [AUTOLOGON]}, {"types": ["A"], "probability": 0.4, "seed": 7}],
    "refused": [{"names": [AUTOLOGON]}],
    "drop": [{"names": [AUTOLOGON]}, {"types": ["AAAA"]}, {"probability": 0.3, "seed": 3}, {"for_s": 60}],
    "delay": [
        {"seconds": 1.5},
        {"seconds": 6, "names": [AUTOLOGON]},
        {"seconds": 2, "distribution": "exponential", "seed": 4},
        {"seconds": 4, "distribution": "uniform", "spread": 2, "names": [LOGIN]},
    ],
    "truncation-loop": [{"names": [AUTOLOGON], "tcp": tcp} for tcp in ("truncate", "answer", "drop")],
    "name-server-blank": [{"zone": ZONE}, {"zone": ZONE, "servers": [1, 2, 3], "seed": 5}],
    "name-server-lame": [{"zone": ZONE, "servers": [1, 2, 3, 4]}],
    "name-server-dead": [{"zone": ZONE, "servers": [1, 2]}, {"zone": ZONE, "servers": [1, 2, 3, 4]}],
    "name-server-stale": [{"zone": ZONE}],
    "delegation-removed": [{"zone": ZONE}, {"zone": "fabrikam.com"}],
    "registry-hold": [{"zone": ZONE}, {"zone": "microsoftonline.com", "negative_ttl": 60}],
    "lame-delegation": [{"zone": ZONE}, {"zone": "fabrikam.com", "name_servers": ["ns.gone.example"]}],
    "resolver-poisoned": [{"name": AUTOLOGON}, {"name": LOGIN, "address": "192.0.2.20", "ttl": 60}],
    "wrong-view": [
        {"name": AUTOLOGON, "location": "munich"},
        {"name": LOGIN, "location": "munich", "address": "192.0.2.20", "for_s": 60},
        {"name": LOGIN, "location": "lyon"},
    ],
    "signature-expired": [{"zone": ZONE}, {"zone": ZONE, "names": [AUTOLOGON], "clients": ["office"]}],
    "signature-tampered": [{"zone": ZONE}],
    "stale-cache": [{}],
    "validation-failing": [{"zone": ZONE}, {"zone": ZONE, "clients": ["native-prompt"]}],
    "http-status": [
        {"path": "/keys", "status": 404},
        {"host": AUTOLOGON, "status": 503, "retry_after": 2},
        {"path": "token", "status": 429, "code": 90033},
        {"path": "token", "code": 50076},
        {"host": AUTOLOGON, "code": 53003},
        {"path": "userrealm", "code": 90002},
        {"probability": 0.5, "seed": 9},
    ],
    "http-page": [{}, {"host": AUTOLOGON, "status": 403}, {"path": "userrealm"}],
    "http-silent": [{"path": "mex"}, {"host": LOGIN, "clients": ["office", "azure-identity"]}],
    "http-delay": [{"seconds": 20}, {"seconds": 29.5, "path": "token"}],
    "http-answer": [
        {"path": "token", "status": 204},
        {"path": "windowstransport", "body": SOAP, "content_type": "application/soap+xml"},
        {"path": "userrealm", "body": '{"ver":"1.0","account_type":"Unknown"}', "content_type": "application/json"},
    ],
    "http-dropped": [{"host": AUTOLOGON}, {"path": "token"}, {"probability": 0.5, "seed": 2}],
    "certificate-expired": [{"host": AUTOLOGON}, {"host": LOGIN, "for_s": 600}],
    "certificate-wrong-name": [{"host": LOGIN}],
    "certificate-untrusted": [{"host": AUTOLOGON}, {"host": STS}],
    "kdc-silent": [{}, {"clients": ["office", "browser-linux"]}, {"for_s": 60}],
    "kdc-refuses": [
        {"error": "KDC_ERR_ETYPE_NOSUPP"},
        {"error": "KDC_ERR_S_PRINCIPAL_UNKNOWN"},
        {"error": "KDC_ERR_POLICY", "clients": ["native-prompt"]},
        {"error": "KRB_AP_ERR_SKEW"},
    ],
    "kdc-connection-refused": [{}, {"kdcs": ["dc1.corp.contoso.com"], "for_s": 60}],
    "kdc-replica-lag": [{"kdcs": ["dc1.corp.contoso.com"]}],
    "kdc-delay": [{"seconds": 4}, {"seconds": 14.5}, {"seconds": 20}, {"seconds": 3, "clients": ["office"]}],
    "clock-skew": [
        {"of": "device", "seconds": 290},
        {"of": "device", "seconds": -310},
        {"of": "device", "seconds": 600, "clients": ["office", "browser-linux"], "for_s": 60},
        {"of": "kdc", "seconds": 310},
        {"of": "kdc", "seconds": -3600, "kdcs": ["dc1.corp.contoso.com"], "for_s": 600},
        {"of": "service", "seconds": 600},
        {"of": "service", "seconds": -600, "for_s": 600},
        {"of": "service", "seconds": 7200, "host": STS},
        {"of": "service", "seconds": -7200, "host": LOGIN},
    ],
    "key-rolled": [
        {},
        {"times": 2},
        {"at": "kdc"},
        {"at": "service"},
        {"at": "service", "times": 2},
        {"at": "both", "previous_keys": 0},
        {"account": "http/STS.fabrikam.com", "at": "kdc", "times": 3},
    ],
    "account-encryption-types": [
        {},
        {"at": "kdc"},
        {"at": "service"},
        {"enctypes": ["aes128-cts-hmac-sha1-96"], "account": "AZUREADSSOACC$"},
        {"account": f"HTTP/{STS}", "at": "service", "aes_session_keys": True},
    ],
    "spn-moved": [{"spn": f"HTTP/{AUTOLOGON}"}, {"spn": f"HTTP/{STS}", "account": "AZUREADSSOACC$"}],
    "host-spn-registered": [{"host": "aadg-autologon.trafficmanager.net"}, {"host": AUTOLOGON}],
    "spn-duplicate": [
        {"spn": f"HTTP/{AUTOLOGON}"},
        {"spn": f"http/{AUTOLOGON.upper()}", "error": "KDC_ERR_PRINCIPAL_NOT_UNIQUE"},
    ],
    "kdc-encryption-types": [{}, {"enctypes": ["rc4-hmac"]}],
    "realm-managed": [{"tenant": "contoso.com"}],
    "password-changed": [{"user": "alice@contoso.com"}, {"user": "frank@fabrikam.com", "password": "x"}],
    "sessions-revoked": [{"user": "alice@contoso.com"}, {"user": "frank@fabrikam.com", "for_s": 600}],
    "password-expired": [{"user": "alice@contoso.com"}, {"user": "alice@contoso.com", "for_s": 600}],
    "user-locked": [{"user": "alice@contoso.com"}],
    "user-disabled": [{"user": "alice@contoso.com"}, {"user": "frank@fabrikam.com"}],
    "mfa-required": [{"user": "alice@contoso.com"}, {"user": "alice@contoso.com", "registered": False}],
    "consent-revoked": [{"client_id": BACK_END}, {"client_id": BACK_END, "tenant": "contoso.com"}],
    "secret-expired": [{"client_id": BACK_END}],
    "access-token-lifetime": [{"seconds": 60}],
    "certificate-removed": [{"client_id": SYNC}],
    "domain-managed": [{"domain": "fabrikam.com"}, {"domain": "fabrikam.com", "old_share": 0.5}],
    "jwks-key-removed": [{}, {"clients": ["office"]}],
}
"""By the fault's name. All models meet each of them at once."""

ALONE: list[Fields] = [
    {"fault": "name-removed", "name": AUTOLOGON, "first": 2},
    {"fault": "servfail", "first": 3},
    {"fault": "drop", "names": [AUTOLOGON], "first": 1},
    {"fault": "truncation-loop", "first": 2},
    {"fault": "http-status", "first": 2, "status": 500},
    {"fault": "http-dropped", "first": 1},
    {"fault": "http-silent", "host": AUTOLOGON, "first": 1},
    {"fault": "certificate-untrusted", "host": AUTOLOGON, "first": 1},
    {"fault": "kdc-silent", "first": 1},
    {"fault": "kdc-refuses", "first": 1},
    {"fault": "kdc-refuses", "first": 3, "error": "KDC_ERR_POLICY"},
]
"""What strikes the first so many, whoever they are: each model meets it alone, for who is first of many is chance."""

WITH_IPV6: list[Fields] = [
    {"fault": "aaaa-wrong", "name": AUTOLOGON},
    {"fault": "aaaa-dead", "name": AUTOLOGON},
    {"fault": "aaaa-dead", "name": LOGIN, "address": "100::abcd"},
    {"fault": "wrong-address", "name": AUTOLOGON, "address": "2001:db8:7::7"},
]
"""On devices that prefer IPv6."""

BEHIND_A_RESOLVER: list[Fields] = [
    {"fault": "stale-cache"},
    {"fault": "validation-failing", "zone": ZONE},
    {"fault": "record-set-empty", "name": AUTOLOGON, "for_s": 400},
    {"fault": "cname-for-alias", "name": AUTOLOGON, "profile": PROFILE},
    {"fault": "cname-loop", "name": AUTOLOGON},
    {"fault": "long-chain", "name": AUTOLOGON, "length": 20},
    {"fault": "nxdomain", "names": [AUTOLOGON], "for_s": 900},
    {"fault": "servfail", "names": [AUTOLOGON], "at": "resolver", "probability": 0.5, "seed": 6},
    {"fault": "servfail", "names": [AUTOLOGON]},
    {"fault": "drop", "names": [AUTOLOGON], "at": "resolver"},
    {"fault": "truncation-loop", "names": [AUTOLOGON], "tcp": "answer"},
    {"fault": "truncation-loop", "names": [AUTOLOGON]},
    {"fault": "name-server-blank", "zone": ZONE},
    {"fault": "name-server-lame", "zone": ZONE, "servers": [1, 2, 3, 4]},
    {"fault": "delegation-removed", "zone": ZONE},
    {"fault": "registry-hold", "zone": ZONE, "negative_ttl": 30, "for_s": 300},
    {"fault": "lame-delegation", "zone": ZONE},
    {"fault": "lame-delegation", "zone": ZONE, "name_servers": ["ns.unknown.microsoft.com"]},
    {"fault": "resolver-poisoned", "name": AUTOLOGON, "resolver": "resolver-1"},
    {"fault": "resolver-poisoned", "name": LOGIN, "resolver": "resolver-1", "for_s": 60},
]
"""On devices that ask a resolver which remembers and validates."""
