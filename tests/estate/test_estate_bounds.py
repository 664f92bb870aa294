"""Hostile TOML gets a short error message, and neither a traceback nor a long wait."""

from __future__ import annotations

import pytest

from ssosim.estate import default_estate
from ssosim.estate.loader import parse_estate
from ssosim.estate.toml import TomlMistakeError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "9" * 5000, "a number of thousands of digits"),
        ("a = " + "[" * 5000, "nested too deep"),
        ("a = " + "{a=" * 5000, "nested too deep"),
        ("name = 'x'\n" + "a." * 200_000 + "a = 1", ":2: a key of more than 64 parts"),
        ("[" + "a." * 70 + "a]", ":1: a key of more than 64 parts"),
        ("b = {" + '"a" . ' * 70 + "a = 1}", ":1: a key of more than 64 parts"),
    ],
)
def test_hostile_toml_is_a_mistake(text: str, message: str) -> None:
    """Too many digits, too deep nesting and keys of too many parts are refused with the reason."""
    with pytest.raises(TomlMistakeError, match=message):
        parse_estate(text, "estate")


def test_dots_in_texts_are_no_keys() -> None:
    """Dots in values, comments and multi-line strings are not counted as parts of a key."""
    name = ".".join("a" * 100)
    with pytest.raises(TomlMistakeError, match="unknown key"):
        parse_estate(f'# {name}\nx = "{name}"\n', "estate")
    assert default_estate().name
