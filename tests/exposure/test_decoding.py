"""The encodings of a credential: each is undone, also inside others, and no bytes make the search fail or grow."""

from __future__ import annotations

import base64
import gzip
import html
import json
import quopri
import zlib
from collections.abc import Callable
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.exposure.decoding import MAX_BYTES, MAX_DEPTH, MAX_VIEWS, decode

Coding = Callable[[bytes], bytes]
SECRET = b"Bob-lab-password-1 & more<>"


def raw_deflate(data: bytes) -> bytes:
    """RFC 1951 without a header, as the redirect binding of SAML has it."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def to_lines(data: bytes) -> bytes:
    """Base64 in lines of 76 characters, as in MIME (RFC 2045, section 6.8)."""
    return base64.encodebytes(data)


CODINGS: dict[str, Coding] = {
    "percent": lambda data: quote(data, safe="").encode(),
    "percent-lower": lambda data: "".join(f"%{octet:02x}" for octet in data).encode(),
    "form": lambda data: quote_plus(data).encode(),
    "html": lambda data: html.escape(data.decode()).encode(),
    "html-decimal": lambda data: "".join(f"&#{ord(each)};" for each in data.decode()).encode(),
    "html-hex": lambda data: "".join(f"&#x{ord(each):X};" for each in data.decode()).encode(),
    "xml": lambda data: escape(data.decode()).encode(),
    "json": lambda data: json.dumps(data.decode()).encode(),
    "json-u": lambda data: "".join(f"\\u{ord(each):04x}" for each in data.decode()).encode(),
    "hex-escapes": lambda data: "".join(f"\\x{octet:02x}" for octet in data).encode(),
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
    "base64url-bare": lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    "base64-lines": to_lines,
    "hex": lambda data: data.hex().encode(),
    "hex-upper": lambda data: data.hex().upper().encode(),
    "quoted-printable": lambda data: quopri.encodestring(data, quotetabs=True),
    "utf-16-le": lambda data: data.decode().encode("utf-16-le"),
    "utf-16-be": lambda data: data.decode().encode("utf-16-be"),
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "deflate": raw_deflate,
}
TO_TEXT = [name for name in CODINGS if name not in ("utf-16-le", "utf-16-be", "gzip", "zlib", "deflate")]


def holds(data: bytes, secret: bytes = SECRET) -> bool:
    """Whether any view of the bytes has the secret."""
    return any(secret in view for view in decode(data))


@pytest.mark.parametrize("name", CODINGS)
def test_each_encoding_is_undone(name: str) -> None:
    """A secret in any usual encoding is still a secret."""
    assert holds(CODINGS[name](SECRET))


@pytest.mark.parametrize("outer", TO_TEXT)
@pytest.mark.parametrize("inner", CODINGS)
def test_two_encodings_inside_each_other_are_undone(inner: str, outer: str) -> None:
    """Base64 of compressed JSON, a form with escapes of XML: any two, in either order."""
    assert holds(
        CODINGS[outer](CODINGS[inner](SECRET) if inner in TO_TEXT else base64.b64encode(CODINGS[inner](SECRET)))
    )


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_up_to_five_encodings_are_undone(depth: int) -> None:
    """``MAX_DEPTH``: so deep, and no deeper; the bound keeps the work small."""
    data = SECRET
    for _ in range(depth):
        data = base64.b64encode(data)
    assert MAX_DEPTH == 5
    assert holds(data)
    for _ in range(6 - depth):
        data = base64.b64encode(data)
    assert not holds(data)


@pytest.mark.parametrize("before", [b"", b"a=1&token=", b'{"p":"', b"/t/", b"/a-b/c_d/", b"Basic ", b"x:"])
@pytest.mark.parametrize("after", [b"", b"&b=2", b'"}', b"/tail", b"\r\n"])
def test_an_encoded_secret_is_found_in_its_surroundings(before: bytes, after: bytes) -> None:
    """A path, form or header field puts other letters before and after the base64."""
    assert holds(before + base64.b64encode(SECRET) + after)
    assert holds(before + base64.urlsafe_b64encode(SECRET).rstrip(b"=") + after)


@pytest.mark.parametrize("cut", range(1, len(base64.b64encode(SECRET))))
def test_base64_may_be_folded_anywhere(cut: int) -> None:
    """RFC 2045: a decoder ignores line breaks; header fields of old fold with a blank after the break."""
    coded = base64.b64encode(SECRET)
    assert holds(coded[:cut] + b"\r\n " + coded[cut:])


@given(st.binary(max_size=300))
@settings(max_examples=120, deadline=None)
def test_any_bytes_have_bounded_views(data: bytes) -> None:
    """Never an exception; the bytes themselves come first, and no view comes twice."""
    views = list(decode(data))
    assert views[0] == data
    assert len(set(views)) == len(views) <= MAX_VIEWS + 1


@given(
    st.lists(
        st.sampled_from(
            [b"%", b"&#x", b"&#", b";", b"\\u", b"\\x", b"=\n", b"=", b"D8", b"00", b"\xff", b"+", b"AAAA", b"\n"]
        ),
        max_size=24,
    ).map(b"".join)
)
@settings(max_examples=120, deadline=None)
def test_half_an_escape_is_no_error(data: bytes) -> None:
    """``%``, ``&#xD8;``, half of ``u00d8`` and a soft line break at the end: what is no escape stays as it is."""
    assert next(iter(decode(data))) == data


@pytest.mark.parametrize(
    "data",
    [
        zlib.compress(bytes(60 * 1024 * 1024)),
        gzip.compress(b"a" * (30 * 1024 * 1024)),
        base64.b64encode(zlib.compress(b"b" * (30 * 1024 * 1024))),
        b"/" * 3000 + b"QUFBQUFB" * 500,
        b"%41" * 20_000,
        b"&amp;" * 20_000,
    ],
    ids=["zlib", "gzip", "base64", "slashes", "percent", "html"],
)
def test_bytes_that_grow_are_bounded(data: bytes) -> None:
    """A few kilobytes that stand for many megabytes are cut off at ``MAX_BYTES`` of all views together."""
    assert sum(len(view) for view in decode(data)) <= MAX_BYTES


@pytest.mark.parametrize(
    "data", [b"", b"a", b"short text without anything", b"%zz", b"&nosuch;", b"====", b"12345", "äöü".encode()]
)
def test_plain_text_has_no_other_view_of_a_secret(data: bytes) -> None:
    """What has no encoding stands for itself."""
    assert not holds(data)
    assert next(iter(decode(data))) == data
