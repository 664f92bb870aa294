"""Two troubles at a time, of which one has nothing to do with the failure: the other one is blamed, and it alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
import pytest
from ssosim_clients.catalogue import MODELS

from ssosim.estate import DnsResolver, Estate, default_estate
from ssosim.faults import fault_from
from ssosim.memory import Engine, MemoryLab, memory_device
from ssosim.trace import FaultApplied, PhaseStarted
from ssosim.verdict import Outcome
from ssosim.verdict.explain import Explanation, explain

LOGIN, AUTOLOGON, STS = "login.microsoftonline.com", "autologon.microsoftazuread-sso.com", "sts.fabrikam.com"
NOW = 1_740_000_000.0
Change = Callable[[Estate], Estate]


@dataclass(frozen=True)
class Trouble:
    """What makes the client fail: a fault (its fields), or something in the estate that no fault has changed.

    ``says`` are words of the chain. ``model`` is the client model that meets it.
    """

    says: str
    fault: dict[str, object] | None = None
    estate: Change | None = None
    model: str = "office"
    device: str = "desk-1"


def _user(**changes: object) -> Change:
    def change(estate: Estate) -> Estate:
        users = tuple(
            msgspec.structs.replace(user, **changes) if user.upn == "alice@contoso.com" else user
            for user in estate.users
        )
        return msgspec.structs.replace(estate, users=users)

    return change


def _without_record(estate: Estate) -> Estate:
    """Remove the record sets of the autologon host: nobody has injected that."""
    zones = tuple(
        msgspec.structs.replace(zone, records=tuple(r for r in zone.records if r.name != "autologon"))
        if zone.name == "microsoftazuread-sso.com"
        else zone
        for zone in estate.zones
    )
    return msgspec.structs.replace(estate, zones=zones)


def _without_spn(estate: Estate) -> Estate:
    """Remove the SPNs of the cloud's account: the KDC does not know the service."""
    realm = estate.realms[0]
    account = msgspec.structs.replace(realm.service_account, spns=("HTTP/other.example",))
    return msgspec.structs.replace(estate, realms=(msgspec.structs.replace(realm, service_account=account),))


TROUBLES: dict[str, Trouble] = {
    "nxdomain": Trouble(f"{AUTOLOGON} has no address (NXDOMAIN)", {"fault": "nxdomain", "names": [AUTOLOGON]}),
    "servfail": Trouble(f"{AUTOLOGON} has no address (SERVFAIL)", {"fault": "servfail", "names": [AUTOLOGON]}),
    "drop": Trouble(f"{AUTOLOGON} has no address (DROPPED)", {"fault": "drop", "names": [AUTOLOGON]}),
    "login-servfail": Trouble(f"{LOGIN} has no address (SERVFAIL)", {"fault": "servfail", "names": [LOGIN]}),
    "name-removed": Trouble(f"{AUTOLOGON} has no address", {"fault": "name-removed", "name": AUTOLOGON}),
    "delegation": Trouble(
        f"{AUTOLOGON} has no address", {"fault": "delegation-removed", "zone": "microsoftazuread-sso.com"}
    ),
    "blank": Trouble(
        f"{AUTOLOGON} has no address",
        {"fault": "name-server-blank", "zone": "microsoftazuread-sso.com", "servers": [1, 2, 3, 4]},
    ),
    "cname": Trouble("is a CNAME", {"fault": "cname-for-alias", "name": AUTOLOGON, "profile": "aadg-autologon"}),
    "wrong-address": Trouble("certificate was refused", {"fault": "wrong-address", "name": AUTOLOGON}),
    "kdc-refuses": Trouble("KDC_ERR_POLICY", {"fault": "kdc-refuses", "error": "KDC_ERR_POLICY"}),
    "kdc-silent": Trouble("the KDC did not answer", {"fault": "kdc-silent"}),
    "key-rolled": Trouble("the service refused the ticket: wrong-key", {"fault": "key-rolled", "at": "kdc"}),
    "503": Trouble("503 at windowstransport", {"fault": "http-status", "host": AUTOLOGON, "path": "windowstransport"}),
    "200": Trouble("200, not of the service itself", {"fault": "http-page", "host": LOGIN, "path": "token"}),
    "expired": Trouble("certificate was refused", {"fault": "certificate-expired", "host": AUTOLOGON}),
    "no-record": Trouble(f"{AUTOLOGON} has no address", estate=_without_record),
    "no-spn": Trouble(f"the KDC does not know HTTP/{AUTOLOGON}", estate=_without_spn),
    "not-synced": Trouble("AADSTS81011", estate=_user(synced=False)),
    "disabled": Trouble("KDC_ERR_CLIENT_REVOKED", estate=_user(enabled=False)),
    "mfa": Trouble("AADSTS50076", estate=_user(mfa_required=True)),
}
UNRELATED: dict[str, dict[str, object]] = {
    "certificate elsewhere": {"fault": "certificate-expired", "host": STS},
    "status elsewhere": {"fault": "http-status", "host": STS, "status": 500},
    "name elsewhere": {"fault": "servfail", "names": [STS]},
    "name removed elsewhere": {"fault": "name-removed", "name": STS},
    "late": {"fault": "http-delay", "host": LOGIN, "seconds": 0.5},
    "late everywhere": {"fault": "delay", "seconds": 0.2},
    "TTL": {"fault": "ttl-changed", "name": LOGIN, "ttl": 5},
    "another client's KDC": {"fault": "kdc-silent", "clients": ["somebody-else"]},
    "another client's page": {"fault": "http-page", "clients": ["somebody-else"]},
    "another client's name": {"fault": "nxdomain", "clients": ["somebody-else"]},
    "PTR": {"fault": "ptr-mismatch", "address": "198.51.100.30"},
    "another account's key": {"fault": "key-rolled", "at": "kdc", "account": "HTTP/sts.fabrikam.com"},
    "other path": {"fault": "http-status", "path": "/no/such/path"},
}


