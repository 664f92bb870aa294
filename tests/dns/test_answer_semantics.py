"""Wildcards, delegations, DNAME, all types and signed zones: the rules of the RFCs, one by one, without a socket."""

from __future__ import annotations

from pathlib import Path

import dns.asyncquery
import dns.message
import dns.name
import pytest
from dns.rcode import NOERROR, NXDOMAIN, SERVFAIL, YXDOMAIN
from dns.rdatatype import (
    AAAA,
    CAA,
    CNAME,
    DNAME,
    DS,
    HTTPS,
    MX,
    NS,
    NSEC,
    RRSIG,
    SOA,
    TXT,
    A,
    RdataType,
)

from ssosim.changes.diff import compare
from ssosim.changes.operations import apply_operations, operations_between
from ssosim.changes.snapshot import from_data, to_data
from ssosim.dns import (
    Answer,
    DnsChangeError,
    QueryContext,
    Zone,
    ZoneSet,
    ZoneStore,
    answer,
    put_rrset,
    remove_name,
    resolve_in_zones,
    zones_of,
)
from ssosim.dns.imports.import_errors import assemble
from ssosim.dns.imports.tree import read_tree_with_warnings
from ssosim.dns.imports.zonefile import parse_zone_file
from ssosim.dns.recursion import Question, Resolver, ResolverSettings, UpstreamQuery, run_resolution
from ssosim.dns.server.authorities import Authorities
from ssosim.dns.server.authority_servers import start_authority_servers
from ssosim.dns.zones.lint import lint
from ssosim.dns.zones.name_match import match_name
from ssosim.dns.zones.rrset import to_name
from ssosim.estate import EstateError, RecordSet, default_estate
from ssosim.estate import Zone as ZoneEntry
from ssosim.trace import Trace

NOW = 1_800_000_000.0
CORPUS = Path(__file__).parent / "oracle" / "corpus"
WITH_DO = QueryContext(dnssec_ok=True)

ZONE = """\
$ORIGIN example.com.
$TTL 300
@ SOA ns1 hostmaster 2026112901 7200 3600 1209600 60
@ NS ns1
ns1 A 203.0.113.53
* A 192.0.2.1
*.apps CNAME www
www A 192.0.2.2
_acme-challenge.apps TXT "token"
shop NS ns1.old.test.
shop A 192.0.2.66
corp 172800 NS ns1.corp
ns1.corp A 192.0.2.67
old 90 DNAME new
www.new A 192.0.2.3
long DNAME {long}
""".replace("{long}", ".".join(["l" * 60] * 3))

CHILD = """\
$ORIGIN shop.example.com.
$TTL 300
@ SOA ns1.old.test. hostmaster 1 2 3 4 60
@ NS ns1.old.test.
www A 192.0.2.4
"""


DIGEST = "ab" * 32

OCTODNS = f"""\
'*': {{type: A, value: 192.0.2.1}}
'*.apps': {{type: CNAME, value: www.example.com.}}
'':
- {{type: CAA, values: [{{tag: issue, value: ca.test}}]}}
- {{type: MX, value: {{preference: 1, exchange: a.test.}}}}
sub:
- {{type: NS, value: ns.test.}}
- {{type: DS, value: {{key_tag: 1, algorithm: 13, digest_type: 2, digest: {DIGEST}}}}}
_443._tcp:
  type: TLSA
  value: {{certificate_usage: 3, selector: 1, matching_type: 1, certificate_association_data: {DIGEST}}}
sip:
  type: NAPTR
  value: {{order: 1, preference: 2, flags: U, service: E2U+sip, regexp: '!^.*$!sip:a@b!', replacement: .}}
svc: {{type: HTTPS, value: {{svcpriority: 1, targetname: ., svcparams: {{alpn: [h2, h3], port: 8443}}}}}}
tree: {{type: DNAME, value: other.test.}}
"""


def zones_from(*texts: str) -> ZoneSet:
    """The zones of zone files that begin with ``$ORIGIN``."""
    return assemble([parse_zone_file(text, "zone", to_name(text.split()[1])) for text in texts])


def corpus(name: str) -> ZoneSet:
    """A zone of the corpus."""
    return assemble([parse_zone_file((CORPUS / f"{name}.zone").read_text(), name, to_name(f"{name}.example."))])


