"""The target of an HTTP request as a client sends it."""

from __future__ import annotations

from urllib.parse import SplitResult, quote

__all__ = ["target_of"]

_KEPT = "".join(map(chr, range(0x21, 0x7F)))


def target_of(parts: SplitResult) -> str:
    """Return path and query of a URL; what a URL cannot have is escaped as UTF-8 (RFC 3986, section 2.1)."""
    target = f"{parts.path or '/'}{parts.query and '?'}{parts.query}"
    return target if target.isascii() and target.isprintable() and " " not in target else quote(target, safe=_KEPT)
