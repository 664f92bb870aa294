"""Which redirect address is one that an application has registered, and how an answer is sent to it.

Sources: RFC 6749, sections 3.1.2 and 4.1.2; RFC 8252, section 7.3; RFC 9700, section 2.1; Entra document "Redirect URI
best practices and limitations"; OAuth 2.0 Form Post Response Mode.
"""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.oauth.authorization_codes import SignInFlow
from ssosim.entra.oauth.redirect_uris import check_redirect_uri, find_redirect_type, redirect_to_application
from ssosim.estate import Application, RedirectUri

WEB = "https://orders.contoso.com/back"
APPLICATION = Application(
    client_id="c",
    name="Orders",
    redirect_uris=(
        RedirectUri(uri=WEB, type="web"),
        RedirectUri(uri="https://orders.contoso.com/spa?x=1", type="spa"),
        RedirectUri(uri="http://localhost", type="native"),
        RedirectUri(uri="http://localhost:5000/fixed", type="web"),
        RedirectUri(uri="http://127.0.0.1/auth", type="native"),
        RedirectUri(uri="msal-c://auth", type="native"),
    ),
)


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        (WEB, "web"),
        ("https://orders.contoso.com/spa?x=1", "spa"),
        ("msal-c://auth", "native"),
        ("http://localhost", "native"),
        ("http://localhost/", "native"),
        ("http://localhost:1", "native"),
        ("http://localhost:65535/", "native"),
        ("http://localhost:5000/fixed", "web"),
        ("http://localhost:5001/fixed", "web"),
        ("http://127.0.0.1:8400/auth", "native"),
    ],
)
def test_a_registered_address_has_its_type(uri, kind):
    """Equal addresses, and loopback addresses with any port (RFC 8252, section 7.3)."""
    assert find_redirect_type(APPLICATION, uri) == kind
    assert check_redirect_uri(APPLICATION, uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "", f"{WEB}/", f"{WEB}?", f"{WEB}#", f"{WEB}?x=1", f"{WEB}/../back", WEB.upper(), "HTTPS://orders.contoso.com/back",
        "http://orders.contoso.com/back", "https://orders.contoso.com:443/back", "https://orders.contoso.com@evil.example/back",
        "https://evil.example/back", "https://orders.contoso.com.evil.example/back", "https://orders.contoso.com/spa",
        "https://orders.contoso.com/spa?x=1&y=2", " https://orders.contoso.com/back", f"{WEB}\n",
        "http://localhost:0", "http://localhost:65536", "http://localhost:99999", "http://localhost:", "http://localhost:-1",
        "http://localhost:8400/other", "http://localhost:8400?x", "http://localhost:8400#x", "https://localhost:8400",
        "http://localhost.evil.example:8400", "http://localhost@evil.example:8400", "http://LOCALHOST:8400",
        "http://[::1]:8400", "http://127.0.0.2:8400/auth", "http://127.0.0.1:8400", "http://127.0.0.1:8400/auth/",
        "http://localhost:\u0661", "http://localhost:8400/%61", "http://localhost:8400/fixed\n", "msal-c://auth/x", "msal-d://auth",
    ],
)  # fmt: skip
def test_an_address_that_looks_registered_is_not(uri):
    """No prefix, no other case, no other port but that of loopback, nothing before or behind: 50011."""
    assert find_redirect_type(APPLICATION, uri) is None
    with pytest.raises(AadstsError) as caught:
        check_redirect_uri(APPLICATION, uri)
    assert caught.value.code == 50011


def test_one_address_may_be_left_out_and_none_leads_nowhere():
    """With one registered address a request may name none (RFC 6749, section 3.1.2.3); 500113 without any."""
    one = Application(client_id="c", name="n", redirect_uris=(RedirectUri(uri=WEB, type="web"),))
    assert check_redirect_uri(one, "") == check_redirect_uri(one, WEB) == WEB
    for given_uri in ("", WEB):
        with pytest.raises(AadstsError) as caught:
            check_redirect_uri(Application(client_id="c", name="n"), given_uri)
        assert caught.value.code == 500113


def flow(**changes: object) -> SignInFlow:
    """A sign-in for the application."""
    given_parts = {
        "id": "i", "browser": "b", "authority": "a", "version": "2.0", "client_id": "c", "resource": "r", "scopes": (),
        "issued": 1, "redirect_uri": WEB,
    }  # fmt: skip
    return SignInFlow(**(given_parts | changes))  # type: ignore[arg-type]


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


@settings(max_examples=60)
@given(_TEXT, st.none() | _TEXT, st.sampled_from(["query", "fragment"]), st.sampled_from([WEB, f"{WEB}?x=1"]))
def test_an_answer_comes_back_in_its_place(code: str, state: str | None, mode: str, uri: str) -> None:
    """Code and state are in the query or behind the #, as they were; a query of the address stays before them."""
    reply = redirect_to_application(flow(redirect_uri=uri, response_mode=mode, state=state), {"code": code})
    location = dict(reply.headers)["Location"]
    assert reply.status == 302
    assert location.startswith(uri)
    assert location.isascii()
    parts = urlsplit(location)
    found = parse_qsl(getattr(parts, mode), keep_blank_values=True)
    expected = [("code", code), *([("state", state)] if state is not None else [])]
    assert [each for each in found if each[0] in ("code", "state")] == expected
    assert ("x", "1") in parse_qsl(parts.query) or uri == WEB


@settings(max_examples=40)
@given(_TEXT.filter(lambda text: "\r" not in text), _TEXT.filter(lambda text: "\r" not in text))
def test_a_form_post_has_the_fields_as_text(code: str, state: str) -> None:
    """Whatever is in a field is no markup of the page that posts it."""
    page = redirect_to_application(flow(response_mode="form_post", state=state), {"code": code}).body.decode()
    fields = dict(re.findall(r'name="([^"]*)" value="([^"]*)"', page))
    assert {name: html.unescape(value) for name, value in fields.items() if name in ("code", "state")} == {
        "code": html.unescape(html.escape(code)),
        "state": html.unescape(html.escape(state)),
    }
    assert f'action="{WEB}"' in page
