"""What the issuer of an assertion has restricted is honoured or refused: conditions, dates, confirmation, version.

Sources: SAML 2.0 core, sections 2.4.1, 2.5.1 and 2.7.2; SAML 1.1 core, sections 2.3.2 and 2.4.1; RFC 7522, section 3;
node-saml issues 435 and 436; keycloak issue 45652 (CVE-2026-1190).
"""

from __future__ import annotations

import pytest

from ssosim.entra import Settings
from ssosim.trace import TokenIssued

from .conftest import NOON
from .saml_documents import AUDIENCE, VERSIONS, ask_with, sign_text, signed, write_assertion

REFUSED = [70002, 50008]
END = "</saml:Conditions>"
RESTRICTION = {"1.1": "saml:AudienceRestrictionCondition", "2.0": "saml:AudienceRestriction"}
START_TEXT, END_TEXT = "2026-09-21T14:13:20.000Z", "2026-09-21T15:13:20.000Z"  # NOON, and an hour later
BEARER1 = "urn:oasis:names:tc:SAML:1.0:cm:bearer"
BEARER2 = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
HOLDER1 = "urn:oasis:names:tc:SAML:1.0:cm:holder-of-key"
HOLDER2 = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"


def restriction(version: str, *audiences: str) -> str:
    """One more audience restriction, with these audiences."""
    inner = "".join(f"<saml:Audience>{each}</saml:Audience>" for each in audiences)
    return f"<{RESTRICTION[version]}>{inner}</{RESTRICTION[version]}>"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_assertion_without_an_edit_signs_in(site, keys, version):
    """What each case below starts from gets tokens for Frank."""
    assert ask_with(site, signed(keys, version), version)[0] == 200
    assert {event.subject for event in site.events(TokenIssued)} == {"frank@fabrikam.com"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("audiences", "status"),
    [
        (("urn:another",), 400),
        ((), 400),
        ((AUDIENCE,), 200),
        (("urn:another", AUDIENCE), 200),
    ],
)
def test_the_recipient_must_be_in_every_audience_restriction(site, keys, version, audiences, status):
    """Restrictions are joined by AND, the audiences of one by OR (SAML 2.0 core, section 2.5.1.4)."""
    edit = (END, restriction(version, *audiences) + END)
    found = ask_with(site, signed(keys, version, edit), version)
    assert found[0] == status
    if status == 400:
        assert (found[1], "another audience" in found[2]) == (REFUSED, True)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_assertion_for_nobody_in_particular_is_refused(site, keys, version):
    """An assertion without an audience restriction does not say that it is for the cloud (RFC 7522, section 3)."""
    whole = restriction(version, AUDIENCE)
    assert ask_with(site, signed(keys, version, (whole, "")), version)[:2] == (400, REFUSED)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "audience",
    [AUDIENCE.upper(), AUDIENCE + "/", AUDIENCE + ".example", "MicrosoftOnline", "https://login.microsoftonline.com"],
)
def test_an_audience_that_looks_like_the_cloud_is_another(site, keys, version, audience):
    """Audiences are compared as whole texts (SAML 2.0 core, section 1.3.2)."""
    assert ask_with(site, signed(keys, version, audience=audience), version)[:2] == (400, REFUSED)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "condition",
    [
        '<saml:Condition xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Mine"/>',
        '<x:OnlyInTheOffice xmlns:x="urn:x"/>',
        "<saml:ClientNetwork>10.0.0.0/8</saml:ClientNetwork>",
    ],
)
def test_a_condition_that_is_not_understood_makes_it_invalid(site, keys, version, condition):
    """An unknown condition is not skipped: the assertion is neither valid nor used (SAML 2.0 core, section 2.5.1.1)."""
    edit = (END, condition + END)
    found = ask_with(site, signed(keys, version, edit), version)
    assert (found[0], "not understood" in found[2]) == (400, True)


@pytest.mark.parametrize(
    ("version", "condition"),
    [
        ("1.1", "<saml:DoNotCacheCondition/>"),
        ("2.0", "<saml:OneTimeUse/>"),
        ("2.0", '<saml:ProxyRestriction Count="0"/>'),
    ],
)
def test_the_conditions_of_the_standard_are_understood(site, keys, version, condition):
    """The conditions that SAML core defines are no reason to refuse an assertion that keeps them."""
    assert ask_with(site, signed(keys, version, (END, condition + END)), version)[0] == 200


