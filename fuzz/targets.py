"""Every parser of bytes from outside as a function that takes bytes and returns nothing.

A target raises no exception for any bytes: the exceptions that its parser documents are caught here. Zones, keys,
clocks and other objects that a target needs are made once. ``TARGETS`` has all targets by name, each with the longest
input that its caller accepts. Tests, the search for slow inputs, and fuzzers use it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import logging
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import dns.name
from dns.rdatatype import APL, NSEC, SVCB, TXT, A, RdataType
from multidict import CIMultiDict

from ssosim.clock import ManualClock
from ssosim.dns import ZoneSet, zones_of
from ssosim.dns.imports.import_errors import Imported, ImportMistakeError, assemble
from ssosim.dns.imports.octodns import parse_zone
from ssosim.dns.imports.yaml_nodes import YamlMistakeError, parse_yaml
from ssosim.dns.imports.zonefile import parse_zone_file
from ssosim.dns.recursion import Question, ResolverSettings, UpstreamQuery
from ssosim.dns.recursion.classify import classify
from ssosim.dns.recursion.message import SentQuery, Truncated, read_response
from ssosim.dns.server.applied_effect import respond_with
from ssosim.dns.server.wire_format import respond
from ssosim.dns.zones.answer import Answer as DnsAnswer
from ssosim.entra import (
    Call,
    ChannelBindings,
    HttpReply,
    Keys,
    Provider,
    RefusedTicket,
    Settings,
    serve,
)
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.safe_xml import InvalidXmlError, parse_xml
from ssosim.entra.core.sealed_tokens import RefreshTokenClaims, SealedTokenError
from ssosim.entra.http.app import create_server
from ssosim.entra.oauth.assertion import read_signed_assertion, verify_assertion
from ssosim.entra.oauth.token_request import read_form
from ssosim.entra.oauth.tokens import REFRESH_PURPOSE
from ssosim.entra.wstrust.rst import parse_rst
from ssosim.entra.wstrust.saml_write import AssertionFacts, sign_assertion
from ssosim.entra.wstrust.ws_federation import extract_assertion
from ssosim.estate import default_estate
from ssosim.estate.loader import parse_estate
from ssosim.estate.toml import TomlMistakeError
from ssosim.kerberos.messages import read_message
from ssosim.kerberos.spnego import read_negotiate_token
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.control.request_bodies import parse_object
from ssosim.lab.model_devices.http_messages import (
    BrokenOffError,
    Exchange,
    draft_request,
    new_connection,
)
from ssosim.scenario.loader import parse_scenario
from ssosim.trace import Trace, redact

__all__ = ["TARGETS", "Target", "make_signed_assertion"]

NOW = 1_790_000_000
LOGIN, AUTOLOGON, STS = "login.microsoftonline.com", "autologon.microsoftazuread-sso.com", "sts.fabrikam.com"
CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
AUDIENCE = "urn:federation:MicrosoftOnline"
TOKEN, FORM = "/organizations/oauth2/v2.0/token", "application/x-www-form-urlencoded"
ORIGIN = dns.name.from_text("example.com.")
ASKED = dns.name.from_text("www.example.com.")


@dataclass(frozen=True, slots=True)
class Target:
    """A parser: ``function``, the length in bytes of the ``longest`` input that reaches it, and the kind of input.

    The limit on CPU time for a ``message`` is constant. For a ``file``, which is the user's, it grows with each KiB.
    """

    function: Callable[[bytes], None]
    longest: int
    kind: Literal["message", "file"] = "message"


@functools.cache
def zones() -> ZoneSet:
    """Return the zones of the default estate."""
    return zones_of(default_estate())


def dns_query_udp(data: bytes) -> None:
    """Answer a query that arrived over UDP."""
    respond(zones(), data, "udp")


def dns_query_tcp(data: bytes) -> None:
    """Answer a query that arrived over TCP."""
    respond(zones(), data, "tcp")


def dns_query_authority(data: bytes) -> None:
    """Answer a query to one authoritative server of the hierarchy."""
    respond_with(lambda name, rdtype, _context: DnsAnswer(name=name, type=rdtype), data, "tcp")


def dns_response(kind: RdataType, data: bytes) -> None:
    """Read and classify a name server's response to a question of this type, as a resolver does; its id is 0."""
    ask = UpstreamQuery("192.0.2.1", Question(ASKED, kind), recursive=False)
    response = read_response(data, SentQuery(b"", 0, ASKED, ask))
    if response is not None and not isinstance(response, Truncated):
        classify(response, dns.name.root, ASKED, kind, 0.0, ResolverSettings())


