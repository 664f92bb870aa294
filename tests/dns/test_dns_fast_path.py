"""The fast path of the DNS servers gives the octets of dnspython and asyncio's endpoint, or is not used."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import closing

import dns.message
import pytest
from dns.rdatatype import AAAA, ANY, CNAME, HTTPS, MX, NS, SOA, SRV, TXT, A
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ssosim.clock import ManualClock
from ssosim.dns import DnsServer, ZoneSet, ZoneStore, zones_of
from ssosim.dns.server import fast_path
from ssosim.dns.server.bounds import HEADER
from ssosim.dns.server.fast_path import plain_reply
from ssosim.dns.server.wire_format import respond, respond_ordinarily, respond_plainly
from ssosim.dns.zones.edits import put_rrset
from ssosim.estate import default_estate
from ssosim.fast_paths import FastPathSwitchError
from ssosim.trace import DnsAnswered, Trace
from tests.fast_paths import forget_states, switched

HERE = "127.0.0.1"
TYPES = (A, AAAA, CNAME, MX, NS, SOA, SRV, TXT, ANY, HTTPS, 65280)


def make_zones() -> ZoneSet:
    """The default estate, with one name of many addresses, one of text and one of mail servers."""
    zones = put_rrset(zones_of(default_estate()), "many.fabrikam.com", "A", [f"10.0.0.{each}" for each in range(90)])
    zones = put_rrset(zones, "text.fabrikam.com", "TXT", [f'"{"x" * 200}{each}"' for each in range(6)])
    return put_rrset(zones, "fabrikam.com", "MX", ["10 sts", "20 many", "20 mail.contoso.com."])


ZONES = make_zones()
NAMES = ["sts.fabrikam.com", "fabrikam.com", "many.fabrikam.com", "text.fabrikam.com", "login.microsoftonline.com"]
NAMES += [
    "autologon.microsoftazuread-sso.com",
    "no.such.fabrikam.com",
    "elsewhere.test",
    ".",
    "_kerberos.corp.contoso.com",
]


def _make_query(name: str, kind: int, flags: int, edns: tuple[int, int] | None, ident: int) -> bytes:
    query = dns.message.make_query(name, kind, flags=flags, id=ident)
    if edns is not None:
        query.use_edns(0, *edns)
    return query.to_wire()


QUERIES = st.builds(
    _make_query,
    st.sampled_from(NAMES),
    st.sampled_from(TYPES),
    st.sampled_from([0, 0x0100, 0x0110, 0x0130, 0x0020]),
    st.sampled_from([None, (0, 512), (0, 1232), (0x8000, 4096), (0, 0)]),
    st.integers(0, 0xFFFF),
)
CHANGES = st.lists(st.tuples(st.integers(2, 60), st.integers(0, 255)), max_size=2)


def _change(query: bytes, changes: list[tuple[int, int]], end: int) -> bytes:
    octets = bytearray(query)
    for at, value in changes:
        if at < len(octets):
            octets[at] = value
    return bytes(octets[: max(HEADER, len(octets) - end)])


@settings(max_examples=300)
@given(QUERIES, st.sampled_from(["udp", "tcp"]))
def test_each_question_has_the_same_octets(query: bytes, transport: str) -> None:
    """Hypothesis: names of the estate, types, flags and EDNS; octets, event, use and scope are the same."""
    plain = respond_plainly(ZONES, query, transport)  # type: ignore[arg-type]
    ordinary = respond_ordinarily(ZONES, query, transport)  # type: ignore[arg-type]
    assert plain in (None, ordinary)
    if plain is None:
        assert ordinary.tail[0] & 0x02, "only a truncated reply needs the ordinary way here"


@settings(max_examples=300)
@given(QUERIES, CHANGES, st.integers(0, 3))
@example(_make_query("sts.fabrikam.com", A, 0, None, 1), [(13, 0x53)], 0)
def test_octets_that_were_changed_are_answered_alike(query: bytes, changes: list[tuple[int, int]], end: int) -> None:
    """Hypothesis: one or two other octets, or fewer: a query that stays plain has the same reply, but for pointers.

    dnspython points to a name whatever its case, and the fast path to the same octets only: so names keep their case.
    """
    changed = _change(query, changes, end)
    if changed[2] & 0x80:
        return
    plain, ordinary = respond_plainly(ZONES, changed, "udp"), respond_ordinarily(ZONES, changed, "udp")
    if plain is None or plain == ordinary:
        return
    assert (plain.event, plain.use, plain.cache_scope) == (ordinary.event, ordinary.use, ordinary.cache_scope)
    texts = [dns.message.from_wire(b"\0\0" + each.tail).to_text() for each in (plain, ordinary)]
    assert texts[0].lower() == texts[1].lower()
    assert texts[0] != texts[0].lower(), "a query in lower case has the same octets"


async def ask(server: DnsServer, queries: list[bytes]) -> list[bytes]:
    """Send each query over UDP, and over TCP, and return the replies."""
    port = await server.start(HERE, 0)
    loop = asyncio.get_running_loop()
    replies = []
    try:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
            asking.setblocking(False)
            asking.connect((HERE, port))
            for query in queries:
                asking.send(query)
                replies.append(await asyncio.wait_for(loop.sock_recv(asking, 4096), 60))
        reader, writer = await asyncio.open_connection(HERE, port)
        for query in queries:
            writer.write(len(query).to_bytes(2, "big") + query)
            replies.append(await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big")))
        writer.close()
        await writer.wait_closed()
    finally:
        await server.stop()
    return replies


def test_servers_on_both_ways_answer_alike() -> None:
    """Over sockets, each question twice: the same octets and the same events in the trace."""
    queries = [_make_query(name, kind, 0x0100, (0, 1232), 7) for name in NAMES for kind in (A, MX, TXT)] * 2
    heard = []
    for value in ("on", "off"):
        with switched(value), asyncio.Runner() as runner:
            trace = Trace(ManualClock(1000.0))
            server = DnsServer(ZoneStore(ZONES), trace, lambda remote, _local: f"client at {remote}")
            replies = runner.run(ask(server, queries))
        heard.append((replies, [(each.client, each.event) for each in trace if isinstance(each.event, DnsAnswered)]))
    assert heard[0] == heard[1]
    assert len(heard[0][1]) == 2 * len(queries)


def test_the_self_check_finds_no_difference() -> None:
    """Both ways agree with the installed version of dnspython, so that the fast path is used."""
    assert fast_path.check() == ""
    with switched("on"):
        assert fast_path.state() == ("DNS servers", True, "", False)


@pytest.mark.parametrize(
    ("name", "instead"),
    [("_soa_numbers", lambda _: bytes(20)), ("_RECORD", None), ("_TARGETS", frozenset[int]())],
    ids=["other octets", "an error", "names without pointers"],
)
def test_another_dnspython_gets_the_ordinary_way(
    name: str, instead: object, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If both ways differ, one warning is logged, and queries are answered by dnspython."""
    monkeypatch.setattr(plain_reply, name, instead)
    query = _make_query("fabrikam.com", SOA, 0, None, 1)
    with caplog.at_level(logging.WARNING, "ssosim.fast_paths"), switched("on"):
        assert respond(ZONES, query, "udp") == respond_ordinarily(ZONES, query, "udp")
        assert not fast_path.enabled()
        assert fast_path.state().failed
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["DNS servers"]


def test_the_switch_is_on_or_off() -> None:
    """``off`` chooses dnspython without a warning; another value is an error that names the variable."""
    with switched("off"):
        assert fast_path.state() == ("DNS servers", False, "SSOSIM_FAST_PATHS=off", False)
    forget_states()
    with switched("OFF"), pytest.raises(FastPathSwitchError, match="SSOSIM_FAST_PATHS='OFF': expected on or off"):
        respond(ZONES, _make_query("fabrikam.com", SOA, 0, None, 1), "udp")
