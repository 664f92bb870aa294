"""The finder searches only parts that its short test does not clear, and finds what a full search finds."""

from __future__ import annotations

import base64
import dataclasses
from hashlib import sha256
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ssosim.entra import Call
from ssosim.entra.core.messages import HeadNotes
from ssosim.exposure import ExposureFinder, find_exposures, parts_of_call
from ssosim.exposure import finder as finder_module
from ssosim.exposure.credentials import KnownCredentials
from ssosim.exposure.recipients import Recipients
from ssosim.exposure.short_test import ShortTest
from ssosim.kerberos.carried_tickets import read_ticket_service
from ssosim.kerberos.spnego import build_ntlm_negotiate_token
from ssosim.trace import SignInStep, TicketChecked
from tests.exposure.secrets_of_lab import AUTOLOGON, LOGIN, NOW, STS, SecretLab, b64, b64url, text_of

LAB = SecretLab()
PROVIDER, SERVICES = LAB.lab.provider, LAB.lab.services
ID, OTHER_ID = "1b671a64-40d5-491e-99b0-da01ff1f3341", "7c9e6679-7425-40de-944b-e07fc1f90ae7"
STEPS = {
    LOGIN: (SignInStep.TOKEN, SignInStep.SIGN_IN_PAGE),
    AUTOLOGON: (SignInStep.WSTRUST_TICKET, SignInStep.WSTRUST_PASSWORD),
    STS: (SignInStep.WSTRUST_PASSWORD, SignInStep.MEX),
}
TEXTS = {
    **{name: text_of(secret) for name, secret in LAB.secrets.items() if name != "code verifier"},
    "federated password": "Frank-lab-password-1",
    "nothing": "en-US",
    "ntlm": b64(build_ntlm_negotiate_token()),
}
CODINGS = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "base64": lambda text: b64(text.encode()),
    "base64url": lambda text: b64url(text.encode()),
}
# Small sets, so that the same value often comes again, to another recipient or in another part.
VALUES = st.builds(
    lambda name, coding: CODINGS[coding](TEXTS[name]), st.sampled_from(sorted(TEXTS)), st.sampled_from(sorted(CODINGS))
)
HEADERS = st.dictionaries(
    st.sampled_from(("Authorization", "Cookie", "X-Debug")),
    st.builds(lambda scheme, value: scheme + value, st.sampled_from(("", "Negotiate ", "Bearer ", "a=")), VALUES),
    max_size=2,
)
BODIES = st.lists(VALUES, max_size=3).map(lambda values: "&".join(f"p{n}={v}" for n, v in enumerate(values)).encode())
PLACES = st.sampled_from([(host, step) for host, steps in STEPS.items() for step in steps])


def make_finder() -> ExposureFinder:
    """A finder that has seen no code challenge, since no code verifier is sent."""
    return ExposureFinder(PROVIDER, SERVICES, read_ticket_service)


def make_call(host: str, query: str = "", headers: dict[str, str] | None = None, body: bytes = b"") -> Call:
    """A request to a path of ``host``."""
    return Call.read("POST", host, f"/common/x?p={query}", headers=headers or {}, body=body, now=NOW)


@settings(max_examples=40, deadline=None)
@given(requests=st.lists(st.tuples(PLACES, st.just("") | VALUES, HEADERS, BODIES), min_size=1, max_size=4))
def test_finds_what_a_full_search_finds(requests):
    """Whatever was examined before, each request has the exposures that a search of all its parts has."""
    finder = make_finder()
    known = KnownCredentials(PROVIDER, read_ticket_service)
    recipients = Recipients(PROVIDER.estate, SERVICES)
    for (host, step), query, headers, body in (*requests, *requests):
        call = make_call(host, query, headers, body)
        full = find_exposures(parts_of_call(call), known, dataclasses.replace(recipients.find(host), step=step))
        assert finder.examine(call, step) == full