def ask(name: str, rdtype: RdataType = A, zones: ZoneSet | None = None, context: QueryContext | None = None) -> Answer:
    """One question."""
    return answer(zones or zones_from(ZONE), dns.name.from_text(name), rdtype, context or QueryContext())


@pytest.mark.parametrize(
    ("name", "rdtype", "values"),
    [
        ("any.example.com", A, ("A 192.0.2.1",)),
        ("two.labels.example.com", A, ("A 192.0.2.1",)),
        ("api.apps.example.com", A, ("CNAME www.example.com.", "A 192.0.2.2")),
        ("www.example.com", A, ("A 192.0.2.2",)),
        ("*.example.com", A, ("A 192.0.2.1",)),
    ],
)
def test_a_wildcard_answers_for_names_that_do_not_exist(name: str, rdtype: RdataType, values: tuple[str, ...]) -> None:
    """RFC 4592 section 3.3.1: the wildcard of the closest encloser answers, under the name that was queried."""
    reply = ask(name, rdtype)
    assert reply.event("udp").answers == values
    assert reply.answer[0].name == dns.name.from_text(name)


@pytest.mark.parametrize(
    ("name", "rcode"),
    [
        ("apps.example.com", NOERROR),
        ("_acme-challenge.apps.example.com", NOERROR),
        ("below.www.example.com", NXDOMAIN),
        ("x._acme-challenge.apps.example.com", NXDOMAIN),
        ("new.example.com", NOERROR),
    ],
)
def test_a_name_that_exists_hides_the_wildcard(name: str, rcode: int) -> None:
    """RFC 4592 section 2.2.1: a name that exists, itself or by names below it, is not answered by a wildcard."""
    reply = ask(name)
    assert (reply.rcode, reply.answer) == (rcode, ())
    assert reply.authority[0].type == SOA


def test_a_delegation_is_a_referral_and_hides_what_is_below() -> None:
    """RFC 1034 section 4.3.2, 2181 section 6: NS and glue, no AA, whatever the zone holds at and below the cut."""
    for name in ("shop.example.com", "www.shop.example.com", "any.thing.shop.example.com"):
        reply = ask(name)
        assert (reply.rcode, reply.authoritative, reply.answer, reply.outcome) == (NOERROR, False, (), "REFERRAL")
        assert [(str(rrset.name), rrset.type) for rrset in reply.authority] == [("shop.example.com.", NS)]
        assert reply.additional == ()
    glue = ask("x.corp.example.com")
    assert [(str(rrset.name), rrset.type, rrset.ttl) for rrset in glue.additional] == [
        ("ns1.corp.example.com.", A, 300)
    ]
    assert glue.authority[0].ttl == 172800


def test_a_stub_resolver_never_takes_a_referral_for_no_address() -> None:
    """A name whose servers are outside the lab is SERVFAIL for a stub, not NODATA: whether it exists is not known."""
    reply = resolve_in_zones(zones_from(ZONE), dns.name.from_text("www.shop.example.com"), A)
    assert (reply.rcode, reply.outcome) == (SERVFAIL, "SERVFAIL")


def test_ds_is_answered_by_the_parent() -> None:
    """RFC 4035 section 3.1.4.1: DS at a cut is the parent's, also if both zones are on the server."""
    zones = zones_from(ZONE + "shop DS 1 13 2 " + "AB" * 32 + "\n", CHILD)
    assert ask("shop.example.com", DS, zones).outcome == "NOERROR"
    assert ask("www.shop.example.com", A, zones).event("udp").answers == ("A 192.0.2.4",)
    assert ask("corp.example.com", DS, zones).authority[0].name == dns.name.from_text("example.com")


def test_a_dname_makes_a_cname() -> None:
    """RFC 6672 section 3.1: the DNAME, a CNAME with its TTL, and the records of the new name; not at its owner."""
    reply = ask("www.old.example.com")
    assert [(rrset.type, rrset.ttl) for rrset in reply.answer] == [(DNAME, 90), (CNAME, 90), (A, 300)]
    assert str(reply.answer[1].name) == "www.old.example.com."
    assert ask("old.example.com").outcome == "NODATA"
    assert ask(f"{'y' * 60}.{'z' * 60}.long.example.com").rcode == YXDOMAIN


