"""The rules of risk, one table for each: what raises a change to high, what to medium, and what is harmless."""

from __future__ import annotations

import pytest
from conftest_plans import FixedCounts, critical, levels, plan_of, plan_zones, reasons

from ssosim.changes.risk import Level
from tests.dns.zone_texts import HEAD, assemble_text, read_zones

LOW, MEDIUM, HIGH = Level.LOW, Level.MEDIUM, Level.HIGH
DIGEST = "ab" * 32
SERIAL = "low zone contoso.com keeps its serial: secondary servers do not load what changes"
"""A reason of every change here: the two texts have the same SOA."""

CHANGES = [
    ("www A 192.0.2.1\n", "www A 192.0.2.1\n", LOW, "nothing"),
    ("www A 192.0.2.1\n", "www A 192.0.2.1\nnew A 192.0.2.2\n", LOW, "a new name"),
    ("www A 192.0.2.1\n", "www 60 A 192.0.2.1\n", LOW, "another TTL"),
    ("www A 192.0.2.1\n", "www A 192.0.2.1\nwww AAAA 2001:db8::1\n", LOW, "an address of the other family as well"),
    ("www A 192.0.2.1\n", "www A 192.0.2.2\n", MEDIUM, "another address"),
    ("www A 192.0.2.1\n", "www A 192.0.2.1\nwww A 192.0.2.2\n", MEDIUM, "one more address"),
    ("www A 192.0.2.1\n", "", MEDIUM, "a name to which nothing leads goes"),
    ("www A 192.0.2.1\nwww AAAA 2001:db8::1\n", "www A 192.0.2.1\n", MEDIUM, "one of two families goes"),
    ("a A 192.0.2.1\nwww CNAME a\n", "a A 192.0.2.1\nb A 192.0.2.2\nwww CNAME b\n", MEDIUM, "another canonical name"),
    ("a A 192.0.2.1\nwww CNAME a\n", "www CNAME a\n", HIGH, "the target of a CNAME goes"),
    ("a A 192.0.2.1\nwww A 192.0.2.1\n", "a A 192.0.2.1\nwww CNAME a\n", HIGH, "a CNAME in place of an A"),
    ("a A 192.0.2.1\nwww CNAME a\n", "a A 192.0.2.1\nwww A 192.0.2.1\n", HIGH, "an A in place of a CNAME"),
    ("www A 192.0.2.1\n", "www AAAA 2001:db8::1\n", HIGH, "an AAAA in place of an A"),
    ("a A 192.0.2.1\n", "a A 192.0.2.1\n@ MX 10 gone\n", HIGH, "a new record that leads to nothing"),
    ("a A 192.0.2.1\n@ MX 10 a\n", "@ MX 10 a\n", HIGH, "the host of mail goes"),
    ("sub NS ns1.test.\n", "sub NS ns2.test.\n", HIGH, "another name server of a delegation"),
    ("", "sub NS ns1.test.\n", HIGH, "a new delegation"),
    ("sub NS ns1.test.\n", "", HIGH, "a delegation goes"),
    ("", "old DNAME new\n", HIGH, "a new DNAME"),
    ("sub NS ns1.test.\n", f"sub NS ns1.test.\nsub DS 1 13 2 {DIGEST}\n", HIGH, "a new DS"),
    (f"sub NS ns1.test.\nsub DS 1 13 2 {DIGEST}\n", "sub NS ns1.test.\n", HIGH, "a DS goes"),
    ("", '@ CAA 0 issue "ca.test"\n', HIGH, "a CAA where there was none"),
    ('@ CAA 0 issue "ca.test"\n', "", MEDIUM, "a CAA goes: everybody may issue"),
    ("w A 192.0.2.1\n", f"w A 192.0.2.1\n_443._tcp.w TLSA 3 1 1 {DIGEST}\n", MEDIUM, "a new TLSA"),
    (f"w SSHFP 4 2 {DIGEST}\n", f"w SSHFP 1 2 {DIGEST}\n", MEDIUM, "another host key"),
    ("w A 192.0.2.1\n", "w A 192.0.2.1\nw HTTPS 1 . port=8443\n", MEDIUM, "a new HTTPS record"),
    ("w TXT a\n", "w TXT a\nw TXT b\n", MEDIUM, "another text"),
    ("*.w A 192.0.2.1\n", "*.w A 192.0.2.1\na.w A 192.0.2.1\n", LOW, "a name that the wildcard answers alike"),
    ("*.w A 192.0.2.1\na.w A 192.0.2.1\n", "*.w A 192.0.2.1\n", LOW, "a name goes that the wildcard answers alike"),
    ("*.w A 192.0.2.1\na.w A 192.0.2.2\n", "*.w A 192.0.2.1\n", MEDIUM, "a name goes, and the wildcard differs"),
    ("*.w A 192.0.2.1\n", "*.w A 192.0.2.1\na.w A 192.0.2.2\n", MEDIUM, "a name that the wildcard answered otherwise"),
    ("*.w A 192.0.2.1\n", "*.w A 192.0.2.1\na.w TXT x\n", HIGH, "a text that hides the wildcard's address"),
    ("*.w A 192.0.2.1\n", "*.w A 192.0.2.1\na.w MX 10 b.w\n", HIGH, "a mail server that hides the wildcard's address"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "level", "why"), CHANGES, ids=[each[3] for each in CHANGES])
