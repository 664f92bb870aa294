"""``check_access_token`` by itself: whom a token stands for, which check refuses it, and what the trace says of it.

Sources: RFC 6750, sections 2.1 and 3.1; RFC 7519, section 4.1; RFC 8725, sections 3.1 and 3.9; Entra document "Access
tokens" (validation).
"""

from __future__ import annotations

import hashlib
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from multidict import CIMultiDict

from ssosim.entra import Call
from ssosim.resource_servers.access_tokens import Caller, Requirements
from ssosim.trace import AccessTokenChecked

from .checked_tokens import ALICE, API, V1_ISSUER, V2, V2_ISSUER, WANTED, check, check_call, check_text, make_call, sign
from .conftest import CLI, NOW, Servers
from .estates import BACK_END, CONTOSO_TENANT, LITWARE_TENANT

LONG = "x" * 300


@pytest.mark.parametrize(("version", "changes"), [("1.0", {}), ("2.0", V2)])
def test_the_caller_is_what_the_token_says(servers: Servers, version: str, changes: dict[str, Any]) -> None:
    """Object id, client, scopes, roles and methods of a user are those of the claims, in both versions."""
    found = check(servers, scp="Orders.Read  Orders.Write", roles=["Admin", 7], amr=["pwd", None, "mfa"], **changes)
    directory = servers.lab.provider.directory
    user, tenant = directory.find_user(ALICE), directory.find_tenant(CONTOSO_TENANT)
    assert user is not None
    assert tenant is not None
    assert found.caller == Caller(
        object_id=user.object_id,
        tenant=tenant,
        client_id=CLI,
        kind="user",
        scopes=frozenset({"Orders.Read", "Orders.Write"}),
        roles=frozenset({"Admin"}),
        name=ALICE,
        issuer=V1_ISSUER if version == "1.0" else V2_ISSUER,
        methods=frozenset({"pwd", "mfa"}),
    )


def test_an_application_has_no_scopes_and_its_client_id_as_name(servers: Servers) -> None:
    """A token without ``scp`` is that of an application; an empty ``scp`` is that of a user without permissions."""
    caller = check(servers, BACK_END, roles=["Job"]).caller
    assert caller is not None
    assert (caller.kind, caller.name, caller.scopes, caller.roles) == ("app", BACK_END, frozenset(), frozenset({"Job"}))
    caller = check(servers, BACK_END, scp="").caller
    assert caller is not None
    assert (caller.kind, caller.name, caller.scopes) == ("user", BACK_END, frozenset())


def test_an_application_is_never_named_as_a_user(servers: Servers) -> None:
    """The object id of an application's token is that of a service principal, also if a user has the same one."""
    user = servers.lab.provider.directory.find_user(ALICE)
    assert user is not None
    caller = check(servers, BACK_END, oid=user.object_id).caller
    assert caller is not None
    assert (caller.kind, caller.name) == ("app", BACK_END)


def test_a_user_whom_the_estate_does_not_have_is_named_by_the_client(servers: Servers) -> None:
    """A token of a deleted user without claims challenges is good until it ends (Entra, continuous access)."""
    caller = check(servers, oid="0a1f5c1e-0000-4000-8000-000000000000").caller
    assert caller is not None
    assert (caller.kind, caller.name) == ("user", CLI)


def test_the_record_of_an_accepted_token_is_whole(servers: Servers) -> None:
    """Host, audience, subject, client and the first 12 digits of the SHA-256 are recorded; nothing was unchecked."""
    text = sign(servers)
    found = check_text(servers, text)
    assert found.event == AccessTokenChecked(
        resource="orders.example",
        accepted=True,
        audience=API,
        subject=servers.claims()["oid"],
        client_id=CLI,
        digest=hashlib.sha256(text.encode()).hexdigest()[:12],
    )
    assert found.call.trace_buffer.auth == "bearer"
    assert not found.call.trace_buffer.refused_date


def test_a_refusal_names_nothing_that_was_not_checked(servers: Servers) -> None:
    """``not_checked`` belongs to what was accepted; a refused request rests on no setting."""
    for exp, noted in ((NOW + 1, ("cloud.clock_skew",)), (NOW, ())):
        call = make_call(f"Bearer {sign(servers, exp=exp)}")
        call.trace_buffer.note_not_checked("cloud.clock_skew")
        assert check_call(servers, call).event.not_checked == noted