@settings(max_examples=60, deadline=None)
@given(PLACES, st.just("") | VALUES, HEADERS, st.lists(st.booleans(), min_size=2, max_size=4), st.booleans())
@example((STS, SignInStep.MEX), "", {"Authorization": "Negotiate "}, [True, False], False)
def test_a_known_head_hides_nothing(place, query, headers, accepted, challenge):
    """Requests with one head, each with ids and a ticket of its own, have the exposures of a full search."""
    (host, step), notes, finder = place, HeadNotes(), make_finder()
    known = KnownCredentials(PROVIDER, read_ticket_service)
    to = dataclasses.replace(Recipients(PROVIDER.estate, SERVICES).find(host), step=step)
    tickets = headers.get("Authorization") == "Negotiate "
    for number, is_accepted in enumerate(accepted):
        identifier = (ID, OTHER_ID)[number % 2]
        own = {"Authorization": f"Negotiate {TEXTS['ticket']}"} if tickets else {}
        call = make_call(
            host, f"{query}&client-request-id={identifier}", headers | own | {"client-request-id": identifier}
        )
        call.head = notes
        if is_accepted and tickets:
            call.trace_buffer.events.append(TicketChecked(accepted=True, mechanism="kerberos", service=host))
            assert finder.examine(call, step) == ()
        else:
            assert finder.examine(call, step) == find_exposures(parts_of_call(call), known, to)
        if challenge:
            finder.examine(Call.read("GET", LOGIN, "/x?code_challenge=x", now=NOW), SignInStep.AUTHORIZE)


def test_a_known_head_is_examined_again_for_another_step_and_estate(monkeypatch):
    """That a head is clean holds for one step, and for the tables of one estate."""
    notes, finder = HeadNotes(), make_finder()
    examined = []
    original = ShortTest.is_clean_value
    monkeypatch.setattr(ShortTest, "is_clean_value", lambda *parts: examined.append(parts[1]) or original(*parts))
    for step in (SignInStep.MEX, SignInStep.MEX, SignInStep.WSTRUST_TICKET, SignInStep.WSTRUST_TICKET):
        call = make_call(AUTOLOGON)
        call.head = notes
        assert finder.examine(call, step) == ()
    assert len(examined) == 2
    finder._build()
    assert finder.examine(call, SignInStep.WSTRUST_TICKET) == ()
    assert len(examined) == 3
    finder._build()
    finder._short_test = ShortTest((OTHER_ID.encode(),))  # a text that a request id may spell
    for _ in range(2):
        assert finder.examine(call, SignInStep.WSTRUST_TICKET) == ()
    assert len(examined) == 5


FIELDS = st.lists(st.tuples(st.sampled_from(("scope", "xrefresh_token", "")), VALUES), max_size=3)
SEALED = text_of(LAB.secrets["refresh token"])


@settings(max_examples=60, deadline=None)
@given(before=FIELDS, after=FIELDS, escaped=st.booleans(), identifier=st.sampled_from((ID, OTHER_ID, "x")))
def test_a_sealed_token_hides_nothing_beside_it(before, after, escaped, identifier):
    """A form with a token that the provider has opened has the exposures of a full search, and so has its query."""
    finder = make_finder()
    known = KnownCredentials(PROVIDER, read_ticket_service)
    to = dataclasses.replace(Recipients(PROVIDER.estate, SERVICES).find(LOGIN), step=SignInStep.TOKEN)
    token = "".join(f"%{ord(character):02x}" for character in SEALED) if escaped else SEALED
    fields = [*before, ("refresh_token", token), *after]
    for some in (fields, fields[len(before) :], fields):
        body = "&".join(f"{name}={value}" for name, value in some).encode()
        call = make_call(LOGIN, f"1&client-request-id={identifier}", body=body)
        call.trace_buffer.sealed_field = "refresh_token"
        assert finder.examine(call, SignInStep.TOKEN) == find_exposures(parts_of_call(call), known, to)


@pytest.mark.parametrize("secret", ["token=abcd", "abcd&scope", "x%41bcd", "a=1&refresh_token=ab"])
def test_a_text_that_reaches_into_a_sealed_token_is_found(secret):
    """A known text across an end of the value, or one that its escapes spell, makes the whole form be examined."""
    test = ShortTest((secret.encode(),))
    for data in (b"a=1&refresh_token=abcd&scope=x", b"a=1&refresh_token=x%41bcd", b"a=1&refresh_token=*&scope=x"):
        for _ in range(2):
            assert test.find_texts_beside(data, b"refresh_token") == test.find_texts(data, takes_tokens=True)