def test_the_level_of_a_change(before: str, after: str, level: Level, why: str) -> None:
    """What a change does to answers decides its level, with a reason for each that is above low."""
    plan = plan_of(before, after)
    assert plan.risk.level == level, (why, reasons(plan))
    assert set(reasons(plan)) - {SERIAL} or level == LOW


LOCATORS = [
    ("_kerberos._tcp SRV 0 100 88 dc1\n", "", HIGH),
    ("_kerberos._tcp SRV 0 100 88 dc1\n_kerberos._tcp SRV 0 100 88 dc2\n", "_kerberos._tcp SRV 0 100 88 dc1\n", HIGH),
    ("_kerberos._tcp SRV 0 100 88 dc1\n", "_kerberos._tcp SRV 0 100 89 dc1\n", HIGH),
    ("_kerberos._tcp SRV 0 100 88 dc1\n", "_kerberos._tcp SRV 0 100 88 dc1\n_kerberos._tcp SRV 0 0 88 dc2\n", MEDIUM),
    ("_ldap._tcp.dc._msdcs SRV 0 0 389 dc1\n", "", HIGH),
    ("_gc._tcp SRV 0 0 3268 dc1\n", "", HIGH),
    ("_kpasswd._udp SRV 0 0 464 dc1\n", "", HIGH),
    ("_kerberos TXT CONTOSO.COM\n", "", HIGH),
    ("_kerberos TXT CONTOSO.COM\n", "_kerberos TXT FABRIKAM.COM\n", HIGH),
    ("", "_kerberos TXT CONTOSO.COM\n", MEDIUM),
    ("_sip._tcp SRV 0 0 5060 dc1\n", "", MEDIUM),
    ("_kerberos._tcp SRV 0 100 88 dc1\n", "_kerberos._tcp 60 SRV 0 100 88 dc1\n", LOW),
]


@pytest.mark.parametrize(("before", "after", "level"), LOCATORS)
def test_the_level_of_a_locator(before: str, after: str, level: Level) -> None:
    """RFC 4120 7.2.3.2, MS-ADTS 6.3.2.3: by these records devices find KDCs and domain controllers; a loss is high."""
    hosts = "dc1 A 192.0.2.1\ndc2 A 192.0.2.2\n"
    assert plan_of(hosts + before, hosts + after).risk.level == level