def test_one_time_use_holds_with_replays_allowed(make_site, keys):
    """OneTimeUse is the issuer's word: a setting of the lab does not overrule it (SAML 2.0 core, section 2.5.1.5)."""
    site = make_site(settings=Settings(refuse_replay=False))
    free = signed(keys, "2.0")
    once = signed(keys, "2.0", (END, "<saml:OneTimeUse/>" + END))
    assert [ask_with(site, free, "2.0")[0] for _ in range(2)] == [200, 200]
    site.provider.replay_cache.__init__(10)
    assert [ask_with(site, once, "2.0")[0] for _ in range(2)] == [200, 400]


@pytest.mark.parametrize(
    ("version", "old", "new"),
    [
        ("1.1", BEARER1, HOLDER1),
        ("1.1", BEARER1, "urn:oasis:names:tc:SAML:1.0:cm:sender-vouches"),
        ("1.1", BEARER1, ""),
        ("2.0", BEARER2, HOLDER2),
        ("2.0", BEARER2, "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"),
        ("2.0", BEARER2, BEARER2.upper()),
    ],
)
def test_a_subject_that_is_not_confirmed_for_a_bearer(site, keys, version, old, new):
    """Who presents a holder-of-key assertion without its key is not its subject (RFC 7522, section 3, item 5)."""
    found = ask_with(site, signed(keys, version, (old, new)), version)
    assert (found[0], found[1], "bearer" in found[2]) == (400, REFUSED, True)


@pytest.mark.parametrize("where", ["AttributeStatement", "AuthenticationStatement"])
def test_every_statement_of_saml_1_is_confirmed(site, keys, where):
    """One statement for a bearer does not make a statement with another confirmation one, too."""
    start = f"<saml:{where}"
    head, _, tail = write_assertion("1.1").partition(start)
    edited = head + start + tail.replace(BEARER1, HOLDER1, 1)
    found = ask_with(site, sign_text(edited, keys.federation["fabrikam-sts"]), "1.1")
    assert found[:2] == (400, REFUSED)


def test_one_bearer_among_other_confirmations_is_enough(site, keys):
    """SAML 2.0 allows several confirmations; one that is satisfied confirms the subject (core, section 2.4.1)."""
    other = f'<saml:SubjectConfirmation Method="{HOLDER2}"/>'
    edit = ("<saml:SubjectConfirmation ", f"{other}<saml:SubjectConfirmation ")
    assert ask_with(site, signed(keys, "2.0", edit), "2.0")[0] == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ('NotOnOrAfter="2026-09-21T14:08:21Z"', 200),
        ('NotOnOrAfter="2026-09-21T14:08:20Z"', 400),
        ('NotOnOrAfter="2026-09-21T15:13:20Z" NotBefore="2026-09-21T14:18:20Z"', 200),
        ('NotOnOrAfter="2026-09-21T15:13:20Z" NotBefore="2026-09-21T14:18:21Z"', 400),
        ('NotOnOrAfter="tomorrow"', 400),
        ('NotOnOrAfter=""', 400),
    ],
)
def test_the_confirmation_has_dates_of_its_own(site, keys, data, status):
    """The confirmation of the subject can end before the conditions do, with five minutes of skew (node-saml 436)."""
    edit = (f'Data NotOnOrAfter="{END_TEXT}"', f"Data {data}")
    earlier = (f'NotBefore="{START_TEXT}"', 'NotBefore="2026-09-21T13:13:20Z"')
    assert ask_with(site, signed(keys, "2.0", edit, earlier), "2.0")[0] == status


@pytest.mark.parametrize(
    ("recipient", "status"),
    [
        ("https://login.microsoftonline.com/login.srf", 200),
        ("https://LOGIN.microsoftonline.com/organizations/oauth2/v2.0/token", 200),
        ("https://login.windows.net/common/oauth2/token", 200),
        ("http://login.microsoftonline.com/login.srf", 400),
        ("https://shop.example/acs", 400),
        ("https://login.microsoftonline.com.shop.example/login.srf", 400),
        ("https://login.microsoftonline.com@shop.example/login.srf", 400),
        ("urn:federation:MicrosoftOnline", 400),
        ("https://[/", 400),
        ("", 400),
    ],
)
def test_a_recipient_is_the_login_host(site, keys, recipient, status):
    """An assertion that was made for the address of another party is not taken here (RFC 7522, section 3, item 5)."""
    edit = ("<saml:SubjectConfirmationData ", f'<saml:SubjectConfirmationData Recipient="{recipient}" ')
    assert ask_with(site, signed(keys, "2.0", edit), "2.0")[0] == status


