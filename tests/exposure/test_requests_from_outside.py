"""What a program sends is anything: the search never fails, and reads each part as its recipient would."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.entra import Call
from ssosim.entra.http.exchange import run_exchange
from ssosim.estate import load_estate
from ssosim.exposure import find_exposures
from ssosim.exposure.credentials import KnownCredentials
from ssosim.exposure.recipients import Recipient
from ssosim.exposure.request_parts import RequestParts, parts_of_raw_request
from ssosim.kerberos.carried_tickets import read_ticket_service
from ssosim.memory import Engine, MemoryLab
from ssosim.trace import CredentialExposed
from tests.exposure.secrets_of_lab import ISSUER, NOW, SecretLab, b64url

LAB = SecretLab()
PROVIDER = LAB.lab.provider
KNOWN = KnownCredentials(PROVIDER, read_ticket_service)
PASSWORD = b"Bob-lab-password-1"
GRAPH = Recipient("graph.microsoft.com", "application")


def make_token(claims: bytes, **header: Any) -> bytes:
    """A JWT that names the lab's key, with any octets as its claims; nobody has signed it."""
    head = json.dumps({"alg": "RS256", "kid": PROVIDER.keys.cloud.key_id, **header}).encode()
    return b".".join(b64url(part).encode() for part in (head, claims, bytes(64)))


def find(data: bytes, to: Recipient = GRAPH) -> tuple[CredentialExposed, ...]:
    """What is exposed by a body with these octets."""
    return find_exposures(RequestParts(to.host, "https", (("body", data),)), KNOWN, to)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        (b'{"scp":"x","aud":"https://vault.azure.net"}', "the token is for https://vault.azure.net"),
        (b'{"scp":"x","aud":"https://[x"}', "the token is for https://[x"),
        (b'{"scp":"x","aud":"https://"}', "the token is for https://"),
        (b'{"scp":"x","aud":"https://graph.microsoft.com"}', None),
        (b'{"aud":"https://vault.azure.net"}', None),  # no scp, appid or azp: an id token, which is no credential
        (b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}", None),
        (b'{"a":' + b'{"a":' * 5_000, None),
        (b'{"iss":5,"sub":5}', None),
        (b'{"iss":null,"sub":null,"scp":null,"aud":null}', None),
        (b'{"scp":"x","upn":"\\ud800","aud":"https://vault.azure.net"}', None),
        (b'{"exp":1e999}', None),
        (b'{"scp":"x"', None),
        (b'{"":""}' + b"\xff" * 10, None),
    ],
    ids=lambda value: str(value)[:32],
)
def test_a_token_with_any_claims_is_read_or_left(claims: bytes, reason: str | None) -> None:
    """Claims are what the sender wrote: no URL, nested without end, of other types (RFC 7519 section 4)."""
    found = find(make_token(claims))
    assert [(each.credential, each.reason) for each in found] == ([] if reason is None else [("access token", reason)])


@pytest.mark.parametrize("header", [{"kid": ["a"]}, {"kid": {}}, {"kid": None}, {"kid": "other"}])
def test_a_token_of_another_key_is_none_of_the_labs(header: dict[str, Any]) -> None:
    """RFC 7515 section 4.1.4: ``kid`` is a text; a token of another issuer is no credential of this lab."""
    assert find(make_token(b'{"scp":"x","aud":"https://vault.azure.net"}', **header)) == ()


def test_a_token_is_known_by_the_thumbprint_of_its_key_too() -> None:
    """RFC 7515 section 4.1.7: version 1 tokens of Microsoft Entra have ``x5t`` with the same value."""
    token = make_token(b'{"scp":"x","aud":"https://vault.azure.net"}', kid="", x5t=PROVIDER.keys.cloud.key_id)
    assert [each.credential for each in find(token)] == ["access token"]


def test_long_claims_do_not_fill_the_trace() -> None:
    """Owner and audience are texts of the sender; the trace keeps as much of them as a name can be long."""
    claims = {"scp": "x", "upn": "a" * 9_000, "aud": "https://" + "b" * 9_000}
    (event,) = find(make_token(json.dumps(claims).encode()))
    assert len(event.owner) == 253
    assert len(event.reason) == 512
    assert event.reason.startswith("the token is for https://bbb")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda each: (
            st.lists(each) | st.dictionaries(st.sampled_from(["aud", "iss", "sub", "scp", "upn", "appid"]), each)
        ),
        max_leaves=6,
    )
)
@settings(max_examples=40, deadline=None)
def test_any_json_is_no_error(claims: object) -> None:
    """Objects, lists and values in any place of a token."""
    found = find(make_token(b'{"scp":"x","aud":"https://vault.azure.net","c":' + json.dumps(claims).encode() + b"}"))
    assert [each.credential for each in found] == ["access token"]
    find(make_token(json.dumps(claims).encode()))


