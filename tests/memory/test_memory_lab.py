"""The lab in memory by itself: what it needs, what it refuses, and that its short cuts say what the long way says."""

from __future__ import annotations

import itertools
import subprocess
import sys

import dns.message
import msgspec
import pytest
from dns.rdatatype import AAAA, CNAME, PTR, A, RdataType
from hypothesis import given
from hypothesis import strategies as st
from ssosim_clients.models.native_prompt import NATIVE_PROMPT
from ssosim_clients.models.office import OFFICE
from ssosim_clients.ports import DnsFailure, HttpResponse, NetworkFailure

from ssosim.dns import Answer
from ssosim.dns.server.wire_format import is_truncated, read_query, render_response
from ssosim.dns.zones.rrset import RRset, to_name, to_rdatas
from ssosim.dns.zones.stub import Query, build_query, read_answer, read_wire
from ssosim.entra.core.ticket_acceptor import AcceptedTicket, RefusedTicket
from ssosim.estate import Monitor, default_estate
from ssosim.faults import Delay, Drop, Fault, HttpDelay, HttpDropped, HttpSilent, KdcRefuses, TruncationLoop
from ssosim.kerberos.enctypes import AES256
from ssosim.kerberos.spnego import build_ntlm_negotiate_token
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.memory import Durations, Engine, MemoryAcceptor, MemoryKdc, MemoryLab, memory_device
from ssosim.memory.kdc import TicketCache
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.loader import load_scenario
from ssosim.trace import KdcExchange

from .both import in_memory, scenario

AUTOLOGON = "autologon.microsoftazuread-sso.com"
SPN = f"HTTP/{AUTOLOGON}"

WITHOUT = """
import importlib.abc, os, socket, subprocess, sys, threading

class Refusing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("gssapi", "aiohttp", "uvloop"):
            raise ImportError(f"{name} was imported")

def refuse(*_args, **_wishes):
    raise RuntimeError("a socket, a process or a thread")

sys.meta_path.insert(0, Refusing())
import ssosim.memory, ssosim.testing
from ssosim.estate import default_estate
from ssosim.scenario.client_choice import model_of, with_clients
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.loader import load_scenario
from ssosim.testing import ClientEnvironment
from ssosim_clients.models.office import OFFICE

socket.socket.__init__ = subprocess.Popen.__init__ = threading.Thread.start = os.fork = refuse
os.environ["PATH"] = "/nowhere"
scenario = load_scenario("feb-2025")
scenario = with_clients(scenario, [client for client in scenario.clients if client.model])
playback = play_in_memory(scenario, default_estate(), {c.name: model_of(c) for c in scenario.clients})
assert playback.as_expected
environment = ClientEnvironment()
assert environment.play(OFFICE.sign_in(environment.device())).state == "signed in silently"
print("played")
"""


def test_needs_no_gssapi_no_socket_no_process() -> None:
    """An incident plays where GSS-API, aiohttp, sockets, threads, processes and the Kerberos tools are all missing."""
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("played\n", 0), done.stderr[-2000:]


def test_programs_are_refused_by_name() -> None:
    """A program needs a machine: it is named, and nothing is played."""
    with pytest.raises(LabInputError, match=r"feb-2025: the programs .*office.* cannot be played in memory"):
        play_in_memory(load_scenario("feb-2025"), default_estate(), {})


def test_probes_are_refused_by_name() -> None:
    """A traffic manager that probes its endpoints needs endpoints: it is named."""
    estate = default_estate()
    probed = msgspec.structs.replace(estate.traffic_managers[0], monitor=Monitor())
    estate = msgspec.structs.replace(estate, traffic_managers=(probed,))
    with pytest.raises(LabInputError, match=r"both: the traffic managers aadg-autologon, which probe"):
        play_in_memory(scenario([], ["office"]), estate, {"office": OFFICE})


