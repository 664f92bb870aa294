"""Assertions that must not sign anybody in, each with the code it is refused with."""

import base64
import copy
from xml.etree.ElementTree import canonicalize

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from ssosim.entra import Settings, SigningKey
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.safe_xml import InvalidXmlError, parse_xml
from ssosim.entra.core.sealed_tokens import DesktopSsoClaims, TokenSealer
from ssosim.entra.oauth.assertion import decode_assertion
from ssosim.entra.wstrust.saml_write import (
    SAML1,
    AssertionFacts,
    render_unsigned_assertion,
    sign_assertion,
    wrap_desktop_sso_token,
)
from ssosim.trace import TokenIssued

SIGNATURE = [70002, 50008, 50006]
INVALID = [70002, 50008]
DS = "{http://www.w3.org/2000/09/xmldsig#}"
SAML = f"{{{SAML1}}}"
AUDIENCE = "urn:federation:MicrosoftOnline"
TENANT = "5f0c9a66-0c2f-4c83-9d27-3b6f1d2a9e10"
ALICE_ID = "0a1f5c1e-6f0d-4a6c-9a1d-111111111111"
NOON = 1_790_000_000


def facts(**changes):
    """A good assertion about Frank by his own STS, with ``changes``."""
    good = {
        "id": "_11111111-2222-3333-4444-555555555555",
        "issuer": "http://sts.fabrikam.com/adfs/services/trust",
        "audience": AUDIENCE,
        "name_id": "IhEiM0RVZneImaq7zN3u/w==",
        "upn": "frank@fabrikam.com",
        "not_before": NOON,
        "not_on_or_after": NOON + 3600,
        "method": "urn:federation:authentication:windows",
    }
    return AssertionFacts(**(good | changes))


@pytest.fixture
def frank(keys):
    """A signed assertion about Frank, as an element to play tricks on."""
    return etree.fromstring(sign_assertion(facts(), keys.federation["fabrikam-sts"]))


def text(element):
    """XML text of an element."""
    return etree.tostring(element).decode()


def forged(original):
    """A copy of the signed assertion that claims to be about Alice, without its signature."""
    evil = copy.deepcopy(original)
    evil.remove(evil.find(f"{DS}Signature"))
    for name in evil.iter(f"{SAML}NameIdentifier"):
        name.text = "ABEiM0RVZneImaq7zN3u/w=="
    for value in evil.iter(f"{SAML}AttributeValue"):
        if value.text == "frank@fabrikam.com":
            value.text = "alice@contoso.com"
    return evil


def test_the_untouched_assertion_is_good(site, frank):
    """What the attacks below start from signs Frank in."""
    assert site.token(site.saml_form(text(frank)))[0] == 200


def wrapped_in_itself(frank):
    """XSW: the forged assertion outside, the signed one as its last child."""
    evil = forged(frank)
    evil.set("AssertionID", "_evil")
    evil.append(frank)
    return evil


def wrapped_in_the_signature(frank):
    """XSW: the original moved into an Object of the signature, the signature moved into the forged assertion."""
    evil = forged(frank)
    evil.set("AssertionID", "_evil")
    signature = frank.find(f"{DS}Signature")
    original = copy.deepcopy(frank)
    original.remove(original.find(f"{DS}Signature"))
    box = etree.SubElement(signature, f"{DS}Object")
    box.append(original)
    evil.append(signature)
    return evil


def same_id_twice(frank):
    """XSW: forged and original have the same ID, the signature stands in the forged one."""
    evil = forged(frank)
    original = copy.deepcopy(frank)
    original.remove(original.find(f"{DS}Signature"))
    advice = etree.SubElement(evil, f"{SAML}Advice")
    advice.append(original)
    evil.append(frank.find(f"{DS}Signature"))
    return evil


def original_as_extension(frank):
    """XSW: the original, whole, hidden in the forged assertion's Advice; the forged one has a second signature."""
    evil = forged(frank)
    evil.set("AssertionID", "_evil")
    etree.SubElement(evil, f"{SAML}Advice").append(copy.deepcopy(frank))
    evil.append(copy.deepcopy(frank.find(f"{DS}Signature")))
    return evil


def signature_deeper(frank):
    """XSW: the signature, still over the original, is moved below a statement."""
    signature = frank.find(f"{DS}Signature")
    frank.find(f"{SAML}AttributeStatement").append(signature)
    return frank


