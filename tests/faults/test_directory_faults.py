"""Changes of users, applications and domains in a running lab: before, while the fault is active, and after."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from ssosim.entra import Call, serve
from ssosim.entra.core.jose import sign_client_assertion
from ssosim.entra.core.keys import generated_key_name
from ssosim.entra.wstrust.saml_write import AssertionFacts, sign_assertion
from ssosim.estate import default_estate
from ssosim.faults import FaultError, fault_from
from ssosim.memory.clock import Engine
from ssosim.memory.lab import MemoryLab
from ssosim.trace import HttpExchange

LOGIN = "login.microsoftonline.com"
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
BACK_END, SYNC = "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b01", "3f2e9c1d-6a4b-4d7e-9b0f-5c8a1e2d3b47"
GRAPH = "https://graph.microsoft.com/.default"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ALICE_PASSWORD = "Alice-lab-password-1"
ALICE, FRANK = "alice@contoso.com", "frank@fabrikam.com"


@pytest.fixture
def lab() -> MemoryLab:
    """Contoso in memory."""
    return MemoryLab(Engine(1_790_000_000.0), default_estate())


def ask(lab: MemoryLab, method: str, target: str, form: dict[str, str] | None = None, **headers: str) -> Any:
    """One request to the login host; the JSON of the reply."""
    body = urlencode(form or {}).encode()
    call = Call.read(method, LOGIN, target, headers={**FORM, **headers}, body=body, now=lab.engine.now)
    return json.loads(serve(lab.provider, call, "c").body)


def token(lab: MemoryLab, tenant: str = "organizations", **form: str) -> Any:
    """The answer of the token endpoint."""
    return ask(lab, "POST", f"/{tenant}/oauth2/v2.0/token", form)


def by_password(lab: MemoryLab, user: str = ALICE, password: str = ALICE_PASSWORD) -> Any:
    """The answer to a password."""
    scope = f"openid offline_access {GRAPH}"
    return token(lab, client_id=CLI, grant_type="password", username=user, password=password, scope=scope)


def by_secret(lab: MemoryLab) -> Any:
    """The answer to the secret of Contoso's back end, for its API: the roles in its token."""
    form = {"client_id": BACK_END, "client_secret": "contoso-back-end-secret", "grant_type": "client_credentials"}
    return token(lab, "contoso.com", scope=GRAPH, **form)


def by_certificate(lab: MemoryLab) -> Any:
    """The answer to an assertion that Entra Connect signs with its certificate."""
    (app,) = (each for each in lab.estate.applications if each.client_id == SYNC)
    key = lab.provider.keys.generated[generated_key_name(SYNC, app.certificates[0])]
    audience = f"https://{LOGIN}/{app.tenant}/oauth2/v2.0/token"
    now = int(lab.engine.now)
    claims = {"aud": audience, "iss": SYNC, "sub": SYNC, "jti": str(uuid4()), "nbf": now, "exp": now + 600}
    assertion = sign_client_assertion(key, claims)
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    form = {"client_id": SYNC, "client_assertion": assertion, "client_assertion_type": kind}
    return token(lab, str(app.tenant), grant_type="client_credentials", scope=GRAPH, **form)


def codes(answer: Any) -> list[int]:
    """The codes of a refusal; none for tokens."""
    assert ("access_token" in answer) != ("error_codes" in answer), answer
    return list(answer.get("error_codes", []))


def refresh(lab: MemoryLab, text: str) -> Any:
    """The answer to a refresh token."""
    return token(lab, client_id=CLI, grant_type="refresh_token", refresh_token=text)


