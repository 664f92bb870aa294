"""Assertions that real endpoints issued, turned against the token endpoint: forged, wrapped, stale, used, changed."""

from __future__ import annotations

import copy
import re

import pytest
from lxml import etree

from ssosim.entra import SigningKey
from ssosim.entra.wstrust.saml_write import AssertionFacts, sign_assertion
from ssosim.trace import TokenIssued

SIGNATURE = [70002, 50008, 50006]
INVALID = [70002, 50008]
DS = "{http://www.w3.org/2000/09/xmldsig#}"
SAML = "{urn:oasis:names:tc:SAML:1.0:assertion}"
ALICE = "ABEiM0RVZneImaq7zN3u/w=="


@pytest.fixture
def franks(desk):
    """A signed assertion about Frank, by his STS for his ticket, as an element."""
    url = f"https://{desk.STS}/adfs/services/trust/2005/windowstransport"
    reply = desk.trust(url, token=desk.token("HTTP/sts.fabrikam.com", "frank"))
    return etree.fromstring(desk.assertion_in(reply))


def refused(desk, assertion, codes, kind="saml1_1"):
    """Assert that ``assertion`` earns no token."""
    before = len(desk.events(TokenIssued))
    reply = desk.redeem(assertion, kind)
    assert (reply.status, reply.codes) == (400, codes), reply.body
    assert reply.json["error_description"].startswith(f"AADSTS{codes[0]}: ")
    assert len(desk.events(TokenIssued)) == before


def about_alice(assertion):
    """A copy that says alice in every place, without a signature."""
    evil = copy.deepcopy(assertion)
    evil.remove(evil.find(f"{DS}Signature"))
    evil.set("AssertionID", "_evil")
    for name in evil.iter(f"{SAML}NameIdentifier"):
        name.text = ALICE
    for value in evil.iter(f"{SAML}AttributeValue"):
        value.text = ALICE if value.text != "frank@fabrikam.com" else "alice@contoso.com"
    return evil


def unsigned(signed):
    """The claims about alice without any signature."""
    return about_alice(signed)


def borrowed_signature(signed):
    """The good signature moved onto other claims."""
    evil = about_alice(signed)
    evil.append(signed.find(f"{DS}Signature"))
    return evil


def wrapped_inside(signed):
    """XSW: the signed assertion as the last child of the forged one."""
    evil = about_alice(signed)
    evil.append(signed)
    return evil


def wrapped_in_object(signed):
    """XSW: the signed assertion moved into an Object of its own signature, on the forged one."""
    evil = about_alice(signed)
    original = copy.deepcopy(signed)
    original.remove(original.find(f"{DS}Signature"))
    signature = signed.find(f"{DS}Signature")
    etree.SubElement(signature, f"{DS}Object").append(original)
    evil.append(signature)
    return evil


def wrapped_in_advice(signed):
    """XSW: the whole signed assertion in the forged one's Advice, its signature copied up."""
    evil = about_alice(signed)
    etree.SubElement(evil, f"{SAML}Advice").append(copy.deepcopy(signed))
    evil.append(copy.deepcopy(signed.find(f"{DS}Signature")))
    return evil


def same_identifier(signed):
    """XSW: forged and signed assertion share the ID that the signature refers to."""
    evil = wrapped_in_advice(signed)
    evil.set("AssertionID", signed.get("AssertionID"))
    return evil


def changed_subject(signed):
    """One value changed after signing."""
    next(signed.iter(f"{SAML}NameIdentifier")).text = ALICE
    return signed


def changed_time(signed):
    """A longer life, written in after signing."""
    signed.find(f"{SAML}Conditions").set("NotOnOrAfter", "2099-01-01T00:00:00.000Z")
    return signed


@pytest.mark.parametrize(
    "attack",
    [
        unsigned,
        borrowed_signature,
        wrapped_inside,
        wrapped_in_object,
        wrapped_in_advice,
        same_identifier,
        changed_subject,
        changed_time,
    ],
)
def test_forged_and_wrapped(desk, franks, attack):
    """Nobody gets a token, whatever is signed elsewhere in the document; the untouched assertion still does."""
    good = etree.tostring(franks).decode()
    refused(desk, etree.tostring(attack(franks)).decode(), SIGNATURE)
    assert desk.redeem(good).status == 200