def test_the_soa_is_the_one_that_the_user_wrote() -> None:
    """RFC 2308 section 5: serial, timers and minimum of the zone file, and the minimum as TTL of negative answers."""
    zones = zones_from(ZONE)
    text = "SOA ns1.example.com. hostmaster.example.com. 2026112901 7200 3600 1209600 60"
    assert ask("example.com", SOA, zones).event("udp").answers == (text,)
    changed = put_rrset(zones, "www.example.com", "A", ["192.0.2.9"])
    assert ask("example.com", SOA, changed).event("udp").answers == (text,)
    assert ask("_acme-challenge.apps.example.com", AAAA, zones).authority[0].ttl == 60


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("CAA", '0 issue "ca.test"'),
        ("TLSA", "3 1 1 " + "ab" * 32),
        ("SSHFP", "4 2 " + "ab" * 32),
        ("HTTPS", '1 . alpn="h2"'),
        ("NAPTR", '100 10 "U" "E2U+sip" "!^.*$!sip:a@example.com!" .'),
        ("LOC", "52 22 23.000 N 4 53 32.000 E -2.00m 1.00m 10000.00m 10.00m"),
        ("URI", '10 1 "https://example.com/"'),
        ("TYPE65280", "\\# 4 0a000001"),
    ],
)
def test_every_type_is_stored_answered_and_compared(kind: str, value: str) -> None:
    """RFC 3597: no type is dropped; a change of it is a difference, in estates as in zone files."""
    zones = put_rrset(zones_from(ZONE), "typed.example.com", kind, [value])
    rdtype = RdataType.make(kind)
    assert ask("typed.example.com", rdtype, zones).outcome == "NOERROR"
    assert [each.type for each in compare(zones_from(ZONE), zones).records] == [rdtype]
    file = zones_from(f"{ZONE}typed {kind} {value}\n")
    assert not compare(zones, file)
    assert not compare(file, from_data(to_data(file)))


def test_an_estate_may_have_wildcards_delegations_and_any_type() -> None:
    """The estate file has what zone files have; an unknown type is refused by name."""
    entry = ZoneEntry(
        name="wild.test.",
        records=(
            RecordSet(name="*", type="A", values=("192.0.2.7",)),
            RecordSet(name="sub", type="NS", values=("ns.other.test.",)),
            RecordSet(name="@", type="CAA", values=('0 issue "ca.test"',)),
            RecordSet(name="@", type="HTTPS", values=("1 .",)),
        ),
    )
    estate = default_estate()
    zones = zones_of(type(estate)(**{**_fields(estate), "zones": (*estate.zones, entry)}))
    assert ask("x.y.wild.test", A, zones).event("udp").answers == ("A 192.0.2.7",)
    assert ask("x.sub.wild.test", A, zones).outcome == "REFERRAL"
    assert {ask("wild.test", kind, zones).outcome for kind in (CAA, HTTPS)} == {"NOERROR"}
    wrong = ZoneEntry(name="wrong.test.", records=(RecordSet(name="@", type="CCA", values=("x",)),))
    with pytest.raises(EstateError, match=r"records\[0\] \(@ CCA\): 'CCA' is not a record type"):
        zones_of(type(estate)(**{**_fields(estate), "zones": (*estate.zones, wrong)}))


def _fields(struct: object) -> dict[str, object]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}  # type: ignore[attr-defined]


def test_octodns_wildcards_and_types_are_read(tmp_path: Path) -> None:
    """A wildcard label, CAA, DS, TLSA, SSHFP, NAPTR, HTTPS-like maps and DNAME are served, without a warning."""
    (tmp_path / "config.yaml").write_text(
        "providers: {config: {class: octodns.provider.yaml.YamlProvider, directory: .}}\n"
        "zones: {example.com.: {sources: [config]}}\n"
    )
    (tmp_path / "example.com.yaml").write_text(OCTODNS)
    zones, warnings = read_tree_with_warnings(tmp_path)
    assert warnings == ()
    assert ask("x.example.com", A, zones).event("udp").answers == ("A 192.0.2.1",)
    found = {
        (str(rrset.name).removesuffix(".example.com."), rrset.type.name)
        for rrset in zones.zone_of(to_name("example.com")).rrsets()
    }
    assert found >= {("_443._tcp", "TLSA"), ("sip", "NAPTR"), ("svc", "HTTPS"), ("tree", "DNAME"), ("sub", "DS")}
    (service,) = ask("svc.example.com", HTTPS, zones).answer
    assert service.rdatas[0].to_text() == '1 . alpn="h2,h3" port="8443"'


