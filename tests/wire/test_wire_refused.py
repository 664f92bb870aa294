"""A client that refuses the lab's certificate is seen at the server, under its name; who just closes is not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time

import pytest
import uvloop
from aiohttp import web

from ssosim.entra.http.server import ProviderServer
from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.network.certificates import LabCa
from ssosim.lab.network.tls_listener import HttpListener
from ssosim.lab.network.tls_observer import TlsObserver
from ssosim.trace import ConnectionFailed, HttpExchange, SignInStep, Trace, step_of_host

HOST, ADDRESS = "login.microsoftonline.com", "192.0.2.10"
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
FIRST_STEPS = {HOST: SignInStep.REALM}
ALERTS = {"expired": "certificate_expired", "untrusted": "unknown_ca", "wrong-name": "bad_certificate"}


@pytest.fixture(params=["asyncio", "uvloop"])
def runner(request):
    """A loop of each kind."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as found:
        yield found


class LeaveAll:
    """Answers nothing at once."""

    def answer(self, *_):
        """Leave it to aiohttp."""

    def answer_known(self, *_):
        """Leave it to aiohttp."""


class Place:
    """A TLS server, and what it says of its visitors, who are called ``client``."""

    def __init__(self, known=True, reports_failures=False):
        self.ca, self.trace, self.client_addresses = LabCa(), Trace(), ClientAddresses()
        if known:
            self.client_addresses.register("127.0.0.1", "client", reports_failures=reports_failures)
        self.talk = self.ca.client_context()

    def only(self, version):
        """A client's context for one version."""
        self.talk.minimum_version = self.talk.maximum_version = VERSIONS[version]
        return self

    async def visited(self, *visits, settle=60.0):
        """What is in the trace when each of ``visits``, which gets the port, has had its turn in a thread."""

        async def handle(_):
            return web.Response(text="well")

        server = ProviderServer(handle, lambda *_: None, LeaveAll())
        runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.1)
        await runner.setup()
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        site = HttpListener(
            runner,
            listener,
            ssl_context=self.ca.server_context([HOST]),
            make_protocol=server.create_protocol,
            address=ADDRESS,
            observer=TlsObserver(self.trace, self.client_addresses, FIRST_STEPS),
        )
        await site.start()
        for visit in visits:
            await asyncio.to_thread(visit, port)
        ended = time.monotonic() + settle
        while len(self.trace) == 0 and time.monotonic() < ended:  # noqa: ASYNC110 - a trace wakes nobody
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        await runner.cleanup()
        return [(record.client, record.event) for record in self.trace]

    def refuse(self, port):
        """A handshake that fails at the client."""
        raw = socket.create_connection(("127.0.0.1", port), 60)
        with raw, contextlib.suppress(ssl.SSLError), self.talk.wrap_socket(raw, server_hostname=HOST) as connection:
            connection.recv(1)

    def look_later(self, port):
        """Like Node and, for names, curl: all is checked after the handshake, and the connection closed."""
        self.talk.check_hostname, self.talk.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", port), 60) as raw:
            self.talk.wrap_socket(raw, server_hostname=HOST).close()

    def say_goodbye(self, port):
        """A connection opened in advance, and closed in order, unused."""
        with socket.create_connection(("127.0.0.1", port), 60) as raw:
            connection = self.talk.wrap_socket(raw, server_hostname=HOST)
            connection.settimeout(0.5)
            with connection, contextlib.suppress(OSError):
                connection.unwrap().close()

    def ask(self, port):
        """A request, and then the end."""
        raw = socket.create_connection(("127.0.0.1", port), 60)
        with self.talk.wrap_socket(raw, server_hostname=HOST) as connection:
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")

    def break_off(self, port):
        """Like Node and Java's HttpClient in TLS 1.3: gone at the sight of the certificate."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        talk = self.talk.wrap_bio(incoming, outgoing, server_hostname=HOST)
        with contextlib.suppress(ssl.SSLWantReadError):
            talk.do_handshake()
        with socket.create_connection(("127.0.0.1", port), 60) as raw:
            raw.sendall(outgoing.read())
            assert raw.recv(65536)

    @staticmethod
    def bytes_of(data):
        """One who sends ``data`` and leaves."""

        def visit(port):
            with socket.create_connection(("127.0.0.1", port), 60) as raw:
                raw.sendall(data)
                raw.settimeout(0.2)
                with contextlib.suppress(OSError):
                    raw.recv(4096)

        return visit


def seen(reason, host=HOST):
    """The one record that there should be."""
    step = step_of_host(FIRST_STEPS, host)
    event = ConnectionFailed(host=host, address=ADDRESS, stage="tls", reason=reason, by="server", step=step)
    return [("client", event)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("trouble", ALERTS)
def test_an_alert_names_the_reason(runner, version, trouble):
    """By its name in RFC 8446, in TLS 1.2 and 1.3, with the host that was asked for and its address."""
    place = Place().only(version)
    place.ca.present_bad_certificates({HOST: trouble})
    assert runner.run(place.visited(place.refuse)) == seen(ALERTS[trouble])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_program_that_does_not_know_the_authority(runner, version):
    """Nothing is wrong with the certificate, and the alert says what is."""
    place = Place()
    place.talk = ssl.create_default_context(cadata=LabCa().certificate_pem)
    assert runner.run(place.only(version).visited(place.refuse)) == seen("unknown_ca")


@pytest.mark.parametrize("version", VERSIONS)
def test_who_has_seen_a_bad_certificate_may_leave_without_a_word(runner, version):
    """Closing right after the handshake is how some programs refuse."""
    place = Place().only(version)
    place.ca.present_bad_certificates({HOST: "wrong-name"})
    assert runner.run(place.visited(place.look_later)) == seen("closed")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("trouble", "reason"), [("expired", "closed"), (None, "unfinished")])
def test_who_leaves_a_handshake(runner, version, trouble, reason):
    """It did not want to go on, and the lab knows of a good reason or knows none."""
    place = Place().only(version)
    if trouble:
        place.ca.present_bad_certificates({HOST: trouble})
    assert runner.run(place.visited(place.break_off)) == seen(reason)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_connection_that_was_not_needed_is_no_failure(runner, version):
    """Opened in advance and closed, in order or not; or used; or never begun: nothing is written."""
    place = Place().only(version)
    nothing = place.bytes_of(b"")
    visits = (place.ask, place.say_goodbye, nothing, place.look_later)
    assert runner.run(place.visited(*visits, settle=0.2)) == []


def test_only_a_known_client_that_does_not_tell_by_itself_is_written_down(runner):
    """A scan of the lab's ports is nobody's trouble; a model's device has its own record."""
    for place in (Place(known=False), Place(reports_failures=True)):
        place.ca.present_bad_certificates({HOST: "expired"})
        rubbish = place.bytes_of(b"GET / HTTP/1.1\r\n\r\n")
        assert runner.run(place.visited(place.refuse, place.look_later, rubbish, settle=0.2)) == []


