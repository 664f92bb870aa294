"""The fast path of the HTTP server: replies that are written as soon as a request has arrived in one piece.

aiohttp's task, stream, request and response objects would double the cost of such an exchange. This code works below
aiohttp's public interface, so that ``pyproject.toml`` admits only versions that were tried, and ``state`` compares both
ways with each other before the first use. This module is the door: nothing outside imports the modules behind it.
"""

from __future__ import annotations

import functools

from ssosim.entra.http.connection import Connection
from ssosim.entra.http.fast_path.connection import FastConnection
from ssosim.entra.http.fast_path.known_heads import LONGEST_HEAD, MOST_HEADS, KnownHeads
from ssosim.entra.http.fast_path.reply_bytes import render_reply
from ssosim.entra.http.fast_path.self_check import check
from ssosim.fast_paths import FastPathState, decide_fast_path

__all__ = [
    "LONGEST_HEAD",
    "MOST_HEADS",
    "FastConnection",
    "KnownHeads",
    "connection_class",
    "enabled",
    "render_reply",
    "state",
]


@functools.cache
def state() -> FastPathState:
    """Return whether this fast path is used. The first call runs the self-check. Raises FastPathSwitchError."""
    return decide_fast_path("HTTP server", check)


def enabled() -> bool:
    """Whether this fast path is used. Raises FastPathSwitchError."""
    return state().used


def connection_class() -> type[Connection]:
    """Return the class of the protocol of new connections. Raises FastPathSwitchError."""
    return FastConnection if enabled() else Connection
