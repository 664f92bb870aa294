"""Check the credentials of applications and the OpenID issuers of an estate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from ssosim.estate.applications import Application
from ssosim.estate.credential_files import find_file_mistakes
from ssosim.estate.credentials import Certificate
from ssosim.estate.model import Estate
from ssosim.estate.toml_lines import KeyPath

__all__ = ["find_credential_mistakes"]

Mistake = tuple[KeyPath, str]

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_MAX_FEDERATED = 20  # Entra workload identity federation, considerations


def find_credential_mistakes(estate: Estate) -> Iterator[Mistake]:
    """Yield every mistake: its key path, and a text that says what is expected."""
    yield from find_file_mistakes(estate)
    for index, app in enumerate(estate.applications):
        here: KeyPath = ("applications", index)
        if app.client_secret == "":
            yield (*here, "client_secret"), "must not be empty; leave it out for an application without a secret"
        for number, secret in enumerate(app.secrets):
            yield from _dates((*here, "secrets", number), secret.start_date_time, secret.end_date_time)
        yield from _certificates((*here, "certificates"), app)
        for number, subject in enumerate(app.trusted_certificate_subjects):
            if not subject.authority_file:
                yield from _pem((*here, "trusted_certificate_subjects", number, "authority"), subject.authority)
        yield from _check_federated((*here, "federated_credentials"), app)
    yield from _issuers(estate)


def _dates(here: KeyPath, start: datetime | None, end: datetime | None) -> Iterator[Mistake]:
    if start is not None and end is not None and end <= start:
        yield (*here, "end_date_time"), f"{end.isoformat()} is not after start_date_time"


def _certificates(here: KeyPath, app: Application) -> Iterator[Mistake]:
    generated: set[str] = set()
    for number, each in enumerate(app.certificates):
        if each.is_generated:
            if each.display_name in generated:
                yield (
                    (*here, number, "display_name"),
                    f"{each.display_name!r} is the name of another generated certificate of this application",
                )
            generated.add(each.display_name)
            yield from _dates((*here, number), each.start_date_time, each.end_date_time)
        else:
            yield from _given((*here, number), each)


def _given(here: KeyPath, certificate: Certificate) -> Iterator[Mistake]:
    if certificate.pem and certificate.file:
        yield (*here, "file"), "the certificate has pem already; give one of the two"
    if certificate.start_date_time is not None or certificate.end_date_time is not None:
        key = "start_date_time" if certificate.start_date_time is not None else "end_date_time"
        yield (*here, key), "only for a certificate that the lab generates; this one has its own dates"
    if certificate.pem:
        yield from _pem((*here, "pem"), certificate.pem)


def _pem(path: KeyPath, text: str) -> Iterator[Mistake]:
    from cryptography import x509  # noqa: PLC0415 - takes 30 ms, and most estates have no certificates
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    blocks = _PEM.findall(text)
    try:
        keys = [x509.load_pem_x509_certificate(block.encode()).public_key() for block in blocks]
    except ValueError:
        keys = []
    if not keys:
        yield path, "is not a certificate in PEM; expected -----BEGIN CERTIFICATE----- and so on"
    elif path[-1] == "pem" and not (isinstance(keys[0], rsa.RSAPublicKey) and keys[0].key_size >= 2048):
        yield path, "needs an RSA key of at least 2048 bits, since assertions are signed with RS256 or PS256"


def _check_federated(here: KeyPath, app: Application) -> Iterator[Mistake]:
    if len(app.federated_credentials) > _MAX_FEDERATED:
        yield here, f"an application has at most {_MAX_FEDERATED} federated credentials"
    names: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    for number, each in enumerate(app.federated_credentials):
        if each.name in names:
            yield (*here, number, "name"), f"{each.name!r} is the name of another credential of this application"
        if (each.issuer, each.subject) in pairs:
            yield (*here, number, "subject"), "another credential of this application has this issuer and subject"
        names.add(each.name)
        pairs.add((each.issuer, each.subject))


def _issuers(estate: Estate) -> Iterator[Mistake]:
    served = bool(estate.addresses("oidc-issuer"))
    if served and not estate.openid_issuers:
        yield ("openid_issuers",), 'needs at least one issuer: a host has "oidc-issuer" in its services'
    if estate.openid_issuers and not served:
        yield ("openid_issuers",), 'needs a host with "oidc-issuer" in its services'
    taken = dict(estate.list_identity_hosts())
    seen: set[str] = set()
    for index, each in enumerate(estate.openid_issuers):
        if each.issuer in seen:
            yield ("openid_issuers", index, "issuer"), f"{each.issuer!r} is there already"
        seen.add(each.issuer)
        if each.host in taken:
            yield (
                ("openid_issuers", index, "issuer"),
                f"{each.host!r} is a host of the identity provider, which serves its own documents there",
            )
