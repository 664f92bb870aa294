"""What the search of a refused ticket leaves out holds nothing: it finds what a search of all views finds."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.entra import Call
from ssosim.entra.core.sealed_tokens import DesktopSsoClaims
from ssosim.entra.oauth.tokens import REFRESH_PURPOSE
from ssosim.exposure import ExposureFinder, find_exposures, parts_of_call
from ssosim.exposure import finder as finder_module
from ssosim.exposure.base64_value import split_base64_value
from ssosim.exposure.credentials import KnownCredentials
from ssosim.exposure.decoding import decode, is_text, is_utf16, read_binary
from ssosim.exposure.recipients import Recipients
from ssosim.kerberos.carried_tickets import read_ticket_service
from ssosim.trace import SignInStep
from tests.exposure.secrets_of_lab import AUTOLOGON, NOW, STS, SecretLab, ap_request, b64, text_of

LAB = SecretLab()
PROVIDER, SERVICES = LAB.lab.provider, LAB.lab.services
SECRETS = {
    **{name: secret for name, secret in LAB.secrets.items() if name != "code verifier"},
    "bare assertion": b'<Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion"/>',
    "begin of a key": b"-----BEGIN PRIVATE KEY-----",
}
STEP = SignInStep.WSTRUST_TICKET
TICKETS = [ap_request(f"HTTP/{AUTOLOGON}"), ap_request("HTTP/intranet.contoso.com"), b""]


def deflate(data: bytes) -> bytes:
    """RFC 1951 without a header."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def noise(seed: int, size: int) -> bytes:
    """Octets as in the sealed parts of a ticket, the same for a seed."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - no secret


PACKERS = (zlib.compress, deflate, gzip.compress, lambda data: zlib.compress(data, 0), lambda data: deflate(data)[:-1])
FORMS = (
    bytes,
    base64.b64encode,
    base64.urlsafe_b64encode,
    zlib.compress,
    deflate,
    lambda data: data.hex().encode(),
    lambda data: text_of(data).encode("utf-16-le"),
)
PIECES = st.one_of(
    st.builds(lambda form, name: form(SECRETS[name]), st.sampled_from(FORMS), st.sampled_from(sorted(SECRETS))),
    st.builds(noise, st.integers(0, 9999), st.integers(0, 400)),
    st.sampled_from(
        [b"", b"some text of no interest, which is long enough", b"\xfb\xef\xbe", b"\xff\xff\xff", *TICKETS]
    ),
)


@st.composite
def values(draw: st.DrawFn) -> str:
    """A Negotiate header: octets, some of which are secrets in some form, as base64; or base64 next to text forms."""
    parts = [draw(PIECES) for _ in range(draw(st.integers(1, 5)))]
    if draw(st.booleans()):
        return f"Negotiate {b64(b''.join(parts))}"
    joined = draw(st.sampled_from(["+", "/", "A+", "B/", ""])).join(b64(part).rstrip("=") for part in parts)
    return f"Negotiate {joined}{'=' * draw(st.integers(0, 2))}"


def call_with(value: str, host: str) -> Call:
    """A request with a header field."""
    return Call.read("POST", host, "/common/x", headers={"Authorization": value}, now=NOW)


@settings(max_examples=150, deadline=None)
@given(values(), st.sampled_from([AUTOLOGON, STS]))
def test_a_refused_ticket_hides_nothing(value, host):
    """A Negotiate header that was not accepted has the exposures of a full search, whatever is hidden in it."""
    call = call_with(value, host)
    known = KnownCredentials(PROVIDER, read_ticket_service)
    to = dataclasses.replace(Recipients(PROVIDER.estate, SERVICES).find(host), step=STEP)
    finder = ExposureFinder(PROVIDER, SERVICES, read_ticket_service)
    assert finder.examine(call, STEP) == find_exposures(parts_of_call(call), known, to)


@settings(max_examples=150, deadline=None)
@given(values())
def test_the_views_are_those_of_the_full_search(value):
    """Texts, opaque views and what the others stand for are the views of ``decode``; all octets are in ``octets``."""
    data = value.encode()
    views = split_base64_value(data)
    if views is None:
        return
    made = {*views.texts, *views.opaque, *(each for other in views.others for each in decode(other))}
    assert {view for view in decode(data) if len(view) >= 3} <= made
    for view in views.opaque:
        assert list(decode(view)) == [view], "an opaque view stands for nothing else"
        assert view in views.octets


@pytest.mark.parametrize("start", range(8))
@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_at_any_octet_of_a_token_is_found(name, start):
    """A secret between random octets is found, wherever the base64 of it begins."""
    token = TICKETS[0] + noise(1, start) + SECRETS[name] + noise(2, 60)
    call = call_with(f"Negotiate {b64(token)}", AUTOLOGON)
    to = dataclasses.replace(Recipients(PROVIDER.estate, SERVICES).find(AUTOLOGON), step=STEP)
    full = find_exposures(parts_of_call(call), KnownCredentials(PROVIDER, read_ticket_service), to)
    assert ExposureFinder(PROVIDER, SERVICES, read_ticket_service).examine(call, STEP) == full


def test_a_sealed_token_in_the_text_of_a_value_is_found():
    """A refresh token that is itself a part of the base64 text, between two plus signs, is found there."""
    claims = DesktopSsoClaims("i", "t", "s", "a", 1, 2, "m")
    sealed = (PROVIDER.sealer.seal(REFRESH_PURPOSE, claims) for _ in range(5000))
    token = next(each for each in sealed if each.isalnum())
    call = call_with(f"Negotiate {b64(TICKETS[0])[:400]}+{token}+{b64(TICKETS[0])[:400]}", AUTOLOGON)
    found = ExposureFinder(PROVIDER, SERVICES, read_ticket_service).examine(call, STEP)
    assert [each.credential for each in found] == ["refresh token"]


def test_a_refused_ticket_for_this_service_needs_no_full_search(monkeypatch):
    """A ticket with random sealed parts, for the service that refuses it, is cleared without decoding it."""
    monkeypatch.setattr(finder_module, "find_exposures", lambda *_: pytest.fail("a full search"))
    finder = ExposureFinder(PROVIDER, SERVICES, read_ticket_service)
    for seed in range(20):
        token = ap_request(f"HTTP/{AUTOLOGON}").replace(b"\xa5\x01" * 300, noise(seed, 600))
        assert finder.examine(call_with(f"Negotiate {b64(token)}", AUTOLOGON), STEP) == ()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40) | st.builds(lambda pack, data: pack(data), st.sampled_from(PACKERS), st.binary()))
def test_everything_that_zlib_inflates_is_read(data):
    """The first octets rule no text out that zlib makes of gzip, zlib or DEFLATE data (RFC 1950 to 1952)."""
    if is_utf16(data):
        return
    expected = []
    for window in (31, 15, -15) if data[:2] == b"\x1f\x8b" else (15, -15):
        try:
            inflated = zlib.decompressobj(window).decompress(data)
        except zlib.error:
            continue
        if inflated and (window == 31 or is_text(inflated) or is_utf16(inflated)):
            expected.append(inflated)
            break
    assert list(read_binary(data)) == expected
