"""Parsing responses of a service: the right part is chosen, and bad input is a typed failure."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ssosim_clients.failures import Failure, HttpFailure, InteractionRequired, OauthFailure, ProtocolFailure
from ssosim_clients.flows import NativeFlow, mex, realm, token, wstrust
from ssosim_clients.flows.negotiate import is_challenge
from ssosim_clients.flows.xml import MAX_BYTES, parse
from ssosim_clients.ports import Headers, HttpResponse
from ssosim_clients.spn import RULES

from .conftest import ACTION, AUTOLOGON, MANAGER, TRUST_URL, ClientEnvironment, mex_document, rstr

V13 = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"


def test_mex_choice() -> None:
    """The endpoint behind NegotiateAuthentication and a TransportBinding is chosen (TMS9-012)."""
    endpoint = mex.read_kerberos_endpoint(mex_document())
    assert (endpoint.url, endpoint.version.action) == (TRUST_URL, ACTION)


@pytest.mark.parametrize(
    "document",
    [
        mex_document(assertion="sp:UsernameToken"),
        mex_document(transport="sp:Other"),
        mex_document(address="not a uri"),
        mex_document(address="https://[::1"),
    ],
)
def test_mex_without_integrated_authentication(document: bytes) -> None:
    """Without the Negotiate policy, its transport binding or an address there is no silent sign-in (TMS9-014)."""
    with pytest.raises(InteractionRequired):
        mex.read_kerberos_endpoint(document)


def test_mex_prefers_newer_trust() -> None:
    """If 1.3 is offered beside 2005, 1.3 is used, as in MSAL.NET."""
    document = mex_document().decode()
    start, end = document.index("<wsdl:binding"), document.index("<wsdl:service")
    newer = document[start:end].replace(ACTION, f"{V13}/RST/Issue").replace('"W"', '"N"')
    port = document[document.index("<wsdl:port") : document.index("</wsdl:service")]
    document = document.replace("<wsdl:service", newer + "<wsdl:service")
    document = document.replace(
        "</wsdl:service", port.replace("tns:W", "tns:N").replace("2005", "13") + "</wsdl:service"
    )
    endpoint = mex.read_kerberos_endpoint(document.encode())
    assert endpoint.version.namespace == V13
    assert "/13/windowstransport" in endpoint.url


def test_mex_duplicate_policy_ids() -> None:
    """Two policies with one id are an error, as in the parser of MSAL.NET."""
    document = mex_document()
    start, end = document.index(b"<wsp:Policy "), document.index(b"<wsdl:binding")
    with pytest.raises(ProtocolFailure, match="policyW"):
        mex.read_kerberos_endpoint(document[:start] + document[start:end] * 2 + document[end:])


def test_rstr_token_types() -> None:
    """The SAML 1.0 URN means saml1_1-bearer; anything else is treated as SAML 2, as in MSAL.NET."""
    assert "saml1_1-bearer" in wstrust.read_rstr(rstr()).grant_type
    assert "saml2-bearer" in wstrust.read_rstr(rstr("urn:other")).grant_type


def test_assertion_stands_alone() -> None:
    """The assertion taken from its envelope is a complete document without white space around it."""
    xml = wstrust.read_rstr(b"  " + rstr()).xml
    assert parse(xml, "it").findtext("DesktopSsoToken") == "opaque"
    assert xml.startswith(b"<saml:Assertion")
    assert xml.endswith(b"</saml:Assertion>")


def test_rst_escapes_its_values() -> None:
    """A URL with markup in it stays text."""
    root = parse(wstrust.build_rst(wstrust.V2005, 'https://h/?a="&b=<x>', "urn:\ud800", "1"), "the RST")
    assert root.findtext(".//{http://www.w3.org/2005/08/addressing}To") == 'https://h/?a="&b=<x>'


def test_fault_keeps_the_code() -> None:
    """The AADSTS number of a SOAP fault is found in psf:text; a bare 403 is a failure too."""
    body = b"""<S:Envelope xmlns:S="http://www.w3.org/2003/05/soap-envelope"><S:Body><S:Fault><S:Reason>
      <S:Text>Authentication Failure</S:Text></S:Reason><S:Detail><psf:text
      xmlns:psf="http://schemas.microsoft.com/Passport/SoapServices/SOAPFault">AADSTS81004: Kerberos failed</psf:text>
      </S:Detail></S:Fault></S:Body></S:Envelope>"""
    assert wstrust.read_fault(HttpResponse(400, body=body)).code == 81004
    bare = wstrust.read_fault(HttpResponse(403))
    assert (bare.status, bare.code) == (403, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<a>",
        b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'.encode("utf-16"),
        b"<a>" + b" " * MAX_BYTES + b"</a>",
        b"<a>" * 5000 + b"</a>" * 5000,
    ],
    ids=["empty", "open", "entity", "external", "utf16", "large", "deep"],
)
def test_hostile_xml(body: bytes) -> None:
    """DTDs, entities, sizes and depths beyond the limits are protocol failures."""
    with pytest.raises(ProtocolFailure):
        parse(body, "the document")


@given(st.binary(max_size=300))
def test_any_bytes_are_answered_with_a_failure(body: bytes) -> None:
    """The parsers raise only typed failures, whatever the body is."""
    for read in (
        mex.read_kerberos_endpoint,
        wstrust.read_rstr,
        realm.read_federated_realm,
        lambda raw: token.read_tokens(HttpResponse(200, body=raw)),
    ):
        with pytest.raises(Failure):
            read(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["account_type", "domain_name", "federation_metadata_url", "cloud_audience_urn", "error", "error_codes"]
KEYS += ["access_token", "token_type", "expires_in"]


@given(st.dictionaries(st.sampled_from(KEYS), JSON | st.sampled_from(["Federated", "Bearer", "http://[", 10**400])))
def test_any_json_is_read_or_refused(answer: dict[str, object]) -> None:
    """JSON of the wrong shape is a typed failure or a result, never another exception."""
    import json  # noqa: PLC0415 - only this test writes JSON

    body = json.dumps(answer).encode()
    for read in (realm.read_federated_realm, lambda raw: token.read_tokens(HttpResponse(200, body=raw))):
        try:
            read(body)
        except Failure:
            continue


def test_oauth_error_is_read_whatever_the_status() -> None:
    """An OAuth error in the body wins over the status; HTML does not count as one."""
    body = b'{"error":"invalid_grant","error_codes":[50126],"error_description":"AADSTS50126: x\\r\\nTrace ID: y"}'
    for status in (200, 400, 500):
        with pytest.raises(OauthFailure) as caught:
            token.read_tokens(HttpResponse(status, body=body))
        assert (caught.value.code, caught.value.text) == (50126, "AADSTS50126: x")
    with pytest.raises(HttpFailure):
        token.read_tokens(HttpResponse(503, body=b"<html>"))


def test_challenge_is_found_among_schemes() -> None:
    """Negotiate is recognised in any case, in repeated fields, and only in a 401."""
    both = Headers([("WWW-Authenticate", "NTLM"), ("www-authenticate", "nEGOTIATE")])
    assert is_challenge(HttpResponse(401, both))
    assert not is_challenge(HttpResponse(401, Headers([("WWW-Authenticate", "Basic realm=negotiate")])))
    assert not is_challenge(HttpResponse(403, both))


@pytest.mark.parametrize(
    ("rule", "stage", "failure", "posts"),
    [
        ("wininet", "trust", "HTTP 403", ["401 none", "403 ntlm"]),
        ("dotnet", "ticket", "HTTP 401", ["401 none"]),
        ("chromium-linux", "trust", "HTTP 401", ["401 none", "401 none"]),
        ("httpx-gssapi", "trust", "HTTP 401", ["401 none", "401 none"]),
        ("gokrb5", "ticket", "server-unknown", ["401 none"]),
    ],
)
def test_unknown_spn(environment: ClientEnvironment, rule: str, stage: str, failure: str, posts: list[str]) -> None:
    """After an SPN that the KDC does not know each client sends what the real client sent (read-spn)."""
    environment.put_cname()
    with pytest.raises(Failure) as caught:
        environment.play(NativeFlow().attempt(environment.device(), RULES[rule]))
    assert str(caught.value).startswith(f"{stage}: ")
    assert failure in str(caught.value)
    assert [entry.rpartition("windowstransport ")[2] for entry in environment.seen("http POST")] == posts
    assert environment.seen("tgs") == [f"tgs HTTP/{MANAGER}"]


def test_dotnet_lets_the_second_look_up_out(environment: ClientEnvironment) -> None:
    """A look-up that fails after the connection is a network error of the ticket stage in .NET."""
    device = environment.device()

    class Flapping:
        async def resolve(self, name: str, family: str) -> object:
            environment.remove_record()
            return await device.resolver.resolve(name, family)  # type: ignore[arg-type]

        async def reverse(self, address: str) -> str | None:
            return await device.resolver.reverse(address)

    with pytest.raises(Failure, match=f"ticket: could not resolve {AUTOLOGON}"):
        environment.play(NativeFlow().attempt(environment.device(resolver=Flapping()), RULES["dotnet"]))


def test_no_client_headers_no_integrated_sign_in(environment: ClientEnvironment) -> None:
    """Without x-client-* headers the realm response is Managed, so the silent sign-in fails at realm discovery."""
    flow = NativeFlow(msgspec.structs.replace(token.Application(), headers=None))
    with pytest.raises(Failure, match="realm: the user is managed"):
        environment.play(flow.attempt(environment.device(), RULES["wininet"]))
