"""A fixed sample of the comparison with named and unbound; ``python -m tests.dns.oracle.run`` compares everything."""

from __future__ import annotations

import shutil

import dns.message
import dns.name
import pytest
from dns.rcode import FORMERR
from dns.rdatatype import A

from ssosim.dns import DnsServer, ZoneStore
from ssosim.trace import Trace
from tests.dns.oracle import beside_unbound
from tests.dns.oracle.beside_named import ask_lab, compare_zones, read_corpus, read_zones
from tests.dns.oracle.compare import INTENDED, Report
from tests.dns.oracle.drawn_zones import draw_zones

SEARCH = "/usr/sbin:/usr/bin:/usr/local/sbin"


@pytest.fixture(autouse=True)
def programs() -> None:
    """Skip without the programs; a skip fails in continuous integration."""
    for program in ("named", "unbound"):
        if shutil.which(program, path=SEARCH) is None:
            pytest.skip(f"{program} is not installed: ./bootstrap.sh dev")


def test_the_lab_answers_as_named_about_the_corpus() -> None:
    """Response code, AA, answer, authority, glue and TTLs are named's, but for the listed differences."""
    report = compare_zones(read_corpus(), every=37)
    assert report.unexplained == []
    assert report.is_good
    assert report.zones >= 50
    assert report.asked > 500
    assert INTENDED.keys() == {"any", "chain-leaves-zone", "empty-wildcard"}
    assert report.intended.keys() - {"empty-wildcard"} == {"any", "chain-leaves-zone"}  # named 9.18 has two of them


def test_the_lab_answers_as_named_about_drawn_zones() -> None:
    """Zones that Hypothesis draws, where wildcards, delegations and DNAMEs meet: no difference."""
    report = compare_zones(draw_zones(8, 1), every=5)
    assert report.unexplained == []
    assert report.is_good
    assert report.asked > 200


def test_the_resolver_of_the_lab_answers_as_unbound() -> None:
    """Behind a resolver, with the users' NS sets, delegations and DNAMEs: unbound's answers."""
    report = beside_unbound.compare_resolvers(every=97)
    assert report.unexplained == []
    assert report.is_good
    assert report.asked > 100
    assert report.intended.keys() <= beside_unbound.INTENDED.keys()


def test_errors_of_both_servers_are_no_comparison() -> None:
    """Two resolvers that reach no name server agree about everything; a run that asked nothing has no difference."""
    assert Report(1, equal=90, failed=10).is_good
    assert not Report(1, equal=90, failed=90).is_good
    assert not Report(1).is_good
    assert not Report(1, equal=90, unexplained=["one"]).is_good


def test_a_query_with_an_answer_is_a_format_error() -> None:
    """Intended: a query with records in its answer section is FORMERR; named ignores them."""
    server = DnsServer(ZoneStore(read_zones(read_corpus())), Trace(), lambda _remote, _local: "oracle")
    query = dns.message.make_query("www.wildcard-apex.example.", A)
    assert ask_lab(server, query).rcode() != FORMERR
    query.answer.append(dns.rrset.from_text("x.example.", 1, "IN", "A", "192.0.2.1"))
    assert ask_lab(server, query).rcode() == FORMERR
