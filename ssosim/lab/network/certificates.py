"""Certificates of one run: a CA made for it, a leaf for each name of a service with TLS, and the bundle of programs."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509

from ssosim.faults.base import CertificateTrouble
from ssosim.lab.network.tls_observer import VISIT

__all__ = ["FOREIGN_HOST", "LabCa"]

FOREIGN_HOST = "elsewhere.example"
"""The name in the certificate of a host that is another one than it should be."""

_SYSTEM_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")


class LabCa:
    """A certificate authority that lives as long as the lab; its key never leaves memory."""

    def __init__(self) -> None:
        self._ca = trustme.CA(organization_name="ssosim lab, not for use elsewhere")
        self._leaves: dict[str, trustme.LeafCert] = {}
        self._spoilt: dict[str, tuple[str, ssl.SSLContext]] = {}
        self._presented: Mapping[str, Callable[[], None]] = {}

    @property
    def certificate_pem(self) -> str:
        """The CA's certificate, PEM."""
        return self._ca.cert_pem.bytes().decode("ascii")

    @property
    def certificate(self) -> x509.Certificate:
        """The CA's certificate."""
        return x509.load_pem_x509_certificate(self._ca.cert_pem.bytes())

    def bundle_pem(self) -> str:
        """What a corporate device trusts: the machine's own authorities and this one."""
        for name in _SYSTEM_BUNDLES:
            try:
                return Path(name).read_text(encoding="utf-8") + "\n" + self.certificate_pem
            except (OSError, UnicodeDecodeError):
                continue
        return self.certificate_pem

    def server_context(self, names: Iterable[str]) -> ssl.SSLContext:
        """A TLS server context that presents the leaf of the name that is asked for (SNI), if it is one of these.

        To who asks for another name it presents the first; a certificate that is spoilt is presented for these only.
        """
        leaves = {name.lower(): self._leaf_of(name.lower()) for name in names}
        if not leaves:
            raise ValueError("a TLS server needs at least one name")
        contexts = {name: _context_of(leaf) for name, leaf in leaves.items()}

        def choose(connection: ssl.SSLObject, asked: str | None, _: ssl.SSLContext) -> None:
            name = (asked or "").lower()
            spoilt = self._spoilt.get(name) if name in contexts else None
            if (visit := VISIT.get()) is not None:
                visit.host, visit.spoilt = name, spoilt is not None
            if (found := spoilt[1] if spoilt else contexts.get(name)) is not None:
                connection.context = found
            if spoilt and (tell := self._presented.get(name)) is not None:
                tell()

        first = next(iter(contexts.values()))
        first.sni_callback = choose
        return first

    def spoil(
        self, troubles: Mapping[str, CertificateTrouble], presented: Mapping[str, Callable[[], None]] | None = None
    ) -> None:
        """From now on present bad certificates for these hosts, and good ones for all others.

        ``presented`` is called, by host, each time that a bad one is.
        """
        self._presented = presented or {}
        for host in set(self._spoilt) - set(troubles):
            del self._spoilt[host]
        for host, trouble in troubles.items():
            if self._spoilt.get(host, ("",))[0] != trouble:
                self._spoilt[host] = (trouble, self._bad_context(host, trouble))

    def _bad_context(self, host: str, trouble: CertificateTrouble) -> ssl.SSLContext:
        match trouble:
            case "expired":
                leaf = self._ca.issue_cert(host, not_after=datetime.now(UTC) - timedelta(hours=1))
            case "wrong-name":
                leaf = self._ca.issue_cert(FOREIGN_HOST)
            case "untrusted":
                leaf = trustme.CA(organization_name="a box between").issue_cert(host)
        return _context_of(leaf)

    def client_context(self) -> ssl.SSLContext:
        """A TLS client context that trusts this authority and no other."""
        context = ssl.create_default_context(cadata=self.certificate_pem)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def _leaf_of(self, name: str) -> trustme.LeafCert:
        if name not in self._leaves:  # hosts that share a name show the same certificate
            self._leaves[name] = self._ca.issue_cert(name)
        return self._leaves[name]


def _context_of(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    leaf.configure_cert(context)
    return context