def test_signatures_and_proofs_are_sent_as_they_are_stored() -> None:
    """RFC 4035 section 3.1: with DO a wildcard answer has its RRSIG and the NSEC of the name; without DO, neither."""
    zones = corpus("signed-nsec")
    name = "one.wild.signed-nsec.example"
    assert [rrset.type for rrset in ask(name, A, zones).answer] == [A]
    signed = ask(name, A, zones, WITH_DO)
    assert [rrset.type for rrset in signed.answer] == [A, RRSIG]
    assert signed.answer[1].name == dns.name.from_text(name)
    assert [rrset.type for rrset in signed.authority] == [NSEC, RRSIG]
    missing = ask("zz.signed-nsec.example", A, zones, WITH_DO)
    assert (missing.rcode, [rrset.type for rrset in missing.authority][:2]) == (NXDOMAIN, [SOA, RRSIG])
    assert sum(rrset.type == NSEC for rrset in missing.authority) == 2
    insecure = ask("x.insecure.signed-nsec.example", A, zones, WITH_DO)
    assert [rrset.type for rrset in insecure.authority] == [NS, NSEC, RRSIG]
    secure = ask("x.secure.signed-nsec.example", A, zones, WITH_DO)
    assert [rrset.type for rrset in secure.authority] == [NS, DS, RRSIG]


def test_a_zone_without_its_nsec_fails_as_named_does() -> None:
    """Where the NSEC of a negative answer is missing, named answers SERVFAIL (DNS_R_BADDB), and so does the lab."""
    zones = corpus("signed-gaps")
    assert ask("www.signed-gaps.example", MX, zones).rcode == SERVFAIL
    assert ask("www.signed-gaps.example", A, zones).outcome == "NOERROR"


def test_zones_refuse_what_no_server_loads() -> None:
    """NS at a wildcard, DS at the apex two DNAMEs at a name are refused; RRSIG beside CNAME is not."""
    zones = zones_from(ZONE)
    for name, kind, values, words in (
        ("*.example.com", "NS", ["ns.test."], "RFC 4592"),
        ("example.com", "DS", ["1 13 2 " + "AB" * 32], "parent"),
        ("d.example.com", "DNAME", ["a.", "b."], "one value"),
    ):
        with pytest.raises(DnsChangeError, match=words):
            put_rrset(zones, name, kind, values)
    signature = "CNAME 13 3 300 20500101000000 20260101000000 1 example.com. AAAA"
    put_rrset(zones, "*.apps.example.com", "RRSIG", [signature])


def test_cuts_follow_changes() -> None:
    """A delegation or DNAME that is added or removed later is a cut, or none, at once."""
    zones = put_rrset(zones_from(ZONE), "late.example.com", "NS", ["ns.other.test."])
    assert ask("x.late.example.com", A, zones).outcome == "REFERRAL"
    again = remove_name(zones, "late.example.com")
    assert ask("x.late.example.com", A, again).event("udp").answers == ("A 192.0.2.1",)
    emptied = put_rrset(zones, "late.example.com", "NS", [])
    assert match_name(_zone(emptied), dns.name.from_text("late.example.com")).kind == "exact"


def _zone(zones: ZoneSet) -> Zone:
    return zones.zones[dns.name.from_text("example.com")]


class Walk:
    """The lab's name servers, for a resolver without sockets."""

    def __init__(self, zones: ZoneSet) -> None:
        self.authorities = Authorities(ZoneStore(zones))

    def outcome(self, name: str) -> str:
        """What a resolver without a cache gets for the addresses of ``name``."""
        resolver = Resolver(ResolverSettings(), self.authorities.hierarchy.root_addresses)
        resolution = resolver.resolve(Question(to_name(name), A), NOW)
        return run_resolution(resolution, self._answer, NOW).outcome

    def _answer(self, query: UpstreamQuery) -> Answer | None:
        server = self.authorities.find_server_at(query.server)
        return None if server is None else self.authorities.answer_as(server, query.question.name, query.question.type)

    def change(self, name: str, servers: list[str]) -> None:
        """Change the NS records of the zone ``name``."""
        self.authorities.store.change(lambda zones: put_rrset(zones, name, "NS", servers))


