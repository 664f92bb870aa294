"""Client assertions signed with a certificate: what the libraries send is accepted, and every defect has its code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssosim.estate import Certificate, ClientAssertionRules, TrustedCertificateSubject
from ssosim.trace import ClientAuthenticated, TokenIssued

from .proofs import (
    CLIENT,
    CONTOSO,
    ENDPOINT,
    ENDPOINT_V1,
    GRAPH,
    NOON,
    assertion,
    assertion_form,
    b64url,
    der,
    estate_with,
    good_claims,
    hex_sha1,
    make_certificate,
    make_key,
    pem,
    sign,
    thumbprint,
)

NOW = NOON.timestamp()
DAY = timedelta(days=1)
APP = make_certificate("app")


@pytest.fixture
def site(make_site):
    """Contoso with an application that has one certificate."""
    return make_site(estate_with())


def send(site, text, tenant=CONTOSO, **changes):
    """Status and codes of a client credentials request with this assertion."""
    status, body = site.token(assertion_form(text, **changes), tenant)
    return status, body.get("error_codes")


LIBRARIES = {
    "msal-python": ({"alg": "RS256", "x5t#S256": None, "x5t": thumbprint(APP, sha=1, padded=True)},
                    {"nbf": None, "iat": NOW + 0.25, "exp": NOW + 600.25}),
    "msal-python-public-certificate": ({"alg": "PS256", "x5t#S256": thumbprint(APP, padded=True)}, {"nbf": None}),
    "msal-go": ({"alg": "PS256", "x5t#S256": thumbprint(APP, url=False, padded=True)}, {"iat": None}),
    "msal-node": ({"alg": "PS256", "x5t#S256": thumbprint(APP)}, {}),
    "msal4j": ({"alg": "RS256", "x5t#S256": thumbprint(APP, url=False, padded=True)}, {"iat": None}),
    "msal-dotnet": ({"alg": "PS256", "x5c": base64.b64encode(der(APP)).decode()},
                    {"iat": None, "nbf": str(int(NOW)), "exp": str(int(NOW) + 600)}),
    "x5c-with-line-ends": ({"x5c": [base64.encodebytes(der(APP)).decode().strip()]}, {}),
    "x5c-as-a-list": ({"x5c": [base64.b64encode(der(APP)).decode()]}, {}),
    "both-thumbprints": ({"x5t": thumbprint(APP, sha=1)}, {}),
    "no-type": ({"typ": None}, {}),
    "no-jti": ({}, {"jti": None}),
    "upper-case-client-id": ({}, {"iss": CLIENT.upper(), "sub": CLIENT.upper()}),
}  # fmt: skip


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_a_library_sends_is_accepted(site, library):
    """Both hashes in both base64 alphabets, padded or not; both algorithms; dates with fractions and in strings."""
    header, claims = LIBRARIES[library]
    assert send(site, assertion(header=header, **claims)) == (200, None)
    proof = site.events(ClientAuthenticated)[-1]
    assert (proof.method, proof.credential) == ("certificate", hex_sha1(APP))
    assert proof.subject.lower() == CLIENT


@pytest.mark.parametrize(
    "header",
    [
        {"x5t": thumbprint(APP, sha=1, url=url, padded=padded), "x5t#S256": None} for url in (True, False)
        for padded in (True, False)
    ],
)  # fmt: skip
def test_a_sha1_thumbprint_is_read_in_all_forms(site, header):
    """x5t in both alphabets, with and without padding."""
    assert send(site, assertion(header=header)) == (200, None)


@pytest.mark.parametrize(
    ("audience", "tenant", "v1"),
    [
        (ENDPOINT, CONTOSO, False),
        (f"https://login.microsoftonline.com/{CONTOSO}/v2.0", CONTOSO, False),
        ("https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token", "contoso.com", False),
        (ENDPOINT, "contoso.com", False),
        (f"https://login.windows.net/{CONTOSO}/oauth2/v2.0/token", CONTOSO, False),
        (ENDPOINT_V1, CONTOSO, True),
    ],
)
def test_the_audience_is_the_endpoint_or_the_issuer(site, audience, tenant, v1):
    """The token endpoint of the tenant at any host of the cloud, or the issuer of version 2.0."""
    form = assertion_form(assertion(aud=audience))
    status, body = site.token(form | ({"resource": GRAPH} if v1 else {}), tenant, v1=v1)
    assert status == 200, body


OTHER_TENANT = "5c1d0a44-0a3b-4b52-9b4f-2f1c9e7d8a66"
REFUSED = {
    # 700023: the audience
    "another host": ({}, {"aud": f"https://login.microsoftonline.us/{CONTOSO}/oauth2/v2.0/token"}, 700023),
    "another tenant": ({}, {"aud": f"https://login.microsoftonline.com/{OTHER_TENANT}/oauth2/v2.0/token"}, 700023),
    "common": ({}, {"aud": "https://login.microsoftonline.com/common/oauth2/v2.0/token"}, 700023),
    "plain http": ({}, {"aud": ENDPOINT.replace("https", "http")}, 700023),
    "a slash more": ({}, {"aud": f"{ENDPOINT}/"}, 700023),
    "the federated audience": ({}, {"aud": "api://AzureADTokenExchange"}, 700023),
    "the resource": ({}, {"aud": GRAPH}, 700023),
    # 50027, 90014: malformed
    "audience in a list": ({}, {"aud": [ENDPOINT]}, 50027),
    "no audience": ({}, {"aud": None}, 90014),
    "no issuer": ({}, {"iss": None}, 90014),
    "no subject": ({}, {"sub": None}, 90014),
    "expiry in words": ({}, {"exp": "tomorrow"}, 50027),
    "expiry true": ({}, {"exp": True}, 50027),
    "expiry after the last year": ({}, {"exp": 10**15}, 50027),
    "expiry that no number type holds": ({}, {"exp": 10**400}, 50027),
    "expiry below zero": ({}, {"exp": -1}, 50027),
    "start in words": ({}, {"nbf": "now"}, 50027),
    "issued in a list": ({}, {"iat": [NOW]}, 50027),
    "jti a number": ({}, {"jti": 7}, 50027),
    "a thumbprint that is not base64": ({"x5t#S256": "#"}, {}, 50027),
    "x5c no certificate": ({"x5c": ["AAAA"]}, {}, 50027),
    "x5c empty": ({"x5c": []}, {}, 50027),
    "a critical extension": ({"crit": ["exp"]}, {}, 50027),
    # 5002727, 5002738: type and algorithm
    "another type": ({"typ": "at+jwt"}, {}, 5002727),
    "RS512": ({"alg": "RS512"}, {}, 5002738),
    "ES256": ({"alg": "ES256"}, {}, 5002738),
    "lower case": ({"alg": "rs256"}, {}, 5002738),
    # who it is
    "subject of another": ({}, {"sub": "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b01"}, 50048),
    "issuer of another": ({}, {"iss": "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b01"}, 50048),
    "another application": (
        {}, {"iss": "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b01", "sub": "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b01"}, 700021
    ),
    # 700024: dates
    "expired": ({}, {"exp": NOW - 301, "nbf": NOW - 900}, 700024),
    "expired long ago": ({}, {"exp": 1, "nbf": None}, 700024),
    "not yet valid": ({}, {"nbf": NOW + 301}, 700024),
    "no expiry": ({}, {"exp": None}, 700024),
    "issued in the future": ({}, {"nbf": None, "iat": NOW + 301}, 700024),
    "issued in the future, and valid already": ({}, {"nbf": NOW, "iat": NOW + 301}, 700024),
    "ends before it starts": ({}, {"nbf": NOW + 200, "exp": NOW + 100}, 700024),
    # 5002723, 700027: the key
    "no thumbprint": ({"x5t#S256": None}, {}, 5002723),
    "a short thumbprint": ({"x5t#S256": thumbprint(APP)[:-4]}, {}, 700027),
    "a SHA-1 thumbprint under the other name": ({"x5t#S256": thumbprint(APP, sha=1)}, {}, 700027),
    "a SHA-256 thumbprint under the other name": ({"x5t#S256": None, "x5t": thumbprint(APP)}, {}, 700027),
    "a thumbprint in hexadecimal": ({"x5t#S256": hashlib.sha256(der(APP)).hexdigest()}, {}, 700027),
    "only a key id": ({"x5t#S256": None, "kid": thumbprint(APP)}, {}, 700027),
    "an unknown key": ({"x5t#S256": thumbprint(make_certificate("other"))}, {}, 700027),
    "thumbprints of two keys": ({"x5t": thumbprint(make_certificate("other"), sha=1)}, {}, 700027),
    "x5c of another key": ({"x5c": [base64.b64encode(der(make_certificate("other"))).decode()]}, {}, 700027),
}  # fmt: skip


@pytest.mark.parametrize("defect", REFUSED)
def test_every_defect_has_its_code(site, defect):
    """One change to a valid assertion, and no token: each code of the table."""
    header, claims, code = REFUSED[defect]
    status, codes = send(site, assertion(header=header, **claims))
    assert codes == [code]
    assert status in (400, 401)
    assert not site.events(TokenIssued)
    assert not site.events(ClientAuthenticated)


def test_a_valid_assertion_is_accepted_until_five_minutes_after_its_end(site):
    """The clock skew of the setting counts on both sides."""
    assert send(site, assertion(exp=NOW - 299, nbf=NOW - 900)) == (200, None)
    assert send(site, assertion(nbf=NOW + 299)) == (200, None)
    assert send(site, assertion(exp=253_402_300_799)) == (200, None)  # Entra does not restrict exp


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", " {}"])
def test_an_assertion_with_white_space_around_it_is_malformed(site, around):
    """50027: the line end of a file is no part of a token (RFC 7515, section 7.1; the code is unconfirmed)."""
    assert send(site, around.format(assertion())) == (400, [50027])


def test_a_wrong_signature_is_refused(site):
    """The certificate is known and another key has signed: 700027 with the reason and the dates of the key."""
    status, body = site.token(assertion_form(assertion(signer="other")), CONTOSO)
    assert (status, body["error"], body["error_codes"]) == (401, "invalid_client", [700027])
    text = body["error_description"]
    assert "The provided signature value did not match the expected signature value." in text
    assert f"'{hex_sha1(APP)}'" in text
    assert "Found key 'Start=" in text
    assert CLIENT in text


def test_an_unknown_key_is_named_by_its_thumbprint(site):
    """700027 says which thumbprint the client has used."""
    other = make_certificate("other")
    header = {"x5t#S256": None, "x5t": thumbprint(other, sha=1)}
    _, body = site.token(assertion_form(assertion("other", header=header)), CONTOSO)
    assert "The key was not found." in body["error_description"]
    assert hex_sha1(other) in body["error_description"]


def test_the_time_range_is_in_the_text(site):
    """700024 has the three times, with seven digits after the second; the second is ``iat`` (MSAL.NET issue 4951)."""
    _, body = site.token(assertion_form(assertion(exp=NOW - 3600, nbf=NOW - 7200, iat=None)), CONTOSO)
    assert "Current time: 2026-09-21T14:13:20.0000000Z" in body["error_description"]
    assert "valid from 1970-01-01T00:00:00.0000000Z" in body["error_description"]
    assert "expiry time of assertion 2026-09-21T13:13:20.0000000Z" in body["error_description"]


def test_a_program_dates_its_assertion_by_its_own_clock(site):
    """In a lab with virtual time the clock of a program's machine counts, and that of the lab for what the lab made."""
    later = 5_000_000
    site.provider.find_client_time = lambda _client: NOW + later
    assert send(site, assertion(exp=NOW + 600, nbf=NOW)) == (401, [700024])
    status, codes = send(site, assertion(exp=NOW + later + 600, nbf=NOW + later, iat=NOW + later))
    assert (status, codes) == (200, None)