@pytest.mark.parametrize(("age", "noted"), [(28 * 3600 + 300, ()), (28 * 3600 + 301, ("cloud.access_token_lifetime",))])
def test_a_token_older_than_any_real_one_is_named(servers: Servers, age: int, noted: tuple[str, ...]) -> None:
    """Tokens live 28 hours at most, and begin five minutes before they are issued (Entra document on CAE)."""
    assert check(servers, nbf=NOW - age).event.not_checked == noted


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ((), "missing"),
        (("",), "missing"),
        ((" ", "\t"), "missing"),
        (("Basic YTpi",), "missing"),
        (("BearerX {t}",), "missing"),
        (("Basic YTpi", "Bearer {t}"), "missing"),
        (("Bearer {t}", "Bearer {t}"), "malformed"),
        (("Bearer {t}", "Basic YTpi"), "malformed"),
        (("Bearer",), "malformed"),
        (("Bearer {t} {t}",), "malformed"),
        (("Bearer {t}, Bearer {t}",), "malformed"),
        (('Bearer "{t}"',), "malformed"),
        (("Bearer =",), "malformed"),
        (("Bearer {t}",), ""),
        (("bearer {t}",), ""),
        (("BEARER   {t}  ",), ""),
        (("", "Bearer {t}", " "), ""),
    ],
)
def test_the_header_has_one_bearer_token(servers: Servers, fields: tuple[str, ...], reason: str) -> None:
    """The scheme is compared without case, one field counts, and a request without a token is not recorded."""
    token = sign(servers)
    found = check_call(servers, make_call(*(each.replace("{t}", token) for each in fields)))
    assert found.reason == reason
    assert len(found.events) == (reason != "missing")
    if reason == "malformed":
        two = "there are two header fields Authorization"
        other = "the bearer token is empty or has characters that no token has"
        assert found.event.reason == (two if len(fields) > 1 else other)


def test_a_plain_mapping_of_headers_is_read(servers: Servers) -> None:
    """Headers that cannot be there twice are read as they are; without the field there is no token."""
    good = Call.read("GET", "h", "/", headers={"Authorization": f"Bearer {sign(servers)}"}, now=NOW)
    assert check_call(servers, good).caller is not None
    assert check_call(servers, Call.read("GET", "h", "/", headers={}, now=NOW)).reason == "missing"
    assert check_call(servers, Call.read("GET", "h", "/", headers=CIMultiDict(), now=NOW)).reason == "missing"


def test_a_refused_signature_says_nothing_of_the_claims(servers: Servers) -> None:
    """Of a token that is not the provider's no claim is recorded; the text says which check refused it."""
    key = servers.lab.provider.keys.cloud
    claims = servers.claims(aud=API)
    other = rsa.generate_private_key(65537, 2048)
    cases = {
        jwt.encode(
            claims, other, "RS256", headers={"kid": key.key_id}
        ): "the signature is not that of the issuer's key",
        jwt.encode(claims, key.private, "RS256", headers={"kid": "x"}): "it names a key that the issuer does not have",
        jwt.encode(claims, key.private, "RS256"): "it names a key that the issuer does not have",
        jwt.encode(claims, key.private, "PS256", headers={"kid": key.key_id}): "the algorithm is PS256, not RS256",
        jwt.encode(claims, "", "none", headers={"kid": key.key_id}): "the algorithm is none, not RS256",
    }
    for text, said in cases.items():
        found = check_text(servers, text)
        assert (found.reason, found.event.reason) == ("signature", said)
        assert found.event == AccessTokenChecked(resource="orders.example", accepted=False, reason=said)


def test_a_text_that_is_no_token_is_malformed(servers: Servers) -> None:
    """The text of the refusal says that, and is the reason in the trace."""
    found = check_text(servers, "a.b")
    assert (found.reason, found.event.accepted) == ("malformed", False)
    assert found.event.reason.startswith("it is no JSON Web Token: ")