class _Refusing:
    """An acceptor that parses a token as the real one does, and refuses it."""

    def accept(self, token: bytes, bindings: ChannelBindings | None = None) -> RefusedTicket:  # noqa: ARG002
        """Parse the token, and refuse it."""
        inside = read_negotiate_token(token)
        read_message(inside.ap_request)
        return RefusedTicket("unknown", "malformed", "no token")


class _Errors(logging.Handler):
    """Keeps the exceptions that are only logged, so that none arrives.

    The identity provider and aiohttp answer them with status 500; asyncio ends the task or the callback.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the exception of the record."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, asyncio.CancelledError):  # the end of a task that was waiting
            return
        self.found.append(error or RuntimeError(record.getMessage()))


_errors = _Errors()
for _name in ("ssosim", "aiohttp", "asyncio"):
    logging.getLogger(_name).addHandler(_errors)


def _raise_logged() -> None:
    """Raise the first exception that was logged, if there is one."""
    if found := _errors.found[:1]:
        _errors.found.clear()
        raise found[0]


@functools.cache
def provider() -> Provider:
    """Return the identity provider of the default estate."""
    clock = ManualClock(float(NOW))
    return Provider(
        estate=default_estate(),
        keys=Keys.generate(["fabrikam-sts"]),
        acceptors={AUTOLOGON: _Refusing(), STS: _Refusing()},
        trace=Trace(clock),
        clock=clock,
        settings=Settings(),
    )


def request(method: str, host: str, target: str, body: bytes = b"", **headers: str) -> HttpReply:
    """Send one request to the identity provider; returns its response."""
    fields = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    size = sum(len(name) + len(value) + 4 for name, value in fields.items())
    call = Call.read(method, host, target, headers=fields, body=body, now=float(NOW), header_bytes=size)
    _errors.found.clear()  # tests before this one in the process may have logged some
    reply = serve(provider(), call, "")
    _raise_logged()
    return reply


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


class _FakeTransport(asyncio.Transport):
    """A transport that discards what is written, and records whether the protocol wants to read."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1)})
        self.reading = True
        self.closed = False

    def pause_reading(self) -> None:
        """Stop reading."""
        self.reading = False

    def resume_reading(self) -> None:
        """Continue reading."""
        self.reading = True

    def is_reading(self) -> bool:
        """Whether the protocol wants to read."""
        return self.reading

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Discard it."""

    def is_closing(self) -> bool:
        """Whether the transport is closed."""
        return self.closed

    def close(self) -> None:
        """Close the transport."""
        self.closed = True

    abort = close


def http_request(data: bytes) -> None:
    """Handle the bytes of a connection to the identity provider, for some turns of the event loop.

    Of pipelined requests that are the first ten: the others are messages of their own, and wait for their turn.
    """

    async def exchange() -> None:
        protocol, transport = create_server(provider())(), _FakeTransport()
        protocol.connection_made(transport)
        at = idle = 0
        while at < len(data) and not transport.closed and idle < 20:
            if transport.reading:
                protocol.data_received(data[at : at + 65_536])
                at += 65_536
                idle = 0
            idle += 1
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
        protocol.connection_lost(None)
        await protocol.shutdown(0)

    _errors.found.clear()
    _loop().run_until_complete(exchange())
    _raise_logged()


def http_target(data: bytes) -> None:
    """Read the path and query of a request line."""
    request("GET", LOGIN, data.decode("utf-8", "surrogateescape"))


def http_cookie(data: bytes) -> None:
    """Read a Cookie header, at the page that uses one."""
    query = urllib.parse.urlencode({"client_id": CLIENT, "response_type": "code", "redirect_uri": "http://localhost"})
    request("GET", LOGIN, f"/common/oauth2/v2.0/authorize?{query}", Cookie=data.decode("latin-1"))


def http_browser(data: bytes) -> None:
    """Read a User-Agent header, at the page that depends on the browser."""
    reply = urllib.parse.quote(f"https://{LOGIN}/login.srf")
    target = f"/adfs/ls/?wa=wsignin1.0&wtrealm={AUDIENCE}&wreply={reply}"
    request("GET", STS, target, User_Agent=data.decode("latin-1"))


def form_token(data: bytes) -> None:
    """Read a form at the token endpoint."""
    request("POST", LOGIN, TOKEN, data, Content_Type=FORM)


def form_scope(data: bytes) -> None:
    """Read the scopes of a token request."""
    form = urllib.parse.urlencode({"client_id": CLIENT, "grant_type": "password", "username": "a", "password": "b"})
    request("POST", LOGIN, TOKEN, f"{form}&scope=".encode() + data, Content_Type=FORM)


def form_plain(data: bytes) -> None:
    """Read a form."""
    with contextlib.suppress(AadstsError):
        read_form(data)


def json_credential_type(data: bytes) -> None:
    """Read the JSON of a request to GetCredentialType."""
    request("POST", LOGIN, "/common/GetCredentialType", data)


def json_control(data: bytes) -> None:
    """Read the JSON of a request to the control API."""
    with contextlib.suppress(LabInputError):
        parse_object(data)


def xml_any(data: bytes) -> None:
    """Read XML from outside."""
    with contextlib.suppress(InvalidXmlError):
        parse_xml(data, Settings().soap_limit)


def xml_rst(data: bytes) -> None:
    """Read a request for a security token."""
    with contextlib.suppress(InvalidXmlError):
        parse_rst(data, "2005", Settings().soap_limit)


def xml_wresult(data: bytes) -> None:
    """Read the form field ``wresult``, the response of a federation service that a browser forwards."""
    try:
        found = extract_assertion(data.decode("utf-8", "replace"))
    except InvalidXmlError:
        return
    with contextlib.suppress(AadstsError):
        verify_assertion(provider(), base64.b64encode(found).decode(), NOW, "saml1_1-bearer")


def xml_assertion(data: bytes) -> None:
    """Verify an assertion at the token endpoint, given before base64."""
    with contextlib.suppress(AadstsError):
        verify_assertion(provider(), base64.b64encode(data).decode(), NOW, "saml1_1-bearer")


def xml_signature(data: bytes) -> None:
    """Verify the signature of an assertion, whoever issued it."""
    try:
        root = parse_xml(data, 256 * 1024)
    except InvalidXmlError:
        return
    with contextlib.suppress(AadstsError):
        read_signed_assertion(root, provider().keys.federation["fabrikam-sts"])


@functools.cache
def make_signed_assertion() -> bytes:
    """Return a valid assertion about Frank, signed by his federation service."""
    facts = AssertionFacts(
        id="_1",
        issuer="http://sts.fabrikam.com/adfs/services/trust",
        audience=AUDIENCE,
        name_id="IhEiM0RVZneImaq7zN3u/w==",
        upn="frank@fabrikam.com",
        not_before=NOW,
        not_on_or_after=NOW + 3600,
        method="urn:federation:authentication:windows",
    )
    return sign_assertion(facts, provider().keys.federation["fabrikam-sts"]).encode()


def text_assertion(data: bytes) -> None:
    """Verify the text of the form field ``assertion``."""
    with contextlib.suppress(AadstsError):
        verify_assertion(provider(), data.decode("latin-1"), NOW, "saml1_1-bearer")


def sealed_token(data: bytes) -> None:
    """Open a refresh token."""
    with contextlib.suppress(SealedTokenError):
        provider().sealer.open(REFRESH_PURPOSE, data.decode("latin-1"), RefreshTokenClaims)


def negotiate_token(data: bytes) -> None:
    """Read the token of ``Authorization: Negotiate``, given before base64."""
    request("GET", AUTOLOGON, "/contoso.com/winauth/sso", Authorization=f"Negotiate {base64.b64encode(data).decode()}")


def negotiate_header(data: bytes) -> None:
    """Read the value of the header ``Authorization``."""
    request("GET", AUTOLOGON, "/contoso.com/winauth/sso", Authorization=data.decode("latin-1"))


def kdc_message(data: bytes) -> None:
    """Read a message to or from the KDC."""
    read_message(data)


def model_http_response(data: bytes) -> None:
    """Read an HTTP response, as a client model does."""
    exchange = Exchange(new_connection(), draft_request("GET", LOGIN, "/", {}, b""))
    exchange.encode()
    with contextlib.suppress(ValueError, BrokenOffError):
        exchange.feed(data)
        exchange.feed(b"")


def program_output(data: bytes) -> None:
    """Redact a line of output of a program, as the trace does."""
    redact(data.decode("latin-1"))


def zone_file(data: bytes) -> None:
    """Read a BIND zone file."""
    zone = parse_zone_file(data.decode("utf-8", "replace"), "zone", ORIGIN)
    with contextlib.suppress(ImportMistakeError):
        assemble([zone])


def octodns_file(data: bytes) -> None:
    """Read an octoDNS zone."""
    with contextlib.suppress(YamlMistakeError, ImportMistakeError):
        zone = Imported(ORIGIN)
        parse_zone(parse_yaml(data.decode("utf-8", "replace"), "zone"), zone, "zone")
        assemble([zone])


def estate_file(data: bytes) -> None:
    """Read an estate file."""
    with contextlib.suppress(TomlMistakeError):
        parse_estate(data.decode("utf-8", "replace"), "estate")


def scenario_file(data: bytes) -> None:
    """Read a scenario file."""
    with contextlib.suppress(TomlMistakeError):
        parse_scenario(data.decode("utf-8", "replace"), "scenario")


_KIB, _MIB = 1024, 1024 * 1024

TARGETS: dict[str, Target] = {
    "dns query, UDP": Target(dns_query_udp, 4096),
    "dns query, TCP": Target(dns_query_tcp, 65_535),
    "dns query, one authority": Target(dns_query_authority, 65_535),
    **{
        f"dns response, {kind.name}": Target(functools.partial(dns_response, kind), 65_535)
        for kind in (A, TXT, NSEC, SVCB, APL)
    },
    "http request": Target(http_request, 2 * _MIB),
    "http target": Target(http_target, 32 * _KIB),
    "http cookie": Target(http_cookie, 128 * _KIB),
    "http user agent": Target(http_browser, 128 * _KIB),
    "form, token endpoint": Target(form_token, _MIB),
    "form, scope": Target(form_scope, _MIB),
    "form": Target(form_plain, _MIB),
    "json, credential type": Target(json_credential_type, _MIB),
    "json, control API": Target(json_control, 160 * _KIB),
    "xml": Target(xml_any, 256 * _KIB),
    "xml, RST": Target(xml_rst, 256 * _KIB),
    "xml, wresult": Target(xml_wresult, 256 * _KIB),
    "xml, assertion": Target(xml_assertion, 256 * _KIB),
    "xml, signature": Target(xml_signature, 256 * _KIB),
    "assertion, base64": Target(text_assertion, _MIB),
    "sealed token": Target(sealed_token, _MIB),
    "negotiate token": Target(negotiate_token, 96 * _KIB),
    "negotiate header": Target(negotiate_header, 128 * _KIB),
    "kdc message": Target(kdc_message, _MIB),
    "model, http response": Target(model_http_response, 256 * _KIB),
    "program output": Target(program_output, 32 * _KIB),
    "zone file": Target(zone_file, 4 * _MIB, "file"),
    "octodns file": Target(octodns_file, 4 * _MIB, "file"),
    "estate file": Target(estate_file, 4 * _MIB, "file"),
    "scenario file": Target(scenario_file, 4 * _MIB, "file"),
}
