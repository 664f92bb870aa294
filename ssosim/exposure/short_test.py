"""A short test that shows for most requests that they hold none of the credentials in question.

A full search of a request (``decode``) takes some tenths of a millisecond, as long as the exchange itself. The short
test takes some microseconds. It errs on one side only: it may find a request suspicious that holds nothing.

It splits the bytes at everything that is no letter or digit, and looks the words up among the longest words of the
passwords and client secrets, each as it is and in the encodings that change its words. It then looks at the words of
the base64 alphabets: one that is long enough for a token, or that hides a known text, is suspicious. A word is examined
once; the vocabulary of SOAP and URLs is the same in each request.
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
_FEW, _MOST_WORDS, _MOST_CACHED = 64, 16_384, 512
_GUID_LENGTH = 36
_GUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")


class ShortTest:
    """Tests bytes for ``texts``, the passwords and client secrets, and for anything that may be a token."""

    def __init__(self, texts: tuple[bytes, ...]) -> None:
        self._texts = texts
        self._forms: dict[bytes, set[bytes]] = {}
        for form in (form for text in texts for form in _list_forms(text)):
            longest = max(form.translate(_SPLIT).split(), key=len, default=b"")
            self._forms.setdefault(longest, set()).add(form)
        self._is_possible = all(len(word) >= _SHORTEST_WORD for word in self._forms)
        self._all_forms = tuple({form for forms in self._forms.values() for form in forms})
        self._clean_words: set[bytes] = set()
        self._is_clean = lru_cache(maxsize=4096)(self.examine)

    def is_clean(self, data: bytes, takes_tokens: bool) -> bool:
        """As ``examine``, with a cache for short data: header fields and paths are the same in many requests."""
        return self._is_clean(data, takes_tokens) if len(data) <= _MOST_CACHED else self.examine(data, takes_tokens)

    def examine(self, data: bytes, takes_tokens: bool) -> bool:
        """Return True if ``data`` certainly holds no known text and no token.

        ``takes_tokens``: the recipient may have all tokens, but no tickets.
        """
        escapes = data.count(b"%")
        if not self._is_possible or escapes * 6 > len(data) or any(sign in data for sign in _SIGNS):
            return False
        if escapes:
            data = unquote_to_bytes(data)
        if self._holds_text(data):
            return False
        for word in {*data.translate(_SPLIT_BASE64).split()} - self._clean_words:
            size = len(word)
            if size >= _TOKEN:
                if not takes_tokens or self._hides_ticket(word):
                    return False
            elif size >= _SHORTEST_BASE64 and not (size == _GUID_LENGTH and _GUID.match(word)):
                if self._hides_text(word):
                    return False
                self._remember(word)
        return True

    def _holds_text(self, data: bytes) -> bool:
        """Return whether a known text is in ``data``. For many texts, a look-up of words chooses which are sought."""
        if len(self._all_forms) <= _FEW:
            return any(form in data for form in self._all_forms)
        found = self._forms.keys() & data.translate(_SPLIT).split()
        return any(form in data for word in found for form in self._forms[word])

    def _remember(self, word: bytes) -> None:
        if len(self._clean_words) >= _MOST_WORDS:
            self._clean_words.clear()
        self._clean_words.add(word)

    def _hides_text(self, word: bytes) -> bool:
        return any(text in view for view in decode(word) for text in self._texts)

    def _hides_ticket(self, word: bytes) -> bool:
        """Return whether a long word is anything but random bytes, as sealed tokens are, or an assertion."""
        plain = word.translate(_TO_STANDARD)[: len(word) // 4 * 4]
        decoded = base64.b64decode(plain)
        if decoded[:1] == b"<":
            return b"PRIVATE KEY" in decoded or any(text in decoded for text in self._texts)
        if decoded[:1] in _FIRST_OCTETS or decoded[:2] == b"\x05\x04":
            return True
        return _HEX.match(word) is not None or is_text(decoded) or is_utf16(decoded)


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
