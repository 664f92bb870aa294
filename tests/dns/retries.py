"""Queries over UDP that are sent again, as stub resolvers do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import dns.exception

T = TypeVar("T")


async def ask_again(ask: Callable[[], Awaitable[T]]) -> T:
    """Return the result of ``ask``, called anew after each timeout: a full socket buffer loses a query."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(dns.exception.Timeout):
                return await ask()
