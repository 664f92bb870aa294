"""Faults with drawn fields: whatever a user could write, as far as it can be meant for the default estate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from hypothesis import strategies as st

from ssosim.faults import Fault, fault_from
from ssosim.faults.kerberos.kdc_refuses import KdcErrorName

from .both import MODELS
from .rows import AUTOLOGON, LOGIN, PROFILE, SOAP, STS, ZONE

__all__ = ["faults"]

Strategy = st.SearchStrategy[dict[str, Any]]

NAMES = st.lists(st.sampled_from([AUTOLOGON, LOGIN, STS, "*.microsoftonline.com", f"*.{ZONE}"]), max_size=2)
HOSTS = st.sampled_from(["", AUTOLOGON, LOGIN, STS])
RECORDS = st.sampled_from([AUTOLOGON, LOGIN, STS])
ADDRESSES = st.sampled_from(
    ["203.0.113.254", "192.0.2.10", "192.0.2.21", "198.51.100.30", "10.10.0.88", "198.18.7.7", "100::7", "2001:db8::7"]
)
PATHS = st.sampled_from(
    ["", "userrealm", "mex", "windowstransport", "usernamemixed", "token", "/keys", "sso", "Common"]
)
CLIENTS = st.lists(st.sampled_from([*MODELS, "nobody"]), max_size=3, unique=True)
ZONES = st.sampled_from([ZONE, "microsoftonline.com", "fabrikam.com"])
SERVERS = st.lists(st.integers(1, 4), min_size=1, max_size=4, unique=True)
SEED = st.integers(0, 99)
LIMIT = st.none() | st.floats(1, 5000).map(lambda seconds: round(seconds, 3))
SECONDS = st.floats(0.1, 29.9).map(lambda seconds: round(seconds, 3))


def _with(base: Strategy, more: Strategy) -> Strategy:
    return st.tuples(base, more).map(lambda pair: {**pair[0], **pair[1]})


def _fields(**fields: st.SearchStrategy[Any]) -> Strategy:
    return st.fixed_dictionaries(fields)


ON_THE_WIRE = _fields(
    names=NAMES,
    types=st.lists(st.sampled_from(["A", "AAAA", "PTR"]), max_size=2, unique=True),
    clients=CLIENTS,
    probability=st.sampled_from([1.0, 1.0, 0.5]),
    seed=SEED,
)
WEB = _fields(host=HOSTS, path=PATHS, clients=CLIENTS, probability=st.sampled_from([1.0, 1.0, 0.5]), seed=SEED)
SERVER = _fields(zone=ZONES, servers=SERVERS, seed=SEED)
RECORD = _fields(name=RECORDS)
STATUS = _fields(
    status=st.none() | st.sampled_from([400, 401, 403, 404, 429, 500, 503, 599]),
    code=st.none() | st.sampled_from([90033, 50126, 81003, 50076, 700016]),
    retry_after=st.none() | st.integers(0, 90),
)
ANSWER = _fields(
    status=st.sampled_from([200, 204, 302, 304, 401, 500]),
    body=st.sampled_from(["", "{}", "<html>", SOAP, '{"error":"invalid_grant"}', "[]"]),
    content_type=st.sampled_from(["text/html", "application/json", "application/soap+xml"]),
    headers=st.sampled_from([{}, {"WWW-Authenticate": "Negotiate"}, {"Retry-After": "3"}]),
)
OFFSETS = st.sampled_from([-90_000, -3600, -310, -290, 290, 310, 600, 3600, 40_000, 90_000])
"""Seconds that no test comes near the tolerance with, however long it takes."""
ERRORS = st.sampled_from(get_args(KdcErrorName))

SPNS = st.sampled_from([f"HTTP/{AUTOLOGON}", f"HTTP/{STS}"])
ENCTYPES = st.lists(
    st.sampled_from(["aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96", "rc4-hmac"]),
    min_size=1,
    max_size=3,
    unique=True,
)

PEOPLE = st.sampled_from(["alice@contoso.com", "frank@fabrikam.com"])
BACK_END, SYNC = "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b01", "3f2e9c1d-6a4b-4d7e-9b0f-5c8a1e2d3b47"

OWN: dict[str, Strategy] = {
    "name-removed": RECORD,
    "record-set-empty": RECORD,
    "wrong-address": _with(RECORD, _fields(address=ADDRESSES)),
    "ttl-changed": _with(RECORD, _fields(ttl=st.integers(0, 9999))),
    "traffic-manager-deleted": _fields(profile=st.just(PROFILE)),
    "cname-for-alias": _fields(profile=st.just(PROFILE), name=st.just(AUTOLOGON)),
    "cname-loop": _with(RECORD, _fields(length=st.integers(1, 9))),
    "long-chain": _with(RECORD, _fields(length=st.integers(1, 40))),
    "aaaa-wrong": RECORD,
    "aaaa-dead": RECORD,
    "ptr-mismatch": _fields(address=ADDRESSES.filter(lambda text: text.startswith("19")),
                            points_to=st.sampled_from(["elsewhere.example", AUTOLOGON, STS])),
    "reverse-zone-dead": _fields(how=st.sampled_from(["drop", "servfail"]), clients=CLIENTS),
    "nxdomain": ON_THE_WIRE,
    "servfail": ON_THE_WIRE,
    "refused": ON_THE_WIRE,
    "drop": ON_THE_WIRE,
    "delay": _with(ON_THE_WIRE, _fields(seconds=st.floats(0.1, 9).map(lambda seconds: round(seconds, 2)))),
    "truncation-loop": _with(ON_THE_WIRE, _fields(tcp=st.sampled_from(["truncate", "answer", "drop"]))),
    "name-server-blank": SERVER,
    "name-server-lame": SERVER,
    "name-server-dead": SERVER,
    "name-server-stale": SERVER,
    "delegation-removed": _fields(zone=ZONES),
    "registry-hold": _fields(zone=ZONES, negative_ttl=st.integers(0, 9999)),
    "lame-delegation": _fields(zone=ZONES),
    "resolver-poisoned": _with(RECORD, _fields(address=ADDRESSES, ttl=st.integers(0, 9999))),
    "wrong-view": _with(RECORD, _fields(location=st.sampled_from(["munich", "lyon"]), address=st.none() | ADDRESSES)),
    "signature-expired": _fields(zone=ZONES, clients=CLIENTS),
    "signature-tampered": _fields(zone=ZONES, clients=CLIENTS),
    "stale-cache": ON_THE_WIRE,
    "validation-failing": _fields(zone=ZONES, clients=CLIENTS),
    # AD FS sends no AADSTS codes, so a fault with one is refused there.
    "http-status": _with(WEB, STATUS).map(lambda own: own | {"code": None} if own["host"] == STS else own),
    "http-page": WEB,
    "http-silent": WEB,
    "http-delay": _with(WEB, _fields(seconds=SECONDS)),
    "http-answer": _with(WEB, ANSWER),
    "http-dropped": WEB,
    "certificate-expired": _fields(host=RECORDS),
    "certificate-wrong-name": _fields(host=RECORDS),
    "certificate-untrusted": _fields(host=RECORDS),
    "kdc-silent": _fields(clients=CLIENTS),
    "kdc-refuses": _fields(clients=CLIENTS, error=ERRORS),
    "kdc-delay": _fields(clients=CLIENTS, seconds=st.floats(0.1, 40).map(lambda seconds: round(seconds, 2))),
    "kdc-connection-refused": _fields(),
    "kdc-replica-lag": _fields(kdcs=st.just(["dc1.corp.contoso.com"])),
    "clock-skew": st.one_of(
        _fields(of=st.just("device"), seconds=OFFSETS, clients=CLIENTS),
        _fields(of=st.just("kdc"), seconds=OFFSETS),
        _fields(of=st.just("service"), seconds=OFFSETS, host=HOSTS),
    ),
    "key-rolled": _fields(
        at=st.sampled_from(["both", "kdc", "service"]),
        times=st.integers(1, 3),
        previous_keys=st.integers(0, 2),
        account=st.sampled_from(["", "AZUREADSSOACC$", f"HTTP/{STS}"]),
    ),
    "account-encryption-types": _fields(
        at=st.sampled_from(["both", "kdc", "service"]),
        enctypes=ENCTYPES,
        aes_session_keys=st.booleans(),
        account=st.sampled_from(["", f"HTTP/{STS}"]),
    ),
    "spn-moved": _fields(spn=SPNS, account=st.sampled_from(["WEB01$", "AZUREADSSOACC$", f"HTTP/{STS}"])),
    "host-spn-registered": _fields(host=st.sampled_from([AUTOLOGON, STS, "web01.corp.contoso.com"])),
    "spn-duplicate": _fields(spn=SPNS),
    "kdc-encryption-types": _fields(enctypes=ENCTYPES),
    "realm-managed": _fields(tenant=st.sampled_from(["contoso.com", "contoso.onmicrosoft.com"])),
    "password-changed": _fields(user=PEOPLE, password=st.sampled_from(["x", "another"])),
    "password-expired": _fields(user=PEOPLE),
    "sessions-revoked": _fields(user=PEOPLE),
    "user-locked": _fields(user=PEOPLE),
    "user-disabled": _fields(user=PEOPLE),
    "mfa-required": _fields(user=PEOPLE, registered=st.booleans()),
    "consent-revoked": _fields(client_id=st.just(BACK_END)),
    "secret-expired": _fields(client_id=st.just(BACK_END)),
    "access-token-lifetime": _fields(seconds=st.sampled_from([1, 600])),
    "certificate-removed": _fields(client_id=st.just(SYNC)),
    "domain-managed": _fields(domain=st.just("fabrikam.com"), old_share=st.sampled_from([0.0, 0.25, 0.5])),
    "jwks-key-removed": _fields(clients=CLIENTS),
}  # fmt: skip


def _made(name: str) -> Callable[[dict[str, Any]], Fault]:
    return lambda fields: fault_from({"fault": name, **fields})


def faults(name: str, *, first: bool = False) -> st.SearchStrategy[Fault]:
    """The fault ``name`` with drawn fields; ``first``: perhaps so many only."""
    fields = _with(OWN[name], _fields(for_s=LIMIT))
    countable = name not in ("name-server-blank", "name-server-lame", "name-server-dead", "name-server-stale",
                             "delegation-removed", "registry-hold", "lame-delegation", "resolver-poisoned",
                             "wrong-view", "signature-expired", "signature-tampered",
                             "validation-failing", "realm-managed", "password-changed",
                             "password-expired", "sessions-revoked", "user-locked", "user-disabled", "mfa-required",
                             "consent-revoked", "access-token-lifetime",
                             "secret-expired", "certificate-removed", "domain-managed", "key-rolled",
                             "account-encryption-types", "kdc-encryption-types", "spn-moved", "host-spn-registered",
                             "spn-duplicate", "kdc-connection-refused", "kdc-replica-lag", "clock-skew")  # fmt: skip
    if first and countable:
        fields = _with(fields, _fields(first=st.none() | st.integers(1, 6)))
    return fields.map(_made(name))
