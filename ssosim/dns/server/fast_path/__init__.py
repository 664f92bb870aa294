"""The fast path of the DNS servers: plain queries without dnspython's messages, and UDP without asyncio's transports.

``plain_reply`` reads queries and renders answers. ``direct_datagrams`` reads sockets itself, ``batched_io`` many
datagrams with one system call, and ``reply_cache`` keeps replies that can be sent again unchanged. ``state`` compares
both ways of reading and rendering with each other before the first use; whether batches are possible, ``batched_io``
tries itself. This module is the door: nothing outside imports the modules behind it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from ssosim.dns.server.fast_path.plain_reply import PlainQuery, read_plain_query, render_plain
from ssosim.fast_paths import FastPathState, decide_fast_path
from ssosim.late_imports import import_late

if TYPE_CHECKING:
    from ssosim.dns.server.fast_path.batched_io import Slots, is_supported
    from ssosim.dns.server.fast_path.direct_datagrams import start_reading
    from ssosim.dns.server.fast_path.reply_cache import MAX_OCTETS, MAX_REPLIES, ReplyCache
    from ssosim.dns.server.fast_path.self_check import check

__all__ = [
    "MAX_OCTETS",
    "MAX_REPLIES",
    "PlainQuery",
    "ReplyCache",
    "Slots",
    "check",
    "enabled",
    "is_supported",
    "read_plain_query",
    "render_plain",
    "start_reading",
    "state",
]

_MODULES = {
    "MAX_OCTETS": "reply_cache",
    "MAX_REPLIES": "reply_cache",
    "ReplyCache": "reply_cache",
    "Slots": "batched_io",
    "check": "self_check",
    "is_supported": "batched_io",
    "start_reading": "direct_datagrams",
}
"""What only servers on sockets need, and what itself needs the ordinary way, is imported when it is used."""

__getattr__ = import_late(__name__, _MODULES)


@functools.cache
def state() -> FastPathState:
    """Return whether this fast path is used. The first call runs the self-check. Raises FastPathSwitchError."""
    return decide_fast_path("DNS servers", _check)


def _check() -> str:
    from ssosim.dns.server.fast_path.self_check import check  # noqa: PLC0415 - it imports what imports this module

    return check()


def enabled() -> bool:
    """Whether this fast path is used. Raises FastPathSwitchError."""
    return state().used