@pytest.mark.parametrize(
    "claims",
    [{"iss": ISSUER, "sub": "repo:a"}, {"iss": ISSUER}, {"iss": ISSUER, "sub": None}, {"iss": ISSUER, "sub": 1}],
)
def test_a_token_of_a_trusted_issuer_is_a_credential_whatever_its_subject(claims: dict[str, Any]) -> None:
    """A federated credential takes tokens of that issuer, so another host must not have them."""
    assert [each.credential for each in find(make_token(json.dumps(claims).encode(), kid="other"))] == [
        "federated token"
    ]


@pytest.mark.parametrize("claims", [b'{"scp":"x","aud":"https://[x"}', b'{"a":' + b"[" * 5_000])
def test_a_request_with_such_a_token_is_answered(claims: bytes) -> None:
    """The service goes on with any token, known or not; the search of the lab ended the exchange with an error."""
    lab = MemoryLab(Engine(NOW), load_estate(Path("contoso-azure")))
    token = make_token(claims, kid=lab.provider.keys.cloud.key_id).decode()
    headers = {"Host": "oidc.contoso.example", "Authorization": f"Bearer {token}"}
    call = Call.read("GET", "oidc.contoso.example", "/keys", headers=headers, now=NOW)
    reply = run_exchange(lab.provider, call, "c", None, lab.find_responder(None, call.port, call.host))
    assert reply is not None
    assert reply.status < 500


def chunked(data: bytes, size: int, *, extension: bytes = b"", trailer: bytes = b"") -> bytes:
    """A chunked body (RFC 9112 section 7.1)."""
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    coded = b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts)
    return coded + b"0\r\n" + trailer + b"\r\n"


def to_foreign(body: bytes, *fields: bytes) -> list[str]:
    """The credentials in a request that a host outside of the estate received."""
    head = b"POST /collect HTTP/1.1\r\nHost: evil.example\r\n" + b"".join(each + b"\r\n" for each in fields)
    request = parts_of_raw_request(head + b"\r\n" + body, host="", address="203.0.113.9", scheme="http")
    to = Recipient(request.host, "foreign", scheme="http")
    return [each.credential for each in find_exposures(request, KNOWN, to)]


@pytest.mark.parametrize("size", [1, 2, 7, 18, 4096])
@pytest.mark.parametrize("extension", [b"", b";name=value", b" "])
@pytest.mark.parametrize("field", [b"Transfer-Encoding: chunked", b"transfer-encoding:  gzip , CHUNKED"])
def test_a_credential_in_chunks_is_found(size: int, extension: bytes, field: bytes) -> None:
    """RFC 9112 section 7.1: the recipient joins the chunks, wherever the password was cut."""
    body = chunked(b'{"password":"' + PASSWORD + b'"}', size, extension=extension, trailer=b"X-Sum: 1\r\n")
    assert to_foreign(body, field) == ["password"]


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "raw"])
@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_compressed_body_is_found_in_chunks_too(coding: str, *, is_chunked: bool) -> None:
    """Clients that compress do not know the length in advance, so they send chunks (RFC 9112 section 7.1)."""
    data = b'{"password":"' + PASSWORD + b'"}'
    packer = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(data),
        "x-gzip": gzip.compress(data),
        "deflate": zlib.compress(data),
        "raw": packer.compress(data) + packer.flush(),
    }[coding]
    fields = [b"Content-Encoding: " + (b"deflate" if coding == "raw" else coding.encode())]
    if is_chunked:
        fields.append(b"Transfer-Encoding: chunked")
        packed = chunked(packed, 11)
    assert to_foreign(packed, *fields) == ["password"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"5\r\nhel", b"hel"),
        (b"ffffffff\r\nhello", b"hello"),
        (b"A\r\n0123456789\r\n", b"0123456789"),
        (b"hello", b"hello"),
        (b"", b""),
        (b"5\r\nhello\r\nzz\r\nrest", b"hellozz\r\nrest"),
        (b"0\r\n\r\n", b""),
    ],
)
def test_chunks_are_read_as_far_as_they_came(body: bytes, expected: bytes) -> None:
    """A body that is cut off, or that is not chunked after all, is examined as it came."""
    raw = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    parts = dict(parts_of_raw_request(raw, host="x", address="", scheme="http").parts)
    assert parts["body"].removesuffix(b"\r\n") == expected


