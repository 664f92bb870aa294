"""Rubbish at the ports of DNS, Kerberos and HTTPS: a clean protocol error or silence, and nothing in the log."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import struct
import time

import dns.message
import dns.rcode
import pytest

from ssosim.entra.http import server
from ssosim.kerberos.messages import build_as_request
from ssosim.lab.network import tls_listener as lab_site
from ssosim.trace import DnsAnswered, HttpExchange, KdcExchange

pytestmark = pytest.mark.usefixtures("goes_on_serving")

SEED = 20250225


# DNS


def dns_place(desk):
    """Where the DNS server listens."""
    return desk.site.lab.endpoint(desk.site.lab.estate.addresses("dns")[0], 53)


def header(questions=1, answers=0, *, flags=0x0100, number=0x1234):
    """A DNS header."""
    return struct.pack("!6H", number, flags, questions, answers, 0, 0)


GOOD = dns.message.make_query("login.microsoftonline.com", "A", id=7).to_wire()
DNS_RUBBISH = [
    b"",
    b"\0",
    GOOD[:11],
    header(),
    header(0),
    header(65535),
    header() + b"\xc0\x0c\0\1\0\1",  # a pointer to itself
    header() + b"\xc0\xff\0\1\0\1",  # a pointer beyond the message
    header() + b"\x40abc\0\0\1\0\1",  # a reserved label type
    header() + b"\x3f" + b"a" * 10,  # a label that is cut short
    header() + b"\x3f" * 1 + (b"a" * 63 + b"\x3f") * 5 + b"\0\0\1\0\1",  # a name over 255 bytes
    header(2) + GOOD[12:],
    header(2) + GOOD[12:] * 2,
    header(flags=0x8180) + GOOD[12:],  # an answer, not a question
    header(flags=0x7900) + GOOD[12:],  # opcode 15
    header(flags=0x2800) + GOOD[12:],  # UPDATE
    GOOD + b"rubbish",
    header(answers=1) + GOOD[12:] + b"\0\0\1\0\1\xff\xff\xff\xff\xff\xff",
    GOOD[:-4] + b"\0\xff\0\xff",  # ANY, class ANY
    GOOD[:-4] + b"\0\xfc\0\1",  # AXFR
    header() + bytes([4, 0, 10, 27, 255, 0]) + b"\0\1\0\1",  # control characters in a label
    b"\xff" * 512,
    b"\xff" * 4096,
    b"GET / HTTP/1.1\r\n\r\n",
]


def random_dns(count):
    """Seeded: random bytes, and good queries with bytes changed."""
    source = random.Random(SEED)  # noqa: S311 - not for secrets
    for _ in range(count):
        yield source.randbytes(source.randrange(0, 200))
        spoilt = bytearray(GOOD)
        for _ in range(source.randrange(1, 6)):
            spoilt[source.randrange(len(spoilt))] = source.randrange(256)
        yield bytes(spoilt)


def test_malformed_dns_over_udp(desk):
    """Each answer that comes is a DNS answer with the query's number; FORMERR, NOTIMP and the like, or silence."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((desk.address, 0))
        client.settimeout(60)
        codes = set()
        for data in [*DNS_RUBBISH, *random_dns(200)]:
            client.sendto(data, dns_place(desk))
            client.sendto(b"\xbe\xef" + GOOD[2:], dns_place(desk))
            while (answer := client.recv(65536))[:2] != b"\xbe\xef":
                assert answer[:2] == data[:2]
                assert answer[2] & 0x80
                codes.add(dns.rcode.Rcode(answer[3] & 15).name)
            assert dns.message.from_wire(answer).answer
    assert {"FORMERR", "NOTIMP", "REFUSED"} <= codes
    assert "SERVFAIL" not in codes