@pytest.mark.parametrize(
    ("fields", "password", "refreshed"),
    [
        ({"fault": "password-changed", "user": ALICE, "password": "new"}, [50126], [50173]),
        ({"fault": "password-expired", "user": ALICE}, [50055], []),
        ({"fault": "user-locked", "user": ALICE}, [50053], []),
        ({"fault": "user-disabled", "user": ALICE}, [50057], [50057]),
        ({"fault": "mfa-required", "user": ALICE}, [50076], [50076]),
        ({"fault": "mfa-required", "user": ALICE, "registered": False}, [50079], [50079]),
    ],
)
def test_a_user_is_changed_in_a_running_lab(lab, fields, password, refreshed):
    """A password and a refresh token of before: both good, refused while the fault is active, good after."""
    before = by_password(lab)["refresh_token"]
    undo = fault_from(fields).apply(lab)
    assert (codes(by_password(lab)), codes(refresh(lab, before))) == (password, refreshed)
    assert codes(by_password(lab, FRANK, "x")) == [50056]
    undo()
    assert codes(by_password(lab)) == codes(refresh(lab, before)) == []


def test_revoked_sessions_are_those_of_before(lab):
    """A refresh token of before is 50173; a new sign-in is good, and stays good; undone, the old one is good again."""
    before = by_password(lab)["refresh_token"]
    lab.engine.agenda.now += 0.25
    undo = fault_from({"fault": "sessions-revoked", "user": ALICE}).apply(lab)
    lab.engine.agenda.now += 0.25
    assert codes(refresh(lab, before)) == [50173]
    answer = by_password(lab)
    assert codes(answer) == codes(refresh(lab, answer["refresh_token"])) == []
    fault_from({"fault": "user-locked", "user": FRANK}).apply(lab)  # the time of the first does not move
    assert codes(refresh(lab, answer["refresh_token"])) == []
    undo()
    assert codes(refresh(lab, before)) == []


def test_the_new_password_is_good(lab):
    """Whoever knows it signs in, and can refresh."""
    fault_from({"fault": "password-changed", "user": ALICE, "password": "new"}).apply(lab)
    answer = by_password(lab, password="new")
    assert codes(answer) == codes(refresh(lab, answer["refresh_token"])) == []


def test_a_secret_expires(lab):
    """7000222, and good again when it is undone."""
    assert codes(by_secret(lab)) == []
    undo = fault_from({"fault": "secret-expired", "client_id": BACK_END}).apply(lab)
    assert codes(by_secret(lab)) == [7000222]
    undo()
    assert codes(by_secret(lab)) == []


def test_consent_is_revoked(lab):
    """The application's roles are gone from its token."""

    def roles() -> list[str]:
        part = by_secret(lab)["access_token"].split(".")[1]
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))).get("roles", [])

    assert roles() == ["User.Read.All"]
    undo = fault_from({"fault": "consent-revoked", "client_id": BACK_END}).apply(lab)
    assert roles() == []
    undo()
    assert roles() == ["User.Read.All"]


def test_a_certificate_is_removed(lab):
    """700027, and good again when it is undone."""
    assert codes(by_certificate(lab)) == []
    undo = fault_from({"fault": "certificate-removed", "client_id": SYNC}).apply(lab)
    assert codes(by_certificate(lab)) == [700027]
    undo()
    assert codes(by_certificate(lab)) == []