def statement_added(frank):
    """Content added after signing."""
    frank.insert(1, copy.deepcopy(forged(frank).find(f"{SAML}AttributeStatement")))
    return frank


def subject_changed(frank):
    """A value changed after signing."""
    next(frank.iter(f"{SAML}NameIdentifier")).text = "ABEiM0RVZneImaq7zN3u/w=="
    return frank


def signature_removed(frank):
    """No signature at all."""
    frank.remove(frank.find(f"{DS}Signature"))
    return frank


def empty_reference(frank):
    """The reference made to point at the whole document."""
    next(frank.iter(f"{DS}Reference")).set("URI", "")
    return frank


def weak_algorithm(frank):
    """The algorithm's name replaced by HMAC, so that a public key might serve as its secret."""
    next(frank.iter(f"{DS}SignatureMethod")).set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
    return frank


def unknown_algorithm(frank):
    """An algorithm that nobody knows."""
    next(frank.iter(f"{DS}SignatureMethod")).set("Algorithm", "urn:none")
    return frank


@pytest.mark.parametrize(
    "attack",
    [
        wrapped_in_itself,
        wrapped_in_the_signature,
        same_id_twice,
        original_as_extension,
        signature_deeper,
        statement_added,
        subject_changed,
        signature_removed,
        empty_reference,
        weak_algorithm,
        unknown_algorithm,
    ],
)
def test_forged_and_wrapped_assertions_are_refused(site, frank, attack):
    """Whatever is signed elsewhere in the document, nobody gets a token (XML signature wrapping)."""
    assert site.refused(text(attack(frank))) == SIGNATURE
    assert not site.events(TokenIssued)


def test_a_comment_does_not_cut_a_name(site, keys):
    """alice@contoso.com<!-- -->.evil is read whole, as it is signed, not up to the comment."""
    signed = sign_assertion(facts(upn="frank@fabrikam.com.evil"), keys.federation["fabrikam-sts"])
    cut = signed.replace("frank@fabrikam.com.evil", "frank@fabrikam.com<!-- -->.evil")
    assert site.refused(cut) == [50034]


def test_signed_with_another_key(site):
    """A signature by a key of one's own, certificate included, is no signature: the certificate is pinned."""
    assert site.refused(sign_assertion(facts(), SigningKey.generate("ADFS Signing - fabrikam-sts"))) == SIGNATURE


def test_signed_by_another_issuers_key(site, keys):
    """The cloud's key does not speak for the federation service."""
    assert site.refused(sign_assertion(facts(), keys.cloud)) == SIGNATURE


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"audience": "urn:somebody:else"}, INVALID),
        ({"not_on_or_after": NOON - 301}, INVALID),
        ({"not_before": NOON + 301}, INVALID),
        ({"issuer": "http://sts.evil.example/adfs/services/trust"}, [50107]),
        ({"name_id": "", "upn": ""}, [90020]),
        ({"name_id": "bm9ib2R5"}, [51004]),
        ({"name_id": ""}, [90020]),
        ({"name_id": "ABEiM0RVZneImaq7zN3u/w==", "upn": "alice@contoso.com"}, [50034]),
        ({"upn": "alice@contoso.com"}, [50034]),
        ({"name_id": "ABEiM0RVZneImaq7zN3u/w=="}, [50034]),
    ],
)
def test_signed_assertions_with_wrong_claims_are_refused(site, keys, changes, codes):
    """Audience, validity (5 minutes of skew), issuer and subject are checked behind a good signature (TMS9-018)."""
    assert site.refused(sign_assertion(facts(**changes), keys.federation["fabrikam-sts"])) == codes


@pytest.mark.parametrize(
    "changes", [{"not_before": NOON + 299}, {"not_before": NOON - 3600, "not_on_or_after": NOON - 299}]
)
def test_skew_is_allowed(site, keys, changes):
    """Within the clock skew an assertion is good."""
    assert site.token(site.saml_form(sign_assertion(facts(**changes), keys.federation["fabrikam-sts"])))[0] == 200


def test_replay_is_refused_until_expiry(site, frank):
    """The second use of an assertion is refused, signed or opaque; after its end it is refused as expired."""
    opaque = site.extract_assertion(site.windows(site.ALICE))
    for assertion in (text(frank), opaque):
        assert site.token(site.saml_form(assertion))[0] == 200
        status, body = site.token(site.saml_form(assertion))
        assert (status, body["error_codes"]) == (400, INVALID)
        assert "used before" in body["error_description"]
    site.clock.advance(3600 + 300)
    assert "expired" in site.token(site.saml_form(opaque))[1]["error_description"]


