"""Two trees of zone files and a change, as a pull request to zones has them."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_documents import CHANGE

__all__ = ["ZONE", "write_trees"]

ZONE = "$ORIGIN example.test.\n$TTL 60\n@ SOA ns1.lab.invalid. h. 1 2 3 4 5\n@ NS ns1.lab.invalid.\n"
"""A zone in which lint finds no error."""


def write_trees(folder: Path) -> Path:
    """Write ``tree``, ``after`` with one more name, and ``change.toml`` to ``folder``; return the first."""
    for name, more in (("tree", ""), ("after", "new A 192.0.2.2\n")):
        (folder / name).mkdir()
        (folder / name / "example.test.zone").write_text(f"{ZONE}{more}", encoding="utf-8")
    (folder / "change.toml").write_text(CHANGE, encoding="utf-8")
    return folder / "tree"