def test_malformed_dns_over_tcp(desk):
    """Rubbish, wrong lengths and half messages over TCP, many on a connection; a good query behind them is answered."""
    for data in [*DNS_RUBBISH, *random_dns(40)]:
        with socket.create_connection(dns_place(desk), 60, (desk.address, 0)) as client:
            client.sendall(struct.pack("!H", len(data)) + data)
            client.sendall(struct.pack("!H", len(GOOD)) + GOOD)
            client.settimeout(60)
            stream = client.makefile("rb")
            answer = b""
            while answer[:2] != GOOD[:2] or not answer[7]:
                size = stream.read(2)
                assert len(size) == 2, data
                answer = stream.read(int.from_bytes(size, "big"))
            assert dns.message.from_wire(answer).answer
    for data in (b"\0", b"\xff\xff" + b"x" * 1000, b"\0\0" * 5000, b"\0\x0c" + GOOD):
        with socket.create_connection(dns_place(desk), 60, (desk.address, 0)) as client:
            client.sendall(data)


def test_trace_of_odd_names_is_printable(desk):
    """Control characters in a queried name do not reach the trace as such."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((desk.address, 0))
        client.sendto(header() + bytes([5]) + b"\x1b[2J\n" + b"\3com\0\0\1\0\1", dns_place(desk))
        client.settimeout(60)
        assert client.recv(512)
    name = desk.events(DnsAnswered)[-1].name
    assert name.isprintable()
    assert "[2j" in name.lower()


# Kerberos


def kdc_place(desk):
    """Where the device's KDC listens, as its krb5.conf says."""
    line = next(line for line in desk.krb5_conf.read_text().splitlines() if line.strip().startswith("kdc ="))
    host, _, port = line.split("=")[1].strip().rpartition(":")
    return host, int(port)


KERBEROS_RUBBISH = [
    b"",
    b"\0",
    b"\x6a",
    b"\x6a\x84\xff\xff\xff\xff",
    b"\x6a\x80",
    b"\x6c" * 100,
    b"\x30\x80" * 2000,  # depth
    b"\x6a\x82\x04\x00" + b"\0" * 1024,
    b"\x7e\x03\x02\x01\x05",
    b"\xff" * 1400,
    b"NTLMSSP\0" * 20,
    b"GET / HTTP/1.1\r\n\r\n",
]


def random_kerberos(desk, count):
    """Seeded: random bytes, and a good AS-REQ with bytes changed or cut."""
    source = random.Random(SEED)  # noqa: S311 - not for secrets
    good = build_as_request(desk.site.lab.estate.default_realm.name, "alice")
    for _ in range(count):
        yield source.randbytes(source.randrange(1, 200))
        spoilt = bytearray(good)
        for _ in range(source.randrange(1, 4)):
            spoilt[source.randrange(len(spoilt))] = source.randrange(256)
        yield bytes(spoilt)
        yield good[: source.randrange(len(good))]


