"""What the reader of TOML says of a value that does not fit: where it is, and what could be there, for any schema."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct, field

from ssosim.estate.toml import TomlMistakeError, convert_data, convert_toml, read_text


class Colour(StrEnum):
    """An enumeration."""

    RED = "red"
    GREEN = "green"


class Wait(Struct, tag="wait", tag_field="do", forbid_unknown_fields=True):
    """One member of a union of tables."""

    seconds: int


class Stop(Struct, tag="stop", tag_field="do", forbid_unknown_fields=True):
    """The other member."""

    name: str = ""


class Inner(Struct, forbid_unknown_fields=True):
    """A table."""

    size: int = 1
    colour: Colour = Colour.RED


class File(Struct, forbid_unknown_fields=True):
    """A file with every kind of value."""

    steps: tuple[Wait | Stop, ...] = ()
    inner: Inner = field(default_factory=Inner)
    maybe: Inner | None = None
    named: dict[str, Inner] = field(default_factory=dict)
    modes: dict[str, Literal["fast", "slow"]] = field(default_factory=dict)
    entries: tuple[Inner | str, ...] = ()
    limited: Annotated[int, Meta(ge=1, le=9)] = 1


def said(data: dict[str, Any]) -> str:
    """What is said about the data."""
    with pytest.raises(TomlMistakeError) as caught:
        convert_data(data, "f", File)
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "where", "words"),
    [
        ({"inner": {"sise": 1}}, "inner.sise", "unknown key; did you mean 'size'?"),
        ({"inner": {"xyz": 1}}, "inner.xyz", "unknown key; known here: size, colour"),
        ({"maybe": {"sise": 1}}, "maybe.sise", "did you mean 'size'?"),
        ({"named": {"a": {"sise": 1}}}, "named", "unknown key; did you mean 'size'?"),
        ({"entries": ["x", {"sise": 1}]}, "entries[1].sise", "did you mean 'size'?"),
        ({"steps": [{"do": "wait", "secondss": 1}]}, "steps[0].secondss", "did you mean 'seconds'?"),
        ({"steps": [{"do": "stop", "seconds": 1}]}, "steps[0].seconds", "unknown key; known here: name"),
        ({"inner": {"colour": "greem"}}, "inner.colour", "did you mean 'green'? expected one of: red, green"),
        ({"inner": {"colour": 7}}, "inner.colour", "expected `str`, got `int`"),
        ({"modes": {"a": "fats"}}, "modes", "did you mean 'fast'? expected one of: fast, slow"),
        ({"steps": [{"do": "wiat", "seconds": 1}]}, "steps[0].do", "did you mean 'wait'? expected one of:"),
        ({"steps": [{"do": "wait"}]}, "steps[0]", "the key 'seconds' is missing"),
        ({"steps": [{"seconds": 1}]}, "steps[0]", "the key 'do' is missing"),
        ({"steps": ["wait"]}, "steps[0]", "expected `object`, got `str`"),
        ({"limited": 0}, "limited", "expected `int` >= 1"),
        ({"limited": 10}, "limited", "expected `int` <= 9"),
        ({"limted": 1}, "limted", "did you mean 'limited'?"),
    ],
)
def test_a_mistake_says_where_it_is_and_what_could_be_there(data: dict[str, Any], where: str, words: str) -> None:
    """Of a union the member that is written decides; of a table with free names, that of its values."""
    text = said(data)
    assert text.startswith(f"f: {where}")
    assert words in text


@pytest.mark.parametrize("data", [[], "text", 5, None])
def test_a_file_that_is_no_table(data: object) -> None:
    """The top level is named as such."""
    with pytest.raises(TomlMistakeError, match="f: top level: expected `object`"):
        convert_data(data, "f", File)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(["wait", "red", "do"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(["do", "size", "colour", "seconds", "name", "a"]), inner, max_size=2
    ),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.dictionaries(
        st.sampled_from(["steps", "inner", "maybe", "named", "modes", "entries", "x"]), _VALUES, max_size=2
    )
)
def test_any_data_fit_or_are_a_mistake(data: dict[str, Any]) -> None:
    """The search for what could be there never fails, whatever is there."""
    try:
        convert_data(data, "f", File)
    except TomlMistakeError as mistake:
        text = str(mistake)
        assert text.startswith("f: ")
        assert text.isprintable()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a = '\xff'", "not UTF-8 text (byte 5); save it as UTF-8"),
        ("a = 1".encode("utf-16"), "not UTF-8 text (byte 0); save it as UTF-8"),
        (b"x" * (4 * 1024 * 1024 + 1), "larger than 4 MiB"),
    ],
)
def test_a_file_is_text_of_a_bounded_size(tmp_path: Path, content: bytes, words: str) -> None:
    """The octet is named at which a text is none; a file of any size does not fill the memory."""
    path = tmp_path / "f.toml"
    path.write_bytes(content)
    with pytest.raises(TomlMistakeError) as caught:
        read_text(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    """Editors of Windows write one, and the parser would refuse the first line."""
    path = tmp_path / "f.toml"
    path.write_bytes(b"\xef\xbb\xbflimited = 2\n")
    assert convert_toml(read_text(path), str(path), File).limited == 2
