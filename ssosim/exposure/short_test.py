"""A short test that shows for most parts of requests which of the known texts they hold, and that they hold no more.

A full search of a request (``decode``) takes some tenths of a millisecond, as long as the exchange itself. The short
test takes some microseconds. It errs on one side only: it may find a request suspicious that holds nothing.

It first looks for the passwords and client secrets, each as it is and in the encodings that change its words; for many
texts it splits the bytes at everything that is no letter or digit, and seeks the longest word of each text in these
words. It then looks at the words of the base64 alphabets: one that is long enough for a token is suspicious, and one
that hides a known text holds that text. A known text needs no full search where its recipient may have it.

What was found is remembered, since SOAP messages, forms, URLs and header fields are the same in each request but for
their request ids. A request id (a GUID that follows one of ``MARKS_OF_REQUEST_IDS`` and ends with its word) is masked
before the look-up. That changes no finding: it is a word of its own that is no token, and a message is remembered only
if no known text can lie in its ids or across their ends. A message with both an id and percent escapes is not
remembered.

A token that the provider has sealed itself, and has just opened, holds no known text. The rest of its form is examined
without it (``find_texts_beside``).
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from itertools import filterfalse
from urllib.parse import quote, quote_plus, unquote_to_bytes

from ssosim.entra.core.request_ids import MARKS_OF_REQUEST_IDS, MASK, mask_request_ids
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
_FEW, _MOST_WORDS = 64, 16_384
_NO_TEXTS: frozenset[bytes] = frozenset()
_MOST_TEXTS, _LONGEST_TEXT = 1024, 4096
_GUID_LENGTH = 36
_GUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_MARKUP = re.compile(rb"[&<>\"']")
_ENTITY = re.compile(rb"&(?:amp|lt|gt|quot|apos);")
"""Which characters of a text are written as references differs from program to program."""
_ID = re.compile(_GUID.pattern.decode())
_PART_OF_ID = b"0123456789abcdef-" + MASK
_QUERY_ID = "client-request-id="


class ShortTest:
    """Tests bytes for ``texts``, the passwords and client secrets, and for anything that may be a token."""

    def __init__(self, texts: tuple[bytes, ...]) -> None:
        self._texts = texts
        self._text_of: dict[bytes, frozenset[bytes]] = {}
        for text in texts:
            for form in _list_forms(text):
                self._text_of[form] = self._text_of.get(form, _NO_TEXTS) | {text}
        self._forms: dict[bytes, set[bytes]] = {}
        for form in self._text_of:
            longest = max(form.translate(_SPLIT).split(), key=len, default=b"")
            self._forms.setdefault(longest, set()).add(form)
        self._longest_by_begin: dict[bytes, list[bytes]] = {}
        for longest in self._forms:
            self._longest_by_begin.setdefault(longest[:_SHORTEST_WORD], []).append(longest)
        self._words_without_forms: set[bytes] = set()
        self._is_possible = all(len(word) >= _SHORTEST_WORD for word in self._forms)
        self._all_forms = tuple(self._text_of)
        self._ids_are_clean = self._is_possible and all(form.strip(_PART_OF_ID) for form in self._all_forms)
        self._has_blank = any(b" " in text for text in texts)
        self._has_percent = any(b"%" in text for text in texts)
        self._has_markup = any(_MARKUP.search(text) for text in texts)
        self._clean_words: set[bytes] = set()
        self._texts_of_words: dict[bytes, frozenset[bytes]] = {}
        self._texts_of_messages: dict[bytes, frozenset[bytes]] = {}
        self._clean_values: set[str] = set()
        self._clean_before_id: set[tuple[str, bool]] = set()
        self._fields_are_apart = not any(b"=" in form or b"&" in form for form in self._all_forms)

    def list_unknown(self, values: Iterable[str]) -> list[str]:
        """Return those of ``values`` that are not remembered as clean."""
        return list(filterfalse(self._clean_values.__contains__, values))

    def is_clean_value(self, value: str, takes_tokens: bool) -> bool:
        """As ``examine``, for a header field, or a path with its query; a short one without texts is remembered."""
        if value in self._clean_values:
            return True
        if len(value) == _GUID_LENGTH and self._ids_are_clean and _ID.match(value):
            return True
        start = -_GUID_LENGTH
        ends_with_id = value.endswith(_QUERY_ID, 0, start) and _ID.match(value[start:]) is not None
        if ends_with_id and (value[:start], takes_tokens) in self._clean_before_id:
            return True
        data = value.encode("utf-8", "surrogateescape")
        if not self.examine(data, takes_tokens):
            return False
        if ends_with_id and b"%" not in data and self._is_apart(data[:start], b""):
            if len(self._clean_before_id) >= _MOST_TEXTS:
                self._clean_before_id.clear()
            self._clean_before_id.add((value[:start], takes_tokens))
        elif len(data) < _TOKEN:  # a longer one may be a token, which not every recipient takes
            if len(self._clean_values) >= _MOST_TEXTS:
                self._clean_values.clear()
            self._clean_values.add(value)
        return True

    def examine(self, data: bytes, takes_tokens: bool) -> bool:
        """Return True if ``data`` certainly holds no known text and no token.

        ``takes_tokens``: the recipient may have all tokens, but no tickets.
        """
        return self.find_texts(data, takes_tokens) == _NO_TEXTS

    def find_texts(self, data: bytes, takes_tokens: bool) -> frozenset[bytes] | None:
        """Return all known texts in ``data``; None if it may hold a token, or anything that only a full search finds.

        It may return a text that ``data`` does not hold as a word of its own.
        """
        text = mask_request_ids(data)
        known = self._texts_of_messages.get(text)
        if known is not None:
            return known
        if not self._is_possible or _has_sign(data) or (self._has_markup and _ENTITY.search(data)):
            return None
        escapes = data.count(b"%")
        if escapes * 6 > len(data):
            return None
        plain = unquote_to_bytes(data) if escapes else data
        found = self._list_texts(plain)
        if escapes:
            found |= self._list_escaped_texts(data)
        words = plain.translate(_SPLIT_BASE64).split()
        long_words = [word for word in words if len(word) >= _TOKEN]
        if long_words and (not takes_tokens or any(map(self._hides_ticket, long_words))):
            return None
        for word in filterfalse(self._clean_words.__contains__, words):
            size = len(word)
            if _SHORTEST_BASE64 <= size < _TOKEN and not (size == _GUID_LENGTH and _GUID.match(word)):
                found |= self._list_texts_of_word(word)
        if not long_words and len(text) <= _LONGEST_TEXT and not (escapes and text is not data):
            self._remember_message(text, found)
        return found

    def find_texts_beside(self, data: bytes, field: bytes) -> frozenset[bytes] | None:
        """As ``find_texts``, for a form whose ``field`` is a token that the provider has sealed and opened.

        The value of that field is not examined: in whatever way its characters are escaped, it is that token. It is
        examined where a known text could reach into it.
        """
        mark = b"&%b=" % field
        start = 0 if data.startswith(mark[1:]) else data.find(mark) + 1
        if (not start and not data.startswith(mark[1:])) or not self._fields_are_apart or self._has_percent:
            return self.find_texts(data, takes_tokens=True)
        start += len(mark) - 1
        end = data.find(b"&", start)
        return self.find_texts(b"%b%b%b" % (data[:start], MASK, b"" if end < 0 else data[end:]), takes_tokens=True)

    def _list_escaped_texts(self, data: bytes) -> frozenset[bytes]:
        """Return the known texts with a percent sign, or with blanks as in a form, that are in ``data``."""
        found = self._list_texts(data) if self._has_percent else _NO_TEXTS
        if self._has_blank and b"+" in data:
            found |= self._list_texts(unquote_to_bytes(data.replace(b"+", b" ")))
        return found

    def _remember_message(self, text: bytes, found: frozenset[bytes]) -> None:
        """Remember what is in a message without tokens, unless a known text may lie in a masked request id."""
        if not self._ids_are_apart(text):
            return
        if len(self._texts_of_messages) >= _MOST_TEXTS:
            self._texts_of_messages.clear()
        self._texts_of_messages[text] = found

    def holds_for_other_ids(self, target: str) -> bool:
        """Return whether a ``target`` that is clean is clean with other request ids, too, and so is an id by itself."""
        data = target.encode("utf-8", "surrogateescape")
        masked = mask_request_ids(data)
        return self._ids_are_clean and (masked is data or (b"%" not in data and self._ids_are_apart(masked)))

    def _ids_are_apart(self, text: bytes) -> bool:
        """Return whether no known text can lie in a masked request id of ``text``, or across its ends."""
        for mark in MARKS_OF_REQUEST_IDS:
            before, masked, after = text.partition(mark + MASK)
            if masked and not self._is_apart(before + mark, after):
                return False
        return True

    def _is_apart(self, before: bytes, after: bytes) -> bool:
        """Return whether no known text can lie in a request id between ``before`` and ``after``, or across its ends."""
        return self._ids_are_clean and not any(
            (form[cut] in _PART_OF_ID and before.endswith(form[:cut]))
            or (form[cut - 1] in _PART_OF_ID and after.startswith(form[cut:]))
            for form in self._all_forms
            for cut in range(1, len(form))
        )

    def _list_texts_of_word(self, word: bytes) -> frozenset[bytes]:
        """Return the known texts in any view of a short word, and remember them."""
        found = self._texts_of_words.get(word)
        if found is None:
            views = tuple(decode(word))
            found = frozenset(text for text in self._texts if any(text in view for view in views))
            if len(self._clean_words) + len(self._texts_of_words) >= _MOST_WORDS:
                self._clean_words.clear()
                self._texts_of_words.clear()
            if found:
                self._texts_of_words[word] = found
            else:
                self._clean_words.add(word)
        return found

    def _list_texts(self, data: bytes) -> frozenset[bytes]:
        """Return the known texts in ``data``. Of many texts, a look-up of words chooses which are sought."""
        forms: Iterable[bytes] = self._all_forms if len(self._all_forms) <= _FEW else self._list_possible_forms(data)
        found = _NO_TEXTS
        for form in forms:
            if form in data:
                found |= self._text_of[form]
        return found

    def _list_possible_forms(self, data: bytes) -> Iterable[bytes]:
        """Return the forms whose longest word is in a word of ``data``, which may begin before it and end after it.

        Words without any are remembered, since most words of messages come again.
        """
        found: set[bytes] = set()
        for word in filterfalse(self._words_without_forms.__contains__, set(data.translate(_SPLIT).split())):
            begins = self._longest_by_begin.keys() & [word[at : at + _SHORTEST_WORD] for at in range(len(word))]
            inside = [longest for begin in begins for longest in self._longest_by_begin[begin] if longest in word]
            for longest in inside:
                found |= self._forms[longest]
            if not inside and len(word) < _TOKEN:
                if len(self._words_without_forms) >= _MOST_WORDS:
                    self._words_without_forms.clear()
                self._words_without_forms.add(word)
        return found

    def _hides_ticket(self, word: bytes) -> bool:
        """Return whether a long word is anything but random bytes, as sealed tokens are, or an assertion."""
        plain = word.translate(_TO_STANDARD)[: len(word) // 4 * 4]
        decoded = base64.b64decode(plain)
        if decoded[:1] == b"<":
            return b"PRIVATE" in decoded or bool(self._list_texts(decoded))
        if decoded[:1] in _FIRST_OCTETS or decoded[:2] == b"\x05\x04":
            return True
        return _HEX.match(word) is not None or is_text(decoded) or is_utf16(decoded)


def _has_sign(data: bytes) -> bool:
    """Return whether ``data`` has something that only encodings have that the short test does not undo."""
    # A search for one byte costs a tenth of that for two.
    return (
        b"\\" in data
        or b"\0" in data
        or (b"#" in data and b"&#" in data)
        or (b"\n" in data and b"=\n" in data)
        or (b"\r" in data and b"=\r" in data)
        or b"PRIVATE" in data
    )


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
