"""Which DNS answers a fault of answers touches: names, types, clients, servers, number and chance."""

from __future__ import annotations

from typing import Any

import dns.name
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.dns import answer
from ssosim.dns.zones.query_context import ANYBODY
from ssosim.faults import FaultError, NxDomain, ReverseZoneDead, ServFail, StaleCache, TruncationLoop, fault_from
from tests.faults.fault_board import AUTOLOGON, HEALTHY, LOGIN, NAME_SERVER, STS, FaultBoard

LABELS = st.sampled_from(["a", "b", "ab", "example", "com", "x-1"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)


def touches(fault: ServFail, **question: Any) -> bool:
    """Whether the fault changes the answer to this question."""
    board = FaultBoard()
    fault.apply(board.faults)
    return board.ask(**question) is not None


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        # RFC 4343: names are compared without case; a trailing dot says that a name is absolute, and is no label
        ("login.microsoftonline.com", LOGIN, True),
        ("LOGIN.MicrosoftOnline.COM", LOGIN, True),
        ("login.microsoftonline.com.", LOGIN, True),
        ("microsoftonline.com", LOGIN, False),
        ("ogin.microsoftonline.com", LOGIN, False),
        ("login.microsoftonline.co", LOGIN, False),
        ("*.microsoftonline.com", LOGIN, True),
        ("*.MICROSOFTONLINE.com.", LOGIN, True),
        ("*.com", LOGIN, True),
        ("*.microsoftonline.com", "microsoftonline.com", False),
        ("*.online.com", LOGIN, False),
        ("*.login.microsoftonline.com", LOGIN, False),
        # RFC 5891: on the wire a name has A-labels; RFC 1035 section 5.1: an octet may be written by its number
        ("bücher.fabrikam.com", "xn--bcher-kva.fabrikam.com", True),
        ("*.bücher.fabrikam.com", "www.xn--bcher-kva.fabrikam.com", True),
        (r"st\115.fabrikam.com", STS, True),
    ],
)
def test_a_name_is_in_scope_by_its_labels(pattern: str, name: str, *, expected: bool) -> None:
    """An exact name touches itself; ``*.zone`` touches every name below the zone, and not the zone itself."""
    assert touches(ServFail(names=(pattern,)), name=name) is expected


@given(NAMES, NAMES)
@settings(max_examples=60, deadline=None)
def test_scope_is_that_of_dnspython(pattern: str, name: str) -> None:
    """For all names: the exact name, or a proper subdomain, as dnspython's names compare."""
    wanted, asked = dns.name.from_text(pattern), dns.name.from_text(name)
    assert ServFail(names=(pattern,)).name_filter()(name) is (wanted == asked)
    below = asked.is_subdomain(wanted) and asked != wanted
    assert ServFail(names=(f"*.{pattern}",)).name_filter()(name) is below


@given(NAMES)
@settings(max_examples=25, deadline=None)
def test_without_names_every_name_is_in_scope(name: str) -> None:
    """Empty ``names`` means all, as the documentation says, and several names mean any of them."""
    assert ServFail().name_filter()(name)
    assert ServFail(names=("other.example", name)).name_filter()(name)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("", "'' is no DNS name; leave names out for every name"),
        ("*", "'*' matches no name; leave names out for every name"),
        ("*.", "'*.' is no DNS name"),
        ("*.*.com", "a * can only be the whole first label"),
        ("auto*.com", "a * can only be the whole first label"),
        ("www.*.com", "a * can only be the whole first label"),
        ("a..b", "'a..b' is not a domain name"),
        (".com", "'.com' is not a domain name"),
        ("x" * 64 + ".com", "labels are 1-63 characters"),
        (" login.microsoftonline.com", "is no DNS name"),
    ],
)
@pytest.mark.parametrize("kind", ["servfail", "drop", "nxdomain", "refused", "stale-cache", "truncation-loop"])
def test_a_pattern_that_no_name_matches_is_refused(kind: str, pattern: str, words: str) -> None:
    """A fault that can touch nothing would be a test that passes for no reason."""
    with pytest.raises(FaultError) as caught:
        fault_from({"fault": kind, "names": [LOGIN, pattern]})
    assert words in str(caught.value)