def test_replay_refusal_is_a_setting(make_site, frank):
    """With refuse_replay off, an assertion is good until it expires."""
    site = make_site(settings=Settings(refuse_replay=False))
    assert [site.token(site.saml_form(text(frank)))[0] for _ in range(2)] == [200, 200]


def sealed(keys, purpose="desktop-sso", secret=None, **changes):
    """A DesktopSsoToken for Alice in its shell, with ``changes``."""
    good = {
        "id": "1",
        "tenant": TENANT,
        "subject": ALICE_ID,
        "audience": AUDIENCE,
        "not_before": NOON,
        "not_on_or_after": NOON + 3600,
        "method": "urn:federation:authentication:windows",
    }
    grant = DesktopSsoClaims(**(good | changes))
    return wrap_desktop_sso_token(TokenSealer(secret or keys.secret).seal(purpose, grant))


def test_sealed_tokens(site, keys):
    """A sealed token is good only unchanged, for its audience, tenant and time, and for the purpose it was made for."""
    assert site.token(site.saml_form(sealed(keys)))[0] == 200
    good = sealed(keys)
    middle = good.index("<DesktopSsoToken>") + 60
    assert site.refused(good[:middle] + ("A" if good[middle] != "A" else "B") + good[middle + 1 :]) == [50013]
    assert site.refused(sealed(keys, secret=b"x" * 32)) == [50013]
    assert site.refused(sealed(keys, purpose="browser-sso")) == [50013]
    assert site.refused(wrap_desktop_sso_token("")) == [50013]
    assert site.refused(sealed(keys, audience="urn:somebody:else")) == INVALID
    assert site.refused(sealed(keys, not_on_or_after=NOON - 301)) == INVALID
    assert site.refused(sealed(keys, not_before=NOON + 301)) == INVALID
    assert site.refused(sealed(keys, tenant="8d7a41f3-52b9-4c0e-8a57-6f1f4f0b7c22")) == [50034]
    assert site.refused(sealed(keys, subject="nobody")) == [50034]


def test_every_changed_byte_breaks_the_seal(site, keys):
    """No byte of the token can be changed unnoticed."""
    good = sealed(keys)
    start, end = good.index("<DesktopSsoToken>") + 17, good.index("</DesktopSsoToken>")
    for position in range(start, end - 1, 7):
        other = "A" if good[position] != "A" else "B"
        assert site.refused(good[:position] + other + good[position + 1 :]) == [50013]


def test_browser_token_is_no_assertion(site):
    """The raw token of /winauth/sso does not pass as a DesktopSsoToken."""
    token = site.ask(
        "GET", site.AUTOLOGON, "/contoso.com/winauth/sso", headers=site.negotiate(site.ALICE)
    ).body.decode()
    assert site.refused(wrap_desktop_sso_token(token)) == [50013]


def test_grant_must_fit_the_assertion(make_site, site, keys, frank):
    """saml2-bearer with SAML 1.1 is 7500514 (a setting allows it); saml1_1-bearer with SAML 2.0 is refused."""
    assert site.refused(text(frank), "saml2") == [7500514]
    saml2 = sign_assertion(facts(), keys.federation["fabrikam-sts"], "urn:oasis:names:tc:SAML:2.0:assertion")
    assert site.refused(saml2) == INVALID
    lenient = make_site(settings=Settings(saml2_grant_takes_saml1=True))
    assert lenient.token(lenient.saml_form(text(frank), "saml2"))[0] == 200


def test_unsigned_saml2_is_refused(site):
    """SAML 2.0 gets the same scrutiny."""
    assert (
        site.refused(render_unsigned_assertion(facts(), "urn:oasis:names:tc:SAML:2.0:assertion"), "saml2") == SIGNATURE
    )


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes])
@pytest.mark.parametrize("padding", [True, False])
@pytest.mark.parametrize("frame", ["{}", "\r\n  {}\r\n"])
def test_encodings_of_the_assertion(site, keys, encode, padding, frame):
    """Standard or url alphabet, padded or not, in lines or not, blanks around the XML: taken (protocol 0.2, 6)."""
    encoded = encode(frame.format(sealed(keys, id="ÿ>?")).encode()).decode()
    form = site.saml_form("") | {"assertion": encoded if padding else encoded.strip().rstrip("=")}
    assert site.token(form)[0] == 200