def test_the_algorithm_of_the_header_is_the_one_that_is_checked(site):
    """A signature by the other scheme of the same key is refused with 700027."""
    for named, used in (("RS256", "PS256"), ("PS256", "RS256")):
        head = {"typ": "JWT", "alg": used, "x5t#S256": thumbprint(APP)}
        text = sign("app", head, good_claims())
        lying = b64url(json.dumps({**head, "alg": named}).encode())
        assert send(site, f"{lying}.{text.split('.', 1)[1]}") == (401, [700027])


def test_nothing_signed_without_the_private_key_is_accepted(site):
    """``none``, and HMAC with the public certificate as key (CVE-2015-9235), are refused with 5002738."""
    head = {"typ": "JWT", "x5t#S256": thumbprint(APP)}
    body = b64url(json.dumps(good_claims()).encode())
    for alg in ("none", "None", "HS256"):
        signed = f"{b64url(json.dumps({**head, 'alg': alg}).encode())}.{body}"
        mac = hmac.new(pem(APP).encode(), signed.encode(), "sha256").digest()
        for signature in ("", b64url(mac)):
            assert send(site, f"{signed}.{signature}") == (401, [5002738])


def test_a_repeated_claim_is_refused(site):
    """Two readers could see different values: 50027 (RFC 7519, section 4)."""
    first = json.dumps(good_claims())
    raw = first[:-1] + f', "sub": "{CLIENT}"}}'
    head = {"typ": "JWT", "alg": "RS256", "x5t#S256": thumbprint(APP)}
    assert send(site, sign("app", head, None, raw_claims=raw.encode())) == (400, [50027])


