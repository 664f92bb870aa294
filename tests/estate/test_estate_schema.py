"""Every key of an estate file with a value of another type, misspelled, missing, or with a strange text.

The keys are those of the shipped estate ``contoso-guides``, each kind of table once.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from ssosim.dns.zones.from_estate import zones_of
from ssosim.estate import Estate, EstateError
from ssosim.estate.checks import find_mistakes
from ssosim.estate.loader import shipped_estate_text
from ssosim.estate.toml import convert_data, convert_toml, format_mistake
from ssosim.estate.toml_lines import KeyPath, render_path
from ssosim.kerberos.principals import build_principals_batch
from ssosim.services import complete_estate

DATA: dict[str, Any] = tomllib.loads(shipped_estate_text("contoso-guides"))
_OF_OTHER_TYPE: dict[type, tuple[Any, ...]] = {
    str: (7, True, ["x"], 1.5),
    bool: ("true", 1, []),
    int: ("5", True),
    float: ("1.5", True),
}
_STRANGE_TEXTS = (
    "", "\0", " ", ".", "*", "a" * 300, "é", "@", "a@b@c", "//", "[", "1", "::1", "a\nb", "..", "-", "{domain}", "{x",
    "%s", "https://[", "-rf", "\x1b[2J",
)  # fmt: skip


def list_keys(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Every key and table below ``value``."""
    yield path, value
    for step, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from list_keys(inner, (*path, step))


def each_once() -> dict[KeyPath, Any]:
    """The first of each kind of key, by its path."""
    found: dict[tuple[object, ...], tuple[KeyPath, Any]] = {}
    for path, value in list_keys(DATA):
        kind = tuple(0 if isinstance(step, int) else step for step in path)
        if not {"secrets", "blobs", "latency"} & set(kind[-2:-1]):  # names that the author chooses
            found.setdefault(kind, (path, value))
    return dict(found.values())


KEYS = each_once()
SECTIONS = sorted({str(path[0]) for path in KEYS if path})


@contextmanager
def changed(path: KeyPath, value: Any) -> Iterator[dict[str, Any]]:
    """The data with another value at ``path``; None: without the key."""
    at: Any = DATA
    for step in path[:-1]:
        at = at[step]
    before = at[path[-1]] if isinstance(at, list) or path[-1] in at else None
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    try:
        yield DATA
    finally:
        if before is None:
            del at[path[-1]]
        else:
            at[path[-1]] = before


def keys_of(section: str) -> list[tuple[KeyPath, Any]]:
    """The keys of one section of the file."""
    return [(path, value) for path, value in KEYS.items() if path and path[0] == section]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_value_of_another_type_is_named_by_its_key(section: str) -> None:
    """No text is read as a number, no number as a text, and nothing as a list of one."""
    for path, value in keys_of(section):
        for wrong in _OF_OTHER_TYPE.get(type(value), ()):
            with changed(path, wrong) as data, pytest.raises(EstateError) as caught:
                convert_data(data, "f.toml", Estate)
            assert str(caught.value).startswith(f"f.toml: {render_path(path)}"), (path, wrong)


@pytest.mark.parametrize("section", SECTIONS)
def test_an_unknown_key_is_named_with_the_nearest_one(section: str) -> None:
    """In every table: a misspelled key is no key that is ignored, and the one that was meant is proposed."""
    for path, value in keys_of(section):
        if isinstance(value, dict) and path[-1] not in ("blobs", "secrets"):
            close = f"{next(iter(value))}x"
            with changed((*path, close), 1) as data, pytest.raises(EstateError) as caught:
                convert_data(data, "f.toml", Estate)
            text = f"f.toml: {render_path((*path, close))}: unknown key; did you mean '"
            assert str(caught.value).startswith(text), str(caught.value)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_key_that_is_missing_is_named_with_its_table(section: str) -> None:
    """A key without a default value: the table is named, and the key."""
    required = 0
    for path, _ in keys_of(section):
        if isinstance(path[-1], int) or len(path) == 1:
            continue
        with changed(path, None) as data:
            try:
                msgspec.convert(data, Estate)
            except msgspec.ValidationError:
                required += 1
                with pytest.raises(EstateError) as caught:
                    convert_data(data, "f.toml", Estate)
                assert str(caught.value) == f"f.toml: {render_path(path[:-1])}: the key '{path[-1]}' is missing"
    assert required or section in ("cloud", "dns", "resource_manager", "name")


def test_a_strange_text_is_a_mistake_or_usable() -> None:
    """No value raises anything but an error of the estate, in its checks and in what a lab makes of it then."""
    texts = itertools.cycle(_STRANGE_TEXTS)
    for path, value in KEYS.items():
        for strange in itertools.islice(texts, 1 if isinstance(value, str) else 0):
            with changed(path, strange) as data:
                try:
                    estate = convert_data(data, "f.toml", Estate)
                except EstateError:
                    continue
            if list(find_mistakes(estate)):
                continue
            build_principals_batch(complete_estate(estate), "seed")
            try:
                zones_of(estate)
            except EstateError:
                assert path[0] in ("zones", "traffic_managers", "dns")


def test_a_number_at_the_limits_is_a_mistake_or_usable() -> None:
    """The same for numbers of every size, and for those that are none."""
    for path, value in KEYS.items():
        wrong = {int: (-1, 0, 2**31, 2**63 - 1), float: (-1.0, float("nan"), float("inf"))}.get(type(value), ())
        for number in wrong:
            with changed(path, number) as data:
                try:
                    estate = convert_data(data, "f.toml", Estate)
                except EstateError:
                    continue
            if not list(find_mistakes(estate)):
                zones_of(estate)


def test_a_mistake_is_one_printable_line_whatever_it_quotes() -> None:
    """A name with a line break or an escape sequence is shown by its numbers, also among the known ones."""
    text = format_mistake("", "f.toml", ("users", 0, "tenant"), "there is no tenant 'x'; known: a\nb\x1b[2J, é")
    assert text == "f.toml: users[0].tenant: there is no tenant 'x'; known: a\\nb\\x1b[2J, é"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = 1\n", "f.toml:1: name: expected `str`, got `int`"),
        ("a = [1,\n", "f.toml: not valid TOML: Invalid value (at end of document)"),
        ("a = 1\na = 2\n", "f.toml:2: not valid TOML: Cannot overwrite a value"),
        ("= 1\n", "f.toml:1: not valid TOML"),
        (
            "name = 'x'\n[cloud]\nlogin_hosts = 'x'\nautologon_host = 'y'\n",
            "f.toml:3: cloud.login_hosts: expected `array`",
        ),
        ("[[realms]]\nname = 'A'\n[[realms]]\nnme = 'B'\n", "realms[0]"),
    ],
)
def test_a_mistake_of_the_file_has_its_line(text: str, words: str) -> None:
    """Where the parser, or the schema, knows the line."""
    with pytest.raises(EstateError) as caught:
        convert_toml(text, "f.toml", Estate)
    assert words in str(caught.value)
