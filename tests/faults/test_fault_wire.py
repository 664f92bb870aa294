"""What each fault makes of answers, as dig and the trace see it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import pytest
from dns.rdatatype import SOA

from ssosim.dns import DnsServer, ZoneStore, put_rrset, zones_of
from ssosim.estate import default_estate
from ssosim.faults import (
    AaaaDead,
    AaaaWrong,
    ActiveFaults,
    CnameForAlias,
    CnameLoop,
    Delay,
    DelegationRemoved,
    Drop,
    Fault,
    LongChain,
    NameRemoved,
    NameServerBlank,
    NameServerDead,
    NameServerLame,
    NameServerStale,
    NxDomain,
    PtrMismatch,
    RecordSetEmpty,
    Refused,
    ReverseZoneDead,
    ServFail,
    StaleCache,
    TrafficManagerDeleted,
    TruncationLoop,
    TtlChanged,
    ValidationFailing,
    WrongAddress,
)
from ssosim.trace import DnsAnswered, Trace

AUTOLOGON = "autologon.microsoftazuread-sso.com"
LOGIN = "login.microsoftonline.com"
HERE = "127.0.0.1"


@dataclass
class Broken:
    """A server with a board."""

    board: ActiveFaults
    store: ZoneStore
    port: int
    trace: Trace
    delays: list[float]

    async def ask(
        self, name: str = LOGIN, kind: str = "A", *, patience_s: float = 60.0, **options: object
    ) -> dns.message.Message:
        """Ask over UDP, from an address if ``source`` is given."""
        query = dns.message.make_query(name, kind)
        query.flags |= dns.flags.CD if options.pop("cd", False) else 0
        return await dns.asyncquery.udp(query, HERE, port=self.port, timeout=patience_s, **options)  # type: ignore[arg-type]

    @property
    def outcomes(self) -> list[str]:
        """What the trace says of every answer."""
        return [record.event.rcode for record in self.trace if isinstance(record.event, DnsAnswered)]

    async def dig(self, *words: str) -> str:
        """What dig prints."""
        command = ("dig", f"@{HERE}", "-p", str(self.port), "+tries=1", "+time=30", *words)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        return out.decode()


@pytest.fixture
async def broken() -> AsyncIterator[Broken]:
    """The default estate's server, whole as yet; the client is known by its address."""
    store, trace = ZoneStore(zones_of(default_estate())), Trace()
    server = DnsServer(store, trace, lambda remote, _local: remote)
    board = ActiveFaults(store, trace)
    board.attach(server, "lab")
    delays: list[float] = []

    async def wait(_client: str, seconds: float) -> None:
        delays.append(seconds)

    server.set_delay_function(wait)
    port = await server.start(HERE, 0)
    try:
        yield Broken(board, store, port, trace, delays)
    finally:
        await server.stop()


ALL_FOUR = (1, 2, 3, 4)

TABLE: list[tuple[Fault, str, str, str, str]] = [
    (NameRemoved(name=LOGIN), LOGIN, "A", "NXDOMAIN", ""),
    (RecordSetEmpty(name=LOGIN), LOGIN, "A", "NODATA", ""),
    (WrongAddress(name=LOGIN), LOGIN, "A", "NOERROR", "203.0.113.254"),
    (TtlChanged(name=LOGIN, ttl=7), LOGIN, "A", "NOERROR", " 7 IN A 192.0.2.10"),
    (TrafficManagerDeleted(profile="aadg-autologon"), AUTOLOGON, "A", "NODATA", ""),
    (CnameForAlias(name=AUTOLOGON, profile="aadg-autologon"), AUTOLOGON, "A", "NOERROR", "trafficmanager.net."),
    (CnameLoop(name=LOGIN), LOGIN, "A", "SERVFAIL", ""),
    (CnameLoop(name=LOGIN, length=1), LOGIN, "A", "SERVFAIL", ""),
    (LongChain(name=LOGIN, length=5), LOGIN, "A", "NOERROR", "login-hop-5"),
    (LongChain(name=LOGIN), LOGIN, "A", "SERVFAIL", ""),
    (AaaaWrong(name=LOGIN), LOGIN, "AAAA", "NOERROR", "2001:db8:bad::1"),
    (AaaaDead(name=LOGIN), LOGIN, "AAAA", "NOERROR", "100::1"),
    (PtrMismatch(address="192.0.2.10"), "10.2.0.192.in-addr.arpa", "PTR", "NOERROR", "elsewhere.example."),
    (ReverseZoneDead(), "10.2.0.192.in-addr.arpa", "PTR", "DROPPED", ""),
    (ReverseZoneDead(how="servfail"), "10.2.0.192.in-addr.arpa", "PTR", "SERVFAIL", ""),
    (NxDomain(names=(LOGIN,)), LOGIN, "A", "NXDOMAIN", ""),
    (ServFail(names=("*.microsoftonline.com",)), LOGIN, "A", "SERVFAIL", ""),
    (Refused(types=("A",)), LOGIN, "A", "REFUSED", ""),
    (Drop(clients=(HERE,)), LOGIN, "A", "DROPPED", ""),
    (TruncationLoop(), LOGIN, "A", "TRUNCATED", ""),
    (NameServerBlank(zone="microsoftonline.com", servers=ALL_FOUR), LOGIN, "A", "NXDOMAIN", ""),
    (NameServerLame(zone="microsoftonline.com", servers=ALL_FOUR), LOGIN, "A", "SERVFAIL", ""),
    (NameServerDead(zone="microsoftonline.com", servers=ALL_FOUR), LOGIN, "A", "SERVFAIL", ""),
    (NameServerLame(zone="microsoftonline.com", servers=(1, 2, 3)), LOGIN, "A", "NOERROR", "192.0.2.10"),
    (DelegationRemoved(zone="microsoftonline.com"), LOGIN, "A", "NXDOMAIN", ""),
    (ValidationFailing(zone="microsoftonline.com"), LOGIN, "A", "SERVFAIL", ""),
]