def test_malformed_kerberos_over_udp(desk):
    """Rubbish at port 88: an error or silence, recorded, and the KDC goes on."""
    sent = [*KERBEROS_RUBBISH, *random_kerberos(desk, 40)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((desk.address, 0))
        for data in sent:
            client.sendto(data, kdc_place(desk))
    end = time.monotonic() + 60
    while len(desk.events(KdcExchange)) < len(set(sent)) - 1 and time.monotonic() < end:
        time.sleep(0.05)
    outcomes = {(event.request, event.outcome) for event in desk.events(KdcExchange)}
    assert ("unreadable", "no answer") in outcomes
    assert not {outcome for _, outcome in outcomes if outcome == "issued"}


def test_malformed_kerberos_over_tcp(desk):
    """Huge and negative lengths get KRB_ERR_FIELD_TOOLONG and the end; half messages and rubbish just the end."""
    for length in (b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\x00\x20\x00\x00"):
        with socket.create_connection(kdc_place(desk), 60, (desk.address, 0)) as client:
            client.sendall(length + b"x" * 100)
            client.settimeout(60)
            answer = client.recv(4096)
            assert b"\x7e" in answer[4:6]  # KRB-ERROR
    for data in [*KERBEROS_RUBBISH, *random_kerberos(desk, 10)]:
        with socket.create_connection(kdc_place(desk), 60, (desk.address, 0)) as client:
            client.sendall(struct.pack("!I", len(data)) + data)
    with socket.create_connection(kdc_place(desk), 60, (desk.address, 0)) as client:
        client.sendall(b"\0\0\0\x10abc")


# TLS and HTTP


def test_no_tls_at_the_web_port(desk):
    """Plain HTTP, rubbish, a half hello, an unknown name, old versions, silence: the connection ends."""
    hello = bytes.fromhex("16030100a5010000a10303") + b"\0" * 40
    for data in (
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\0" * 100,
        b"\xff" * 5000,
        hello,
        hello[:7],
        b"\x80\x2e\1\0\2",
        b"",
    ):
        with desk.plain(desk.LOGIN) as client:
            client.sendall(data)
            client.settimeout(0.3)
            with contextlib.suppress(OSError):
                client.recv(1000)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for name in ("unknown.example", "x" * 63, None):
        with context.wrap_socket(desk.plain(desk.LOGIN), server_hostname=name) as client:
            client.sendall(b"GET /common/discovery/keys HTTP/1.1\r\nHost: login.microsoftonline.com\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200")


BAD_REQUESTS = [
    b"\r\n\r\n",
    b"GARBAGE\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: login.microsoftonline.com\r\n\r\n",
    b"GET / HTTP/1.1\r\nNo colon here\r\n\r\n",
    b"GET / HTTP/1.1\r\n: empty\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : login.microsoftonline.com\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: login.microsoftonline.com\r\nX: a\0b\r\n\r\n",
    b"GET /\0 HTTP/1.1\r\nHost: login.microsoftonline.com\r\n\r\n",
    b"\0\0\0\0\r\n\r\n",
    bytes(range(256)) * 4,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\nHost: login.microsoftonline.com\r\n\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\nHost: login.microsoftonline.com\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 3000 + b"\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: login.microsoftonline.com\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: login.microsoftonline.com\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    b"POST /common/oauth2/token HTTP/1.1\r\nHost: login.microsoftonline.com\r\nContent-Length: -1\r\n\r\n",
    b"POST /common/oauth2/token HTTP/1.1\r\nHost: login.microsoftonline.com\r\nContent-Length: 1e9\r\n\r\n",
    b"POST /common/oauth2/token HTTP/1.1\r\nHost: login.microsoftonline.com\r\nContent-Length: "
    + b"9" * 40
    + b"\r\n\r\n",
]


@pytest.mark.parametrize("data", BAD_REQUESTS, ids=range(len(BAD_REQUESTS)))
def test_http_rubbish(desk, data):
    """What is no HTTP request gets 4xx or the end of the connection, never 500, and shows nothing of the inside."""
    answer = desk.raw(desk.LOGIN, data)
    status = answer[9:12]
    assert not answer or b"400" <= status < b"500" or status == b"505", answer[:200]
    body = answer.partition(b"\r\n\r\n")[2]
    for inside in (b"Traceback", b"aiohttp", b"Python", b'File "', b"ssosim"):
        assert inside not in body, answer[:600]


SMUGGLED = "GET /common/discovery/keys?smuggled HTTP/1.1\r\nHost: login.microsoftonline.com\r\n\r\n"
POST = "POST /common/oauth2/token HTTP/1.1\r\nHost: login.microsoftonline.com\r\n"
SMUGGLING = [
    f"{POST}Content-Length: {len(SMUGGLED) + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    f"{POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n{SMUGGLED}\r\n0\r\n\r\n",
    f"{POST}Content-Length: 0\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
    f"{POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    f"{POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{SMUGGLED}",
    f"{POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    f"{POST}X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    f"{POST}Content-Length: +0\r\n\r\n{SMUGGLED}",
    f"{POST}Host: sts.fabrikam.com\r\nContent-Length: 0\r\n\r\n",
]


@pytest.mark.parametrize("text", SMUGGLING, ids=range(len(SMUGGLING)))
def test_request_smuggling(desk, text):
    """A request whose length is said twice or obscurely is refused, and nothing behind it is served."""
    answer = desk.raw(desk.LOGIN, text.encode())
    assert answer[9:12] == (b"501" if "xchunked" in text else b"400"), answer[:300]
    assert answer.count(b"HTTP/1.") == 1
    assert all(not event.path.endswith("/keys") for event in desk.events(HttpExchange))


CHUNKED = (
    "POST /common/oauth2/v2.0/token HTTP/1.1\r\nHost: login.microsoftonline.com\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@pytest.mark.parametrize(
    "rest",
    ["zz\r\n", "-1\r\n", "5\r\nabc\r\n0\r\n\r\n", "ffffffffffffffff1\r\n", "5;" + "x" * 200_000, "3\r\nabcXX\r\n"],
    ids=range(6),
)
def test_broken_chunks(desk, rest):
    """A chunked body that breaks off in rubbish is a 400 or the end of the connection; nothing is logged."""
    answer = desk.raw(desk.LOGIN, (CHUNKED + rest).encode())
    assert not answer or answer[9:12] == b"400", answer[:300]


def test_client_that_hangs_up(desk):
    """A body that never comes because the client has gone is nothing to log."""
    with desk.tls(desk.LOGIN) as client:
        client.sendall(f"{POST}Content-Length: 1000\r\n\r\nabc".encode())
    with desk.tls(desk.LOGIN) as client:
        client.sendall(f"{POST}Content-Length: 10\r\n\r\nabc=def&gh".encode())
    with desk.tls(desk.LOGIN) as client:
        client.sendall((CHUNKED + "5\r\nabc").encode())
    time.sleep(0.1)


def test_two_requests_in_one_packet(desk):
    """Pipelining is served in order."""
    answer = desk.raw(desk.LOGIN, SMUGGLED.encode() * 3)
    assert answer.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize(
    "host", ["evil.example", "", "a" * 5000, "login.microsoftonline.com.evil.example", "192.0.2.10"]
)
def test_unknown_host(desk, host):
    """A Host header that is none of the lab's: 421, whatever the path."""
    request = f"GET /common/discovery/keys HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    assert desk.raw(desk.LOGIN, request.encode())[9:12] in (b"421", b"400")


def test_slow_clients_hold_nobody_up(desk):
    """Many connections that say nothing or half a request, hold nobody up: each would for 10 s, and clients wait 60."""
    silent = [desk.plain(desk.AUTOLOGON) for _ in range(100)]
    halfway = [desk.tls(desk.AUTOLOGON) for _ in range(30)]
    for connection in halfway:
        connection.sendall(b"POST /contoso.com/winauth/trust/2005/usernamemixed HTTP/1.1\r\nHost: ")
    try:
        assert desk.windows(desk.token()).status == 200
    finally:
        for connection in (*silent, *halfway):
            connection.close()


def test_whoever_does_not_begin_or_end_is_shown_the_door(start_lab, desk_of, monkeypatch):
    """Half a handshake, half a head, an idle connection, half a body: all end in time, the last with 408."""
    limits = dict(server.SERVER_LIMITS) | {"keepalive_timeout": 0.4}
    monkeypatch.setattr(server, "SERVER_LIMITS", limits)
    monkeypatch.setattr(server, "BODY_TIMEOUT_S", 0.4)
    monkeypatch.setattr(lab_site, "HANDSHAKE_SECONDS", 0.4)
    desk = desk_of(start_lab())
    host = f"Host: {desk.LOGIN}\r\n"
    silent = desk.plain(desk.LOGIN)
    ends = {}
    for name, data in (
        ("idle", ""),
        ("head", f"GET /common/discovery/keys HTTP/1.1\r\n{host}X: "),
        ("served", f"GET /common/discovery/keys HTTP/1.1\r\n{host}\r\n"),
        ("second", f"GET /common/discovery/keys HTTP/1.1\r\n{host}\r\nGET /"),
        ("body", f"POST /common/oauth2/token HTTP/1.1\r\n{host}Content-Length: 10\r\n\r\nabc"),
    ):
        with desk.tls(desk.LOGIN) as client:
            client.settimeout(60)
            client.sendall(data.encode())
            answer = b""
            while part := client.recv(65536):
                answer += part
            ends[name] = answer[9:12]
    assert ends == {"idle": b"", "head": b"", "served": b"200", "second": b"200", "body": b"408"}
    silent.settimeout(60)
    with silent, contextlib.suppress(ConnectionResetError):
        assert silent.recv(1) == b""
    assert [(event.method, event.status) for event in desk.events(HttpExchange)][-1] == ("unreadable", 408)
