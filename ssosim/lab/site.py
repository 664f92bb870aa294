"""A listening HTTPS address that gives nobody a minute to begin."""

from __future__ import annotations

import asyncio

from aiohttp import web

__all__ = ["HANDSHAKE_SECONDS", "TlsSite"]

HANDSHAKE_SECONDS = 10.0
"""How long a TLS handshake may take. A connection that says nothing holds a file descriptor until then."""


class TlsSite(web.SockSite):
    """An ``aiohttp.web.SockSite`` whose TLS handshakes may not take asyncio's 60 seconds; it has no setting for it."""

    async def start(self) -> None:
        """Listen."""
        await web.BaseSite.start(self)
        server = self._runner.server
        assert server is not None  # noqa: S101 - BaseSite has looked
        self._server = await asyncio.get_running_loop().create_server(
            server,
            sock=self._sock,
            ssl=self._ssl_context,
            backlog=self._backlog,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
        )