BOMB = (
    '<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
FILE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
HOSTILE = [
    BOMB + f'<saml:Assertion xmlns:saml="{SAML1}"><DesktopSsoToken>&c;</DesktopSsoToken></saml:Assertion>',
    FILE + f'<saml:Assertion xmlns:saml="{SAML1}"><DesktopSsoToken>&f;</DesktopSsoToken></saml:Assertion>',
    '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x/>',
    '<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE x+AD4-<x/>',
    "<a>" * 5000,
    "<a/><b/>",
    "",
    "\x00",
    "no xml",
]


@pytest.mark.parametrize("document", HOSTILE)
def test_hostile_xml_is_refused_everywhere(site, document):
    """DTDs, entities, depth, rubbish: 50008 at the token endpoint, a clean SOAP fault at the trust endpoints."""
    if document:
        assert site.refused(document) == INVALID
    body = document.encode()
    assert site.windows(site.ALICE, body=body).code == 81016
    path = "/contoso.com/winauth/trust/2005/usernamemixed"
    assert site.ask("POST", site.AUTOLOGON, path, body=body).code == 81016
    answer = site.ask("POST", site.STS, "/adfs/services/trust/13/usernamemixed", body=body)
    assert (answer.status, b"InvalidRequest" in answer.body) == (500, True)


def test_utf16_cannot_hide_a_doctype():
    """Only UTF-8 is read: another encoding would slip past the check."""
    with pytest.raises(InvalidXmlError, match="UTF-8"):
        parse_xml("<!DOCTYPE x><x/>".encode("utf-16"), 1000)


def test_size_limit(site):
    """More than 256 KB of SOAP is a fault, unparsed; so is an assertion of that size."""
    answer = site.windows(site.ALICE, body=b" " * (256 * 1024 + 1))
    assert (answer.status, answer.code) == (400, 81016)
    assert site.refused("x" * (256 * 1024 + 1)) == INVALID


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=400))
@example(data=b'<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:1.0:assertion"/>')
@example(
    data=b'<A xmlns="urn:oasis:names:tc:SAML:1.0:assertion" AssertionID="x"><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/></A>'
)
@example(data=b"\xff\xfe<\x00")
def test_random_bytes_never_break_anything(site, data):
    """Any bytes as assertion, RST, ticket, form or path get a protocol error, never a 500."""
    form = site.saml_form("") | {"assertion": base64.b64encode(data).decode()}
    answers = [
        site.windows(site.ALICE, body=data),
        site.windows(data.decode("latin-1")),
        site.ask("POST", site.AUTOLOGON, "/contoso.com/winauth/trust/2005/usernamemixed", body=data),
        site.ask("POST", site.LOGIN, "/common/oauth2/token", body=data),
        site.ask("POST", site.LOGIN, "/common/GetCredentialType", body=data),
        site.ask("GET", site.LOGIN, "/" + data.decode("latin-1")),
    ]
    assert all(400 <= answer.status < 500 for answer in answers)
    if data.strip():
        assert site.token(form)[0] == 400


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 4000), byte=st.integers(1, 126))
@example(position=268, byte=9)
def test_no_byte_of_a_signed_assertion_can_change(site, keys, position, byte):
    """A signed assertion with one byte changed is refused or says the very same.

    That is: its canonical form, which is what is signed, is the same (a tab for a space within a tag), or the change is
    in the key info.
    """
    signed = sign_assertion(facts(id="_fixed"), keys.federation["fabrikam-sts"])
    position %= len(signed)
    changed = signed[:position] + chr(byte) + signed[position + 1 :]
    site.provider.replay_cache.__init__(10)
    status, body = site.token(site.saml_form(changed))
    if status == 200:
        assert site.events(TokenIssued)[-1].subject == "frank@fabrikam.com"
        assert canonicalize(changed) == canonicalize(signed) or position > signed.index("<ds:Signature")
    else:
        assert status == 400
        assert body["error_codes"]


@given(st.text(max_size=200))
def test_decoding_raises_refusals_only(junk):
    """Any text as assertion parameter decodes or is 50008."""
    refused = None
    try:
        decode_assertion(junk)
    except AadstsError as error:
        refused = error.code
    assert refused in (None, 50008)