def test_a_placeholder_that_nobody_replaced_is_refused() -> None:
    """``{autologon}`` is a text of scenarios; as a DNS name it would match nothing."""
    board = FaultBoard()
    with pytest.raises(FaultError, match=r"names: '\{autologon\}' is a placeholder"):
        ServFail(names=("{autologon}",)).apply(board.faults)
    assert board.faults.active == ()


@pytest.mark.parametrize(
    ("kind", "asked", "expected"),
    [("A", "A", True), ("aaaa", "AAAA", True), ("A", "AAAA", False), ("TYPE65", "HTTPS", True), ("type1", "A", True)],
)
def test_a_type_is_a_mnemonic_or_a_number(kind: str, asked: str, *, expected: bool) -> None:
    """RFC 3597 section 5: ``TYPE65`` and ``HTTPS`` are one type; mnemonics ignore case."""
    assert touches(ServFail(types=(kind,)), name=STS, kind=asked) is expected


@pytest.mark.parametrize("kind", ["AAAAA", "", "TYPE", "TYPE65536", "A AAAA", "{type}"])
def test_a_type_that_is_none_is_refused(kind: str) -> None:
    """With a slip of the pen in ``types`` the fault would touch no answer."""
    with pytest.raises(FaultError, match="is not a record type; expected one such as A, AAAA or TYPE65"):
        fault_from({"fault": "drop", "types": ["A", kind]})


@pytest.mark.parametrize(
    ("fields", "question", "expected"),
    [
        ({"clients": ("office",)}, {"client": "office"}, True),
        ({"clients": ("office",)}, {"client": "curl"}, False),
        ({"clients": ("curl", "office")}, {"client": "office"}, True),
        ({"names": (LOGIN,), "types": ("AAAA",)}, {"kind": "AAAA"}, True),
        ({"names": (LOGIN,), "types": ("AAAA",)}, {"kind": "A"}, False),
        ({"names": (AUTOLOGON,), "types": ("AAAA",)}, {"kind": "AAAA"}, False),
        ({"names": (LOGIN,), "clients": ("office",)}, {"client": "curl"}, False),
    ],
)
def test_all_limits_must_hold(fields: dict[str, Any], question: dict[str, Any], *, expected: bool) -> None:
    """Names, types and clients limit a fault together; each of them alone can exclude an answer."""
    assert touches(ServFail(**fields), **question) is expected


@pytest.mark.parametrize(
    ("at", "server", "asked", "expected"),
    [
        ("resolver", "oslo", "oslo", True),
        ("resolver", "oslo", "bergen", False),
        ("resolver", "oslo", "", False),
        ("authority", NAME_SERVER, "", True),
        ("authority", "ns2.dns.example", "", False),
        ("authority", NAME_SERVER, "oslo", False),
    ],
)
def test_a_server_is_meant_by_its_name(at: str, server: str, asked: str, *, expected: bool) -> None:
    """``servers`` limits a fault to that resolver or name server; the others answer as before."""
    board = FaultBoard("oslo", "bergen")
    fault_from({"fault": "servfail", "at": at, "servers": [server]}).apply(board.faults)
    assert (board.ask(at=asked) is not None) is expected


@pytest.mark.parametrize(
    ("resolvers", "fields", "words"),
    [
        (("oslo",), {"at": "resolver", "servers": ["olso"]}, "no resolver 'olso'; expected one of oslo"),
        (("oslo",), {"at": "resolver", "servers": [NAME_SERVER]}, f"no resolver '{NAME_SERVER}'"),
        (("oslo",), {"at": "authority", "servers": ["oslo"]}, "no name server 'oslo'; expected one of "),
        (("oslo",), {"servers": ["ns1"]}, "no name server 'ns1'"),
        ((), {"at": "resolver", "servers": ["oslo"]}, "the lab has one DNS server"),
        ((), {"servers": [NAME_SERVER]}, "the lab has one DNS server"),
    ],
)
def test_a_server_that_is_not_there_is_refused(resolvers: tuple[str, ...], fields: dict[str, Any], words: str) -> None:
    """No answer is by that server, so the fault would touch nothing; the message has those that are there."""
    board = FaultBoard(*resolvers)
    with pytest.raises(FaultError) as caught:
        fault_from({"fault": "servfail", **fields}).apply(board.faults)
    assert words in str(caught.value)
    assert board.faults.active == ()