def test_unknown_devices_and_people_without_an_account_are_refused() -> None:
    """As in a lab on sockets: by name, with what there is."""
    lab = MemoryLab(Engine(), default_estate())
    with pytest.raises(LabInputError, match=r"'desk-99'.*known: desk-1"):
        memory_device(lab, "c", "desk-99")
    estate = default_estate()
    lena = msgspec.structs.replace(estate.devices[0], name="lena", user="lena@litware.example")
    lab = MemoryLab(Engine(), msgspec.structs.replace(estate, devices=(lena,)))
    with pytest.raises(LabInputError, match=r"lena@litware\.example has no account in the realm"):
        memory_device(lab, "c")


def test_a_model_that_spins_or_breaks_is_named() -> None:
    """A broken model ends the play with its name and its error, a spinning one with the word for it."""

    class Broken:
        name, description, sources = "broken", "breaks", ("none",)

        async def sign_in(self, device: object) -> None:
            raise KeyError(f"{device is None}")

    class Spinning(Broken):
        async def sign_in(self, device: object) -> None:
            while True:
                await device.clock.sleep(0)  # type: ignore[attr-defined]

    for model, text in ((Broken(), "'x' broke: KeyError"), (Spinning(), "without letting time pass")):
        played = msgspec.structs.replace(scenario([], ["office"]))
        played = msgspec.structs.replace(played, clients=(msgspec.structs.replace(played.clients[0], name="x"),))
        with pytest.raises(LabError, match=text):
            play_in_memory(played, default_estate(), {"x": model})  # type: ignore[dict-item]


def test_delays_of_several_faults_add_up() -> None:
    """Two faults of 9 s and 7 s hold each of the token validator's two exchanges for 16 s."""
    said = in_memory(scenario([HttpDelay(seconds=9), HttpDelay(seconds=7)], ["token-validator"]))
    assert said["broken", "token-validator"].after_s == 16


def _request(lab: MemoryLab, **wishes: Durations) -> tuple[str, float]:
    """What comes of one request, and the virtual seconds that it takes."""
    device = memory_device(lab, "c", **wishes)
    began = lab.engine.now

    async def ask() -> HttpResponse:
        return await device.http.request("GET", "https://login.microsoftonline.com/common/discovery/keys", {}, b"")

    run = lab.engine.start(ask())
    lab.engine.run(watched=run)
    try:
        assert run.result is not None
        said = str(run.result.status)
    except NetworkFailure as failure:
        said = f"{failure.stage} {failure.kind}"
    return said, lab.engine.now - began


def test_a_device_waits_so_long_and_no_longer() -> None:
    """Silence is 30 s whatever else holds the answer, as are delays of 30 s; a dropped connection is seen at once."""
    for faults, expected in (
        ((), ("200", 0.0)),
        ((HttpDelay(seconds=12),), ("200", 12.0)),
        ((HttpSilent(), HttpDelay(seconds=12)), ("read timeout", 30.0)),
        ((HttpDelay(seconds=16), HttpDelay(seconds=16)), ("read timeout", 30.0)),
        ((HttpDropped(),), ("read closed", 0.0)),
    ):
        lab = MemoryLab(Engine(), default_estate())
        for fault in faults:
            fault.apply(lab)
        assert _request(lab) == expected, faults


@pytest.mark.parametrize(
    ("fault", "found", "took"),
    [
        (Delay(seconds=2), True, 4.0),  # A and AAAA
        (Delay(seconds=6), False, 10.0),
        (Drop(types=("AAAA",)), True, 5.0),
        (TruncationLoop(tcp="drop"), False, 10.0),
    ],
    ids=["delay", "long delay", "drop", "cut"],
)
def test_a_device_waits_five_seconds_for_a_name(fault: Fault, found: bool, took: float) -> None:
    """An answer that comes within 5 s is one, later or never it is none; each type is waited for by itself."""
    lab = MemoryLab(Engine(), default_estate())
    fault.apply(lab)
    began = lab.engine.now
    run = lab.engine.start(memory_device(lab, "c").resolver.resolve(AUTOLOGON, "any"))
    lab.engine.run(watched=run)
    assert isinstance(run.error, DnsFailure) is not found
    assert lab.engine.now - began == took


def test_pace_gives_exchanges_a_length() -> None:
    """By default an exchange takes no time, as on sockets in virtual time; a pace says what it takes."""
    lab = MemoryLab(Engine(), default_estate())
    assert _request(lab, durations=Durations(request=0.25)) == ("200", 0.25)


