"""The short test never calls bytes clean that hold a known text, whatever it has remembered before."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ssosim.exposure.short_test import ShortTest

ID = "1b671a64-40d5-491e-99b0-da01ff1f3341"
OTHER_ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
SOAP = "<a:MessageID>urn:uuid:{id}</a:MessageID><a:To>https://host/mex?client-request-id={id}</a:To><o:P>{text}</o:P>"

ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "html": html.escape,
    "html text": lambda text: html.escape(text, quote=False),
    "xml text": escape,
    "xml attribute": quoteattr,
    "xml with apos": lambda text: escape(text, {"'": "&apos;", '"': "&quot;"}),
    "json": json.dumps,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
}
# Long enough for words, with the characters that encodings change.
TEXTS = st.text("abcdef0123456789-Zz &<>\"'+=:;%!ü", min_size=6, max_size=24).filter(
    lambda text: re.search("[A-Za-z0-9]{4}", text) is not None
)


def soap(text: str = "", identifier: str = ID) -> bytes:
    """A message with the same request id twice, and ``text``."""
    return SOAP.format(id=identifier, text=text).encode()


@settings(max_examples=120, deadline=None)
@given(text=TEXTS, name=st.sampled_from(sorted(ENCODINGS)), as_form=st.booleans())
def test_an_encoded_text_is_never_clean(text, name, as_form):
    """A known text in any usual encoding makes a message suspicious, in a form and in SOAP."""
    written = ENCODINGS[name](text)
    data = f"grant_type=password&password={written}&x=1%20".encode() if as_form else soap(written)
    if name == "plain" and as_form and "%" in text:
        return  # the form means another text
    test = ShortTest((text.encode(),))
    assert not test.examine(data, takes_tokens=True)


NOISE = tuple(f"Other{number:03}-text!".encode() for number in range(80))


@settings(max_examples=120, deadline=None)
@given(
    text=TEXTS,
    before=st.sampled_from(["", "bob", "7", "="]),
    after=st.sampled_from(["", "x1", "&"]),
    word=st.booleans(),
)
@example(text="Password1!", before="bob", after="", word=False)
def test_a_text_among_many_is_found_where_it_is_found_alone(text, before, after, word):
    """With the passwords of many users, one that follows on other letters is found as with a few users."""
    data = f"{'Other00 ' if word else ''}<p>{before}{text}{after}</p>".encode()
    alone, many = ShortTest((text.encode(),)), ShortTest((*NOISE, text.encode()))
    for _ in range(2):
        assert many.find_texts(data, takes_tokens=True) == alone.find_texts(data, takes_tokens=True)


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=3),
    messages=st.lists(
        st.tuples(st.sampled_from((ID, OTHER_ID, "*", "1b671a64", "")), st.sampled_from(("", "x", "=\n", "*", "word"))),
        max_size=8,
    ),
    takes_tokens=st.booleans(),
)
def test_memory_changes_no_finding(texts, messages, takes_tokens):
    """What was examined before changes no finding: a new test says the same of each message."""
    known = tuple(text.encode() for text in texts)
    test = ShortTest(known)
    for identifier, text in messages:
        data = soap(text, identifier)
        assert test.examine(data, takes_tokens) == ShortTest(known).examine(data, takes_tokens)


@pytest.mark.parametrize(
    "text",
    ["99b0-da01ff1f3341", "urn:uuid:1b671a64", "01ff1f3341</a:Mess", "id=1b67", ID, "uuid:*</a:", "341&x=word"],
)
def test_text_in_or_beside_a_request_id_is_found(text):
    """A known text inside a request id, or across one of its ends, is found although the message was seen before."""
    test = ShortTest((text.encode(),))
    assert test.examine(soap("", OTHER_ID), takes_tokens=True) is (text.encode() not in soap("", OTHER_ID))
    for data in (soap(), soap("", "*"), f"/mex?client-request-id={ID}&x=word".encode()):
        assert test.examine(data, takes_tokens=True) is (text.encode() not in data)
        assert test.is_clean_value(data.decode(), takes_tokens=True) is (text.encode() not in data)


@pytest.mark.parametrize(
    "text",
    ["01ff1f3341", "1b671a64", "id=1b67", ID, "mex?client-request-id=1b67", "client-request-id=1b671a64-40d5-491e"],
)
@pytest.mark.parametrize("path", ["/mex", "/%6dex", "/m%65%78"])
def test_text_in_an_id_at_the_end_of_a_url_is_found(text, path):
    """A known text inside the request id of a URL, or across its start, is found although the URL was seen before."""
    test = ShortTest((text.encode(),))
    for identifier in (OTHER_ID, ID, OTHER_ID):
        value = f"{path}?client-request-id={identifier}"
        assert test.is_clean_value(value, takes_tokens=False) is (text not in value.replace(path, "/mex"))


@pytest.mark.parametrize(
    ("text", "with_id", "without"),
    [
        ("01ff1f3341", False, False),
        ("c9e6679-7425", False, False),
        ("id=7c9e", False, True),
        ("90ae7&x=w", False, True),
        ("Spring-2026!", True, True),
        ("x=word", True, True),
    ],
)
def test_a_clean_url_holds_for_other_ids_where_none_can_spell_a_text(text, with_id, without):
    """``holds_for_other_ids`` is said only where no id, inside or across its ends, could spell a known text."""
    test = ShortTest((text.encode(),))
    assert test.holds_for_other_ids(f"/mex?client-request-id={ID}&x=w") is with_id
    assert test.holds_for_other_ids("/mex") is without
    assert not test.holds_for_other_ids(f"/%6dex?client-request-id={ID}")


def test_token_before_a_request_id_is_remembered_for_nobody():
    """A URL with a token and a request id is clean for the login host only, also after the login host received it."""
    test = ShortTest((b"Spring-2026!",))
    value = f"/x?a={base64.urlsafe_b64encode(bytes(range(90, 180))).decode()}&client-request-id={ID}"
    assert test.is_clean_value(value, takes_tokens=True)
    assert not test.is_clean_value(value, takes_tokens=False)


def test_soft_line_break_is_not_taken_for_a_masked_id():
    """Quoted-printable after the mark of a request id stays suspicious after the same message with an id."""
    test = ShortTest((b"Spring-2026!",))
    assert test.examine(f"client-request-id={ID}\nword".encode(), takes_tokens=True)
    assert not test.examine(b"client-request-id=\nword", takes_tokens=True)


def test_token_in_a_value_is_remembered_for_nobody():
    """A value with a token is clean for the login host only, also after the login host has received it."""
    test = ShortTest((b"Spring-2026!",))
    value = "Bearer " + base64.urlsafe_b64encode(bytes(range(90, 180))).decode()
    assert test.is_clean_value(value, takes_tokens=True)
    assert not test.is_clean_value(value, takes_tokens=False)
    assert value in test.list_unknown([value])
