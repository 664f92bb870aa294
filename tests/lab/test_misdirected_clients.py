"""Misdirected clients are remembered, within bounds, at almost no cost for all other answers."""

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

FOREIGN = "203.0.113.9"


def answer(name: str, to: str, kind: str = "A") -> DnsAnswered:
    """Build an answer with one address, as the server records it."""
    return DnsAnswered(name=name, type=kind, rcode="NOERROR", answers=(f"{kind} {to}",))


def start_observer(trace: Trace, notified: list[str]) -> MisdirectedClients:
    """Start an observer for which ``FOREIGN`` is the only foreign address."""
    clients = MisdirectedClients(trace, "A", lambda address: address == FOREIGN, notified.append)
    clients.start()
    return clients


def test_the_last_name_counts_and_each_client_has_its_own() -> None:
    """The same answers again and again, in batches and alone: the name is that of the last query."""
    trace, notified = Trace(), []
    clients = start_observer(trace, notified)
    one, two = ClientEvent("c", answer("one.example", FOREIGN)), ClientEvent("c", answer("two.example", FOREIGN))
    trace.record_all([one, two, one])
    assert (clients.find_name("c", FOREIGN), notified) == ("one.example", [FOREIGN] * 3)
    trace.record("c", two.event)
    trace.record("d", answer("three.example", FOREIGN))
    trace.record("c", answer("six.example", FOREIGN, "AAAA"))
    trace.record("c", answer("right.example", "192.0.2.1"))
    assert (clients.find_name("c", FOREIGN), clients.find_name("d", FOREIGN)) == ("two.example", "three.example")
    assert (clients.find_name("c", "192.0.2.1"), clients.find_name("e", FOREIGN), len(notified)) == ("", "", 5)


def test_a_harmless_answer_makes_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """The observer makes no trace records, and examines an answer that is given many times once."""
    trace, examined = Trace(), []
    clients = MisdirectedClients(trace, "A", lambda address: bool(examined.append(address)))
    clients.start()
    monkeypatch.setattr(log, "Record", None)
    trace.record_all([ClientEvent("c", answer("right.example", "192.0.2.1"))] * 100)
    assert examined == ["192.0.2.1"]


def test_the_memory_of_an_observer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest names are dropped first; dropped harmless answers are examined again, and never mistaken."""
    monkeypatch.setattr(misdirected_clients, "_MOST_NAMES", 3)
    monkeypatch.setattr(misdirected_clients, "_MOST_HARMLESS", 5)
    trace, notified = Trace(ManualClock(0.0), limit=10), []
    clients = start_observer(trace, notified)
    for number in range(50):
        trace.record("c", answer(f"n{number}.example", "192.0.2.1"))
        gc.collect()
        trace.record(f"c{number}", answer("misdirected.example", FOREIGN))
    assert len(notified) == 50
    assert [bool(clients.find_name(f"c{number}", FOREIGN)) for number in range(45, 50)] == [
        False,
        False,
        True,
        True,
        True,
    ]
    assert (len(clients._names), len(clients._harmless)) == (3, 5)


def test_a_stopped_observer_gets_no_events() -> None:
    """After ``stop`` the trace has no listener, and ``stop`` may be called twice."""
    trace, notified = Trace(), []
    clients = start_observer(trace, notified)
    clients.start()
    trace.record("c", answer("one.example", FOREIGN))
    clients.stop()
    clients.stop()
    trace.record("c", answer("one.example", FOREIGN))
    assert (notified, trace._batch_subscribers) == ([FOREIGN], [])
    unknown = UnknownDestinations(trace, ClientAddresses(), [], silent=IPv6Network("100::/64"), ports={443: True})
    unknown._misdirected.start()
    unknown.stop()
    assert trace._batch_subscribers == []