@pytest.mark.parametrize(
    ("fault", "name", "kind", "outcome", "text"), TABLE, ids=lambda each: getattr(each, "name", None)
)
async def test_what_a_fault_does_and_that_it_goes(
    broken: Broken, fault: Fault, name: str, kind: str, outcome: str, text: str
) -> None:
    """Each fault shows on the wire, negative answers with AA and SOA; other names are untouched; undone it is gone."""
    before = str((await broken.ask(name, kind)).to_text().partition(";ANSWER")[2])
    undo = fault.apply(broken.board)
    if outcome == "DROPPED":
        with pytest.raises(dns.exception.Timeout):
            await broken.ask(name, kind, patience_s=0.5)
    else:
        said = await broken.ask(name, kind)
        assert text in said.to_text()
        if outcome in ("NXDOMAIN", "NODATA"):
            assert said.flags & dns.flags.AA
            assert [rrset.rdtype for rrset in said.authority] == [SOA]
        if outcome == "TRUNCATED":
            assert said.flags & dns.flags.TC
    assert broken.outcomes[-1] == outcome
    if getattr(fault, "names", True) and not getattr(fault, "clients", ()) and fault.fault_name != "reverse-zone-dead":
        assert (await broken.ask("sts.fabrikam.com")).answer
    undo()
    after = str((await broken.ask(name, kind)).to_text().partition(";ANSWER")[2])
    assert after.replace(" 2 3600", " 1 3600").replace(" 3 3600", " 1 3600") == before


async def test_selectors_narrow_a_fault(broken: Broken) -> None:
    """Names, types, clients, the first so many, a chance with a seed: only what is selected is struck."""
    ServFail(names=(LOGIN.upper() + ".",), types=("a",), clients=("127.0.0.9",), first=2).apply(broken.board)
    for source, kind in [("127.0.0.1", "A"), ("127.0.0.9", "AAAA"), *[("127.0.0.9", "A")] * 3]:
        await broken.ask(LOGIN, kind, source=source)
    assert broken.outcomes == ["NOERROR", "NODATA", "SERVFAIL", "SERVFAIL", "NOERROR"]


async def test_chance_is_the_same_at_every_run(broken: Broken) -> None:
    """A probability strikes about its share of answers, and the same ones for the same seed."""
    runs = []
    for seed in (1, 1, 2):
        undo = Refused(probability=0.5, seed=seed).apply(broken.board)
        start = len(broken.outcomes)
        for _ in range(60):
            await broken.ask()
        runs.append(broken.outcomes[start:])
        undo()
    assert runs[0] == runs[1] != runs[2]
    assert 15 <= runs[0].count("REFUSED") <= 45


async def test_one_blank_server_of_four_shows_in_a_quarter(broken: Broken) -> None:
    """azure-dns-2019: with no resolver in the lab its server takes one of the four by chance at every query."""
    NameServerBlank(zone="microsoftonline.com").apply(broken.board)
    for _ in range(200):
        await broken.ask()
    assert 0.15 < broken.outcomes.count("NXDOMAIN") / 200 < 0.35
    await broken.ask("login.windows.net")
    assert broken.outcomes[-1] == "NOERROR"