def test_own_key(desk, franks):
    """An assertion with the STS's issuer, signed by a key of one's own with its certificate inside."""
    now = int(desk.site.clock.now())
    facts = AssertionFacts(
        id="_own",
        issuer=franks.get("Issuer"),
        audience="urn:federation:MicrosoftOnline",
        name_id="IhEiM0RVZneImaq7zN3u/w==",
        upn="frank@fabrikam.com",
        not_before=now,
        not_on_or_after=now + 3600,
        method="urn:federation:authentication:windows",
    )
    refused(desk, sign_assertion(facts, SigningKey.generate("ADFS Signing - fabrikam-sts")), SIGNATURE)


@pytest.mark.parametrize("kind", ["desktop-sso-token", "signed-saml", "sts"])
def test_replayed_and_expired(sites, desk_of, kind):
    """The second use of an assertion is refused; an unused one is refused an hour and the clock skew later."""
    desk = desk_of(sites.get(kind, sites["desktop-sso-token"]))

    def fresh():
        if kind == "sts":
            url = f"https://{desk.STS}/adfs/services/trust/13/windowstransport"
            return desk.assertion_in(desk.trust(url, "13", token=desk.token("HTTP/sts.fabrikam.com", "frank")))
        return desk.assertion_in(desk.windows(desk.token()))

    used, kept = fresh(), fresh()
    assert desk.redeem(used).status == 200
    refused(desk, used, INVALID)
    lifetime = desk.site.lab.estate.cloud.assertion_lifetime if kind != "sts" else 3600
    desk.site.clock.shift += lifetime + desk.site.lab.estate.cloud.clock_skew + 5
    try:
        refused(desk, kept, INVALID)
    finally:
        desk.site.clock.shift = 0.0
    assert desk.redeem(kept).status == 200


def test_tampered_desktop_sso_token(desk):
    """No byte of the DesktopSsoToken can be changed, nor a part be cut or repeated: 50013."""
    assertion = desk.assertion_in(desk.windows(desk.token()))
    token = re.search("<DesktopSsoToken>(.*)</DesktopSsoToken>", assertion)[1]
    for at in range(0, len(token) - 1, 23):
        other = "A" if token[at] != "A" else "B"
        refused(desk, assertion.replace(token, token[:at] + other + token[at + 1 :]), [50013])
    for changed in ("", token[:40], token + token, token[::-1], "A" * 20_000):
        refused(desk, assertion.replace(token, changed), [50013])
    assert desk.redeem(assertion).status == 200


def test_tokens_are_not_interchangeable(desk):
    """The browser's token and a refresh token are no DesktopSsoToken; a DesktopSsoToken is no refresh token."""
    reply = desk.ask("GET", f"https://{desk.AUTOLOGON}/contoso.com/winauth/sso", desk.negotiate(desk.token()))
    shell = f'<saml:Assertion xmlns:saml="{SAML[1:-1]}"><DesktopSsoToken>{{}}</DesktopSsoToken></saml:Assertion>'
    refused(desk, shell.format(reply.body.decode()), [50013])
    assertion = desk.assertion_in(desk.windows(desk.token()))
    refresh = desk.redeem(assertion).json["refresh_token"]
    refused(desk, shell.format(refresh), [50013])
    token = re.search("<DesktopSsoToken>(.*)</DesktopSsoToken>", desk.assertion_in(desk.windows(desk.token())))[1]
    reply = desk.grant(grant_type="refresh_token", refresh_token=token)
    assert (reply.status, reply.codes) == (400, [9002313])


def test_wrong_grant_for_the_assertion(desk, franks):
    """A SAML 1.1 assertion with the saml2-bearer grant: 7500514."""
    refused(desk, etree.tostring(franks).decode(), [7500514], "saml2")


def test_assertion_at_another_tenant(desk):
    """Alice's assertion is worth nothing at a tenant that is not hers."""
    assertion = desk.assertion_in(desk.windows(desk.token()))
    reply = desk.redeem(assertion, tenant="litware.example")
    assert (reply.status, reply.codes) == (400, [50020])


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x/>',
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>',
        "<a>" * 10_000,  # more of them need more percent signs than a form may have
        "<a " + " ".join(f"b{n}=''" for n in range(10_000)) + "/>",
        "<" + "a" * 100_000 + "/>",
        "\x00",
        "no xml",
        "{}",
    ],
    ids=range(9),
)
def test_hostile_documents_as_assertion(desk, document):
    """DTDs, entities, depth, attributes, long names, rubbish: 70002 with 50008."""
    refused(desk, document, INVALID)
