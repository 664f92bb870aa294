"""From the certificate of an application to a trusted authority: who may have issued what (RFC 5280, section 6.1)."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509

from ssosim.entra.oauth.client_certificates import (
    CertificateChainError,
    RegisteredCertificate,
    build_chain,
    list_subject_names,
    read_chain,
    read_thumbprints,
)

from .proofs import der, hex_sha1, make_certificate, pem, thumbprint

ROOT = make_certificate("root", authority=True)
MIDDLE = make_certificate("middle", issuer="root", authority=True)
LOWER = make_certificate("lower", issuer="middle", authority=True)
LEAF = make_certificate("leaf", issuer="middle")
DEEP = make_certificate("deep", issuer="lower")


def names(path: tuple[x509.Certificate, ...]) -> list[str]:
    """The common names along a path."""
    return [list_subject_names(each)[0] for each in path]


@pytest.mark.parametrize(
    ("chain", "trusted", "path"),
    [
        ((LEAF, MIDDLE), ROOT, ["leaf", "middle", "root"]),
        ((LEAF, MIDDLE, ROOT), ROOT, ["leaf", "middle", "root"]),
        ((LEAF, ROOT, MIDDLE), ROOT, ["leaf", "middle", "root"]),
        ((LEAF,), MIDDLE, ["leaf", "middle"]),
        ((LEAF, MIDDLE), MIDDLE, ["leaf", "middle"]),
        ((DEEP, MIDDLE, LOWER), ROOT, ["deep", "lower", "middle", "root"]),
    ],
)
def test_a_path_leads_to_the_trusted_authority(chain, trusted, path):
    """The certificates between leaf and authority may come in any order, and the authority need not be sent."""
    assert names(build_chain(chain, pem(trusted))) == path


@pytest.mark.parametrize(
    ("chain", "trusted"),
    [
        ((LEAF,), ROOT),
        ((LEAF, ROOT), ROOT),
        ((LEAF, MIDDLE), make_certificate("another", authority=True)),
        ((ROOT,), LEAF),
        ((DEEP, MIDDLE), ROOT),
        ((make_certificate("end", issuer="leaf"), LEAF, MIDDLE), ROOT),
        ((make_certificate("plain"),), make_certificate("plain")),
    ],
)
def test_a_path_with_a_gap_or_a_stranger_is_none(chain, trusted):
    """A missing link, another authority, and a certificate below one that is no authority: refused."""
    with pytest.raises(CertificateChainError):
        build_chain(chain, pem(trusted))


@pytest.mark.parametrize(("length", "good"), [(None, True), (2, True), (1, True), (0, False)])
def test_the_path_length_of_an_authority_is_kept(length, good):
    """The root allows so many authorities between itself and the leaf (RFC 5280, section 4.2.1.9)."""
    root = make_certificate("root", authority=True, path_length=length)
    chain = (LEAF, MIDDLE)
    if good:
        assert names(build_chain(chain, pem(root))) == ["leaf", "middle", "root"]
    else:
        with pytest.raises(CertificateChainError):
            build_chain(chain, pem(root))


@pytest.mark.parametrize(("length", "good"), [(1, True), (0, False)])
def test_the_path_length_of_an_authority_that_is_sent_is_kept(length, good):
    """An authority that may not have others below it has issued none, also in the list of the sender."""
    middle = make_certificate("middle", issuer="root", authority=True, path_length=length)
    try:
        path = names(build_chain((DEEP, LOWER, middle), pem(ROOT)))
    except CertificateChainError:
        path = []
    assert path == (["deep", "lower", "middle", "root"] if good else [])


def test_a_path_length_of_zero_is_enough_for_a_leaf():
    """Zero means that no other authority is below it; the leaf is none."""
    middle = make_certificate("middle", issuer="root", authority=True, path_length=0)
    assert names(build_chain((LEAF, middle), pem(ROOT))) == ["leaf", "middle", "root"]


@pytest.mark.parametrize(("may_sign", "good"), [(None, True), (True, True), (False, False)])
def test_an_authority_must_be_allowed_to_sign_certificates(may_sign, good):
    """A KeyUsage without keyCertSign is that of no issuer (RFC 5280, section 4.2.1.3)."""
    middle = make_certificate("middle", issuer="root", authority=True, may_sign=may_sign)
    try:
        path = names(build_chain((LEAF, middle), pem(ROOT)))
    except CertificateChainError:
        path = []
    assert path == (["leaf", "middle", "root"] if good else [])


def test_a_loop_of_authorities_ends():
    """Two authorities that have certified each other lead nowhere, in finite time."""
    one = make_certificate("middle", issuer="lower", authority=True)
    with pytest.raises(CertificateChainError):
        build_chain((LEAF, one, LOWER), pem(ROOT))


def encoded(certificate: x509.Certificate) -> str:
    """Standard base64 of DER (RFC 7515, section 4.1.6)."""
    return base64.b64encode(der(certificate)).decode()


def test_x5c_is_a_list_or_one_certificate():
    """MSAL.NET sends one text, MSAL for Python the lines of PEM; ten certificates are the most."""
    lines = "\r\n".join(encoded(LEAF)[at : at + 64] for at in range(0, len(encoded(LEAF)), 64))
    for value in (encoded(LEAF), [encoded(LEAF)], [lines]):
        assert read_chain(value) == (LEAF,)
    assert len(read_chain([encoded(LEAF)] * 10)) == 10


@pytest.mark.parametrize(
    "value",
    [None, "", [], {}, 7, [7], [None], ["AAAA"], [encoded(LEAF)] * 11, [encoded(LEAF) + "!"], [encoded(LEAF), ""],
     [encoded(LEAF).replace("=", "") + "*"], [base64.urlsafe_b64encode(b"\xff\xfe" * 30).decode()], ["\u00e4"]],
)  # fmt: skip
def test_another_x5c_is_refused(value):
    """Anything else than standard base64 of certificates is refused, and nothing but the documented error is raised."""
    with pytest.raises(CertificateChainError):
        read_chain(value)


def test_names_are_the_common_name_and_those_of_dns():
    """The names of a certificate are its common name and its DNS names, once each."""
    certificate = make_certificate("app.contoso.com", dns=("app.contoso.com", "www.contoso.com"))
    assert list_subject_names(certificate) == ("app.contoso.com", "www.contoso.com")
    assert list_subject_names(LEAF) == ("leaf",)


SHA1, SHA256 = bytes(range(20)), bytes(range(236, 236 + 20)) + bytes(range(12))
STANDARD, URL = base64.b64encode, base64.urlsafe_b64encode
REGISTERED = RegisteredCertificate.from_certificate(LEAF)


@pytest.mark.parametrize("encode", [STANDARD, URL])
@pytest.mark.parametrize("padded", [True, False])
def test_a_thumbprint_is_read_in_four_forms(encode, padded):
    """Base64 and base64url, with padding and without: the libraries write all of them."""
    texts = [encode(digest).decode() if padded else encode(digest).decode().rstrip("=") for digest in (SHA1, SHA256)]
    found = read_thumbprints({"x5t": texts[0], "x5t#S256": texts[1], "kid": "another"})
    assert [each.digest for each in found] == [SHA1, SHA256]
    assert read_thumbprints({"kid": texts[0]}) == ()


@pytest.mark.parametrize(
    "header",
    [
        {"x5t": None}, {"x5t": 7}, {"x5t": ["AAAA"]}, {"x5t": "\u00e4" * 27}, {"x5t": "*" * 27},
        {"x5t": "A"}, {"x5t": STANDARD(SHA1).decode(), "x5t#S256": "x"},
    ],
)  # fmt: skip
def test_a_thumbprint_that_is_no_base64_is_refused(header):
    """A text that is no base64 is no thumbprint (RFC 7515, 4.1.7)."""
    with pytest.raises(ValueError, match="thumbprint"):
        read_thumbprints(header)


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("x5t", b""), ("x5t", REGISTERED.sha256), ("x5t#S256", REGISTERED.sha1), ("x5t", REGISTERED.sha1[1:]),
        ("x5t", REGISTERED.sha1 + b"x"), ("x5t", REGISTERED.sha1.hex().encode()),
    ],
    ids=["empty", "SHA-256 as SHA-1", "SHA-1 as SHA-256", "shorter", "longer", "hexadecimal"],  # keys are random
)  # fmt: skip
def test_a_digest_of_another_length_is_of_no_certificate(name, digest):
    """SHA-256 under the name of SHA-1 is an unknown key (open-webui/oikb pull request 120), and so is the reverse."""
    (found,) = read_thumbprints({name: STANDARD(digest).decode()})
    assert not found.matches(REGISTERED)


def test_a_thumbprint_is_of_the_certificate():
    """Both hashes of the DER encoding match their certificate and no other; the portal shows SHA-1 in capitals."""
    registered, other = (RegisteredCertificate.from_certificate(each) for each in (LEAF, MIDDLE))
    for text, name in ((thumbprint(LEAF, sha=1), "x5t"), (thumbprint(LEAF), "x5t#S256")):
        (found,) = read_thumbprints({name: text})
        assert (found.matches(registered), found.matches(other)) == (True, False)
    assert registered.thumbprint == hex_sha1(LEAF)


def test_only_an_rsa_key_signs():
    """A certificate with an elliptic curve has no key that could verify an assertion."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(LEAF.subject, LEAF.subject, key.public_key(), 1)
    curve = builder.not_valid_before(LEAF.not_valid_before_utc).not_valid_after(LEAF.not_valid_after_utc)
    found = RegisteredCertificate.from_certificate(curve.sign(key, hashes.SHA256()))
    assert found.public_key is None
    assert RegisteredCertificate.from_certificate(LEAF).public_key is not None