@pytest.mark.parametrize(
    ("after", "level"),
    [("dc1 A 192.0.2.9\n", HIGH), ("dc1 A 192.0.2.1\ndc1 A 192.0.2.9\n", MEDIUM), ("dc1 60 A 192.0.2.1\n", LOW)],
)
def test_the_address_of_a_kdc(after: str, level: Level) -> None:
    """An address that SRV records of Kerberos lead to is high if it is lost; one more is as any other change."""
    locator = "_kerberos._tcp SRV 0 0 88 dc1\n"
    assert plan_of(f"{locator}dc1 A 192.0.2.1\n", locator + after).risk.level == level


AUTHORITIES = [
    ("issue a.test|issue b.test", "issue a.test", "no longer lets b.test issue certificates, only a.test"),
    ("issue a.test", "issue b.test", "no longer lets a.test issue certificates, only b.test"),
    ("", "issue a.test", "lets a.test alone issue certificates, where every authority could"),
    ("", "issue ;", "lets nobody alone issue certificates, where every authority could"),
    ("issue a.test", "issue a.test|issuewild ;", "no longer lets a.test issue certificates for wildcards, only nobody"),
    ("issue A.Test; x=1", "issue b.test", "no longer lets a.test issue certificates, only b.test"),
    ("issue a.test", "issue a.test|issue b.test", ""),
    ("issue a.test", "issue A.TEST; validationmethods=dns-01", ""),
    ("issue a.test", "issue a.test|iodef mailto:x", ""),
    ("", "iodef mailto:x", ""),
    ("issue a.test", "", ""),
    ("issue a.test", "issue a.test|!tbs x", "no longer lets a.test issue certificates, only nobody"),
    ("", "!tbs x", "lets nobody alone issue certificates, where every authority could"),
    ("issue a.test", "issue a.test|tbs x", ""),
    ("issue a.test", "!issue a.test|!ISSUEMAIL ;", ""),
]


@pytest.mark.parametrize(("before", "after", "words"), AUTHORITIES)
def test_who_may_issue_certificates(before: str, after: str, words: str) -> None:
    """RFC 8659 sections 4.1 to 4.3: an authority that could issue before and cannot after the change is named."""
    texts = []
    for side in (before, after):
        properties = [each.split(" ", 1) for each in side.split("|") if each]  # a tag with ! in front is critical
        lines = [f'www CAA {128 if tag[0] == "!" else 0} {tag.lstrip("!")} "{value}"\n' for tag, value in properties]
        texts.append("".join(lines))
    found = [text for text in reasons(plan_of(*texts)) if "a renewal" in text]
    assert [words in text and text.startswith("high") for text in found] == ([True] if words else [])


@pytest.mark.parametrize(
    ("own", "words"), [("", "no longer lets b.test issue"), ("www", "no longer lets b.test issue")]
)
def test_the_set_of_the_parent_holds_where_there_is_none(own: str, words: str) -> None:
    """RFC 8659 section 3: the CAA records of the closest name above hold, so their removal below may forbid too."""
    parent = '@ CAA 0 issue "a.test"\n'
    before = parent + f'{own or "@"} CAA 0 issue "b.test"\n'
    assert any(words in text for text in reasons(plan_of(before, parent)))


def test_a_cname_in_place_of_an_address_of_a_signed_zone() -> None:
    """Signatures and NSEC stand beside both (RFC 4034 sections 3, 4): the change of type is seen in spite of them."""
    beside = "www NSEC x A RRSIG NSEC\nwww RRSIG NSEC 8 3 300 20300101000000 20200101000000 1 contoso.com. AAAA\n"
    plan = plan_of(f"a A 192.0.2.1\nwww A 192.0.2.1\n{beside}", f"a A 192.0.2.1\nwww CNAME a\n{beside}")
    assert levels(plan, "www.contoso.com A changes its shape or type") == [HIGH]
    assert levels(plan, "www.contoso.com CNAME changes its shape or type") == [HIGH]