@pytest.mark.parametrize(
    ("changed", "reason", "text", "of"),
    [
        ({"ver": "3.0"}, "version", "tokens of version 3.0 are not taken", V1_ISSUER),
        ({"ver": None}, "version", "tokens of version None are not taken", V1_ISSUER),
        ({"ver": 1.0}, "version", "tokens of version 1.0 are not taken", V1_ISSUER),
        ({"iss": V2_ISSUER}, "issuer", f"the issuer is {V2_ISSUER}", V2_ISSUER),
        ({**V2, "iss": V1_ISSUER}, "issuer", f"the issuer is {V1_ISSUER}", V1_ISSUER),
        ({"iss": None}, "issuer", "the issuer is None", "None"),
        ({"tid": None}, "issuer", f"the issuer is {V1_ISSUER}", V1_ISSUER),
        ({"tid": 7}, "issuer", f"the issuer is {V1_ISSUER}", V1_ISSUER),
        ({"tid": LITWARE_TENANT}, "issuer", f"the issuer is {V1_ISSUER}", V1_ISSUER),
        ({"tid": "contoso.onmicrosoft.com"}, "issuer", f"the issuer is {V1_ISSUER}", V1_ISSUER),
        ({"tid": CONTOSO_TENANT.upper()}, "issuer", f"the issuer is {V1_ISSUER}", V1_ISSUER),
        ({"tid": "8d7a41f3-0000-4c0e-8a57-6f1f4f0b7c22"}, "issuer", f"the issuer is {V1_ISSUER}", V1_ISSUER),
        ({"aud": None}, "audience", "the audience is None", "None"),
        ({"aud": [API]}, "audience", f"the audience is ['{API}']", f"['{API}']"),
        ({"aud": f"{API}/"}, "audience", f"the audience is {API}/", f"{API}/"),
    ],
)
def test_version_issuer_and_audience_are_named(
    servers: Servers, changed: dict[str, Any], reason: str, text: str, of: str
) -> None:
    """The refusal has what the token has in the place of what was expected (RFC 8725, sections 3.8 and 3.9)."""
    found = check(servers, **changed)
    assert found.refused is not None
    assert (found.refused.reason, found.refused.text, found.refused.found) == (reason, text, of)
    assert found.event.reason == text


@pytest.mark.parametrize(("versions", "refused"), [(("1.0",), "2.0"), (("2.0",), "1.0")])
def test_a_server_names_the_versions_that_it_takes(servers: Servers, versions: Any, refused: str) -> None:
    """A token of the other version is refused, however right it is otherwise."""
    wanted = Requirements((API,), versions=versions)
    found = {
        version: check(servers, wanted=wanted, **changes).reason for version, changes in (("1.0", {}), ("2.0", V2))
    }
    assert found == {refused: "version", versions[0]: ""}


@pytest.mark.parametrize(("only", "reason"), [(None, ""), (CONTOSO_TENANT, ""), (LITWARE_TENANT, "issuer")])
def test_a_server_may_take_tokens_of_one_tenant_only(servers: Servers, only: str | None, reason: str) -> None:
    """The token of another tenant is refused with its issuer, though it is a right one there."""
    found = check(servers, wanted=Requirements((API,), only))
    assert found.reason == reason
    if found.refused:
        assert (found.refused.text, found.refused.found) == (f"the issuer is {V1_ISSUER}", V1_ISSUER)


@pytest.mark.parametrize(
    ("changed", "reason", "said", "length"),
    [
        ({"aud": LONG}, "audience", "the audience is ", 256),
        ({"iss": LONG}, "issuer", "the issuer is ", 256),
        ({"ver": LONG, "iss": LONG}, "version", "tokens of version ", 8),
        ({"idtyp": LONG}, "kind", "it is a token of kind ", 8),
    ],
)
def test_what_is_repeated_of_a_token_is_bounded(
    servers: Servers, changed: dict[str, Any], reason: str, said: str, length: int
) -> None:
    """A claim of any length gives a message of bounded length."""
    found = check(servers, **changed)
    assert found.refused is not None
    assert found.reason == reason
    assert found.refused.text.startswith(said + "x" * length)
    assert found.refused.text.count("x" * (length + 1)) == 0
    assert len(found.refused.found) == (256 if reason != "kind" else 0)
    assert len(found.event.audience) <= 256


def test_names_in_the_record_are_bounded(servers: Servers) -> None:
    """The record has at most 253 letters of the host, 256 of the audience, 16 of the algorithm."""
    text = sign(servers, aud=LONG)
    call = make_call(f"Bearer {text}", host=LONG)
    assert (len(check_call(servers, call).event.resource), len(call.trace_buffer.events[0].audience)) == (253, 256)  # type: ignore[attr-defined]
    key = servers.lab.provider.keys.cloud
    header = {"alg": "R" * 40, "kid": key.key_id}
    parts = jwt.encode(servers.claims(), key.private, "RS256", headers={"kid": key.key_id}).split(".")
    parts[0] = jwt.utils.base64url_encode(str(header).replace("'", '"').encode()).decode()
    assert check_text(servers, ".".join(parts)).event.reason == f"the algorithm is {'R' * 16}, not RS256"