@given(st.binary(max_size=80), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_joined_chunks_are_the_body(data: bytes, size: int) -> None:
    """For all bodies and sizes of chunks: what was sent."""
    raw = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(data, size)
    parts = dict(parts_of_raw_request(raw, host="x", address="", scheme="http").parts)
    assert parts["body"] in (data, data + b"\r\n")


@given(st.binary(max_size=120))
@settings(max_examples=80, deadline=None)
def test_any_bytes_have_parts(data: bytes) -> None:
    """It need not be HTTP: no bytes are an error, and all of them are in some part."""
    request = parts_of_raw_request(data, host="", address="203.0.113.9", scheme="https")
    assert [name for name, _ in request.parts][:3] == ["request line", "path", "query"]
    assert request.parts[-1][0] == "body"


@pytest.mark.parametrize(
    ("raw", "name", "value"),
    [
        (b"GET /a/b?c=d HTTP/1.1\r\n\r\n", "path", b"/a/b"),
        (b"GET /a/b?c=d?e HTTP/1.1\r\n\r\n", "query", b"c=d?e"),
        (b"GET /a HTTP/1.1\r\nX-One: a\r\n b\r\n\r\n", "header X-One", b"a b"),
        (b"GET /a HTTP/1.1\r\nAuthorization:Bearer x\r\n\r\n", "header Authorization", b"Bearer x"),
        (b"GET /a HTTP/1.1\nCookie: a=b\n\nbody", "body", b"body"),
        (b"POST /a HTTP/1.1\r\n\r\none\r\n\r\ntwo", "body", b"one\r\n\r\ntwo"),
        (b"GET /a", "path", b"/a"),
    ],
)
def test_the_parts_of_a_request(raw: bytes, name: str, value: bytes) -> None:
    """RFC 9112 sections 2.2, 3 and 5.2: lines end with CRLF or LF, folded fields are one, the first blank line ends."""
    request = parts_of_raw_request(raw, host="x", address="", scheme="http")
    assert dict(request.parts)[name] == value


@pytest.mark.parametrize(
    ("host", "field", "expected"),
    [
        ("", b"Host: Evil.Example", "evil.example"),
        ("sni.example", b"Host: other.example", "sni.example"),
        ("", b"X: y", ""),
    ],
)
def test_the_host_is_the_one_that_the_client_connected_to(host: str, field: bytes, expected: str) -> None:
    """The name of the connection, and the field only where there is none."""
    raw = b"GET / HTTP/1.1\r\n" + field + b"\r\n\r\n"
    assert parts_of_raw_request(raw, host=host, address="", scheme="http").host == expected


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (b"Authorization: Basic " + base64.b64encode(b"bob:" + PASSWORD), "authorization header"),
        (b"Cookie: a=" + PASSWORD, "cookie header"),
        (b"X-Api-Key: " + PASSWORD, "header"),
        (b"USER-AGENT: " + PASSWORD, "user-agent header"),
    ],
)
def test_the_trace_names_only_usual_header_fields(part: bytes, shown: str) -> None:
    """The name of a field is a text of the sender, which could be a secret itself."""
    raw = b"GET / HTTP/1.1\r\n" + part + b"\r\n\r\n"
    request = parts_of_raw_request(raw, host="x", address="203.0.113.9", scheme="http")
    (event,) = find_exposures(request, KNOWN, Recipient("x", "foreign"))
    assert (event.credential, event.part, event.address) == ("password", shown, "203.0.113.9")
    assert PASSWORD.decode() not in repr(event)


@pytest.mark.parametrize("words", [100, 2_500, 9_000])
def test_a_large_body_is_searched_to_its_end(words: int) -> None:
    """A batch of thousands of encoded values, such as telemetry, hides no credential that comes after them."""
    body = b" ".join(base64.b64encode(b"value number %d" % number) for number in range(words))
    assert [each.credential for each in find(body + b" " + base64.b64encode(b"p=" + PASSWORD))] == ["password"]


def test_plain_text_is_found_behind_everything() -> None:
    """The first view is the whole part as it came, so what has no encoding is found whatever the bounds are."""
    body = b" ".join(base64.b64encode(b"value number %d" % number) for number in range(25_000))
    assert [each.credential for each in find(body + b" password=" + PASSWORD)] == ["password"]