async def test_stale_data_are_those_of_before_the_fault(broken: Broken) -> None:
    """TMS9-053: a stale resolver or name server answers as things were, for its clients only; others see the change."""
    undo = StaleCache(clients=("127.0.0.9",)).apply(broken.board)
    broken.store.change(lambda zones: put_rrset(zones, LOGIN, "A", ["192.0.2.99"]))
    assert "192.0.2.10" in (await broken.ask(source="127.0.0.9")).to_text()
    assert "192.0.2.99" in (await broken.ask()).to_text()
    undo()
    assert "192.0.2.99" in (await broken.ask(source="127.0.0.9")).to_text()
    NameServerStale(zone="microsoftonline.com", servers=ALL_FOUR).apply(broken.board)
    broken.store.change(lambda zones: put_rrset(zones, LOGIN, "A", ["192.0.2.55"]))
    assert "192.0.2.99" in (await broken.ask()).to_text()


async def test_stale_data_hold_what_older_faults_made(broken: Broken) -> None:
    """What was before the fault is what was to be seen then, other faults included."""
    undo = WrongAddress(name=LOGIN).apply(broken.board)
    StaleCache().apply(broken.board)
    undo()
    assert "203.0.113.254" in (await broken.ask()).to_text()


async def test_validation_spares_who_does_not_check(broken: Broken) -> None:
    """slack-2021: a query with CD gets the data, and so do clients behind a resolver that does not validate."""
    ValidationFailing(zone="microsoftonline.com", clients=("127.0.0.9",)).apply(broken.board)
    assert not (await broken.ask(source="127.0.0.9")).answer
    assert (await broken.ask(source="127.0.0.9", cd=True)).answer
    assert (await broken.ask()).answer


@pytest.mark.parametrize(
    ("options", "low", "high"),
    [
        ({"seconds": 0.2}, 0.2, 0.2),
        ({"seconds": 0.2, "distribution": "uniform", "spread": 0.1}, 0.1, 0.3),
        ({"seconds": 9.0, "distribution": "exponential", "longest": 0.1}, 0.0, 0.1),
    ],
)
async def test_delays(broken: Broken, options: dict[str, object], low: float, high: float) -> None:
    """An answer is late by the distribution's word, never by more than the longest; two delays add up."""
    Delay(**options).apply(broken.board)  # type: ignore[arg-type]
    assert (await broken.ask()).answer
    assert low - 1e-9 <= broken.delays.pop() <= high + 1e-9
    Delay(seconds=0.2).apply(broken.board)
    ServFail().apply(broken.board)
    assert not (await broken.ask()).answer
    assert low + 0.2 - 1e-9 <= broken.delays.pop() <= high + 0.2 + 1e-9


@pytest.mark.parametrize(("tcp", "words"), [("answer", "192.0.2.10"), ("drop", "timed out"), ("truncate", "TCP")])
async def test_dig_in_the_truncation_loop(broken: Broken, tcp: str, words: str) -> None:
    """Dig goes over to TCP when the answer is cut: it gets it, waits in vain, or is told again that it was cut."""
    TruncationLoop(tcp=tcp).apply(broken.board)  # type: ignore[arg-type]
    out = await broken.dig(LOGIN, *(["+time=1"] if tcp == "drop" else []))
    assert "Truncated, retrying in TCP mode" in out
    assert words in out


async def test_the_newest_of_two_faults_settles_the_answer(broken: Broken) -> None:
    """Of two that strike one answer the newer counts; taking it away shows the older one again."""
    Refused().apply(broken.board)
    undo = ServFail().apply(broken.board)
    await broken.ask()
    undo()
    await broken.ask()
    assert broken.outcomes == ["SERVFAIL", "REFUSED"]


async def test_unreadable_queries_meet_faults_too(broken: Broken) -> None:
    """A fault on every name strikes what cannot be parsed without a stumble."""
    for fault in (NxDomain(), TruncationLoop(), StaleCache(), ServFail(), ValidationFailing(zone="fabrikam.com")):
        undo = fault.apply(broken.board)
        reader, writer = await asyncio.open_connection(HERE, broken.port)
        writer.write(b"\x00\x10" + b"\x12\x34\x01\x00\x00\x01" + bytes(10))
        await writer.drain()
        size = int.from_bytes(await asyncio.wait_for(reader.readexactly(2), 60), "big")
        assert len(await reader.readexactly(size)) >= 12
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        undo()
