"""The message of a KDC proxy: what it accepts, and what it refuses."""

from __future__ import annotations

import pytest

from ssosim.kerberos.der import DerError
from ssosim.kerberos.kdc_proxy_message import ProxyMessage, build_proxy_message, read_proxy_message
from ssosim.kerberos.messages import build_as_request

REQUEST = build_as_request("CORP.CONTOSO.COM", "alice")


@pytest.mark.parametrize("realm", ["", "CORP.CONTOSO.COM"])
def test_a_message_is_read_back(realm: str) -> None:
    """MS-KKDCP 2.2.2: a Kerberos message with the length prefix of TCP, and perhaps a realm."""
    body = build_proxy_message(REQUEST, realm)
    assert len(REQUEST).to_bytes(4, "big") + REQUEST in body
    assert read_proxy_message(body) == ProxyMessage(REQUEST, realm)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x30\x00",
        REQUEST,
        build_proxy_message(REQUEST)[:-1],
        build_proxy_message(REQUEST) + b"x",
        build_proxy_message(REQUEST).replace(len(REQUEST).to_bytes(4, "big"), b"\0\0\0\1", 1),
        build_proxy_message(REQUEST, "x").replace(b"\x1b\x01x", b"\x1b\x01\xff"),
    ],
)
def test_anything_else_is_refused(body: bytes) -> None:
    """A body that is cut off, has bytes after its end or a wrong length is no message."""
    with pytest.raises(DerError):
        read_proxy_message(body)