@pytest.mark.parametrize("raw", [b"[]", b'"x"', b"{", b"\xff\xfe", b'{"exp": NaN}', b'{"exp": 1e999}', b"[" * 5000])
def test_a_payload_that_is_no_object_is_refused(site, raw):
    """50027, whatever the payload is; infinity in an otherwise empty object is a missing claim."""
    head = {"typ": "JWT", "alg": "RS256", "x5t#S256": thumbprint(APP)}
    assert send(site, sign("app", head, None, raw_claims=raw)) == (400, [90014 if b"e999" in raw else 50027])


@pytest.mark.parametrize("text", ["x", "x.y", "x.y.z", "a.b.c.d.e", "..", " ", "=.=.=", "é.é.é", "x" * 70000])
def test_a_text_that_is_no_token_is_refused(site, text):
    """50027; a blank text is a missing parameter, 900144."""
    status, codes = send(site, text)
    assert status == 400
    assert codes == ([900144] if not text.strip() else [50027])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}, 90011),
        ({"client_assertion_type": "jwt-bearer"}, 90011),
        ({"client_assertion_type": ""}, 900144),
        ({"client_assertion": ""}, 900144),
        ({"client_id": ""}, 900144),
        ({"client_id": "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b01"}, 700021),
        ({"client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46"}, 700025),
    ],
)
def test_the_parameters_belong_together(site, changes, code):
    """Type, assertion and client id are wanted, and are those of one application: 90011, 900144, 700021, 700025."""
    assert send(site, assertion(), **changes)[1] == [code]


