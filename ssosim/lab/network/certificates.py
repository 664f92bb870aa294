"""The certificates of a lab: its own CA, one leaf for each name of a TLS service, and the CA bundle for programs."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ssosim.faults.core.fault import CertificateTrouble
from ssosim.lab.network.tls_observer import OBSERVED_CONNECTION

__all__ = ["FOREIGN_HOST_NAME", "LabCa"]

FOREIGN_HOST_NAME = "elsewhere.example"
"""The name in the certificate that a host outside of the estate presents."""

_SYSTEM_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")


class LabCa:
    """The certificate authority of one lab. Its private key is kept in memory only."""

    def __init__(self) -> None:
        self._ca = trustme.CA(organization_name="ssosim lab, not for use elsewhere")
        self._leaves: dict[str, trustme.LeafCert] = {}
        self._bad_contexts: dict[str, tuple[str, ssl.SSLContext, bytes]] = {}
        self._on_presented: Mapping[str, Callable[[], None]] = {}
        self._faults: Mapping[str, int] = {}
        self._presented: dict[str, tuple[int, ...]] = {}

    @property
    def certificate_pem(self) -> str:
        """The CA certificate (PEM)."""
        return self._ca.cert_pem.bytes().decode("ascii")

    @property
    def certificate(self) -> x509.Certificate:
        """The CA certificate."""
        return x509.load_pem_x509_certificate(self._ca.cert_pem.bytes())

    def bundle_pem(self) -> str:
        """Return the CA bundle of a corporate device (PEM): the machine's authorities and this one."""
        for name in _SYSTEM_BUNDLES:
            try:
                return Path(name).read_text(encoding="utf-8") + "\n" + self.certificate_pem
            except (OSError, UnicodeDecodeError):
                continue
        return self.certificate_pem

    def server_context(self, names: Iterable[str]) -> ssl.SSLContext:
        """A TLS server context that presents the leaf of the name that is requested for (SNI), if it is one of these.

        To who asks for another name it presents the first; a certificate that is bad is presented for these only.
        """
        leaves = {name.lower(): self._leaf_of(name.lower()) for name in names}
        if not leaves:
            raise ValueError("a TLS server needs at least one name")
        contexts = {name: _context_of(leaf) for name, leaf in leaves.items()}
        bindings = {name: _bindings_of(leaf) for name, leaf in leaves.items()}
        first_bindings = next(iter(bindings.values()))

        def choose(connection: ssl.SSLObject, requested: str | None, _: ssl.SSLContext) -> None:
            name = (requested or "").lower()
            bad = self._bad_contexts.get(name) if name in contexts else None
            if (observed := OBSERVED_CONNECTION.get()) is not None:
                observed.host, observed.bad_certificate = name, bad is not None
                observed.faults = (self._faults[name],) if bad and name in self._faults else ()
                observed.channel_bindings = (bad[2] if bad else b"") or bindings.get(name, first_bindings)
            if name in contexts:
                self._presented[name] = (self._faults[name],) if bad and name in self._faults else ()
            if (found := bad[1] if bad else contexts.get(name)) is not None:
                connection.context = found
            if bad and (notify := self._on_presented.get(name)) is not None:
                notify()

        first = next(iter(contexts.values()))
        first.sni_callback = choose
        return first

    def present_bad_certificates(
        self,
        problems: Mapping[str, CertificateTrouble],
        on_presented: Mapping[str, Callable[[], None]] | None = None,
        faults: Mapping[str, int] | None = None,
    ) -> None:
        """Present bad certificates for the hosts in ``problems``, and good ones for all other hosts.

        ``on_presented`` holds, by host, a function to call each time the bad certificate is presented; ``faults`` the
        number of the fault that did it.
        """
        self._faults = faults or {}
        self._on_presented = on_presented or {}
        for host in set(self._bad_contexts) - set(problems):
            del self._bad_contexts[host]
        for host, problem in problems.items():
            if self._bad_contexts.get(host, ("",))[0] != problem:
                self._bad_contexts[host] = (problem, *self._bad_context(host, problem))

    def faults_presented_at(self, host: str) -> tuple[int, ...]:
        """Return the number of the fault of the certificate that ``host`` presented last; empty for a good one."""
        return self._presented.get(host.lower(), ())

    def _bad_context(self, host: str, problem: CertificateTrouble) -> tuple[ssl.SSLContext, bytes]:
        """Return the context of a bad certificate, and the channel bindings of the service behind it.

        They are empty for a box between: that service knows the good certificate only.
        """
        match problem:
            case "expired":
                leaf = self._ca.issue_cert(host, not_after=datetime.now(UTC) - timedelta(hours=1))
            case "wrong-name":
                leaf = self._ca.issue_cert(FOREIGN_HOST_NAME)
            case "untrusted":
                leaf = trustme.CA(organization_name="a box between").issue_cert(host)
        return _context_of(leaf), b"" if problem == "untrusted" else _bindings_of(leaf)

    def client_context(self) -> ssl.SSLContext:
        """Create a TLS client context that trusts this authority only."""
        context = ssl.create_default_context(cadata=self.certificate_pem)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def thumbprint_of(self, name: str) -> str:
        """Return the SHA-1 thumbprint of the certificate for ``name``, in hex digits."""
        leaf = self._leaf_of(name).cert_chain_pems[0].bytes()
        return x509.load_pem_x509_certificate(leaf).fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - as Windows

    def channel_bindings_of(self, name: str) -> bytes:
        """Return what binds a token to the certificate for ``name`` that clients accept (RFC 5929, section 4)."""
        return _bindings_of(self._leaf_of(name.lower()))

    def _leaf_of(self, name: str) -> trustme.LeafCert:
        if name not in self._leaves:  # hosts with the same name present the same certificate
            self._leaves[name] = self._ca.issue_cert(name)
        return self._leaves[name]


def _bindings_of(leaf: trustme.LeafCert) -> bytes:
    """Return the channel bindings of ``leaf``: its hash, by the algorithm of its signature (RFC 5929, section 4.1).

    SHA-256 stands for MD5, SHA-1 and for a signature without such an algorithm.
    """
    certificate = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
    algorithm = certificate.signature_hash_algorithm
    if algorithm is None or isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        algorithm = hashes.SHA256()
    return b"tls-server-end-point:" + certificate.fingerprint(algorithm)


def _context_of(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    leaf.configure_cert(context)
    return context