def test_the_kdc_says_the_error_that_was_asked_for() -> None:
    """Each error of ``kdc-refuses`` by its own name, twice, as libkrb5 asks; nothing is issued."""
    for error in ("KDC_ERR_ETYPE_NOSUPP", "KDC_ERR_S_PRINCIPAL_UNKNOWN", "KDC_ERR_POLICY", "KRB_AP_ERR_SKEW"):
        lab = MemoryLab(Engine(), default_estate())
        KdcRefuses(error=error).apply(lab)  # type: ignore[arg-type] - one of its own
        run = lab.engine.start(NATIVE_PROMPT.sign_in(memory_device(lab, "c")))
        lab.engine.run(watched=run)
        said = [record.event.outcome for record in lab.trace if isinstance(record.event, KdcExchange)]
        assert said == [error, error]


def test_tickets_are_judged() -> None:
    """Accepted once for the right service; refused for another, when used again, and when it is no ticket at all."""
    acceptor = MemoryAcceptor("R", [SPN])
    kdc = MemoryKdc("R", lambda: {SPN, "HTTP/other"})
    tickets = TicketCache("alice", "R", kdc.numbers)
    assert tickets.build_token(SPN) is None
    for spn in (SPN, "HTTP/other"):
        assert kdc.request_ticket(spn, "c", lambda: (), lambda _: None).failure is None
        tickets.add(spn)
    token, other = tickets.build_token(SPN), tickets.build_token("HTTP/other")
    assert token is not None
    assert other is not None
    assert acceptor.accept(token) == AcceptedTicket("alice@R", f"{SPN}@R", b"ssosim memory reply", 1, AES256, AES256)
    for wrong, reason in (
        (token, "replayed"),
        (other, "wrong-service"),
        (token[:-9], "malformed"),
        (build_ntlm_negotiate_token(), "ntlm"),
        (build_ntlm_negotiate_token(spnego=True), "ntlm"),
        (b"rubbish", "malformed"),
        (b"", "malformed"),
    ):
        said = acceptor.accept(wrong)
        assert isinstance(said, RefusedTicket), reason
        assert said.reason == reason


LABELS = st.sampled_from(["a", "B", "c-d", "x" * 60, "y" * 63])
OWNERS = st.lists(LABELS, min_size=1, max_size=3).map(lambda labels: f"{'.'.join(labels)}.example.")
ADDRESSES = st.ip_addresses(v=4).map(str)


@st.composite
def answers(draw: st.DrawFn) -> tuple[Query, Answer]:
    """A question, and an answer to it: a chain of names, records at its end or none, or an error."""
    kind = draw(st.sampled_from([A, AAAA, PTR]))
    owners = draw(st.lists(OWNERS, min_size=1, max_size=19, unique_by=str.lower))
    query = build_query(owners[0], RdataType.to_text(kind))
    values = {
        A: st.lists(ADDRESSES, max_size=60),
        AAAA: st.lists(st.ip_addresses(v=6).map(str), max_size=40),
        PTR: st.lists(OWNERS, max_size=9),
    }[kind]
    links = [
        RRset(to_name(here), CNAME, 60, to_rdatas([there], CNAME, to_name(".")))
        for here, there in itertools.pairwise(owners)
    ]
    end = RRset(to_name(owners[-1]), kind, 60, to_rdatas(draw(values), kind, to_name(".")))
    sets = (*links, *([end] if end.rdatas else []))
    rcode = draw(st.sampled_from([0, 0, 0, 2, 3, 5, 9]))
    return query, Answer(name=query.name, type=kind, rcode=dns.rcode.Rcode(rcode), answer=sets)


@given(answers())
def test_reading_a_value_is_reading_its_message(drawn: tuple[Query, Answer]) -> None:
    """What a stub resolver makes of an answer, and whether it is cut over UDP, is the same without the message."""
    query, said = drawn
    message = read_query(b"\0\0" + query.tail)
    assert isinstance(message, dns.message.Message)
    assert read_answer(said) == read_wire(render_response(message, said, "tcp")[2:], query.type)
    assert is_truncated(said, query.tail) == bool(render_response(message, said, "udp")[2] & 0x02)