def test_a_field_that_was_not_opened_is_examined():
    """A password in the place of a refresh token is found, as is one beside a token in a field of another name."""
    finder = make_finder()
    for body in (f"refresh_token={TEXTS['federated password']}", f"x={TEXTS['federated password']}&y=1"):
        call = make_call(LOGIN, body=body.encode())
        assert [each.credential for each in finder.examine(call, SignInStep.TOKEN)] == ["password"]


@pytest.mark.parametrize(
    ("host", "step", "headers", "body"),
    [
        (LOGIN, SignInStep.TOKEN, {}, "grant_type=client_credentials&client_secret={client secret}"),
        (LOGIN, SignInStep.TOKEN, {"Authorization": "Basic {basic}"}, "grant_type=client_credentials"),
        (LOGIN, SignInStep.TOKEN, {}, "grant_type=password&username=bob%40contoso.com&password={password}"),
        (LOGIN, SignInStep.SIGN_IN_PAGE, {}, "login=bob%40contoso.com&passwd={password}"),
        (AUTOLOGON, SignInStep.WSTRUST_PASSWORD, {}, "<o:Password>{password}</o:Password>"),
        (STS, SignInStep.WSTRUST_PASSWORD, {}, "<o:Password>{federated password}</o:Password>"),
    ],
)
def test_a_secret_for_its_recipient_needs_no_full_search(monkeypatch, host, step, headers, body):
    """Password and client secret, sent where they belong, do not make the finder decode the request."""
    texts = {**TEXTS, "basic": b64(f"app:{TEXTS['client secret']}".encode())}
    headers = {name: value.format_map(texts) for name, value in headers.items()}
    monkeypatch.setattr(finder_module, "find_exposures", lambda *_: pytest.fail("a full search"))
    assert make_finder().examine(make_call(host, headers=headers, body=body.format_map(texts).encode()), step) == ()


def test_a_refused_ticket_is_the_only_part_that_is_searched(monkeypatch):
    """The header field of a refused ticket is searched, and its soap message is not."""
    searched: list[str] = []
    full = finder_module.find_exposures

    def note(request, *rest):
        searched.extend(name for name, _ in request.parts)
        return full(request, *rest)

    monkeypatch.setattr(finder_module, "find_exposures", note)
    ticket = {"Authorization": f"Negotiate {TEXTS['ticket']}", "Cookie": "a=b"}
    (found,) = make_finder().examine(make_call(STS, headers=ticket, body=b"<s:Envelope/>"), SignInStep.WSTRUST_TICKET)
    assert (found.credential, found.part) == ("ticket", "authorization header")
    assert searched == ["header Authorization"]


def test_a_first_message_of_ntlm_is_searched_once(monkeypatch):
    """A client that answers each challenge with the same NTLM message costs one search."""
    finder, count = make_finder(), 0
    search = finder_module._find_credentials

    def note(*arguments):
        nonlocal count
        count += 1
        return search(*arguments)

    monkeypatch.setattr(finder_module, "_find_credentials", note)
    call = make_call(AUTOLOGON, headers={"Authorization": f"Negotiate {TEXTS['ntlm']}"})
    assert [finder.examine(call, SignInStep.WSTRUST_TICKET) for _ in range(3)] == [()] * 3
    assert count == 1


def test_a_code_verifier_in_a_value_that_was_seen_before_is_found():
    """A client chooses its verifier before its challenge is known: what a search found before is no answer."""
    finder = make_finder()
    verifier = base64.urlsafe_b64decode(LAB.secrets["code verifier"] + b"=").hex()[:50]
    call = make_call(AUTOLOGON, headers={"Authorization": f"Negotiate {verifier}"})
    assert finder.examine(call, SignInStep.WSTRUST_TICKET) == ()
    challenge = b64url(sha256(verifier.encode()).digest())
    finder.examine(Call.read("GET", LOGIN, f"/x?code_challenge={challenge}", now=NOW), SignInStep.AUTHORIZE)
    assert [each.credential for each in finder.examine(call, SignInStep.WSTRUST_TICKET)] == ["code verifier"]