def test_a_certificate_is_good_within_its_dates(make_site):
    """700027 with the reason, before and after; a second certificate makes the rotation possible."""
    old = make_certificate("old", start=NOON - 30 * DAY, end=NOON)
    new = make_certificate("new", start=NOON + DAY, end=NOON + 30 * DAY)
    certificates = tuple(Certificate(pem=pem(each)) for each in (old, new, APP))
    site = make_site(estate_with(certificates=certificates))
    for certificate, name, reason in (
        (old, "old", "The key used is expired."),
        (new, "new", "The key used is not valid yet."),
        (APP, "app", None),
    ):
        head = {"x5t#S256": thumbprint(certificate)}
        status, body = site.token(assertion_form(assertion(name, header=head)), CONTOSO)
        assert body.get("error_codes") == ([700027] if reason else None)
        assert status == (401 if reason else 200)
        assert reason is None or reason in body["error_description"]


def test_a_certificate_of_another_application_is_refused(make_site):
    """700027: a key belongs to the application that it is registered for."""
    site = make_site(estate_with(certificates=(Certificate(pem=pem(make_certificate("other"))),)))
    assert send(site, assertion()) == (401, [700027])


def test_a_replay_is_refused_only_by_the_setting(make_site):
    """MSAL for Java reused assertions (986); with ``refuse_replay`` a second use is 50027, and ``jti`` is wanted."""
    site = make_site(estate_with())
    assert [send(site, assertion())[0] for _ in range(2)] == [200, 200]
    strict = make_site(estate_with(), cloud={"client_assertions": ClientAssertionRules(refuse_replay=True)})
    assert [send(strict, assertion()) for _ in range(2)] == [(200, None), (400, [50027])]
    assert send(strict, assertion(jti="2")) == (200, None)
    assert send(strict, assertion(jti=None)) == (400, [50027])
    assert send(strict, assertion(jti="3", signer="other")) == (401, [700027])
    assert send(strict, assertion(jti="3")) == (200, None)  # a refused assertion has not used up its id


