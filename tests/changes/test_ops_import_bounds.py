"""Files that are small and would take long: each is a mistake that says which limit, where, and what to do."""

from __future__ import annotations

import dns.name
import pytest

from ssosim.dns.imports import zonefile
from ssosim.dns.imports.yaml_nodes import YamlMistakeError, parse_yaml
from ssosim.dns.imports.zonefile import parse_zone_file

ORIGIN = dns.name.from_text("example.com.")


def mistakes(*lines: str) -> list[str]:
    """What is wrong with a zone file of those lines."""
    return parse_zone_file("$TTL 300\n" + "\n".join(lines) + "\n", "zone", ORIGIN).mistakes


@pytest.mark.parametrize(
    "line",
    [
        "$GENERATE 1-2000000000 h$ A 192.0.2.1",
        "$GENERATE 1-2000000000 h A 192.0.2.1",
        "$GENERATE 1-2000000000 h$.example.net. A 192.0.2.1",
        '$GENERATE "1-2000000000" h$ A 192.0.2.1',
    ],
)
def test_generate_is_limited(line: str) -> None:
    """Records of their own names, of one name, outside the zone: more than 65,536 a file are not made."""
    [mistake] = mistakes("a A 192.0.2.1", line)
    assert mistake.startswith("zone:3: ")
    assert "more than 65536 records" in mistake
    assert "narrow the range" in mistake


def test_generate_counts_all_lines_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is the file's: two lines that are each within it are not, together. A step makes fewer."""
    monkeypatch.setattr(zonefile, "MAX_GENERATED", 20)
    assert mistakes("$GENERATE 1-20 h$ A 192.0.2.1") == []
    assert mistakes("$GENERATE 1-200/10 h$ A 192.0.2.1") == []
    assert "more than 20 records" in mistakes("$GENERATE 1-15 h$ A 192.0.2.1", "$GENERATE 1-6 i$ A 192.0.2.1")[0]


def test_a_range_of_endless_digits_is_no_range() -> None:
    """Numbers are not made of a hundred thousand digits."""
    assert "too long" in mistakes(f"$GENERATE {'9' * 100_000}-1 h A 192.0.2.1")[0]


def test_unknown_types_are_limited() -> None:
    """Fifty types without a name are left out with a warning each, more are a mistake."""
    lines = [f"h TYPE{number} \\# 0" for number in range(1000, 1050)]
    assert mistakes(*lines) == []
    assert "more than 50 different record types" in mistakes(*lines, "h TYPE999 \\# 0")[0]


def test_aliases_are_read_once() -> None:
    """What an alias leads to is the very value; ten thousand repetitions are read, a billion laughs are not."""
    read = parse_yaml("a: &a [x, y]\nb: *a\nc: {<<: {d: *a}}\n", "zone")
    assert read.get("a") is read.get("b")
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(YamlMistakeError, match=r"^zone:\d+: aliases repeat more than 10000 nodes: write"):
        parse_yaml("\n".join(lines), "zone")


def test_merges_are_counted() -> None:
    """A large map merged into many others is refused before it has been copied so often."""
    base = "a: &a {" + ", ".join(f"k{n}: 1" for n in range(2000)) + "}\n"
    assert len(parse_yaml(base + "b: {<<: *a}\n", "zone").get("b").content) == 2000  # type: ignore[union-attr, arg-type]
    with pytest.raises(YamlMistakeError, match="aliases repeat"):
        parse_yaml(base + "".join(f"b{n}: {{<<: *a}}\n" for n in range(9)), "zone")


@pytest.mark.parametrize("text", ["[" * 300, "{a: " * 300, "- " * 300, "? " * 300, "a: *a", "x: &a [*a]"])
def test_nesting_ends_before_libyaml_recurses(text: str) -> None:
    """Brackets, blocks in one line, aliases of themselves: a mistake with its line."""
    with pytest.raises(YamlMistakeError, match=r"^zone:1: "):
        parse_yaml(text, "zone")


def test_brackets_in_texts_are_no_nesting() -> None:
    """A text may hold what looks like a list."""
    assert len(parse_yaml("\n".join(f'a{n}: "[x] {{"' for n in range(150)), "zone").content) == 150  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line", ["h " + "1" * 5_000 + "x A 192.0.2.1", "h " + "1h" * 5_000 + "x A 192.0.2.1", '"' * 9_999]
)
def test_a_word_of_many_digits_is_read_once(line: str) -> None:
    """The words of an entry are found in one pass: no pattern tries the same digits again and again."""
    assert mistakes(line)