@pytest.mark.parametrize(
    ("changed", "reason", "expires"),
    [
        ({"exp": NOW}, "expired", NOW),
        ({"exp": NOW - 1}, "expired", NOW - 1),
        ({"exp": NOW + 1}, "", 0),
        ({"nbf": NOW + 1}, "not_yet_valid", NOW + 3600),
        ({"nbf": NOW}, "", 0),
        ({"exp": NOW, "nbf": NOW + 1}, "expired", NOW),
        ({"exp": None}, "malformed", 0),
        ({"nbf": None}, "malformed", 0),
        ({"exp": "soon"}, "malformed", 0),
        ({"nbf": True}, "malformed", 0),
        ({"exp": -1}, "malformed", 0),
    ],
)
def test_both_dates_are_required_and_kept_to_the_second(
    servers: Servers, changed: dict[str, Any], reason: str, expires: float
) -> None:
    """There is no clock skew at either end; only a passed or future date is noted as one (RFC 7519, section 4.1)."""
    found = check(servers, **changed)
    assert (found.reason, found.refused.expires if found.refused else 0) == (reason, expires)
    assert found.call.trace_buffer.refused_date == (reason in {"expired", "not_yet_valid"})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"oid": None}, "kind"),
        ({"oid": ""}, "kind"),
        ({"oid": 7}, "kind"),
        ({"appid": None}, "kind"),
        ({"appid": ""}, "kind"),
        ({"appid": 7}, "kind"),
        ({**V2, "azp": None, "appid": CLI}, "kind"),
        ({"appid": None, "azp": CLI}, "kind"),
        ({"roles": "Admin"}, "malformed"),
        ({"roles": {"Admin": True}}, "malformed"),
        ({"amr": "mfa"}, "malformed"),
        ({"scp": ["Orders.Read"]}, "malformed"),
        ({"scp": 7}, "malformed"),
        ({"idtyp": "app"}, "kind"),
        ({"idtyp": "device"}, "kind"),
        ({"idtyp": "user"}, ""),
    ],
)
def test_a_token_names_subject_and_client_in_their_types(
    servers: Servers, changed: dict[str, Any], reason: str
) -> None:
    """An access token names an object id and its client; claims of another type or kind are refused."""
    found = check(servers, **changed)
    assert found.reason == reason
    assert isinstance(found.event.client_id, str)


def test_a_token_without_scope_that_says_user_is_refused(servers: Servers) -> None:
    """``idtyp`` must be that of the claims: without ``scp`` a token is an application's."""
    assert [check(servers, BACK_END, idtyp=kind).reason for kind in ("user", "app")] == ["kind", ""]


@pytest.mark.parametrize(
    ("wanted", "scope", "reason"),
    [
        ((), "", ""),
        (("Orders.Read",), "Orders.Read", ""),
        (("Orders.Read", "Orders.Write"), "openid Orders.Write", ""),
        (("Orders.Read", "Orders.Write"), "openid", "scope"),
        (("Orders.Read",), "", "scope"),
        (("Orders.Read",), "orders.read", "scope"),
        (("Orders.Read",), "Orders.ReadWrite", "scope"),
    ],
)
def test_a_user_needs_one_of_the_scopes(servers: Servers, wanted: tuple[str, ...], scope: str, reason: str) -> None:
    """Scopes are compared as whole words with their case; an application has none, and needs none."""
    requirements = Requirements((API,), scopes=frozenset(wanted))
    found = check(servers, wanted=requirements, scp=scope)
    assert found.reason == reason
    if found.refused:
        assert found.refused.text == f"it has none of the scopes {', '.join(sorted(wanted))}"
    assert check(servers, BACK_END, wanted=requirements).reason == ""


def test_the_audience_is_one_of_several(servers: Servers) -> None:
    """Each audience of the requirements is taken, and no other."""
    wanted = Requirements((API, f"{API}/"), versions=WANTED.versions)
    found = [check(servers, wanted=wanted, aud=each).reason for each in (API, f"{API}/", f"{API}//")]
    assert found == ["", "", "audience"]