def test_a_lenient_setting_is_named_in_the_trace(make_site):
    """More audiences by a setting: accepted, and the record says that the strict rule was not kept."""
    audience = f"https://sts.windows.net/{CONTOSO}/"
    assert send(make_site(estate_with()), assertion(aud=audience)) == (401, [700023])
    rules = ClientAssertionRules(audiences=("https://sts.windows.net/{tenant}/",))
    site = make_site(estate_with(), cloud={"client_assertions": rules})
    assert send(site, assertion(aud=audience)) == (200, None)
    assert site.events(ClientAuthenticated)[-1].not_checked == ("cloud.client_assertions.audiences",)


def test_an_assertion_authenticates_for_every_grant(site):
    """Password, refresh and device code with an assertion; without it, or with a wrong one, no tokens."""
    user = {"grant_type": "password", "username": "alice@contoso.com", "password": "Alice-lab-password-1"}
    scope = {"scope": f"openid offline_access {GRAPH}/User.Read"}
    status, body = site.token(assertion_form(assertion(), **user, **scope), CONTOSO)
    assert status == 200, body
    refresh = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"], **scope}
    assert send(site, assertion(), **refresh) == (200, None)
    for form in (user, refresh):
        assert send(site, assertion(signer="other"), **form | scope)[1] == [700027]
        assert site.token({"client_id": CLIENT, **form, **scope}, CONTOSO)[0] == 401


# Subject name and issuer


ROOT = make_certificate("root", authority=True)
MIDDLE = make_certificate("middle", issuer="root", authority=True)
LEAF = make_certificate("leaf", issuer="middle", dns=("app.contoso.com",))
NO_AUTHORITY = make_certificate("forged", issuer="leaf", dns=("app.contoso.com",))


def chain_header(*chain, **more):
    """The header of an assertion with this chain."""
    return {
        "alg": "PS256",
        "x5t#S256": thumbprint(chain[0]),
        "x5c": [base64.b64encode(der(each)).decode() for each in chain],
        **more,
    }


@pytest.fixture
def subject_site(make_site):
    """Contoso with an application that trusts certificates for a name of one authority, and has none of its own."""
    trusted = TrustedCertificateSubject(subject_name="App.contoso.com", authority=pem(ROOT))
    return make_site(estate_with(certificates=(), trusted_certificate_subjects=(trusted,)))


@pytest.mark.parametrize("chain", [(LEAF, MIDDLE), (LEAF, MIDDLE, ROOT), (LEAF, ROOT, MIDDLE)])
def test_a_certificate_of_a_trusted_authority_is_accepted(subject_site, chain):
    """The client sends its certificate and the intermediate ones; no thumbprint is registered (MSAL Python 60)."""
    assert send(subject_site, assertion("leaf", header=chain_header(*chain))) == (200, None)
    proof = subject_site.events(ClientAuthenticated)[-1]
    assert (proof.method, proof.credential) == ("certificate_subject", "App.contoso.com")


def test_subject_and_issuer_are_both_checked(subject_site):
    """700030 for another name, 7000213 for another issuer, 700027 without x5c, 7000274 for an old certificate."""
    other_name = make_certificate("named", issuer="middle", dns=("other.contoso.com",))
    late = make_certificate("late", issuer="middle", dns=("app.contoso.com",), end=NOON)
    own = make_certificate("own", dns=("app.contoso.com",), authority=True)
    for name, header, code in (
        ("named", chain_header(other_name, MIDDLE, ROOT), 700030),
        ("late", chain_header(late, MIDDLE), 7000274),
        ("own", chain_header(own), 7000213),
        ("leaf", chain_header(LEAF), 7000213),  # the intermediate certificate is missing
        ("leaf", chain_header(LEAF, MIDDLE, x5c=None), 700027),  # azure kubelogin pull request 568
        ("forged", chain_header(NO_AUTHORITY, LEAF, MIDDLE), 7000213),  # issued by a certificate that is no authority
        ("other", chain_header(LEAF, MIDDLE), 700027),  # another key has signed
        ("leaf", chain_header(LEAF, MIDDLE, **{"x5t#S256": thumbprint(APP)}), 700027),  # it names another certificate
    ):
        assert send(subject_site, assertion(name, header=header)) == (401, [code]), (name, code)


