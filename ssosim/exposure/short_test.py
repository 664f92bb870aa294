"""A short test that shows for most requests that they hold none of the credentials in question.

A full search of a request (``decode``) takes some tenths of a millisecond, as long as the exchange itself. The short
test takes some microseconds. It errs on one side only: it may find a request suspicious that holds nothing.

It splits the bytes at everything that is no letter or digit, and looks the words up among those of the passwords and
client secrets, each as it is and in the encodings that change its words. It then looks at the words of the base64
alphabets: one that is long enough for a token, or that hides a known text, is suspicious. A word is examined once; the
vocabulary of SOAP and URLs is the same in each request.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote_to_bytes

from ssosim.exposure.decoding import decode, is_text, is_utf16

__all__ = ["ShortTest"]

_ALNUM = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_DELIMITERS = bytes(byte for byte in range(256) if byte not in _ALNUM)
_SPLIT = bytes.maketrans(_DELIMITERS, b" " * len(_DELIMITERS))
_BASE64_DELIMITERS = bytes(byte for byte in _DELIMITERS if byte not in b"+/_-")
_SPLIT_BASE64 = bytes.maketrans(_BASE64_DELIMITERS, b" " * len(_BASE64_DELIMITERS))
_SHORTEST_WORD = 4
_SHORTEST_BASE64 = 8
_TOKEN = 56
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_FIRST_OCTETS = (b"\x60", b"\x61", b"\x6e", b"\x76", b"\xa1", b"\x1f", b"\x78")
"""The first octet of a Negotiate token, ticket, AP-REQ, KRB-CRED, NegTokenResp, gzip and zlib data."""
_HEX = re.compile(rb"[0-9a-fA-F]+\Z")
_SIGNS = (b"PRIVATE", b"\0", b"\\", b"&#", b"=\n", b"=\r")
"""What only encodings have that the short test does not undo."""
_GUID_LENGTH = 36
_GUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")


class ShortTest:
    """Tests bytes for ``texts``, the passwords and client secrets, and for anything that may be a token."""

    def __init__(self, texts: tuple[bytes, ...]) -> None:
        self._texts = texts
        words = [_longest_words(text) for text in texts]
        self._is_possible = all(words)
        self._words = frozenset(word for some in words for word in some)
        self._is_suspicious_word = lru_cache(maxsize=16_384)(self._examine_word)
        self.is_clean = lru_cache(maxsize=4096)(self.examine)

    def examine(self, data: bytes, takes_tokens: bool) -> bool:
        """Return True if ``data`` certainly holds no known text and no token.

        ``takes_tokens``: the recipient may have all tokens, but no tickets. ``is_clean`` is the same with a cache.
        """
        escapes = data.count(b"%")
        if not self._is_possible or escapes * 6 > len(data) or any(sign in data for sign in _SIGNS):
            return False
        if escapes:
            data = unquote_to_bytes(data)
        if not self._words.isdisjoint(data.translate(_SPLIT).split()):
            return False
        words = [word for word in data.translate(_SPLIT_BASE64).split() if len(word) >= _SHORTEST_BASE64]
        return not any(self._is_suspicious(word, takes_tokens) for word in words)

    def _is_suspicious(self, word: bytes, takes_tokens: bool) -> bool:
        size = len(word)
        if size >= _TOKEN:
            return not takes_tokens or self._hides_ticket(word)
        return not (size == _GUID_LENGTH and _GUID.match(word)) and self._is_suspicious_word(word)

    def _hides_ticket(self, word: bytes) -> bool:
        """Return whether a long word is anything but random bytes, as sealed tokens are, or an assertion."""
        plain = word.translate(_TO_STANDARD)[: len(word) // 4 * 4]
        decoded = base64.b64decode(plain)
        if decoded[:1] == b"<":
            return b"PRIVATE KEY" in decoded or any(text in decoded for text in self._texts)
        if decoded[:1] in _FIRST_OCTETS or decoded[:2] == b"\x05\x04":
            return True
        return _HEX.match(word) is not None or is_text(decoded) or is_utf16(decoded)

    def _examine_word(self, word: bytes) -> bool:
        return any(text in view for view in decode(word) for text in self._texts)


def _longest_words(text: bytes) -> frozenset[bytes]:
    """Return the longest word of each usual form of ``text``; empty if one form has none that is long enough."""
    found = set()
    for form in _list_forms(text):
        longest = max(form.translate(_SPLIT).split(), key=len, default=b"")
        if len(longest) < _SHORTEST_WORD:
            return frozenset()
        found.add(longest)
    return frozenset(found)


def _list_forms(text: bytes) -> Iterable[bytes]:
    plain = text.decode()
    yield text
    yield from _both_cases(quote(plain, safe=""))
    yield from _both_cases(quote_plus(plain))
    yield html.escape(plain).encode()
    yield json.dumps(plain)[1:-1].encode()


def _both_cases(quoted: str) -> Iterator[bytes]:
    """Yield a text with the digits of its percent escapes in upper and in lower case."""
    yield quoted.encode()
    yield re.sub(r"%..", lambda found: found[0].lower(), quoted).encode()