def test_new_access_tokens_live_for_a_moment(lab):
    """``expires_in`` and ``exp`` are those of the fault while it is there; 0 s and more than a day are refused."""

    def lifetime() -> tuple[int, int]:
        found = by_secret(lab)
        part = found["access_token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return found["expires_in"], claims["exp"] - int(lab.engine.now)

    before = lifetime()
    undo = fault_from({"fault": "access-token-lifetime", "seconds": 3}).apply(lab)
    assert lifetime() == (3, 3)
    changed = [each.event.faults for each in lab.trace if isinstance(each.event, HttpExchange)][-1]
    assert len(changed) == 1  # a run does not say that it touched nothing
    undo()
    assert lifetime() == before
    for seconds in (0, 86401):
        with pytest.raises(FaultError):
            fault_from({"fault": "access-token-lifetime", "seconds": seconds})


def kinds(lab: MemoryLab, times: int) -> list[str]:
    """What realm discovery says about the federated domain, so many times."""
    target = f"/common/userrealm/{FRANK}?api-version=1.0"
    return [ask(lab, "GET", target)["account_type"] for _ in range(times)]


@pytest.mark.parametrize(("share", "old"), [(0.0, 0), (0.25, 2), (0.5, 4), (0.9, 7)])
def test_a_domain_becomes_managed(lab, share, old):
    """The password is good at the cloud, where it was 50056; of the answers the share of before, evenly spread."""
    assert (kinds(lab, 3), codes(by_password(lab, FRANK, "Frank-lab-password-1"))) == (["Federated"] * 3, [50056])
    undo = fault_from({"fault": "domain-managed", "domain": "fabrikam.com", "old_share": share}).apply(lab)
    answers = kinds(lab, 8)
    assert answers.count("Federated") == old
    if share == 0.5:
        assert answers == ["Managed", "Federated"] * 4
    assert codes(by_password(lab, FRANK, "Frank-lab-password-1")) == []
    undo()
    assert (kinds(lab, 3), codes(by_password(lab, FRANK, "Frank-lab-password-1"))) == (["Federated"] * 3, [50056])


def test_an_assertion_after_the_conversion_is_refused(lab):
    """50107: the cloud has no trust with the service any more; before, its assertion is good."""
    key = lab.provider.keys.federation["fabrikam-sts"]

    def redeem() -> Any:
        now = int(lab.engine.now)
        facts = AssertionFacts(
            id=f"_{uuid4()}", issuer="http://sts.fabrikam.com/adfs/services/trust",
            audience="urn:federation:MicrosoftOnline", name_id="IhEiM0RVZneImaq7zN3u/w==", upn=FRANK,
            not_before=now, not_on_or_after=now + 600, method="urn:oasis:names:tc:SAML:1.0:am:password",
        )  # fmt: skip
        assertion = base64.b64encode(sign_assertion(facts, key).encode()).decode()
        grant = "urn:ietf:params:oauth:grant-type:saml1_1-bearer"
        return token(lab, client_id=CLI, grant_type=grant, assertion=assertion, scope=f"openid {GRAPH}")

    assert codes(redeem()) == []
    fault_from({"fault": "domain-managed", "domain": "fabrikam.com"}).apply(lab)
    assert codes(redeem()) == [50107]


@pytest.mark.parametrize(
    "fields",
    [
        {"fault": "user-locked", "user": "nobody@contoso.com"},
        {"fault": "secret-expired", "client_id": SYNC},
        {"fault": "secret-expired", "client_id": "nobody"},
        {"fault": "certificate-removed", "client_id": BACK_END},
        {"fault": "consent-revoked", "client_id": SYNC},
        {"fault": "consent-revoked", "client_id": BACK_END, "tenant": "nowhere.example"},
        {"fault": "domain-managed", "domain": "contoso.com"},
        {"fault": "domain-managed", "domain": "nowhere.example"},
    ],
)
def test_a_fault_that_fits_nothing_is_refused(lab, fields):
    """Who or what is named must be there, and have what the fault takes away."""
    with pytest.raises(FaultError):
        fault_from(fields).apply(lab)
    assert codes(by_password(lab)) == []


def test_a_refusal_names_the_fault_behind_it(lab):
    """The exchange has the number of the fault that changed it; a password that was never right is not its effect."""

    def faults() -> list[tuple[int | None, bool]]:
        exchanges = [each.event for each in lab.trace if isinstance(each.event, HttpExchange)]
        return [(each.code, bool(each.faults)) for each in exchanges]

    undo = fault_from({"fault": "password-changed", "user": ALICE, "password": "new"}).apply(lab)
    by_password(lab)
    by_password(lab, password="never-right")
    by_password(lab, FRANK, "x")
    undo()
    fault_from({"fault": "user-locked", "user": ALICE}).apply(lab)
    by_password(lab)
    by_password(lab, "bob@contoso.com", "wrong")
    token(lab, client_id=BACK_END[:-1] + "f", grant_type="password", username=ALICE, password=ALICE_PASSWORD)
    expected = [(50126, True), (50126, False), (50056, False), (50053, True), (50126, False), (700016, False)]
    assert faults() == expected
