"""Who was led astray is remembered, at next to no cost to all other answers, and within bounds."""

from __future__ import annotations

import gc
from ipaddress import IPv6Network

import pytest

from ssosim.clock import ManualClock
from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.network import misdirected_clients
from ssosim.lab.network.misdirected_clients import MisdirectedClients
from ssosim.lab.network.unknown_destinations import UnknownDestinations
from ssosim.trace import ClientEvent, DnsAnswered, Trace, log

ASTRAY = "203.0.113.9"


def answer(name: str, to: str, kind: str = "A") -> DnsAnswered:
    """One address, as the server writes it down."""
    return DnsAnswered(name=name, type=kind, rcode="NOERROR", answers=(f"{kind} {to}",))


def listening(trace: Trace, came: list[str]) -> MisdirectedClients:
    """Told of ``ASTRAY`` alone."""
    led = MisdirectedClients(trace, "A", lambda address: address == ASTRAY, came.append)
    led.start()
    return led


def test_the_last_name_counts_and_each_client_has_its_own() -> None:
    """The same answers again and again, in batches and alone: the name is the one that was asked last."""
    trace, came = Trace(), []
    led = listening(trace, came)
    one, two = ClientEvent("c", answer("one.example", ASTRAY)), ClientEvent("c", answer("two.example", ASTRAY))
    trace.record_all([one, two, one])
    assert (led.name("c", ASTRAY), came) == ("one.example", [ASTRAY] * 3)
    trace.record("c", two.event)
    trace.record("d", answer("three.example", ASTRAY))
    trace.record("c", answer("six.example", ASTRAY, "AAAA"))
    trace.record("c", answer("right.example", "192.0.2.1"))
    assert (led.name("c", ASTRAY), led.name("d", ASTRAY)) == ("two.example", "three.example")
    assert (led.name("c", "192.0.2.1"), led.name("e", ASTRAY), len(came)) == ("", "", 5)


def test_no_record_is_made_of_a_harmless_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listening makes no records, and looks once at an answer that is given many times."""
    trace, looked = Trace(), []
    led = MisdirectedClients(trace, "A", lambda address: bool(looked.append(address)))
    led.start()
    monkeypatch.setattr(log, "Record", None)
    trace.record_all([ClientEvent("c", answer("right.example", "192.0.2.1"))] * 100)
    assert looked == ["192.0.2.1"]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names go, the oldest first; harmless answers that are forgotten are looked at anew, and never mistaken."""
    monkeypatch.setattr(misdirected_clients, "_MOST_NAMES", 3)
    monkeypatch.setattr(misdirected_clients, "_MOST_HARMLESS", 5)
    trace, came = Trace(ManualClock(0.0), limit=10), []
    led = listening(trace, came)
    for number in range(50):
        trace.record("c", answer(f"n{number}.example", "192.0.2.1"))
        gc.collect()
        trace.record(f"c{number}", answer("astray.example", ASTRAY))
    assert len(came) == 50
    assert [bool(led.name(f"c{number}", ASTRAY)) for number in range(45, 50)] == [False, False, True, True, True]
    assert (len(led._names), len(led._harmless)) == (3, 5)


def test_who_stops_is_told_no_more() -> None:
    """Nobody listens to the trace after the end, and stopping twice does no harm."""
    trace, came = Trace(), []
    led = listening(trace, came)
    led.start()
    trace.record("c", answer("one.example", ASTRAY))
    led.stop()
    led.stop()
    trace.record("c", answer("one.example", ASTRAY))
    assert (came, trace._listeners) == ([ASTRAY], [])
    strays = UnknownDestinations(trace, ClientAddresses(), [], silent=IPv6Network("100::/64"), ports={443: True})
    strays._led.start()
    strays.stop()
    assert trace._listeners == []
