"""azure-identity, unmodified, with certificates and client assertions; its transport calls the provider."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.transport import HttpRequest, HttpResponse, HttpTransport
from azure.identity import CertificateCredential, ClientAssertionCredential, ClientSecretCredential

from ssosim.estate import Certificate, ClientSecret, TrustedCertificateSubject
from ssosim.trace import ClientAuthenticated

from .proofs import CLIENT, CONTOSO, GRAPH, assertion, estate_with, make_certificate, pem, private_pem, thumbprint

WIDE: Any = {"start": datetime(2020, 1, 1, tzinfo=UTC), "end": datetime(2050, 1, 1, tzinfo=UTC)}
MINE = make_certificate("azure", **WIDE)
ROOT = make_certificate("azure-root", authority=True, **WIDE)
LEAF = make_certificate("azure-leaf", issuer="azure-root", dns=("app.contoso.com",), **WIDE)
STRANGER = make_certificate("azure-stranger", **WIDE)


class Response(HttpResponse):
    """A response with the body of the provider's reply."""

    def __init__(self, request: HttpRequest, reply: Any) -> None:
        super().__init__(request, None)
        self.status_code, self.headers = reply.status, dict(reply.headers) | {"Content-Type": reply.content_type}
        self.content_type, self.reason, self._body = reply.content_type, "", reply.body

    def body(self) -> bytes:
        """The body."""
        return self._body


class Transport(HttpTransport[HttpRequest, HttpResponse]):
    """Sends requests to the provider of a site."""

    def __init__(self, site: Any) -> None:
        self._site = site

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def open(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def send(self, request: HttpRequest, **_: Any) -> HttpResponse:
        """Send one request."""
        host, _, path = request.url.removeprefix("https://").partition("/")
        body = request.content if hasattr(request, "content") else request.body
        text = urlencode(body) if isinstance(body, dict) else body
        data = text.encode() if isinstance(text, str) else text or b""
        return Response(request, self._site.ask(request.method, host, f"/{path}", headers=request.headers, body=data))


@pytest.fixture
def site(make_site: Any) -> Any:
    """An application with a certificate, a subject name and a secret; the clock is the machine's."""
    trusted = TrustedCertificateSubject(subject_name="app.contoso.com", authority=pem(ROOT))
    made = make_site(
        estate_with(
            certificates=(Certificate(pem=pem(MINE)),),
            trusted_certificate_subjects=(trusted,),
            secrets=(ClientSecret(value="good-secret"),),
        )
    )
    made.clock.advance(time.time() - made.clock.now())
    return made


def certificate(site: Any, name: str, own: Any, **more: Any) -> CertificateCredential:
    """A credential with key and certificate in one PEM text."""
    data = (private_pem(name) + pem(own)).encode()
    return CertificateCredential(
        CONTOSO, CLIENT, certificate_data=data, transport=Transport(site), disable_instance_discovery=True, **more
    )


def asserting(site: Any, signer: str) -> ClientAssertionCredential:
    """A credential whose program signs the assertions."""
    now = time.time()

    def sign() -> str:
        header = {"x5t#S256": thumbprint(MINE)}
        return assertion("azure", signer=signer, header=header, iat=now, nbf=now, exp=now + 600)

    return ClientAssertionCredential(CONTOSO, CLIENT, sign, transport=Transport(site), disable_instance_discovery=True)


def test_the_right_proof_signs_in(site: Any) -> None:
    """A certificate, one that is sent with its chain, an assertion and a secret: a token each, and what proved it."""
    ways = (
        certificate(site, "azure", MINE),
        certificate(site, "azure", MINE, send_certificate_chain=True),
        certificate(site, "azure-leaf", LEAF, send_certificate_chain=True),
        asserting(site, "azure"),
        ClientSecretCredential(
            CONTOSO, CLIENT, "good-secret", transport=Transport(site), disable_instance_discovery=True
        ),
    )
    for way in ways:
        assert way.get_token(f"{GRAPH}/.default").token
    assert [each.method for each in site.events(ClientAuthenticated)] == [
        "certificate",
        "certificate",
        "certificate_subject",
        "certificate",
        "client_secret",
    ]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda site: certificate(site, "azure-stranger", STRANGER), 700027),
        (lambda site: certificate(site, "azure-stranger", STRANGER, send_certificate_chain=True), 7000213),
        (lambda site: certificate(site, "azure-leaf", LEAF), 700027),  # the chain is not sent
        (lambda site: asserting(site, "azure-stranger"), 700027),
        (
            lambda site: ClientSecretCredential(
                CONTOSO, CLIENT, "bad", transport=Transport(site), disable_instance_discovery=True
            ),
            7000215,
        ),
    ],
)
def test_a_wrong_proof_gets_its_code(site: Any, make: Any, code: int) -> None:
    """700027, 7000213 and 7000215 reach the program as the library's own exception."""
    with pytest.raises(ClientAuthenticationError, match=f"AADSTS{code}"):
        make(site).get_token(f"{GRAPH}/.default")
    assert not site.events(ClientAuthenticated)
