"""A connection that answers requests at once. It reads and sets private attributes of aiohttp's protocol."""

from __future__ import annotations

from typing import Any

from aiohttp import HttpVersion11, StreamReader, web
from aiohttp.http_parser import RawRequestMessage

from ssosim.entra.http.connection import BODY_LIMIT, AnswerAtOnce, Connection

__all__ = ["FastConnection"]


class FastConnection(Connection):
    """A connection that passes a request to ``answer_at_once`` first, if it arrived in one piece while it was idle."""

    __slots__ = ("_answer_at_once", "_response")

    def __init__(self, *arguments: Any, answer_at_once: AnswerAtOnce, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._answer_at_once = answer_at_once
        self._response: web.Response | None = None

    def data_received(self, data: bytes) -> None:
        """Answer a request that needs no waiting at once.

        aiohttp handles everything else: pipelined requests, requests in several pieces, ``Connection: close``,
        upgrades, ``Expect``, and clients that do not read.
        """
        waiter = self._waiter
        if waiter is None or waiter.done() or self._keepalive_handle is None or self._paused:
            super().data_received(data)
            return
        self._waiter = None  # aiohttp queues what it parses, and wakes nobody
        try:
            super().data_received(data)
            queue = self._messages
            if len(queue) == 1 and self._answer(*queue[0]):
                queue.popleft()
                assert self._parser is not None  # noqa: S101  it has just parsed this
                self._parser.message_consumed()
        finally:
            self._waiter = waiter
        if queue:
            waiter.set_result(None)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Resume reading if it was paused; aiohttp calls this for each body, and would parse and read in vain."""
        if self._reading_paused or self._buffer_paused:
            super().resume_reading(resume_parser)

    def may_have_more_requests(self) -> bool:
        """Whether another request waits on this connection."""
        return bool(self._messages)

    def take_response(self) -> web.Response | None:
        """Return the response to the request that is handled now if it was made already, once."""
        response, self._response = self._response, None
        return response

    def _answer(self, message: object, payload: StreamReader) -> bool:
        if not isinstance(message, RawRequestMessage) or message.should_close or message.upgrade:
            return False
        if message.version != HttpVersion11 or message.chunked or message.method not in ("GET", "POST"):
            return False
        if not payload.is_eof() or "Expect" in message.headers:
            return False
        if payload.exception() is not None or payload.total_bytes > BODY_LIMIT:
            return False
        reply = self._answer_at_once(self, message, payload)
        if isinstance(reply, web.Response):
            self._response = reply
        if not isinstance(reply, bytes):
            return False
        if self.transport is not None:
            self.transport.write(reply)
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        return True