@pytest.mark.parametrize(
    ("after", "wanted"),
    [
        ("1 7200 3600 1209600 60", "low zone contoso.com keeps its serial"),
        ("2 7200 3600 1209600 60", ""),
        ("2 7200 3600 1209600 61", "medium contoso.com SOA changes how long caches keep that a name is missing"),
        ("2 7201 3600 1209600 60", "medium contoso.com SOA gets other values: serial, refresh"),
        ("2 7200 3600 9 60", "medium contoso.com SOA gets other values: serial, expire"),
        ("0 7200 3600 1209600 60", "medium zone contoso.com gets an older serial"),
        ("2147483648 7200 3600 1209600 60", ""),
        ("2147483649 7200 3600 1209600 60", "medium zone contoso.com gets an older serial"),
    ],
)
def test_the_numbers_of_the_soa(after: str, wanted: str) -> None:
    """RFC 2308 section 5 (minimum), RFC 1912 2.2 (serial), RFC 1982 3.2: a serial 2^31 ahead is an older one."""
    before = assemble_text(HEAD, "contoso.com.")
    changed = assemble_text(HEAD.replace("1 7200 3600 1209600 60", after) + "new A 192.0.2.9\n", "contoso.com.")
    found = [text for text in reasons(plan_zones(before, changed)) if "becomes a mistake" not in text]
    assert [text.startswith(wanted) for text in found] == ([True] if wanted else [])


def test_a_changed_soa_needs_a_new_serial() -> None:
    """RFC 1912 section 2.2: secondary servers load nothing while the serial is the same, of records or of the SOA."""
    before = assemble_text(HEAD, "contoso.com.")
    after = assemble_text(HEAD.replace("7200", "7201"), "contoso.com.")
    assert reasons(plan_zones(before, after)) == [
        "medium contoso.com SOA changes without a new serial: secondary servers do not load it (RFC 1912 section 2.2)"
    ]


def test_the_use_of_a_name_raises_its_level() -> None:
    """A name that is resolved, or whose counts have a gap, counts as in use; one that was just created cannot be."""
    one, two = "www A 192.0.2.1\n", "www A 192.0.2.2\nnew A 192.0.2.3\n"
    used = plan_of(one, two, counts=FixedCounts({"www.contoso.com": 3, "new.contoso.com": 3}))
    assert levels(used, "www.contoso.com A was resolved 3 times") == [HIGH]
    assert not levels(used, "new.contoso.com A was resolved")
    unknown = plan_of(one, two, counts=FixedCounts({}, gap="restarted"))
    assert levels(unknown, "www.contoso.com A has no complete query count") == [MEDIUM]
    assert plan_of(one, two, counts=FixedCounts({})).risk.level == MEDIUM


def test_a_critical_name_may_get_another_ttl() -> None:
    """The inventory makes each change of a critical name high, except that of a TTL alone."""
    inventory = critical("WWW.contoso.com")
    assert plan_of("www A 192.0.2.1\n", "www 60 A 192.0.2.1\n", inventory=inventory).risk.level == LOW
    assert plan_of("www A 192.0.2.1\n", "www A 192.0.2.2\n", inventory=inventory).risk.level == HIGH
    assert plan_of("", "www A 192.0.2.2\n", inventory=inventory).risk.level == HIGH


@pytest.mark.parametrize(("window", "wanted"), [(0, 300), (60, 300), (301, 301), (7200, 7200)])
def test_the_window_of_use_is_at_least_the_ttl(window: int, wanted: int) -> None:
    """TMS9-089: a cache hides queries for as long as the TTL, here 300 s, so a shorter window shows nothing."""
    counts = FixedCounts({})
    plan_of("www A 192.0.2.1\n", "", counts=counts, window=window)
    assert counts.windows["www.contoso.com"] == wanted


def test_whole_zones_that_go_are_high() -> None:
    """A zone that is removed takes all of its names along, whatever its records are; a new one is low."""
    both, one = read_zones(contoso_com="", fabrikam_com=""), read_zones(contoso_com="")
    assert plan_zones(both, one).risk.level == HIGH
    assert plan_zones(one, both).risk.level == LOW
