"""The files and environment variables by which programs on a device find the lab's CA certificate."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from cryptography import x509

from ssosim.lab.trust.browsers import browser_policies
from ssosim.lab.trust.java import java_trust_store
from ssosim.lab.trust.openssl import subject_hash

__all__ = ["trust_environment", "trust_files", "write_trust"]

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
# The bundles of Debian and RHEL. Go, Node, Rust and others try them in turn.
_BUNDLES = ("ssl/certs/ca-certificates.crt", "pki/tls/certs/ca-bundle.crt")
_JAVA = ("ssl/certs/java/cacerts", "pki/ca-trust/extracted/java/cacerts")  # the trust stores of the machine's JDKs


def write_trust(folder: Path, ca: str, bundle: str) -> None:
    """Write ``ca.pem``, ``ca-bundle.pem`` and ``ca.jks`` into ``folder``. ``ca`` and ``bundle`` are PEM."""
    (folder / "ca.pem").write_text(ca, encoding="utf-8")
    (folder / "ca-bundle.pem").write_text(bundle, encoding="utf-8")
    (folder / "ca.jks").write_bytes(java_trust_store(_read_certificates(bundle)))


def trust_files(folder: Path) -> dict[str, str | bytes]:
    """Return the files for ``/etc`` by name, from those that ``write_trust`` wrote into ``folder``.

    They are CA bundles, an entry of OpenSSL's certificate folder, Java trust stores, and browser policies.
    """
    ca_file = folder / "ca.pem"
    pem, store = ca_file.read_bytes(), (folder / "ca.jks").read_bytes()
    certificate = x509.load_pem_x509_certificate(pem)
    files: dict[str, str | bytes] = dict.fromkeys(_BUNDLES, (folder / "ca-bundle.pem").read_bytes())
    files[f"ssl/certs/{subject_hash(certificate.subject.public_bytes())}.0"] = pem
    files |= {name: store for name in _JAVA if Path("/etc", name).exists()}
    files |= browser_policies(next(_read_certificates(pem.decode("ascii"))), ca_file)
    return files


def trust_environment(folder: Path) -> Mapping[str, str]:
    """Return the environment variables that name the CA bundle. The JVM has an option instead (``devices``)."""
    bundle = str(folder / "ca-bundle.pem")
    return {
        "CURL_CA_BUNDLE": bundle,
        "NODE_EXTRA_CA_CERTS": str(folder / "ca.pem"),
        "REQUESTS_CA_BUNDLE": bundle,
        "SSL_CERT_FILE": bundle,
    }


def _read_certificates(pem: str) -> Iterator[bytes]:
    """Yield each certificate of a PEM bundle (DER), duplicates once."""
    yield from dict.fromkeys(base64.b64decode(block) for block in _BLOCK.findall(pem.encode("utf-8")))