@pytest.mark.parametrize("resolvers", [(), ("oslo",)])
def test_a_fault_at_a_resolver_leaves_the_name_servers_alone(resolvers: tuple[str, ...]) -> None:
    """``at``: where the lab has one server it is both; where it has resolvers the parts are apart."""
    board = FaultBoard(*resolvers)
    ServFail(at="resolver").apply(board.faults)
    assert (board.ask() is not None) is (not resolvers)
    assert (board.ask(at="oslo") is not None) if resolvers else True
    other = FaultBoard(*resolvers)
    ServFail(at="authority").apply(other.faults)
    assert other.ask() is not None
    assert (other.ask(at="oslo") is None) if resolvers else True


@pytest.mark.parametrize(
    ("tcp", "over_udp", "over_tcp"),
    [
        ("truncate", (True, False), (True, False)),
        ("answer", (True, False), None),
        ("drop", (True, False), (False, True)),
    ],
)
def test_truncation_over_each_transport(
    tcp: str, over_udp: tuple[bool, bool], over_tcp: tuple[bool, bool] | None
) -> None:
    """RFC 7766 section 5: TC means try TCP; what TCP then does is the kind of the fault."""
    board = FaultBoard()
    fault_from({"fault": "truncation-loop", "tcp": tcp}).apply(board.faults)
    udp, other = board.ask(), board.ask(transport="tcp")
    assert udp is not None
    assert (udp.truncate, udp.drop) == over_udp
    assert (None if other is None else (other.truncate, other.drop)) == over_tcp


def test_an_answer_over_tcp_that_comes_is_no_hit() -> None:
    """``first`` counts truncated answers; the answer over TCP was not touched."""
    board = FaultBoard()
    TruncationLoop(tcp="answer", first=2).apply(board.faults)
    board.ask()
    board.ask(transport="tcp")
    assert board.endings == []
    board.ask()
    assert board.endings == [(1, "after the first 2")]


@pytest.mark.parametrize(
    ("zone", "name", "expected"),
    [
        ("in-addr.arpa", "10.2.0.192.in-addr.arpa", True),
        ("2.0.192.in-addr.arpa.", "10.2.0.192.in-addr.arpa", True),
        ("2.0.192.in-addr.arpa", "2.0.192.in-addr.arpa", True),
        ("2.0.192.in-addr.arpa", "10.12.0.192.in-addr.arpa", False),
        ("2.0.192.in-addr.arpa", "10.100.51.198.in-addr.arpa", False),
        ("ip6.arpa", "10.2.0.192.in-addr.arpa", False),
    ],
)
def test_a_dead_reverse_zone_is_the_zone_and_all_below(zone: str, name: str, *, expected: bool) -> None:
    """Label by label: ``12.0.192`` is not in the zone ``2.0.192``."""
    assert touches(ReverseZoneDead(zone=zone, how="servfail"), name=name, kind="PTR") is expected  # type: ignore[arg-type]


def test_a_stale_resolver_answers_from_the_zones_before_it() -> None:
    """What an operator or another fault changes afterwards does not reach it; what was before does."""
    board = FaultBoard("oslo")
    StaleCache(servers=("oslo",)).apply(board.faults)
    fault_from({"fault": "name-removed", "name": LOGIN}).apply(board.faults)
    effect = board.ask(at="oslo")
    assert effect is not None
    assert effect.replacement is not None
    login = dns.name.from_text(LOGIN)
    said = effect.replacement(login, dns.rdatatype.A, ANYBODY)
    assert said.answer == answer(HEALTHY, login, dns.rdatatype.A).answer
    assert said.outcome == "NOERROR"
    assert board.look_up().outcome == "NXDOMAIN"


def test_an_nxdomain_has_the_soa_for_its_cache() -> None:
    """RFC 2308 section 3: the SOA of the zone is in the authority section, else no resolver may cache the answer."""
    board = FaultBoard()
    NxDomain(names=(STS,)).apply(board.faults)
    effect = board.ask(STS)
    assert effect is not None
    assert effect.replacement is not None
    said = effect.replacement(dns.name.from_text(STS), dns.rdatatype.A, ANYBODY)
    assert (said.outcome, said.answer, [rrset.type.name for rrset in said.authority]) == ("NXDOMAIN", (), ["SOA"])
    assert str(said.authority[0].name) == "fabrikam.com."
