"""No secret in the output of a program reaches the trace, in whatever form the program printed it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.trace.redact import redact

PASSWORD = "Pä+ss/w&\"o'r \\d<1>%\n€😀"
Encode = Callable[[str], str]


def small(text: str) -> str:
    """Percent-encoded with small letters, as .NET's HttpUtility.UrlEncode writes it."""
    return re.sub("%..", lambda found: found[0].lower(), quote(text, safe=""))


def json_of_dotnet(text: str) -> str:
    """As System.Text.Json writes it: all but letters, digits and a few others by number, in large letters."""
    units = text.encode("utf-16-be").hex()
    parts = [units[at : at + 4] for at in range(0, len(units), 4)]
    plain = [chr(int(part, 16)) for part in parts]
    return "".join(
        each if each.isascii() and (each.isalnum() or each in " /") else f"\\u{part.upper()}"
        for each, part in zip(plain, parts, strict=True)
    )


ENCODINGS: dict[str, Encode] = {
    "plain": str,
    "url": quote,
    "url, all": lambda text: quote(text, safe=""),
    "url, small letters": small,
    "url, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "form": quote_plus,
    "json": lambda text: json.dumps(text)[1:-1],
    "json, no ascii": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json in json": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "json of .NET": json_of_dotnet,
    "json of PHP": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "html": html.escape,
    "xml": lambda text: html.escape(text).replace("&#x27;", "&apos;"),
    "xml, decimal": lambda text: "".join(
        each if each.isalnum() and each.isascii() else f"&#{ord(each)};" for each in text
    ),
    "xml, hexadecimal": lambda text: "".join(
        each if each.isalnum() and each.isascii() else f"&#x{ord(each):X};" for each in text
    ),
    "xml in xml": lambda text: html.escape(html.escape(text)),
    "python": lambda text: repr(text)[1:-1],
    "python, bytes": lambda text: repr(text.encode())[2:-1],
    "url in json": lambda text: json.dumps(quote(text))[1:-1],
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_secret_is_removed_in_each_encoding(encoding: str) -> None:
    """URLs, forms, JSON, XML, HTML and source code, as different languages write them, and encoded twice."""
    printed = ENCODINGS[encoding](PASSWORD)
    assert redact(f"login alice:{printed}; ok", [PASSWORD]) == "login alice:(redacted); ok"


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=8)
@given(secret=st.text(min_size=6, max_size=12))
def test_each_secret_is_removed_in_each_encoding(encoding: str, secret: str) -> None:
    """Whatever characters a secret has, nothing of its encoded form is left."""
    try:
        printed = ENCODINGS[encoding](secret)
    except UnicodeEncodeError:  # half a surrogate pair has no UTF-8 form
        return
    assert "(redacted)" in redact(f"[{printed}]", [secret])


def test_the_longest_secret_is_removed_first() -> None:
    """A secret that begins as another one leaves no rest of it."""
    assert redact("abc!1234 abc!", ["abc!", "abc!1234"]) == "(redacted) (redacted)"


def test_text_beside_a_secret_is_kept() -> None:
    """Only the secret itself goes: other text with the same letters stays."""
    kept = "user=alice&P+ss=1 100% &lt;tag&gt; \\u00e4 C:\\dir"
    assert redact(kept, [PASSWORD, "Pass-word"]) == kept
    assert redact("nothing", ["", "x!"]) == "nothing"


@given(st.text(max_size=60), st.lists(st.text(max_size=8), max_size=3))
@settings(max_examples=40)
def test_no_text_and_no_secret_breaks_it(text: str, secrets: list[str]) -> None:
    """Any text is handled, and no secret of letters and digits is left."""
    cleaned = redact(text, secrets)
    for secret in secrets:
        if secret.isalnum() and secret not in "(redacted)":
            assert secret not in cleaned
