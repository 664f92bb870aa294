"""The TLS trust of Python code on a patched device: who trusts the machine's CAs trusts the lab's CA instead.

Theory of operation. A client context of ``ssl`` has *default trust* if it trusts public CAs: those of the machine, of
certifi, or of the file in ``SSL_CERT_FILE``, ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE``. Just before a handshake on a
patched device, the connection of such a context gets a context that trusts the CA of the lab only
(``SSL_set_SSL_CTX``). OpenSSL takes the CAs from that context when it verifies; check of the host name, versions,
ciphers and ALPN stay as they were set. The user's context itself is not changed.

All other contexts stay as they are: one that trusts own CAs only refuses the lab's certificates, as it refuses those of
the real provider. One without verification accepts everything. One that was made on the device and to which no CA was
added trusts nobody.

How default trust is seen: a context that was made within a block is observed. One that was made before has default
trust if it holds a public CA, or no CA at all, because OpenSSL reads a folder of CAs only when it needs one.
"""

from __future__ import annotations

import contextlib
import functools
import os
import ssl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakSet

from ssosim.lab.base.patches import Patches, Replace
from ssosim.lab.base.socket_policy import current_policy

__all__ = ["has_default_trust", "install_trust"]

_BUNDLE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
)
"""Where systems keep their CAs. Source: Go crypto/x509 root_linux.go."""

_MADE: WeakSet[ssl.SSLContext] = WeakSet()
_DEFAULT: WeakSet[ssl.SSLContext] = WeakSet()


def has_default_trust(context: ssl.SSLContext) -> bool:
    """Whether ``context`` verifies servers and trusts public CAs."""
    if context.verify_mode is ssl.CERT_NONE:
        return False
    if context in _DEFAULT:
        return True
    held = context.get_ca_certs(binary_form=True)
    if not held:
        return context not in _MADE
    return not _read_public_cas().isdisjoint(held)


def install_trust() -> contextlib.AbstractContextManager[None]:
    """Return a context manager that keeps the replacements in place; the last of several removes them."""
    return _PATCHES.installed()


def _patch(replace: Replace) -> None:
    replace(ssl.SSLContext, "__new__", _new)
    replace(ssl.SSLContext, "set_default_verify_paths", _set_default_verify_paths)
    replace(ssl.SSLContext, "load_verify_locations", _load_verify_locations)
    replace(ssl.SSLSocket, "do_handshake", _do_handshake)
    replace(ssl.SSLObject, "do_handshake", _do_handshake)


_PATCHES = Patches(_patch)


def _new(original: Callable[..., Any]) -> Callable[..., Any]:
    def new(cls: type, *arguments: Any, **named: Any) -> Any:
        made = original(cls, *arguments, **named)
        if current_policy() is not None:
            _MADE.add(made)
        return made

    return new


def _set_default_verify_paths(original: Callable[..., None]) -> Callable[..., None]:
    def set_default_verify_paths(self: ssl.SSLContext) -> None:
        original(self)
        if current_policy() is not None:
            _DEFAULT.add(self)

    return set_default_verify_paths


def _load_verify_locations(original: Callable[..., None]) -> Callable[..., None]:
    def load_verify_locations(self: ssl.SSLContext, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        original(self, cafile, capath, cadata)
        if current_policy() is not None:
            public = {path.resolve() for path in _public_paths()}
            if any(Path(os.fsdecode(given)).resolve() in public for given in (cafile, capath) if given is not None):
                _DEFAULT.add(self)

    return load_verify_locations


def _do_handshake(original: Callable[..., None]) -> Callable[..., None]:
    def do_handshake(self: Any, *arguments: Any) -> None:
        trust = getattr(current_policy(), "tls_context", None)
        connection = self._sslobj
        if trust is not None and connection is not None and not self.server_side and has_default_trust(self.context):
            connection.context = trust
        original(self, *arguments)

    return do_handshake


def _public_paths() -> Iterator[Path]:
    yield from (Path(value) for name in _BUNDLE_VARIABLES if (value := os.environ.get(name)))
    paths = ssl.get_default_verify_paths()
    yield from (Path(path) for path in (paths.cafile, paths.capath, *_BUNDLES) if path)
    for name in ("certifi", "pip._vendor.certifi"):
        if name in sys.modules:
            yield Path(sys.modules[name].where())


@functools.cache
def _read_bundle(path: Path) -> frozenset[bytes]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with contextlib.suppress(OSError):
        context.load_verify_locations(path)
    return frozenset(context.get_ca_certs(binary_form=True))


def _read_public_cas() -> frozenset[bytes]:
    return frozenset().union(*(_read_bundle(path) for path in set(_public_paths()) if path.is_file()))
