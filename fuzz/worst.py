"""The slowest known inputs for each target, written by hand or found by ``bench/parser_times.py``.

Each is a family of inputs: ``build(size)`` returns at most ``size`` bytes, so that every input can be as long as the
target allows.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from dns.rdatatype import APL, NSEC, SVCB, TXT, A, RdataType

from fuzz.targets import TARGETS, make_signed_assertion

__all__ = ["FAMILIES", "FOUND_FOLDER", "folder_name", "list_inputs"]

SMALLEST = 256

Build = Callable[[int], bytes]

_WWW = b"\x03www\x07example\x03com\x00"
_QUESTION = _WWW + b"\x00\x01\x00\x01"


def _header(questions: int, answers: int, authority: int, additional: int, flags: int = 0x0100) -> bytes:
    return struct.pack("!6H", 0, flags, questions, answers, authority, additional)


def _record(owner: bytes, kind: int, data: bytes) -> bytes:
    return owner + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


def _filled(head: Callable[[int], bytes], record: Callable[[int], bytes], size: int, tail: bytes = b"") -> bytes:
    """Return a header and as many records as fit behind it; the header has their number."""
    records: list[bytes] = []
    left = size - len(head(0)) - len(tail)
    while len(records) < 65_535 - bool(tail):
        made = record(len(records))
        if len(made) > left:
            break
        left -= len(made)
        records.append(made)
    return head(len(records)) + b"".join(records) + tail


def _label(number: int) -> bytes:
    text = b"%x" % number
    return bytes((len(text),)) + text


_OPT = b"\x00" + struct.pack("!HHIH", 41, 1232, 0, 0)


def _query_with(section: int, record: Callable[[int], bytes]) -> Build:
    def head(count: int) -> bytes:
        counts = [0, 0, 0]
        counts[section] = count
        return _header(1, *counts) + _QUESTION

    return lambda size: _filled(head, record, size)


def _response_with(section: int, record: Callable[[int], bytes]) -> Build:
    def head(count: int) -> bytes:
        counts = [0, 0, 0]
        counts[section] = count
        return _header(1, *counts, flags=0x8400) + _QUESTION  # type: ignore[misc]

    return lambda size: _filled(head, record, size)


def _distinct(number: int) -> bytes:
    return _record(_label(number) + b"\xc0\x0c", 1, struct.pack("!I", number))


def _same(number: int) -> bytes:
    return _record(b"\xc0\x0c", 1, struct.pack("!I", number))


def _options(code: int, payload: bytes) -> Build:
    option = struct.pack("!HH", code, len(payload)) + payload

    def build(size: int) -> bytes:
        room = min(size - 12 - len(_QUESTION) - 11, 65_535)
        data = option * (room // len(option))
        return _header(1, 0, 0, 1) + _QUESTION + b"\x00" + struct.pack("!HHIH", 41, 1232, 0, len(data)) + data

    return build


def _pointers(section: int, flags: int, kind: int = 1) -> Build:
    """Names that are a long chain of compression pointers, each to the one before; one record's data has the chain."""

    def build(size: int) -> bytes:
        counts = [0, 0, 0]
        start = 12 + len(_QUESTION) + 12
        hops = min((size - start) // 3, (0x3FFF - start) // 2)
        chain = b"\xc0\x0c" + b"".join(struct.pack("!H", 0xC000 | (start + 2 * at)) for at in range(hops - 1))
        last = struct.pack("!H", 0xC000 | (start + 2 * (hops - 1)))
        body = _record(b"\xc0\x0c", 16, chain)
        body = _record(b"\xc0\x0c", 10, chain)  # NULL: data that no parser reads
        left, count = size - 12 - len(_QUESTION) - len(body), 1
        more = []
        while left > 20 and count < 65_535:
            made = _record(last, kind, struct.pack("!I", count) if kind == 1 else last)
            left -= len(made)
            count += 1
            more.append(made)
        counts[section] = count
        return _header(1, *counts, flags=flags) + _QUESTION + body + b"".join(more)  # type: ignore[misc]

    return build


def _long_names(number: int) -> bytes:
    """Return a record whose owner has as many labels as fit into a name."""
    text = b"%06x" % number
    return _record(b"\x06" + text + b"\x01a" * 117 + b"\x00", 1, b"\x01\x02\x03\x04")


def _question_of_pointers(size: int) -> bytes:
    return _header(1, 0, 0, 0) + b"\xc0\x0c" * ((size - 16) // 2) + b"\x00\x01\x00\x01"


def _chain_of_cnames(number: int) -> bytes:
    owner = b"\xc0\x0c" if number == 0 else _label(number) + b"\xc0\x10"
    return _record(owner, 5, _label(number + 1) + b"\xc0\x10")


def _referral(number: int) -> bytes:
    return _record(b"\xc0\x10", 2, _label(number) + b"\xc0\x10")


def _bitmap(number: int) -> bytes:
    windows = b"".join(bytes((at, 32)) + b"\xff" * 32 for at in range(256))
    return _record(_label(number) + b"\xc0\x0c", 47, b"\x00" + windows)


def _text_record(number: int) -> bytes:
    return _record(_label(number) + b"\xc0\x0c", 16, b"\x00" * 8192)


def _svcb(number: int) -> bytes:
    keys = b"".join(struct.pack("!HH", key, 0) for key in range(7, 4000))
    return _record(_label(number) + b"\xc0\x0c", 64, b"\x00\x01\x00" + keys)


def _apl(number: int) -> bytes:
    return _record(_label(number) + b"\xc0\x0c", 42, b"\x00\x01\x00\x00" * 4000)


_DNS_QUERIES: dict[str, Build] = {
    "records in the answer": _query_with(0, _distinct),
    "records of one name in the answer": _query_with(0, _same),
    "records in the authority": _query_with(1, _distinct),
    "records in the additional section": _query_with(2, _distinct),
    "names of 120 labels": _query_with(0, _long_names),
    "empty options": _options(65_001, b""),
    "cookies": _options(10, b"12345678"),
    "client subnets": _options(8, b"\x00\x01\x20\x00\xc0\x00\x02\x01"),
    "padding": lambda size: _options(12, b"\x00" * min(size - 60, 60_000))(size),
    "extended errors": _options(15, b"\x00\x01" + b"x" * 2),
    "report channels": _options(18, b"\x01a" * 100 + b"\x00"),
    "pointers to pointers, answer": _pointers(0, 0x0100),
    "pointers to pointers, additional": _pointers(2, 0x0100),
    "a question of pointers": _question_of_pointers,
    "type bitmaps": _query_with(0, _bitmap),
    "texts": _query_with(0, _text_record),
    "service parameters": _query_with(0, _svcb),
    "address prefixes": _query_with(0, _apl),
    "an update": lambda size: _filled(lambda n: _header(1, 0, n, 0, flags=0x2800) + _QUESTION, _distinct, size),
    "a transfer's SOA": lambda size: (
        _header(1, 0, 1, 0) + _WWW + b"\x00\xfb\x00\x01" + _pointers(1, 0)(size)[12 + 21 :]
    ),
}

_RESPONSES: dict[str, Build] = {
    "distinct answers": _response_with(0, _distinct),
    "one name's answers": _response_with(0, _same),
    "distinct authority": _response_with(1, _distinct),
    "distinct glue": _response_with(2, _distinct),
    "names of 120 labels": _response_with(0, _long_names),
    "pointers to pointers": _pointers(0, 0x8400),
    "pointers to pointers, NS": _pointers(1, 0x8400, kind=2),
    "a chain of CNAMEs": _response_with(0, _chain_of_cnames),
    "a referral to many": _response_with(1, _referral),
    "type bitmaps": _response_with(0, _bitmap),
    "texts": _response_with(0, _text_record),
    "service parameters": _response_with(0, _svcb),
    "address prefixes": _response_with(0, _apl),
    "empty options": lambda size: _header(1, 0, 0, 1, flags=0x8400) + _options(65_001, b"")(size)[12:],
    "report channels": lambda size: (
        _header(1, 0, 0, 1, flags=0x8400) + _options(18, b"\x01a" * 100 + b"\x00")(size)[12:]
    ),
}


def _responses(kind: RdataType) -> dict[str, Build]:
    """Return the responses, with a question of this type."""
    question = _WWW + struct.pack("!HH", kind, 1)
    return {
        family: lambda size, build=build: build(size).replace(_QUESTION, question, 1)  # type: ignore[misc]
        for family, build in _RESPONSES.items()
    }


def _repeated(head: bytes, part: bytes | Callable[[int], bytes], tail: bytes = b"") -> Build:
    """Return ``head``, as many parts as fit, and ``tail``."""

    def build(size: int) -> bytes:
        if isinstance(part, bytes):
            return head + part * ((size - len(head) - len(tail)) // len(part)) + tail
        made, left, number = [], size - len(head) - len(tail), 0
        while len(each := part(number)) <= left:
            made.append(each)
            left -= len(each)
            number += 1
        return head + b"".join(made) + tail

    return build


def _nested(head: bytes, opening: bytes, middle: bytes, closing: bytes, tail: bytes = b"") -> Build:
    def build(size: int) -> bytes:
        count = (size - len(head) - len(middle) - len(tail)) // (len(opening) + len(closing))
        return head + opening * count + middle + closing * count + tail

    return build


_HEAD = b"POST /common/oauth2/token HTTP/1.1\r\nHost: login.microsoftonline.com\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

_HTTP: dict[str, Build] = {
    "many header fields": _repeated(_HEAD, b"a: b\r\n", b"\r\n"),
    "many distinct header fields": _repeated(_HEAD, lambda n: b"a%x: b\r\n" % n, b"\r\n"),
    "one long header field": lambda size: _HEAD + b"a: " + b"b" * min(size, 127_000) + b"\r\n\r\n",
    "128 long header fields": _repeated(_HEAD, lambda n: b"a%x: " % n + b"b" * 16_000 + b"\r\n", b"\r\n"),
    "chunks of one byte": _repeated(_CHUNKED, b"1\r\na\r\n", b"0\r\n\r\n"),
    "chunks with extensions": _repeated(_CHUNKED, b"1;aaaaaaaaaaaaaa=bbbbbbbbbbbbbbb\r\na\r\n", b"0\r\n\r\n"),
    "one long chunk extension": lambda size: _CHUNKED + b"1;" + b"a" * (size - 200) + b"\r\na\r\n0\r\n\r\n",
    "many trailers": _repeated(_CHUNKED + b"0\r\n", b"a: b\r\n", b"\r\n"),
    "pipelined requests": _repeated(b"", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "pipelined posts": _repeated(b"", _HEAD + b"Content-Length: 0\r\n\r\n"),
    "no HTTP": lambda size: b"\x00" * size,
    "a long request line": lambda size: b"GET /" + b"a/" * min(size // 2, 16_000) + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "empty lines": lambda size: b"\r\n" * (size // 2),
}

_TARGETS: dict[str, Build] = {
    "many segments": _repeated(b"/", b"a/"),
    "many escapes": _repeated(b"/common/", b"%41"),
    "many escaped segments": _repeated(b"/", b"%41/"),
    "many fields": _repeated(b"/common/oauth2/v2.0/authorize?", lambda n: b"a%x=%%41&" % n),
    "256 long fields": _repeated(b"/common/oauth2/v2.0/authorize?", lambda n: b"a%x=" % n + b"%41" * 160 + b"&"),
    "one escaped field": _repeated(b"/common/oauth2/v2.0/authorize?client_id=", b"%e4"),
    "a long tenant": _repeated(b"/", b"a.", b"/oauth2/v2.0/authorize"),
    "a long user": _repeated(b"/common/userrealm/", b"a@", b"?api-version=1.0"),
    "an absolute form": _repeated(b"https://", b"[", b"/"),
    "a long state": _repeated(b"/common/oauth2/v2.0/authorize?state=", b"%00"),
}

_COOKIES: dict[str, Build] = {
    "separators and blanks": _repeated(b"", b"; "),
    "one separator, many blanks": lambda size: b";" + b" " * (size - 1),
    "separators, then blanks": lambda size: b";" * (size // 2) + b" " * (size // 2),
    "blanks": lambda size: b" " * size,
    "nearly the cookie": _repeated(b"", b"; esctx=" + b"a" * 35),
    "nearly the name": _repeated(b"", b";esct"),
}

_BROWSERS: dict[str, Build] = {
    "Windows NT again and again": _repeated(b"", b"Windows NT"),
    "Windows and blanks": lambda size: b"Windows" + b" " * (size - 7),
    "MSIE": _repeated(b"", b"MSIE "),
}

_FORM = b"client_id=04b07795-8ddb-461a-bbee-02f9e1bf7b46&grant_type="

_FORMS: dict[str, Build] = {
    "many fields": _repeated(b"", b"a&"),
    "many distinct fields": _repeated(b"", lambda n: b"%x=&" % n),
    "escapes": _repeated(b"a=", b"%41"),
    "escapes that are not UTF-8": _repeated(b"a=", b"%e4a"),
    "100 escaped fields": _repeated(b"", lambda n: b"%x=" % n + b"%41" * 3490 + b"&"),
    "plus signs": _repeated(b"a=", b"+"),
    "percent signs": _repeated(b"a=", b"%"),
    "broken escapes": _repeated(b"a=", b"%4"),
    "no ASCII": _repeated(b"a=%41", "\u00e4%41".encode()),
    "a long grant": _repeated(_FORM, b"a%41"),
    "a long name": _repeated(_FORM + b"password&password=b&scope=a&username=", b"a@"),
    "a long password": _repeated(_FORM + b"password&username=alice@contoso.com&scope=a&password=", b"%41"),
    "a long code": _repeated(_FORM + b"authorization_code&scope=a&redirect_uri=a&code=", b"A"),
    "a long refresh token": _repeated(_FORM + b"refresh_token&scope=a&refresh_token=", b"A"),
    "a long assertion": _repeated(_FORM + b"urn:ietf:params:oauth:grant-type:saml1_1-bearer&scope=a&assertion=", b"A"),
    "an escaped assertion": _repeated(
        _FORM + b"urn:ietf:params:oauth:grant-type:saml1_1-bearer&scope=a&assertion=", b"%41"
    ),
    "many scopes": _repeated(_FORM + b"password&username=a&password=b&scope=", lambda n: b"%x+" % n),
}

_SCOPES: dict[str, Build] = {
    "many short scopes": _repeated(b"", b"a+"),
    "many blanks": _repeated(b"a", b"+", b"a"),
    "many distinct scopes": _repeated(b"", lambda n: b"%x+" % n),
    "many resources": _repeated(b"", lambda n: b"https://a/%x/b+" % n),
    "slashes": _repeated(b"", b"/"),
}

_JSON: dict[str, Build] = {
    "nested lists": lambda size: b"[" * size,
    "nested lists that close": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "900 lists": lambda size: b"[" * 900 + b"]" * 900,
    "nested maps": _repeated(b"", b'{"a":'),
    "a long integer": lambda size: b'{"a":' + b"9" * (size - 6) + b"}",
    "an integer of 4300 digits": _repeated(b'{"a":[', b"9" * 4300 + b",", b"1]}"),
    "a long fraction": lambda size: b'{"a":1.' + b"9" * (size - 8) + b"}",
    "long fractions": _repeated(b'{"a":[', b"1." + b"9" * 800 + b"e-300,", b"1]}"),
    "exponents": _repeated(b'{"a":[', b"1e999999,", b"1]}"),
    "many keys": _repeated(b"{", lambda n: b'"%x":0,' % n, b'"a":1}'),
    "one key twice, after many": _repeated(b"{", lambda n: b'"%x":0,' % (n + 16), b'"z":1,"z":1}'),
    "empty lists": _repeated(b'{"a":[', b"[],", b"1]}"),
    "empty maps": _repeated(b'{"a":[', b"{},", b"1]}"),
    "integers": _repeated(b'{"a":[', b"1,", b"1]}"),
    "one key again and again": _repeated(b"{", b'"a":0,', b'"a":1}'),
    "escapes": _repeated(b'{"username":"', b"\\u0041", b'"}'),
    "surrogates": _repeated(b'{"username":"', b"\\ud83d\\ude00", b'"}'),
    "a long text": _repeated(b'{"username":"', b"a", b'"}'),
    "a user with many ats": _repeated(b'{"username":"', b"a@", b'"}'),
    "control characters to escape": _repeated(b'{"username":"', b"\\u0001", b'"}'),
    "a long flow token": _repeated(b'{"username":"frank@fabrikam.com","flowToken":"', b"A", b'"}'),
    "a long federated name": _repeated(b'{"username":"', b"\\u00e4", b'@fabrikam.com"}'),
    "blanks": lambda size: b" " * (size - 2) + b"{}",
}

_SOAP = b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">'
_TRUST = b"http://schemas.xmlsoap.org/ws/2005/02/trust"
_BODY = b"<s:Body><t:RequestSecurityToken xmlns:t='" + _TRUST + b"'>"
_BODY_END = b"</t:RequestSecurityToken></s:Body></s:Envelope>"
_EMPTY_BODY = _BODY + _BODY_END

_XML: dict[str, Build] = {
    "nested elements": _nested(b"", b"<a>", b"", b"</a>"),
    "250 nested elements": lambda _: b"<a>" * 250 + b"</a>" * 250,
    "nested elements that do not close": _repeated(b"", b"<a>"),
    "many elements": _repeated(b"<a>", b"<b/>", b"</a>"),
    "many distinct elements": _repeated(b"<a>", lambda n: b"<b%x/>" % n, b"</a>"),
    "many attributes": _repeated(b"<a ", lambda n: b"b%x='' " % n, b"/>"),
    "the same attribute": _repeated(b"<a ", b"b='' ", b"/>"),
    "many namespaces": _repeated(b"<a ", lambda n: b"xmlns:b%x='c%x' " % (n, n), b"/>"),
    "many namespaces, then elements": lambda size: (
        b"<a "
        + b"".join(b"xmlns:b%x='c%x' " % (n, n) for n in range(size // 40))
        + b">"
        + b"<b0:c/>" * ((size // 2) // 7 - 10)
        + b"</a>"
    ),
    "many namespaces, then attributes": lambda size: (
        b"<a "
        + b"".join(b"xmlns:b%x='c%x' " % (n, n) for n in range(size // 40))
        + b">"
        + b"<c b0:d='' b1:d='' b2:d=''/>" * ((size // 2) // 30 - 10)
        + b"</a>"
    ),
    "a namespace for each element": _repeated(b"<a>", lambda n: b"<b xmlns='c%x'/>" % n, b"</a>"),
    "attributes with prefixes": lambda size: (
        b"<a " + b"".join(b"xmlns:b%x='c%x' b%x:d='' " % (n, n, n) for n in range(size // 40)) + b"/>"
    ),
    "nested namespaces": lambda size: (
        b"".join(b"<a xmlns:b%x='c%x'>" % (n, n) for n in range(min(size // 30, 250))) + b"</a>" * min(size // 30, 250)
    ),
    "character references": _repeated(b"<a>", b"&#65;", b"</a>"),
    "predefined entities": _repeated(b"<a>", b"&amp;", b"</a>"),
    "references in an attribute": _repeated(b"<a b='", b"&#65;", b"'/>"),
    "blanks in an attribute": _repeated(b"<a b='", b"\n", b"'/>"),
    "one long text": _repeated(b"<a>", b"b", b"</a>"),
    "sections of CDATA": _repeated(b"<a>", b"<![CDATA[b]]>", b"</a>"),
    "comments": _repeated(b"<a>", b"<!---->", b"</a>"),
    "processing instructions": _repeated(b"<a>", b"<?a?>", b"</a>"),
    "text and comments": _repeated(b"<a>", b"b<!---->", b"</a>"),
    "one long name": _repeated(b"<", b"a", b"/>"),
    "blanks before": lambda size: b" " * (size - 4) + b"<a/>",
    "blanks before a declaration": lambda size: b" " * (size - 30) + b"<?xml version='1.0'?><a/>",
    "a declaration that does not end": lambda size: b"<?xml " + b" " * (size - 6),
    "an exclamation mark and blanks": lambda size: b"<!" + b" " * (size - 2),
    "exclamation marks": _repeated(b"", b"<!"),
    "exclamation marks and blanks": lambda size: (b"<!" + b" " * 400) * (size // 402),
    "a document type": lambda size: b"<!DOCTYPE a [" + b"<!ENTITY a 'b'>" * (size // 16) + b"]><a/>",
    "not UTF-8": lambda size: b"a" * (size - 1) + b"\xff",
    "zero bytes": lambda size: b"\x00" * size,
    "newlines": lambda size: b"<a>" + b"\n" * (size - 7) + b"</a>",
    "carriage returns": lambda size: b"<a>" + b"\r\n" * ((size - 7) // 2) + b"</a>",
}

_RST: dict[str, Build] = {
    "many headers": _repeated(_SOAP + b"<s:Header>", b"<b/>", b"</s:Header>" + _EMPTY_BODY),
    "many bodies": _repeated(_SOAP, b"<s:Body/>", _EMPTY_BODY),
    "many parts of the request": _repeated(_SOAP + _BODY, b"<b/>", _BODY_END),
    "many addresses": _repeated(_SOAP + _BODY + b"<AppliesTo>", b"<b/>", b"</AppliesTo>" + _BODY_END),
    "a deep address": _nested(_SOAP + _BODY + b"<AppliesTo>", b"<b>", b"", b"</b>", b"</AppliesTo>" + _BODY_END),
    "a message id in pieces": _repeated(
        _SOAP + b"<s:Header><a:MessageID>", b"b<c/>", b"</a:MessageID></s:Header>" + _EMPTY_BODY
    ),
    "a long message id": _repeated(
        _SOAP + b"<s:Header><a:MessageID>", b"b", b"</a:MessageID></s:Header>" + _EMPTY_BODY
    ),
    "many tokens": _repeated(
        _SOAP + b"<s:Header>",
        b'<w:Security xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"/>',
        b"</s:Header>" + _EMPTY_BODY,
    ),
}

_WRESULT: dict[str, Build] = {
    "many tokens": _repeated(b"<t:a xmlns:t='" + _TRUST + b"'>", b"<t:RequestedSecurityToken/>", b"</t:a>"),
    "a large token": _repeated(
        b"<t:a xmlns:t='" + _TRUST + b"'><t:RequestedSecurityToken><b>",
        b"<c/>",
        b"</b></t:RequestedSecurityToken></t:a>",
    ),
    "a token with many namespaces": _repeated(
        b"<t:RequestedSecurityToken xmlns:t='" + _TRUST + b"'><b ",
        lambda n: b"xmlns:c%x='d' " % n,
        b"/></t:RequestedSecurityToken>",
    ),
    "namespaces outside the token": _repeated(
        b"<t:RequestedSecurityToken xmlns:t='" + _TRUST + b"' ",
        lambda n: b"xmlns:c%x='d' " % n,
        b"><b/></t:RequestedSecurityToken>",
    ),
    "nested tokens": _nested(
        b"<t:a xmlns:t='" + _TRUST + b"'>",
        b"<t:RequestedSecurityToken>",
        b"",
        b"</t:RequestedSecurityToken>",
        b"</t:a>",
    ),
}


def _in_assertion(part: bytes | Callable[[int], bytes], before: bytes, *, after: bool = False) -> Build:
    """Insert parts into a signed assertion before or after the text ``before``."""

    def build(size: int) -> bytes:
        good = make_signed_assertion()
        at = good.index(before) + (len(before) if after else 0)
        return _repeated(good[:at], part, good[at:])(size)

    return build


def _signature_with(part: bytes | Callable[[int], bytes]) -> Build:
    return _in_assertion(part, b"</ds:Signature>")


_ASSERTIONS: dict[str, Build] = {
    "good": lambda _: make_signed_assertion(),
    "many empty elements": _in_assertion(b"<b/>", b"<ds:Signature"),
    "many elements with attributes": _in_assertion(b"<b c='' d='' e=''/>", b"<ds:Signature"),
    "many attributes": _in_assertion(
        lambda n: b"<b " + b" ".join(b"c%d=''" % k for k in range(1000)) + b"/>", b"<ds:Signature"
    ),
    "a namespace for each element": _in_assertion(lambda n: b"<b xmlns='c%x'/>" % n, b"<ds:Signature"),
    "a prefix for each element": _in_assertion(lambda n: b"<c%x:b xmlns:c%x='d'/>" % (n, n), b"<ds:Signature"),
    "texts to escape": _in_assertion(b"&amp;", b"<ds:Signature"),
    "comments": _in_assertion(b"<!---->", b"<ds:Signature"),
    "a deep tree": _in_assertion(b"<b>" * 240 + b"</b>" * 240, b"<ds:Signature"),
    "many statements": _in_assertion(b"<AttributeStatement/>", b"<ds:Signature"),
    "many objects in the signature": _signature_with(b"<ds:Object/>"),
    "many references": _in_assertion(b"<ds:Reference URI='#_1'/>", b"</ds:SignedInfo>"),
    "many transforms": _in_assertion(
        b"<ds:Transform Algorithm='http://www.w3.org/2001/10/xml-exc-c14n#'/>", b"</ds:Transforms>"
    ),
    "many enveloped transforms": _in_assertion(
        b"<ds:Transform Algorithm='http://www.w3.org/2000/09/xmldsig#enveloped-signature'/>", b"</ds:Transforms>"
    ),
    "many certificates": _signature_with(
        b"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>AAAA</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    ),
    "a long signature value": _in_assertion(b"AAAA", b"</ds:SignatureValue>"),
    "a long digest": _in_assertion(b"AAAA", b"</ds:DigestValue>"),
    "many inclusive prefixes": _in_assertion(
        lambda n: (
            b"<ds:Transform Algorithm='http://www.w3.org/2001/10/xml-exc-c14n#'><InclusiveNamespaces xmlns="
            b"'http://www.w3.org/2001/10/xml-exc-c14n#' PrefixList='" + b"a " * 2000 + b"'/></ds:Transform>"
        ),
        b"</ds:Transforms>",
    ),
    "many signatures": _in_assertion(
        b"<ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'/>", b"<ds:Signature"
    ),
}

_ASSERTION_TEXTS: dict[str, Build] = {
    "blanks": lambda size: b" " * size,
    "padding": lambda size: b"=" * size,
    "letters": lambda size: b"A" * size,
    "letters and blanks": lambda size: b"A " * (size // 2),
    "bad letters": lambda size: b"A" * 300_000 + b"\x00",
    "an opaque token that is long": lambda size: base64.b64encode(
        b'<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:1.0:assertion"><DesktopSsoToken>'
        + b"A" * (min(size, 349_000) * 3 // 4 - 200)
        + b"</DesktopSsoToken></saml:Assertion>"
    ),
    "an opaque token in pieces": lambda size: base64.b64encode(
        b'<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:1.0:assertion"><DesktopSsoToken>'
        + b"A " * ((min(size, 349_000) * 3 // 4 - 200) // 2)
        + b"</DesktopSsoToken></saml:Assertion>"
    ),
}

_SEALED: dict[str, Build] = {
    "letters": lambda size: b"A" * size,
    "16 KiB": lambda _: b"A" * 16_384,
    "no base64": lambda _: b"\xff" * 16_384,
}


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


_SPNEGO_OID = _der(6, bytes.fromhex("2b0601050502"))


def _spnego(mechanisms: bytes, rest: bytes = b"") -> bytes:
    return _der(0x60, _SPNEGO_OID + _der(0xA0, _der(0x30, _der(0xA0, _der(0x30, mechanisms)) + rest)))


def _nested_der(size: int) -> bytes:
    made = b""
    while len(made) < size - 8:
        made = _der(0x30, made)
        if len(made) > 20_000:
            break
    return made


def _kdc_request(name_parts: bytes, realm: bytes = b"A") -> bytes:
    name = _der(0x30, _der(0xA0, _der(2, b"\x01")) + _der(0xA1, _der(0x30, name_parts)))
    body = _der(0x30, _der(0xA1, name) + _der(0xA2, _der(0x1B, realm)) + _der(0xA3, name))
    return _der(0x6A, _der(0x30, _der(0xA1, _der(2, b"\x05")) + _der(0xA2, _der(2, b"\x0a")) + _der(0xA4, body)))


_NEGOTIATE: dict[str, Build] = {
    "zero bytes": lambda size: b"\x00" * size,
    "nested": _nested_der,
    "many mechanisms": lambda size: _spnego(_der(6, b"*") * ((size - 40) // 3)),
    "512 mechanisms": lambda _: _spnego(_der(6, b"*") * 512),
    "a long mechanism": lambda size: _spnego(_der(6, b"*" * (size - 60))),
    "many members": lambda size: _der(
        0x60, _SPNEGO_OID + _der(0xA0, _der(0x30, b"".join(_der(0xA0 | n, b"\x30\x00") for n in range(31))))
    ),
    "a long token": lambda size: _spnego(
        _der(6, bytes.fromhex("2a864886f712010202")), _der(0xA2, _der(4, _der(0x6E, b"\x30" * (size - 100))))
    ),
    "NTLM": lambda size: b"NTLMSSP\x00" + b"\x00" * (size - 8),
}

_NEGOTIATE_HEADERS: dict[str, Build] = {
    "blanks": lambda size: b"Negotiate" + b" " * (size - 9),
    "letters": lambda size: b"Negotiate " + b"A" * (size // 4 * 4 - 12),
    "no base64": lambda size: b"Negotiate " + b"-" * (size - 12),
    "a long scheme": lambda size: b"A" * size,
    "Basic": lambda size: b"Basic " + b"A" * (size // 4 * 4 - 12),
}

_KDC: dict[str, Build] = {
    "zero bytes": lambda size: b"\x00" * size,
    "nested": _nested_der,
    "many members": lambda size: _der(0x6A, _der(0x30, b"\xa0\x00" * ((size - 20) // 2))),
    "many components": lambda size: _kdc_request(_der(0x1B, b"a") * ((size // 2 - 100) // 3)),
    "512 components": lambda _: _kdc_request(_der(0x1B, b"a") * 512),
    "32 long components": lambda _: _kdc_request(_der(0x1B, b"\x01" * 1024) * 32),
    "components to escape": lambda _: _kdc_request(_der(0x1B, "\u202e".encode() * 341) * 32),
    "a realm to escape": lambda _: _kdc_request(_der(0x1B, b"a"), b"\x01" * 1024),
    "a long realm": lambda size: _kdc_request(_der(0x1B, b"a"), b"a" * (size - 100)),
}

_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_ANSWERS: dict[str, Build] = {
    "many fields": _repeated(b"HTTP/1.1 200 OK\r\n", b"a:b\r\n", b"\r\n"),
    "many distinct fields": _repeated(b"HTTP/1.1 200 OK\r\n", lambda n: b"a%x:b\r\n" % n, b"\r\n"),
    "empty lines": _repeated(b"HTTP/1.1 200 OK\r\n", b":\r\n", b"\r\n"),
    "a long status": lambda size: b"HTTP/1.1 " + b"9" * (size - 20) + b" OK\r\n\r\n",
    "a status of 4300 digits": lambda size: b"HTTP/1.1 " + b"9" * 4300 + b" OK\r\n\r\n",
    "one long field": lambda size: b"HTTP/1.1 200 OK\r\na:" + b"b" * (size - 30) + b"\r\n\r\n",
    "blanks": lambda size: b"HTTP/1.1 200 OK\r\na:" + b" " * (size - 30) + b"\r\n\r\n",
    "folded lines": _repeated(b"HTTP/1.1 200 OK\r\na:b\r\n", b" c\r\n", b"\r\n"),
    "informational responses": _repeated(b"", b"HTTP/1.1 100 \r\n\r\n"),
    "chunks": _repeated(_CHUNKED, b"1\r\na\r\n", b"0\r\n\r\n"),
    "a long chunk header": lambda size: _CHUNKED + b"1;" + b"a" * (size - 60),
    "trailer fields": _repeated(_CHUNKED + b"0\r\n", b"a:b\r\n", b"\r\n"),
}

_OUTPUT: dict[str, Build] = {
    "beginnings of tokens": _repeated(b"", b"-eyJ"),
    "beginnings of tokens, long": _repeated(b"", b"eyJ" + b"a" * 8 + b"-"),
    "dots and dashes": _repeated(b"", b"a-"),
    "dashes": lambda size: b"-" * size,
    "letters": lambda size: b"a" * size,
    "letters and equals": lambda size: b"a" * 64 + b"=" * (size - 64),
    "bearer and blanks": lambda size: b"bearer" + b" " * (size - 6),
    "bearers": _repeated(b"", b"bearer "),
    "bearers and blanks": _repeated(b"", b"bearer" + b" " * 100),
    "letters and dashes": _repeated(b"", b"a" * 29 + b"-"),
    "JWTs": _repeated(b"", b"eyJaaaaaaaa.b "),
    "dotted": _repeated(b"", b"a" * 30 + b"." + b"b" * 9 + b"-"),
}

_ZONE_HEAD = b"$ORIGIN example.com.\n$TTL 300\n"

_ZONES: dict[str, Build] = {
    "$GENERATE of two thousand million": lambda _: _ZONE_HEAD + b"$GENERATE 1-2000000000 h$ A 192.0.2.1\n",
    "many $GENERATE": _repeated(_ZONE_HEAD, b"$GENERATE 1-70000 h$ A 192.0.2.1\n"),
    "$GENERATE of one name": lambda _: _ZONE_HEAD + b"$GENERATE 1-2000000000 h A 192.0.2.1\n",
    "$GENERATE outside the zone": lambda _: _ZONE_HEAD + b"$GENERATE 1-2000000000 h$.example.net. A 192.0.2.1\n",
    "$GENERATE with a wide format": lambda _: _ZONE_HEAD + b"$GENERATE 1-9 h${0,100000000,d} A 192.0.2.1\n",
    "$GENERATE of $GENERATE": lambda _: _ZONE_HEAD + b"$GENERATE 1-3 $GENERATE 1-2 A 192.0.2.1\n",
    "$GENERATE down to one": lambda _: _ZONE_HEAD + b"$GENERATE 1-2000000000/2000000000 h$ A 192.0.2.1\n",
    "$GENERATE with huge numbers": lambda size: _ZONE_HEAD + b"$GENERATE " + b"9" * min(size, 100_000) + b"-1 h A 1\n",
    "$INCLUDE": _repeated(_ZONE_HEAD, b"$INCLUDE zone\n"),
    "a long text": lambda size: _ZONE_HEAD + b'a TXT "' + b"b" * (size - 60) + b'"\n',
    "a text of many strings": _repeated(_ZONE_HEAD + b"a TXT ", b"b "),
    "a long line": lambda size: _ZONE_HEAD + b"a A " + b"1" * (size - 60),
    "a long owner": lambda size: _ZONE_HEAD + b"a" * (size - 60) + b" A 192.0.2.1\n",
    "an owner of many labels": _repeated(_ZONE_HEAD, b"a.", b" A 192.0.2.1\n"),
    "open parentheses": _repeated(_ZONE_HEAD + b"a A ", b"("),
    "parentheses": _repeated(_ZONE_HEAD + b"a A ", b"()"),
    "a quotation mark and backslashes": _repeated(_ZONE_HEAD + b'a TXT "', b"\\"),
    "quotation marks": _repeated(_ZONE_HEAD, b'"\\'),
    "blanks": lambda size: _ZONE_HEAD + b" " * (size - 60),
    "blank lines": lambda size: _ZONE_HEAD + b"\n" * (size - 60),
    "blank lines and blanks": _repeated(_ZONE_HEAD, b" \n"),
    "a comment": lambda size: _ZONE_HEAD + b";" * (size - 60),
    "$ORIGIN again and again": _repeated(_ZONE_HEAD, b"$ORIGIN example.com.\n"),
    "$ORIGIN below $ORIGIN": _repeated(_ZONE_HEAD, b"$ORIGIN a\n"),
    "records": _repeated(_ZONE_HEAD, lambda n: b"h%x A 192.0.2.1\n" % n),
    "records of one name": _repeated(_ZONE_HEAD, lambda n: b"h A 10.%d.%d.%d\n" % (n >> 16, n >> 8 & 255, n & 255)),
    "TTLs that differ": _repeated(_ZONE_HEAD, lambda n: b"h %d A 10.%d.%d.%d\n" % (n, n >> 16, n >> 8 & 255, n & 255)),
    "records outside": _repeated(_ZONE_HEAD, lambda n: b"h%x.example.net. A 192.0.2.1\n" % n),
    "mistakes": _repeated(_ZONE_HEAD, b"h A x\n"),
    "CNAMEs in a chain": _repeated(_ZONE_HEAD, lambda n: b"h%x CNAME h%x\n" % (n, n + 1)),
    "a long TTL": lambda size: _ZONE_HEAD + b"a " + b"9" * min(size, 100_000) + b" A 192.0.2.1\n",
    "a TTL of many units": _repeated(_ZONE_HEAD + b"a ", b"1w", b" A 192.0.2.1\n"),
    "a long number": lambda size: _ZONE_HEAD + b"a MX " + b"9" * min(size, 100_000) + b" a\n",
    "many types": _repeated(_ZONE_HEAD, lambda n: b"h TYPE%d \\# 0\n" % (n % 60_000 + 1000)),
    "hexadecimal digits": _repeated(_ZONE_HEAD + b"h TYPE65000 \\# 9 ", b"00 "),
    "empty records": _repeated(_ZONE_HEAD, b"h TXT \\# 0\n"),
}

_YAML: dict[str, Build] = {
    "a thousand million laughs": lambda _: (
        b"a0: &a0 [x]\n"
        + b"".join(b"a%d: &a%d [%s]\n" % (n + 1, n + 1, b",".join([b"*a%d" % n] * 10)) for n in range(9))
    ),
    "laughing maps": lambda _: (
        b"a0: &a0 {x: y}\n"
        + b"".join(
            b"a%d: &a%d {%s}\n" % (n + 1, n + 1, b",".join(b"k%d: *a%d" % (k, n) for k in range(10))) for n in range(9)
        )
    ),
    "merges of merges": lambda _: (
        b"a0: &a0 {%s}\n" % b",".join(b"k%d: 1" % k for k in range(1000))
        + b"".join(b"a%d: &a%d {<<: [%s]}\n" % (n + 1, n + 1, b",".join([b"*a%d" % n] * 10)) for n in range(9))
    ),
    "one merge again and again": _repeated(
        b"a0: &a0 {%s}\n" % b",".join(b"k%d: 1" % k for k in range(10_000)), lambda n: b"b%x: {<<: *a0}\n" % n
    ),
    "an alias to itself": lambda _: b"a: &a [*a]\n",
    "nested lists": lambda size: b"[" * size,
    "nested lists that close": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "nested maps": _repeated(b"", b"{a: "),
    "nested lists in blocks": _repeated(b"", b"- "),
    "nested questions": _repeated(b"", b"? "),
    "indented maps": lambda size: b"\n".join(b" " * n + b"a:" for n in range(min(int((2 * size) ** 0.5) - 4, 2800))),
    "a long integer": lambda size: b"a: {type: A, ttl: " + b"9" * (size - 60) + b", value: 192.0.2.1}\n",
    "a default integer": lambda size: b"a: {type: A, ttl: " + b"9" * 4000 + b", value: 192.0.2.1}\n",
    "a long key": lambda size: b"a" * (size - 60) + b": {type: A, value: 192.0.2.1}\n",
    "a long value": lambda size: b"a: {type: A, value: " + b"1" * (size - 60) + b"}\n",
    "a long TXT": lambda size: b"a: {type: TXT, value: " + b"1" * (size - 60) + b"}\n",
    "escaped TXT": _repeated(b'a: {type: TXT, value: "', b"\\\\;", b'"}\n'),
    "many values": _repeated(b"a: {type: A, values: [", b"192.0.2.1,", b"]}\n"),
    "many anchors": _repeated(b"", lambda n: b"a%x: &a%x {type: A, value: 192.0.2.1}\n" % (n, n)),
    "many records": _repeated(b"", lambda n: b"a%x: {type: A, value: 192.0.2.1}\n" % n),
    "many records that are none": _repeated(b"", lambda n: b"a%x: 0\n" % n),
    "the same key": _repeated(b"", b"a: 0\n"),
    "many tags": _repeated(b"", lambda n: b"a%x: !!str 0\n" % n),
    "many documents": _repeated(b"", b"---\n"),
    "comments": _repeated(b"", b"#\n"),
    "an unclosed quotation mark": _repeated(b'a: "', b"b\n "),
    "a folded text": _repeated(b"a: >\n", b" b\n"),
    "directives": _repeated(b"", b"%TAG !a! b\n"),
    "tabs": _repeated(b"a:", b"\t"),
}

_TOML: dict[str, Build] = {
    "a long integer": lambda size: b"a = " + b"9" * (size - 5),
    "an integer of 4300 digits": _repeated(b"a = [", b"9" * 4300 + b",", b"]"),
    "a hexadecimal integer": lambda size: b"a = 0x" + b"f" * (size - 8),
    "a long fraction": lambda size: b"a = 1." + b"9" * (size - 8),
    "nested lists": lambda size: b"a = " + b"[" * (size - 5),
    "nested lists that close": lambda size: b"a = " + b"[" * (size // 2 - 5) + b"]" * (size // 2 - 5),
    "nested tables": _repeated(b"a = ", b"{a="),
    "dotted keys": _repeated(b"", b"a.", b"a = 1"),
    "a deep table": _repeated(b"[", b"a.", b"a]"),
    "deep tables": _repeated(b"", lambda n: b"[" + b"a." * 500 + b"a%x]\n" % n),
    "deep tables for keys": _repeated(b"", lambda n: b"a." * 500 + b"a%x=1\n" % n),
    "many tables": _repeated(b"", lambda n: b"[a%x]\n" % n),
    "many tables in a list": _repeated(b"", b"[[a]]\n"),
    "many users": _repeated(b"", b"[[users]]\n"),
    "many tables in a table's list": _repeated(b"[[a]]\n", lambda n: b"[a.a%x]\n" % n),
    "many keys": _repeated(b"", lambda n: b"a%x = 1\n" % n),
    "many comments": _repeated(b"", b"#\n"),
    "many empty lines": _repeated(b"", b"\n"),
    "blanks": lambda size: b" " * size,
    "an open list with blanks": lambda size: b"[" + b" " * (size - 1),
    "open lists with blanks": _repeated(b"a = '''\n", b"[" + b" " * 1000 + b"\n", b"'''\n"),
    "a table with blanks": lambda size: b"[" + b" " * (size // 2) + b"a" + b" " * (size // 2 - 8) + b"\n",
    "a key with blanks": lambda size: b"a" + b" " * (size - 9) + b"= 1\n",
    "keys with dots and blanks": _repeated(b"a", b" . a", b" = 1"),
    "a dotted key without a value": _repeated(b"a", b".a"),
    "escapes": _repeated(b'name = "', b"\\u0041", b'"'),
    "a long name": _repeated(b'name = "', b"a", b'"'),
    "a long unknown key": lambda size: b"a" * (size - 6) + b" = 1\n",
    "dates": _repeated(b"a = [", b"2025-01-01T00:00:00Z,", b"]"),
    "a text of many lines": _repeated(b"name = '''", b"a\n", b"'''"),
}

FAMILIES: Mapping[str, Mapping[str, Build]] = {
    "dns query, UDP": _DNS_QUERIES,
    "dns query, TCP": _DNS_QUERIES,
    "dns query, one authority": _DNS_QUERIES,
    **{f"dns response, {kind.name}": _responses(kind) for kind in (A, TXT, NSEC, SVCB, APL)},
    "http request": _HTTP,
    "http target": _TARGETS,
    "http cookie": _COOKIES,
    "http user agent": _BROWSERS,
    "form, token endpoint": _FORMS,
    "form, scope": _SCOPES,
    "form": _FORMS,
    "json, credential type": _JSON,
    "json, control API": _JSON,
    "xml": _XML,
    "xml, RST": {**_XML, **_RST},
    "xml, wresult": {**_XML, **_WRESULT},
    "xml, assertion": {**_XML, **_ASSERTIONS},
    "xml, signature": _ASSERTIONS,
    "assertion, base64": _ASSERTION_TEXTS,
    "sealed token": _SEALED,
    "negotiate token": _NEGOTIATE,
    "negotiate header": _NEGOTIATE_HEADERS,
    "kdc message": _KDC,
    "model, http response": _ANSWERS,
    "program output": _OUTPUT,
    "zone file": _ZONES,
    "octodns file": _YAML,
    "estate file": _TOML,
    "scenario file": _TOML,
}
"""The families of inputs of each target, by a description."""


FOUND_FOLDER = Path(__file__).with_name("found")
"""Slow inputs that a search has found, in one folder for each target."""


def list_inputs(name: str, longest: int | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield description and bytes of each input for the target ``name``: its families, and the inputs that were found.

    Each family is built at the size of the longest input (or ``longest``), and at half of it, a quarter and so on: a
    limit may refuse the longest input at once, so a shorter one may be slower.
    """
    most = min(TARGETS[name].longest, longest or TARGETS[name].longest)
    for family, build in FAMILIES[name].items():
        seen = set()
        size = most
        while size >= SMALLEST:
            data = build(size)[:most]
            if data not in seen:
                seen.add(data)
                yield f"{family}, {len(data)} bytes", data
            size //= 2
    for file in sorted((FOUND_FOLDER / folder_name(name)).glob("*")):
        yield f"found: {file.name}", file.read_bytes()


def folder_name(name: str) -> str:
    """Return the folder name of a target."""
    return name.replace(",", "").replace(" ", "-")
