"""``verify_federated_token`` by itself: which token of another issuer authenticates an application, and which does not.

Sources: RFC 7517, section 4; RFC 7519, section 4.1; OpenID Connect Discovery 1.0, section 4; Entra documents "Workload
identity federation" and "Considerations for federated identity credentials"; azure-workload-identity issues 616, 642,
1200 and 1232; Azure/login issues 482 and 515.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.issuer_keys import FetchError
from ssosim.entra.oauth.client_assertion import read_assertion
from ssosim.entra.oauth.client_context import ClientAuthentication, ClientContext
from ssosim.entra.oauth.federated_credentials import is_federated, verify_federated_token
from ssosim.entra.oauth.own_federated_tokens import ExchangingApplication, OwnIssuer
from ssosim.estate import Application, ClientAssertionRules, FederatedCredential

from .conftest import NOON
from .proofs import CLIENT, make_key, sign

ISSUER = "https://oidc.example/cluster-1"
SUBJECT = "system:serviceaccount:shop:orders"
AUDIENCE = "api://AzureADTokenExchange"
OWN = {
    "https://slash.example/": OwnIssuer("home", "2.0", "public"),
    "https://slash.example/elsewhere": OwnIssuer("elsewhere", "2.0", "public"),
    "https://slash.example/v1/": OwnIssuer("home", "1.0", "public"),
    "https://slash.example/us": OwnIssuer("home", "2.0", "usgov", is_here=False),
}
"""Issuers of the cloud itself; the application is registered in the first tenant."""
HOME = ExchangingApplication("home")
CONFIGURATION = f"{ISSUER}/.well-known/openid-configuration"
KEYS = f"{ISSUER}/keys"
EXCHANGE_ID = "fb60f99c-7a34-4190-8149-302f77469936"
NO_KEYS: Any = None  # those of the provider have no part in it
APPLICATION = Application(
    client_id=CLIENT,
    name="Orders",
    federated_credentials=(
        FederatedCredential(name="kubernetes", issuer=ISSUER, subject=SUBJECT),
        FederatedCredential(
            name="other", issuer=ISSUER, subject="system:serviceaccount:shop:mail", audiences=("mail",)
        ),
        *(FederatedCredential(name=each, issuer=each, subject=SUBJECT) for each in OWN),
        FederatedCredential(name="guid", issuer="https://slash.example/", subject="guid", audiences=(EXCHANGE_ID,)),
        FederatedCredential(
            name="us", issuer="https://slash.example/us", subject="us", audiences=(f"{AUDIENCE}USGov",)
        ),
    ),
)


def jwk(name: str = "issuer", **changes: Any) -> dict[str, Any]:
    """The public key as PyJWT writes it; a change to None leaves a member out."""
    found: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(make_key(name).public_key()))
    found |= {"kid": name, "use": "sig", "alg": "RS256"} | changes
    return {key: value for key, value in found.items() if value is not None}


def documents(*keys: Any, **changes: Any) -> dict[str, bytes]:
    """The documents of the issuer, with these keys."""
    configuration = {"issuer": ISSUER, "jwks_uri": KEYS} | changes
    return {CONFIGURATION: json.dumps(configuration).encode(), KEYS: json.dumps({"keys": list(keys)}).encode()}


def token(header: Mapping[str, Any] | None = None, signer: str = "issuer", **changes: Any) -> str:
    """A token of the issuer; changes to None leave a claim or header parameter out."""
    claims = {"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "nbf": NOON, "exp": NOON + 600} | changes
    fields = {"alg": "RS256", "typ": "JWT", "kid": "issuer", **(header or {})}
    return sign(
        signer,
        {key: value for key, value in fields.items() if value is not None},
        {key: value for key, value in claims.items() if value is not None},
    )


def verify(
    text: str,
    served: Mapping[str, bytes] | None = None,
    *,
    application: Application = APPLICATION,
    home: ExchangingApplication = HOME,
    **rules: Any,
) -> ClientAuthentication | int:
    """The result, or the code of the refusal."""
    served = documents(jwk()) if served is None else served

    def fetch(address: str) -> bytes:
        if address not in served:
            raise FetchError("404")
        return served[address]

    context = ClientContext(
        keys=NO_KEYS,
        rules=ClientAssertionRules(**rules),
        now=NOON,
        client_now=NOON + 10_000,  # the clock of a client is none of the issuer's
        audiences=frozenset,
        more_audiences=frozenset,
        own_issuers=lambda: OWN,
        describe=lambda _: home,
        fetch=fetch,
        record_use=lambda *_: True,
    )
    try:
        return verify_federated_token(application, read_assertion(text), context)
    except AadstsError as error:
        return error.code


def test_the_right_token_names_its_credential():
    """The result has the name of the credential, issuer and subject, and rests on no setting."""
    found = ClientAuthentication("federated_credential", "kubernetes", ISSUER, SUBJECT)
    assert verify(token()) == found
    assert verify(token(aud=[AUDIENCE])) == found, "Kubernetes writes a list"
    by_thumbprint = documents(jwk(x5t="thumb"))
    assert verify(token(header={"kid": None, "x5t": "thumb"}), by_thumbprint) == found


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://oidc.example/cluster-2"}, 700211),
        ({"iss": f"{ISSUER}/"}, 700211),
        ({"iss": ISSUER.upper()}, 700211),
        ({"sub": "system:serviceaccount:shop:admin"}, 700213),
        ({"sub": SUBJECT.upper()}, 7002138),
        ({"sub": f"{SUBJECT} "}, 700213),
        ({"aud": "mail"}, 700212),
        ({"aud": AUDIENCE.lower()}, 700212),
        ({"aud": [AUDIENCE, "mail"]}, 700212),
        ({"aud": []}, 50027),
        ({"aud": None}, 90014),
        ({"aud": 7}, 50027),
        ({"aud": [AUDIENCE, None]}, 50027),
        ({"aud": ""}, 50027),
        ({"sub": None}, 90014),
        ({"sub": ""}, 50027),
        ({"iss": None}, 90014),
        ({"exp": None}, 700024),
        ({"nbf": NOON - 600, "exp": NOON - 300}, 700024),
        ({"nbf": NOON, "exp": NOON}, 700024),
        ({"nbf": NOON + 301}, 700024),
        ({"nbf": NOON + 700, "exp": NOON + 600}, 700024),
        ({"nbf": None, "iat": NOON + 301}, 700024),
        ({"iat": "soon"}, 50027),
    ],
)
def test_each_claim_is_checked_letter_by_letter(changes, code):
    """Issuer, subject and audience are compared with their case, one audience counts, and dates are required."""
    assert verify(token(**changes)) == code


@pytest.mark.parametrize(("changes", "good"), [({"nbf": 0, "exp": NOON - 299}, True), ({"nbf": NOON + 300}, True)])
def test_five_minutes_of_skew_are_allowed_by_the_clock_of_the_service(changes, good):
    """The dates of another issuer are compared with the time of the service, not with that of the client."""
    assert isinstance(verify(token(**changes)), ClientAuthentication) == good


def test_a_subject_of_another_credential_needs_its_audience():
    """Audience and subject belong to one credential: those of two do not make one."""
    other = "system:serviceaccount:shop:mail"
    assert verify(token(sub=other)) == 700212
    found = verify(token(sub=other, aud="mail"))
    assert isinstance(found, ClientAuthentication)
    assert found.credential == "other"


def test_several_audiences_are_taken_by_a_setting_that_is_named():
    """With the setting one right audience among others is enough, and the result says so; a wrong list is not."""
    setting = {"multiple_federated_audiences": True}
    found = verify(token(aud=["x", AUDIENCE]), **setting)
    assert isinstance(found, ClientAuthentication)
    assert found.not_checked == ("cloud.client_assertions.multiple_federated_audiences",)
    assert verify(token(aud=["x", "y"]), **setting) == 700212
    found = verify(token(aud=[AUDIENCE]), **setting)
    assert isinstance(found, ClientAuthentication)
    assert found.not_checked == ()


@pytest.mark.parametrize(
    ("header", "signer", "code"),
    [
        ({"alg": "PS256"}, "issuer", 5002738),
        ({"kid": "another"}, "issuer", 7000272),
        ({"kid": ["issuer"]}, "issuer", 7000272),
        ({"kid": 7}, "issuer", 7000272),
        ({"kid": ""}, "issuer", 7000272),
        ({}, "stranger", 7000272),
        ({"kid": None}, "issuer", 5002723),
        ({"kid": None, "x5t": "thumb"}, "issuer", 7000272),
        ({"kid": "another", "x5t": "thumb"}, "issuer", 7000272),
        ({"typ": "at+jwt"}, "issuer", 5002727),
    ],
)
def test_the_key_is_that_which_the_issuer_serves(header, signer, code):
    """Another algorithm, key id or signature is refused."""
    assert verify(token(header=header, signer=signer)) == code


@pytest.mark.parametrize(
    ("keys", "good"),
    [
        ((jwk(),), True),
        ((jwk(use=None, alg=None),), True),
        ((jwk(key_ops=["verify"]),), True),
        ((jwk("stranger"), jwk()), True),
        (("x", None, [], jwk()), True),
        ((jwk(use="enc"),), False),
        ((jwk(alg="PS256"),), False),
        ((jwk(key_ops=["encrypt"]),), False),
        ((jwk(key_ops=[]),), False),
        ((jwk(key_ops="verify"),), False),
        ((jwk(kty="EC"),), False),
        ((jwk(kty=None),), False),
        ((jwk(n=None),), False),
        ((jwk(e=None),), False),
        ((jwk(e="AA"),), False),
        ((jwk(n="+" + jwk()["n"][1:]),), False),
        ((jwk(n=7),), False),
        ((jwk(kid="Issuer"),), False),
        ((jwk(kid=None),), False),
        ((), False),
    ],
)
def test_a_key_is_for_signatures_by_rs256(keys, good):
    """A key for encryption, for another algorithm, or without its numbers verifies nothing (RFC 7517, section 4)."""
    found = verify(token(), documents(*keys))
    assert isinstance(found, ClientAuthentication) if good else found == 7000272


def test_a_token_that_names_no_key_is_refused():
    """5002723, also for an issuer with one key (MSAL.NET, MockHelpers.cs)."""
    assert verify(token(header={"kid": None}), documents(jwk())) == 5002723


def test_only_the_first_hundred_keys_of_an_issuer_count():
    """Entra keeps the first 100 keys (Entra document "Workload identity federation")."""
    others = [jwk("stranger") | {"kid": f"key-{number}"} for number in range(100)]
    assert isinstance(verify(token(), documents(*others[1:], jwk())), ClientAuthentication)
    assert verify(token(), documents(*others, jwk())) == 7000272


def test_an_application_without_federated_credentials_is_told_so():
    """70025, before anything is fetched (logs of public workflows with Azure/login)."""
    application = replace(APPLICATION, federated_credentials=())
    assert verify(token(), {}, application=application) == 70025


@pytest.mark.parametrize(
    "served",
    [
        {},
        {CONFIGURATION: documents()[CONFIGURATION]},
        {**documents(jwk()), CONFIGURATION: b"no JSON"},
        {**documents(jwk()), CONFIGURATION: b"[]"},
        {**documents(jwk()), CONFIGURATION: b"[" * 100_000},
        {**documents(jwk()), CONFIGURATION: b"\xff"},
        {**documents(jwk()), KEYS: b"{}"},
        {**documents(jwk()), KEYS: b'{"keys": {}}'},
        {**documents(jwk()), KEYS: b"null"},
        documents(jwk(), issuer="https://oidc.example/cluster-2"),
        documents(jwk(), issuer=f"{ISSUER}/"),
        documents(jwk(), issuer=None),
        documents(jwk(), jwks_uri=None),
        documents(jwk(), jwks_uri=[KEYS]),
    ],
)
def test_documents_that_are_not_those_of_the_issuer_are_50166(served):
    """The configuration must name the issuer as the token does, and lead to keys (OpenID Discovery, section 4.3)."""
    assert verify(token(), served) == 50166


def test_nothing_is_fetched_for_an_issuer_that_no_credential_names():
    """A token cannot make the service connect to a host of its choice."""
    assert verify(token(iss="https://evil.example"), {}) == 700211
    assert verify(token(aud="mail"), {}) == 700212


MANAGED = "/subscriptions/1/resourcegroups/2/providers/Microsoft.ManagedIdentity/userAssignedIdentities/orders"
MACHINE = "/subscriptions/1/resourcegroups/2/providers/Microsoft.Compute/virtualMachines/vm"


@pytest.mark.parametrize(
    ("issuer", "more", "code"),
    [
        ("", {"xms_mirid": MANAGED}, None),
        ("", {"xms_mirid": MANAGED, "aud": AUDIENCE}, None),
        ("", {"xms_mirid": MACHINE}, 700222),
        ("", {}, 700226),
        ("", {"xms_mirid": 7}, 700226),
        ("", {"scp": "user_impersonation"}, 700229),
        ("", {"xms_mirid": MANAGED, "idtyp": "user"}, 700229),
        ("", {"xms_mirid": MANAGED, "xms_ficinfo": "x"}, 700231),
        ("", {"xms_mirid": MANAGED, "aud": "https://management.azure.com"}, 700212),
        ("", {"xms_mirid": MANAGED, "sub": "guid"}, 700214),
        ("elsewhere", {"xms_mirid": MANAGED}, 700236),
        ("us", {"xms_mirid": MANAGED, "sub": "us"}, 700238),
        ("us", {"xms_mirid": MANAGED}, 700212),
        ("v1/", {"xms_mirid": MANAGED}, 700227),
    ],
)
def test_a_token_of_the_cloud_itself_is_that_of_a_user_assigned_identity_of_the_tenant(issuer, more, code):
    """Users, applications, machines, other tenants and clouds, and exchanged tokens are refused, each with its code.

    The audience of the token is the client id of the exchange; the credential names it by its URI.
    """
    address = f"https://slash.example/{issuer}"
    configuration = {"issuer": address, "jwks_uri": KEYS}
    name = f"{address.removesuffix('/')}/.well-known/openid-configuration"
    served = documents(jwk()) | {name: json.dumps(configuration).encode()}
    found = verify(token(**({"iss": address, "aud": EXCHANGE_ID} | more)), served)
    assert isinstance(found, ClientAuthentication) if code is None else found == code


def test_a_managed_identity_trusts_no_token_of_the_cloud_itself():
    """Its federated credentials are for other issuers (Entra document "Workload identity federation")."""
    more = {"iss": "https://slash.example/", "aud": EXCHANGE_ID, "xms_mirid": MANAGED}
    assert verify(token(**more), home=replace(HOME, is_managed_identity=True)) == 700222


@pytest.mark.parametrize(
    ("issuer", "federated"),
    [(ISSUER, True), ("HTTPS://x", True), ("http://x", True), (CLIENT, False), ("", False), (7, False), (None, False)],
)
def test_a_token_of_another_issuer_is_known_by_its_address(issuer, federated):
    """An application names itself by its client id; only an address is an issuer."""
    assert is_federated(read_assertion(token(iss=issuer))) == federated


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "iat"]),
        st.none()
        | st.text(max_size=3)
        | st.integers(-5, 5)
        | st.just(AUDIENCE)
        | st.lists(st.just(AUDIENCE), max_size=3),
        min_size=1,
    )
)
def test_no_other_claims_are_accepted(changes):
    """Whatever is changed in the claims, the token is refused with a code, or still says the same."""
    found = verify(token(**changes))
    if isinstance(found, ClientAuthentication):
        assert set(changes) <= {"aud", "nbf", "iat"}
        assert changes.get("aud", AUDIENCE) in (AUDIENCE, [AUDIENCE])
    else:
        assert found in (50027, 90014, 700024, 700211, 700212, 700213)
