"""Every fact that the DNS part must show is cited by a test that shows it."""

from __future__ import annotations

import re
from pathlib import Path

ROWS = [f"004-{number:03}" for number in (*range(30, 65), *range(75, 97))]
INCIDENTS = [f"I-{number:02}" for number in (1, 2, 3, 9, 10, 11, 13, 14, 15, 17, 28)]
CITED = re.compile(r"\b(?:\d{3}-\d{3}|I-\d\d)\b")


def cited() -> set[str]:
    """Every row that any test names."""
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].rglob("test_*.py")]
    own = Path(__file__).read_text(encoding="utf-8")
    return {match[0] for text in texts if text != own for match in CITED.finditer(text)}


def test_every_row_has_its_test() -> None:
    """Rows 004-030 to 064 and 075 to 096, and the DNS incidents, are each cited."""
    named = cited()
    assert [row for row in (*ROWS, *INCIDENTS) if row not in named] == []
