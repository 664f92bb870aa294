"""Requests of WS-Trust that are read once and kept: the result is always that of reading them anew."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ssosim_clients.flows.wstrust import V2005, UsernameToken, build_rst

from ssosim.entra.core.safe_xml import InvalidXmlError
from ssosim.entra.wstrust import kept_requests
from ssosim.entra.wstrust.kept_requests import KeptRequests
from ssosim.entra.wstrust.rst import Rst, parse_rst

ONE, OTHER = "11111111-1111-4111-a111-111111111111", "abcdefab-2222-4222-a222-222222222222"
TO, AUDIENCE = "https://autologon.example/windowstransport?client-request-id={id}", "urn:federation:MicrosoftOnline"
LIMIT = 256 * 1024

PLACES = [b"a:MessageID", b"t:KeyType", b"a:Address", b"a:Action", b"a:EndpointReference><a:Address", b"a:To"]
before_id = st.sampled_from(["", "<!--", "<![CDATA[", "<x>", "&amp;", "<?a ", "<b c='"])
after_id = st.sampled_from(["", "-->", "]]>", "</x>", "?>", "'/>", "<", "&#48;"])


def request(identifier: str = ONE, to: str = TO, audience: str = AUDIENCE) -> bytes:
    """A request as a program sends it: with an id in its MessageID and in its URL."""
    return build_rst(V2005, to.format(id=identifier), audience, identifier)


def count_parsing(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the bodies that are parsed from now on."""
    parsed: list[bytes] = []

    def parse(body: bytes, *rest: object) -> Rst:
        parsed.append(body)
        return parse_rst(body, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(kept_requests, "parse_rst", parse)
    return parsed


def read_anew(body: bytes) -> Rst | str:
    """Return the request that parsing gives, without its id, or the text of the error."""
    try:
        return replace(parse_rst(body, "2005", LIMIT), message_id="")
    except InvalidXmlError as error:
        return str(error)


def read_kept(requests: KeptRequests, body: bytes) -> Rst | str:
    """Return the request that ``requests`` gives, or the text of the error."""
    try:
        return requests.read_without_id(body, "2005", LIMIT)
    except InvalidXmlError as error:
        return str(error)


def test_a_request_with_another_id_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that differs from an earlier one in its MessageID only is known."""
    parsed, requests = count_parsing(monkeypatch), KeptRequests()
    first = read_kept(requests, request())
    parsed.clear()
    second = request(OTHER)
    assert read_kept(requests, second) == first == read_anew(second)
    assert not parsed


def test_another_audience_is_read() -> None:
    """A request for another relying party has its own audience, whatever was kept."""
    requests = KeptRequests()
    for audience in (AUDIENCE, "urn:other", AUDIENCE):
        body = request(audience=audience)
        assert read_kept(requests, body) == read_anew(body)


def test_a_password_is_never_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request with a user name is parsed each time."""
    requests, parsed = KeptRequests(), count_parsing(monkeypatch)
    body = build_rst(V2005, TO.format(id=ONE), AUDIENCE, ONE, UsernameToken("alice@contoso.com", "secret", 0))
    for _ in range(2):
        parsed.clear()
        assert isinstance(read_kept(requests, body), Rst)
        assert parsed == [body]


@given(st.sampled_from(PLACES), st.sampled_from(["urn:uuid:", "client-request-id="]), before_id, after_id)
def test_an_id_elsewhere_never_changes_what_is_read(where: bytes, mark: str, before: str, after: str) -> None:
    """Two requests with different GUIDs at any place, in any markup, are each read as if nothing were kept."""
    requests = KeptRequests()
    for guid in (ONE, OTHER, ONE):
        body = build_rst(V2005, "https://autologon.example/", AUDIENCE, "id").replace(b"urn:uuid:", b"")
        opening = b"<" + where
        start = body.index(b">", body.index(opening) + len(opening)) + 1
        text = f"{before}{mark}{guid}{after}".encode()
        changed = body[:start] + text + body[body.index(b"<", start) :]
        assert read_kept(requests, changed) == read_anew(changed)


@given(st.integers(0, 36), st.sampled_from([b"<", b"&", b"\x00", b"\xff", b"G", b"-", b""]))
def test_a_damaged_id_is_read_as_it_is(at: int, damage: bytes) -> None:
    """An id that is no GUID is never taken for one."""
    requests = KeptRequests()
    assert isinstance(read_kept(requests, request()), Rst)
    body = request()
    start = body.index(ONE.encode()) + at
    changed = body[:start] + damage + body[start + 1 :]
    assert read_kept(requests, changed) == read_anew(changed)


def test_what_is_kept_is_bounded() -> None:
    """Requests that are all different do not fill the memory."""
    requests = KeptRequests()
    for number in range(600):
        read_kept(requests, request(to=f"{TO}&n={number}"))
    assert len(requests._kept) <= 256