def test_a_move_to_other_name_servers_can_be_rehearsed() -> None:
    """A server has the zones whose NS records name it: a delegation to another one is lame, and SERVFAIL."""
    walk = Walk(zones_from(ZONE, CHILD))
    assert walk.outcome("www.shop.example.com") == "NOERROR"
    walk.change("shop.example.com", ["ns1.new.test."])
    assert walk.outcome("www.shop.example.com") == "SERVFAIL"
    walk.change("shop.example.com", ["ns1.new.test.", "ns1.old.test."])
    assert walk.outcome("www.shop.example.com") == "NOERROR"


def test_a_name_server_without_an_address_is_not_reached() -> None:
    """A server inside the estate's zones needs an address record there; one outside is assumed to have one."""
    assert Walk(zones_from(ZONE)).outcome("www.example.com") == "NOERROR"
    assert (
        Walk(zones_from(ZONE.replace("ns1 A 203.0.113.53\n", "ns1 TXT none\n"))).outcome("www.example.com")
        == "SERVFAIL"
    )
    assert (
        Walk(zones_from(ZONE.replace("@ NS ns1\n", "@ NS ns.provider.test.\n"))).outcome("www.example.com") == "NOERROR"
    )


def test_behind_a_resolver_the_answers_are_those_of_the_zone() -> None:
    """Wildcards, hidden names and DNAMEs are the same behind a resolver; a foreign delegation fails."""
    walk = Walk(zones_from(ZONE))
    assert walk.outcome("any.example.com") == "NOERROR"
    assert walk.outcome("_acme-challenge.apps.example.com") == "NODATA"
    assert walk.outcome("below.www.example.com") == "NXDOMAIN"
    assert walk.outcome("www.old.example.com") == "NOERROR"
    assert walk.outcome("www.shop.example.com") == "SERVFAIL"
    assert ask("any.example.com", TXT).outcome == "NODATA"


def test_the_delegation_in_the_parent_can_be_changed() -> None:
    """The NS records of a delegation are the parent's: a change of them changes the parent zone, not the child."""
    parent, child = dns.name.from_text("example.com"), dns.name.from_text("shop.example.com")
    before = zones_from(ZONE, CHILD)
    after = zones_from(ZONE.replace("shop NS ns1.old.test.", "shop NS ns1.new.test."), CHILD)
    made = apply_operations(before, operations_between(before, after))
    assert not compare(made, after)
    assert made.zones[parent].node(child)[NS].rdatas[0].to_text() == "ns1.new.test."
    assert made.zones[child].node(child)[NS].rdatas[0].to_text() == "ns1.old.test."
    assert Walk(made).outcome("www.shop.example.com") == "SERVFAIL"
    secured = put_rrset(before, "shop.example.com", "DS", ["1 13 2 " + "AB" * 32])
    assert DS in secured.zones[parent].node(child)
    with pytest.raises(DnsChangeError, match="correct the zone"):
        put_rrset(before, "www.example.com", "A", ["192.0.2.1"], zone="shop.example.com")


def test_lint_knows_wildcards_and_delegations() -> None:
    """A target that a wildcard answers, or that is below a delegation, is not dangling; a missing one still is."""
    more = "good CNAME any\nfar CNAME x.shop\nbad CNAME x.www\n@ MX 10 mail.apps\n"
    found = [finding for finding in lint(zones_from(ZONE + more)) if finding.source == "TMS9-057"]
    assert [finding.name for finding in found] == ["bad.example.com"]


async def test_a_name_server_that_is_named_later_answers_too() -> None:
    """A spare server takes the name of a server that NS records name after the start; others are not reached."""
    authorities = Authorities(ZoneStore(zones_from(ZONE, CHILD)))
    attached: list[str] = []
    async with start_authority_servers(
        authorities,
        Trace(),
        lambda _remote, _local: "resolver",
        lambda _address, _port: ("127.0.0.1", 0),
        attach=lambda _server, name: attached.append(name),
    ) as servers:
        assert "ns9.new.test" not in attached
        authorities.store.change(lambda zones: put_rrset(zones, "shop.example.com", "NS", ["ns9.new.test."]))
        server = to_name("ns9.new.test")
        authorities.join()
        endpoint = servers.find_endpoint(authorities.hierarchy.addresses[server], 53)
        assert endpoint is not None
        assert attached[-1] == "ns9.new.test"
        query = dns.message.make_query("www.shop.example.com", "A")
        reply = await dns.asyncquery.udp(query, endpoint[0], port=endpoint[1], timeout=60)
        assert reply.answer[0][0].to_text() == "192.0.2.4"
        assert servers.find_endpoint("203.0.113.200", 53) is None