def test_a_version_that_is_too_old(runner):
    """What the server does not take is a refusal too, by the alert that is its answer."""
    place = Place()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        place.talk.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        place.talk.maximum_version = ssl.TLSVersion.TLSv1_1
    place.talk.set_ciphers("ALL:@SECLEVEL=0")
    assert [event.reason for _, event in runner.run(place.visited(place.refuse))] == ["protocol_version"]


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\0" * 64])
def test_rubbish_of_a_known_client(runner, data, caplog):
    """It spoke no TLS, which is in the trace and not in the log."""
    place = Place()
    assert runner.run(place.visited(place.bytes_of(data))) == seen("decode_error", host="")
    assert caplog.records == []


def test_in_a_whole_lab(desk, site):
    """A client of sockets is seen by the server it went to, and its next request goes its way."""
    stranger = ssl.create_default_context(cadata=LabCa().certificate_pem)
    with desk.plain(desk.LOGIN) as raw, pytest.raises(ssl.SSLCertVerificationError):
        stranger.wrap_socket(raw, server_hostname=desk.LOGIN)
    assert desk.realm("alice@contoso.com")
    (failed,) = desk.events(ConnectionFailed)
    address = site.lab.estate.addresses("login")[0]
    assert (failed.host, failed.address, failed.reason, failed.by) == (desk.LOGIN, address, "unknown_ca", "server")
    assert len(desk.events(HttpExchange)) == 1