def play(trouble: Trouble, *unrelated: dict[str, object], before: bool = True) -> Explanation:
    """Play a sign-in with both; ``before``: the unrelated faults are older."""
    estate = default_estate()
    engine = Engine(NOW)
    lab = MemoryLab(engine, trouble.estate(estate) if trouble.estate else estate)
    own = [trouble.fault] if trouble.fault else []
    for fields in (*unrelated, *own) if before else (*own, *unrelated):
        fault_from(fields).apply(lab)
    lab.trace.record("", PhaseStarted(scenario="s", phase="p"))
    device = memory_device(lab, "c", trouble.device, user_present=False)
    run = engine.start(MODELS[trouble.model].sign_in(device))
    engine.run(NOW + 300)
    run.cancel()
    (found,) = explain(tuple(lab.trace), client="c")
    return found


def blamed(found: Explanation) -> list[str]:
    """Return the names of the faults in the chain."""
    return [link.text.split("'")[1] for link in found.links if link.text.startswith("fault '")]


@pytest.mark.parametrize("other", UNRELATED)
@pytest.mark.parametrize("name", TROUBLES)
def test_the_other_trouble_is_never_blamed(name, other):
    """A fault is a cause only if it changed an exchange of the chain: that of the failure, and nothing else."""
    trouble = TROUBLES[name]
    found = play(trouble, UNRELATED[other], before=len(other) % 2 == 0)
    assert found.outcome is not Outcome.SILENT
    assert trouble.says in str(found), str(found)
    assert blamed(found) == ([str(trouble.fault["fault"])] if trouble.fault else [])


@pytest.mark.parametrize("name", TROUBLES)
def test_all_unrelated_faults_at_once_change_no_chain(name):
    """The chain with twelve other faults in force is the chain without them."""
    trouble = TROUBLES[name]
    alone = [link.text for link in play(trouble).links]
    assert [link.text for link in play(trouble, *UNRELATED.values()).links] == alone


def test_a_fault_names_its_exchange_by_number():
    """The numbers in the events are those of the faults, also where two faults have the same name."""
    lab = MemoryLab(Engine(NOW), default_estate())
    for host in (STS, AUTOLOGON):
        fault_from({"fault": "servfail", "names": [host]}).apply(lab)
    device = memory_device(lab, "c")
    run = lab.engine.start(device.resolver.resolve(AUTOLOGON, "ipv4"))
    lab.engine.run(NOW + 60)
    run.cancel()
    applied = {record.event.detail: record.event.id for record in lab.trace if isinstance(record.event, FaultApplied)}
    (mine,) = {record.event.faults for record in lab.trace if record.client == "c"}
    assert mine == (next(number for detail, number in applied.items() if AUTOLOGON in detail),)


def _with_resolver(estate: Estate) -> Estate:
    """Let all devices use one caching, validating resolver."""
    return msgspec.structs.replace(estate, resolvers=(DnsResolver(name="res-1", address="10.10.0.54", validate=True),))


BEHIND = ["nxdomain", "servfail", "drop", "login-servfail", "name-removed", "delegation", "blank", "cname", "no-record"]


@pytest.mark.parametrize("name", [*BEHIND, "validation", "lame"])
def test_behind_a_resolver_the_fault_of_its_answer_is_blamed(name):
    """The resolver's answer does not say why: the answers that it got do, and unrelated faults change nothing."""
    more = {
        "validation": Trouble(
            "has no address (SERVFAIL)", {"fault": "validation-failing", "zone": "microsoftazuread-sso.com"}
        ),
        "lame": Trouble(
            "has no address (SERVFAIL)",
            {"fault": "name-server-lame", "zone": "microsoftazuread-sso.com", "servers": [1, 2, 3, 4]},
        ),
    }
    trouble = {**TROUBLES, **more}[name]
    own = trouble.estate or (lambda estate: estate)
    says = trouble.says.split(" (")[0]
    behind = replace(trouble, estate=lambda estate: _with_resolver(own(estate)))
    for found in (play(behind), play(behind, *UNRELATED.values())):
        assert found.outcome is not Outcome.SILENT
        assert says in str(found), str(found)
        assert blamed(found) == ([str(trouble.fault["fault"])] if trouble.fault else []), str(found)


def test_a_negative_answer_that_stays_in_a_cache_is_due_to_the_fault_that_was_undone():
    """A fault that is over is the cause of what a resolver has cached meanwhile; the other fault is not."""
    engine = Engine(NOW)
    lab = MemoryLab(engine, _with_resolver(default_estate()))
    fault_from({"fault": "name-removed", "name": AUTOLOGON, "for_s": 5}).apply(lab)
    other = memory_device(lab, "first", "desk-2", user_present=False)
    runs = [engine.start(MODELS["office"].sign_in(other))]
    engine.run(NOW + 6)
    fault_from({"fault": "certificate-expired", "host": STS}).apply(lab)
    lab.trace.record("", PhaseStarted(scenario="s", phase="later"))
    runs.append(engine.start(MODELS["msal4j-iwa"].sign_in(memory_device(lab, "c", user_present=False))))
    engine.run(NOW + 8)
    for run in runs:
        run.cancel()
    (found,) = explain(tuple(lab.trace), client="c", phase="later")
    assert "res-1 got NXDOMAIN" in str(found)
    assert "cached it" in str(found)
    assert blamed(found) == ["name-removed"]