def test_700030_names_the_subjects_of_the_certificate(subject_site):
    """The text has the common name and the alternative names."""
    other_name = make_certificate("named", issuer="middle", dns=("other.contoso.com",))
    form = assertion_form(assertion("named", header=chain_header(other_name, MIDDLE)))
    assert "named, other.contoso.com" in subject_site.token(form, CONTOSO)[1]["error_description"]


# No change to a valid assertion is accepted


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_character_is_accepted(site, data):
    """Any one character of a valid assertion replaced by another one: no token."""
    text = assertion()
    place = data.draw(st.integers(0, len(text) - 1))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/"
    other = data.draw(st.sampled_from(alphabet.replace(text[place], "")))
    status, codes = send(site, text[:place] + other + text[place + 1 :])
    assert (status, bool(codes)) in ((400, True), (401, True))


def test_one_signature_has_one_text(site):
    """The last character of a signature has bits that carry nothing: only one of its texts is accepted (RFC 7515)."""
    text = assertion()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    accepted = [last for last in alphabet if send(site, text[:-1] + last)[0] == 200]
    assert accepted == [text[-1]]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    claims=st.dictionaries(
        st.sampled_from(["aud", "exp", "iss", "sub", "nbf", "iat", "jti"]),
        st.one_of(
            st.none(),
            st.integers(),
            st.floats(allow_nan=False, allow_infinity=False),
            st.text(max_size=40),
            st.lists(st.text(max_size=4), max_size=2),
            st.booleans(),
        ),
        min_size=1,
    )
)
def test_only_assertions_that_keep_every_rule_are_accepted(site, claims):
    """Drawn claims, rightly signed: a token comes for exactly those that a second reader of the rules accepts."""
    everything = good_claims(**claims)
    head = {"typ": "JWT", "alg": "RS256", "x5t#S256": thumbprint(APP)}
    status, _ = send(site, sign("app", head, everything))
    dates = [everything.get(name) for name in ("exp", "nbf", "iat")]
    numbers = [
        None
        if each is None
        else float(each)
        if isinstance(each, int | float) and not isinstance(each, bool)
        else float(each)
        if isinstance(each, str) and each.isascii() and each.isdigit()
        else -1.0
        for each in dates
    ]
    expiry, start, issued = numbers
    expected = (
        everything.get("iss") == everything.get("sub") == CLIENT
        and everything.get("aud") == ENDPOINT
        and ("jti" not in everything or (isinstance(everything["jti"], str) and everything["jti"] != ""))
        and expiry is not None
        and NOW - 300 < expiry <= 253_402_300_799
        and (start is None or 0 <= start <= min(NOW + 300, expiry))
        and (issued is None or 0 <= issued <= NOW + 300)
    )
    assert (status == 200) == expected


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    dropped=st.sets(st.sampled_from(["aud", "exp", "iss", "sub", "x5t#S256", "alg"]), min_size=1),
)
def test_no_required_part_may_be_missing(site, dropped):
    """Each of these parts is wanted, alone and together."""
    head = {"typ": "JWT", "alg": "RS256", "x5t#S256": thumbprint(APP)}
    head = {name: value for name, value in head.items() if name not in dropped}
    claims = {name: value for name, value in good_claims().items() if name not in dropped}
    assert send(site, sign("app", head, claims))[0] in (400, 401)


def test_pyjwt_signs_what_is_accepted(site):
    """An assertion made with a JOSE library, as a program without MSAL makes it."""
    claims = {**good_claims(), "exp": int(NOW) + 600, "nbf": int(NOW), "iat": int(NOW)}
    for algorithm in ("RS256", "PS256"):
        text = jwt.encode(claims, make_key("app"), algorithm=algorithm, headers={"x5t#S256": thumbprint(APP)})
        assert send(site, text) == (200, None)
