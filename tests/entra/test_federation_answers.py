"""The answer of a federation service at ``/login.srf``: its parameters and its one token (WS-Federation 1.2, 13.2)."""

from __future__ import annotations

import pytest
from lxml import etree

from ssosim.entra.core.safe_xml import InvalidXmlError
from ssosim.entra.wstrust.rst import TRUST_NAMESPACES
from ssosim.entra.wstrust.ws_federation import build_wctx, extract_assertion, read_wctx, render_wresult

from .saml_documents import signed
from .test_entra_federated import FederatedSignIn

TOKEN = '<a xmlns="urn:a" b="1">text<c/></a>'


def wrap(inner: str, version: str = "2005") -> str:
    """A response with this content."""
    name = "RequestSecurityTokenResponse"
    return f'<t:{name} xmlns:t="{TRUST_NAMESPACES[version]}">{inner}</t:{name}>'


def token(inner: str = TOKEN) -> str:
    """One RequestedSecurityToken."""
    return f"<t:RequestedSecurityToken>{inner}</t:RequestedSecurityToken>"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"wa": None}, 900144),
        ({"wa": ""}, 900144),
        ({"wa": "wsignout1.0"}, 9002313),
        ({"wa": "WSIGNIN1.0"}, 9002313),
        ({"wresult": None}, 900144),
        ({"wctx": None}, 900144),
        ({"wctx": ""}, 900144),
        ({"wctx": "x" * 20_000}, 165000),
        ({"wctx": "&" * 30}, 165000),
    ],
)
def test_each_parameter_of_the_answer_is_required(browser, changes, code):
    """Without one of ``wa``, ``wresult`` and ``wctx``, or with another action, there is a page and no code."""
    federated = FederatedSignIn(browser)
    page = federated.form(federated.target())
    answer = federated.return_to_entra(page, **changes)
    assert (answer.code, answer.status != 302) == (code, True)
    assert federated.return_to_entra(page).status == 302, "the refused answer has used up nothing"


@pytest.mark.parametrize("version", ["2005", "13"])
def test_the_one_token_is_taken_as_it_is(version):
    """The token of a response, also in a collection of WS-Trust 1.3, keeps its canonical form."""
    response = wrap(token(f"\n {TOKEN} "), version)
    collection = f'<c:C xmlns:c="{TRUST_NAMESPACES[version]}">{response}</c:C>'
    for text in (response, collection):
        found = etree.fromstring(extract_assertion(text))
        assert etree.tostring(found, method="c14n", exclusive=True).decode() == '<a xmlns="urn:a" b="1">text<c></c></a>'


@pytest.mark.parametrize(
    "text",
    [
        wrap(""),
        wrap(token("")),
        wrap(token("text")),
        wrap(token(TOKEN * 2)),
        wrap(token() * 2),
        wrap(token(token())) + " ",
        wrap(token()).replace("ws/2005/02/trust", "ws/2004/04/trust"),
        TOKEN,
        "",
        "<x",
        "\ud800",
    ],
)
def test_no_token_and_several_are_none(text):
    """Which of two tokens is meant is nothing to guess."""
    if text.startswith("<t:") and text.endswith(" "):  # a token inside a token is one of each
        with pytest.raises(InvalidXmlError, match="2 security tokens"):
            extract_assertion(text)
        return
    with pytest.raises(InvalidXmlError):
        extract_assertion(text)


def test_a_second_assertion_in_the_answer_is_no_sign_in(browser, keys):
    """A response with the assertion of the service and another one is refused as a whole."""
    federated = FederatedSignIn(browser)
    page = federated.form(federated.target())
    own = browser.hidden(page)["wresult"]
    other = signed(keys, "1.1")
    start, end = "<t:RequestedSecurityToken>", "</t:RequestedSecurityToken>"
    answer = federated.return_to_entra(page, wresult=own.replace(start, f"{start}{other}{end}{start}", 1))
    assert answer.code == 50008


@pytest.mark.parametrize("request_text", ["abc", "", "a&b=c", "%26", "\u00e4 +"])
def test_a_context_comes_back(request_text):
    """What was put into ``wctx`` is read from it, whatever its letters are."""
    assert read_wctx(build_wctx(request_text)) == request_text


def test_text_in_the_answer_is_escaped():
    """The audience of the response is text, not markup."""
    found = etree.fromstring(render_wresult(TOKEN, "<&>", 0, 60))
    assert found.findtext(".//{http://www.w3.org/2005/08/addressing}Address") == "<&>"