@pytest.mark.parametrize(("end", "status"), [("2026-09-21T14:08:21Z", 200), ("2026-09-21T14:08:20Z", 400), ("x", 400)])
def test_a_session_that_is_over_begins_no_other(site, keys, end, status):
    """SessionNotOnOrAfter is the end of the user's session at the issuer (SAML 2.0 core, section 2.7.2)."""
    edit = ("<saml:AuthnStatement ", f'<saml:AuthnStatement SessionNotOnOrAfter="{end}" ')
    earlier = (f'NotBefore="{START_TEXT}"', 'NotBefore="2026-09-21T13:13:20Z"')
    assert ask_with(site, signed(keys, "2.0", edit, earlier), "2.0")[0] == status


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("seconds", [0, -1, -200])
def test_a_range_that_is_empty_is_never_valid(site, keys, version, seconds):
    """NotBefore must be before NotOnOrAfter; clock skew does not make an empty range valid (SAML core, 2.5.1.2)."""
    assertion = signed(keys, version, not_before=int(NOON), not_on_or_after=int(NOON) + seconds)
    found = ask_with(site, assertion, version)
    assert (found[0], "not before" in found[2]) == (400, True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "end",
    [
        "20260921T151320Z",
        "2026-W39-1T15:13:20Z",
        "2026-264T15:13:20Z",
        "2026-09-21",
        "2026-09-21 15:13:20Z",
        "2026-09-21T15:13Z",
        "2026-09-21T15Z",
        "2026-09-21T15:13:20,5Z",
        "2026-09-21T15:13:20z",
        "2026-09-21T15:13:20+0200",
        "2026-13-21T15:13:20Z",
        "2026-09-21T25:13:20Z",
        "1790003600",
        "\u0662\u0660\u0662\u0666-09-21T15:13:20Z",
        "",
    ],
)
def test_an_instant_is_a_date_time_of_xml_schema(site, keys, version, end):
    """What only a lenient reader of ISO 8601 understands is refused (SAML core, section 1.3.3)."""
    edit = (f'NotOnOrAfter="{END_TEXT}"', f'NotOnOrAfter="{end}"')
    found = ask_with(site, signed(keys, version, edit), version)
    assert (found[0], "instant" in found[2]) == (400, True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "end",
    ["2026-09-21T15:13:20Z", "2026-09-21T15:13:20", "2026-09-21T17:13:20+02:00", "2026-09-21T15:13:20.1234567Z"],
)
def test_forms_of_the_same_instant(site, keys, version, end):
    """A zone, none (then it is UTC), and the seven digits of .NET are read (SAML core, section 1.3.3)."""
    edit = (f'NotOnOrAfter="{END_TEXT}"', f'NotOnOrAfter="{end}"')
    assertion = signed(keys, version, edit)
    site.clock.advance(3600 + 299)
    assert ask_with(site, assertion, version)[0] == 200
    site.provider.replay_cache.__init__(10)
    site.clock.advance(2)
    assert ask_with(site, assertion, version)[0] == 400


@pytest.mark.parametrize(
    ("version", "old", "new"),
    [
        ("1.1", 'MajorVersion="1"', 'MajorVersion="2"'),
        ("1.1", 'MajorVersion="1" ', ""),
        ("1.1", 'MinorVersion="1"', 'MinorVersion="2"'),
        ("1.1", ' MinorVersion="1"', ""),
        ("2.0", 'Version="2.0"', 'Version="2.1"'),
        ("2.0", 'Version="2.0"', 'Version="1.1"'),
        ("2.0", ' Version="2.0"', ""),
    ],
)
def test_another_version_is_not_read(site, keys, version, old, new):
    """A version that the reader does not know is not processed (SAML 2.0 core, section 4.1.3)."""
    assert "version" in ask_with(site, signed(keys, version, (old, new)), version)[2]


def test_version_1_0_is_read(site, keys):
    """An assertion of SAML 1.0 has the same namespace and MinorVersion 0 (SAML 1.1 core, section 4)."""
    assert ask_with(site, signed(keys, "1.1", ('MinorVersion="1"', 'MinorVersion="0"')), "1.1")[0] == 200


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("second", "status"), [("frank@fabrikam.com", 200), ("alice@contoso.com", 400)])
def test_two_names_of_the_user_are_none(site, keys, version, second, status):
    """Two values of the UPN that differ do not say who the user is; the same one twice does."""
    value = "<saml:AttributeValue>frank@fabrikam.com</saml:AttributeValue>"
    edit = (value, value + f"<saml:AttributeValue>{second}</saml:AttributeValue>")
    assert ask_with(site, signed(keys, version, edit), version)[0] == status


@pytest.mark.parametrize("version", VERSIONS)
def test_conditions_are_there_once(site, keys, version):
    """Conditions beside the first ones are not skipped (SAML core, schema: at most one element)."""
    edit = (END, f'{END}<saml:Conditions NotOnOrAfter="2020-01-01T00:00:00Z"/>')
    assert "Expected one Conditions" in ask_with(site, signed(keys, version, edit), version)[2]
