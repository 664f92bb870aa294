"""Extended DNS errors (RFC 8914): in the trace, on the wire, and in the reason of a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dns.edns
import dns.message
import msgspec
import pytest
from dns.rcode import SERVFAIL

from ssosim.dns.server.applied_effect import apply_effect
from ssosim.dns.server.effect import Effect
from ssosim.dns.server.wire_format import Reply, render_response
from ssosim.dns.zones.answer import Answer
from ssosim.dns.zones.extended_errors import ExtendedError
from ssosim.dns.zones.rrset import to_name
from ssosim.dns.zones.stub import build_query
from ssosim.estate import DnsResolver, default_estate
from ssosim.faults import fault_from
from ssosim.memory import Engine, MemoryLab
from ssosim.trace import DnsAnswered
from tests.memory.both import in_memory, over_sockets, scenario

AUTOLOGON, ZONE = "autologon.microsoftazuread-sso.com", "microsoftazuread-sso.com"
RESOLVER = DnsResolver(name="one", address="10.10.0.54", validate=True, serve_stale=True)

CASES: list[tuple[dict[str, Any], str]] = [
    ({"fault": "validation-failing", "zone": ZONE}, "6 DNSSEC Bogus"),
    ({"fault": "name-server-dead", "zone": ZONE, "servers": [1, 2, 3, 4]}, "22 No Reachable Authority"),
    ({"fault": "lame-delegation", "zone": ZONE}, "22 No Reachable Authority"),
    ({"fault": "cname-loop", "name": AUTOLOGON}, "0 Other Error"),
]


def _ask(lab: MemoryLab) -> DnsAnswered:
    (server,) = lab.dns_servers_of(lab.estate.devices[0])
    return server.reply_to(build_query(AUTOLOGON, "A"), "office", "udp").event


def _lab() -> MemoryLab:
    return MemoryLab(Engine(1_700_000_000.0), msgspec.structs.replace(default_estate(), resolvers=(RESOLVER,)))


@pytest.mark.parametrize(("fields", "said"), CASES, ids=[fields["fault"] for fields, _ in CASES])
def test_a_resolver_says_why(fields: dict[str, Any], said: str) -> None:
    """The code tells validation from servers that do not answer; the cached failure repeats it."""
    lab = _lab()
    fault_from(fields).apply(lab)
    first, second = _ask(lab), _ask(lab)
    assert (first.rcode, first.extended_error) == ("SERVFAIL", said)
    assert (second.rcode, second.origin, second.extended_error) == ("SERVFAIL", "cache", said)


def test_a_stale_answer_says_so() -> None:
    """An expired answer has code 3, and a fresh one none."""
    lab = _lab()
    assert _ask(lab).extended_error == ""
    fault_from({"fault": "name-server-dead", "zone": ZONE, "servers": [1, 2, 3, 4]}).apply(lab)
    lab.engine.run(lab.engine.now + 4000)
    answered = _ask(lab)
    assert (answered.rcode, answered.origin, answered.extended_error) == ("NOERROR", "stale", "3 Stale Answer")


def test_a_server_without_the_zone_says_so() -> None:
    """A lame server refuses with code 20."""
    lab = _lab()
    fault_from({"fault": "lame-delegation", "zone": ZONE}).apply(lab)
    _ask(lab)
    refused = [r.event for r in lab.trace.since() if isinstance(r.event, DnsAnswered) and r.event.rcode == "REFUSED"]
    assert {event.extended_error for event in refused} == {"20 Not Authoritative"}


@pytest.mark.parametrize("edns", [-1, 0])
def test_the_option_is_for_clients_with_edns(edns: int) -> None:
    """RFC 8914 section 3: the option is in the response only if the query has EDNS, also in a reply without records."""
    query = dns.message.make_query(AUTOLOGON, "A", use_edns=edns)
    wire = query.to_wire()
    answer = Answer(name=to_name(AUTOLOGON), type=query.question[0].rdtype, rcode=SERVFAIL,
                    extended_error=ExtendedError.NO_REACHABLE_AUTHORITY)  # fmt: skip
    effect = Effect(rcode=SERVFAIL, extended_error=ExtendedError.NO_REACHABLE_AUTHORITY)
    changed = apply_effect(Reply(b"", answer.event("udp")), wire, effect)
    for message in (
        dns.message.from_wire(render_response(query, answer, "udp")),
        dns.message.from_wire(wire[:2] + changed.tail),
    ):
        codes = [option.code for option in message.options if isinstance(option, dns.edns.EDEOption)]
        assert (message.rcode(), codes) == (SERVFAIL, [22] if edns == 0 else [])
    assert changed.event.extended_error == "22 No Reachable Authority"


def test_the_reason_of_a_verdict_says_why(prepared: Path) -> None:
    """The reason has the extended error, in memory as over sockets."""
    played = scenario([CASES[0][0]], ("office",), resolvers=(RESOLVER,))
    seen = in_memory(played)
    assert seen == over_sockets(played, prepared)
    assert "(SERVFAIL, " in seen["broken", "office"].reason
