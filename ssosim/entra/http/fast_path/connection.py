"""A connection that answers requests at once. It reads and sets private attributes of aiohttp's protocol."""

from __future__ import annotations

from typing import Any

from aiohttp import HttpVersion11, StreamReader, web
from aiohttp.http_parser import RawRequestMessage

from ssosim.entra.http.connection import BODY_LIMIT, AnswerAtOnce, Connection
from ssosim.entra.http.fast_path.known_heads import is_one_request

__all__ = ["FastConnection"]


class FastConnection(Connection):
    """A connection that passes a request to ``answer_at_once`` first, if it arrived in one piece while it was idle.

    ``_is_between``: aiohttp's parser certainly holds nothing, so that the next octets begin a request. A request whose
    head is known does not reach that parser.
    """

    __slots__ = ("_answer_at_once", "_is_between", "_response")

    def __init__(self, *arguments: Any, answer_at_once: AnswerAtOnce, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._answer_at_once = answer_at_once
        self._response: web.Response | None = None
        self._is_between = True

    def data_received(self, data: bytes) -> None:
        """Answer a request that needs no waiting at once.

        aiohttp handles everything else: pipelined requests, requests in several pieces, ``Connection: close``,
        upgrades, ``Expect``, and clients that do not read.
        """
        waiter = self._waiter
        if waiter is None or waiter.done() or self._keepalive_handle is None or self._paused:
            self._is_between = False
            super().data_received(data)
            return
        if self._is_between and self._answer_known(data):
            return
        self._waiter = None  # aiohttp queues what it parses, and wakes nobody
        try:
            super().data_received(data)
            queue = self._messages
            if len(queue) != 1:
                self._is_between = False
            elif self._answer(*queue[0], data):
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

    def _answer_known(self, data: bytes) -> bool:
        reply = self._answer_at_once.answer_known(self, data)
        if reply is None:
            return False
        self._on_early_close = None
        if isinstance(reply, bytes):
            self._send(reply)
        else:
            self._response = reply
            super().data_received(data)
        return True

    def _answer(self, message: object, payload: StreamReader, data: bytes) -> bool:
        is_whole = isinstance(message, RawRequestMessage) and payload.is_eof()
        self._is_between = self._is_between and is_whole and is_one_request(data, payload.total_bytes)
        if not isinstance(message, RawRequestMessage) or message.should_close or message.upgrade:
            return False
        if message.version != HttpVersion11 or message.chunked or message.method not in ("GET", "POST"):
            return False
        if not payload.is_eof() or "Expect" in message.headers:
            return False
        if payload.exception() is not None or payload.total_bytes > BODY_LIMIT:
            return False
        reply = self._answer_at_once.answer(self, message, payload, data)
        if isinstance(reply, web.Response):
            self._response = reply
        if not isinstance(reply, bytes):
            return False
        self._send(reply)
        return True

    def _send(self, reply: bytes) -> None:
        if self.transport is not None:
            self.transport.write(reply)
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
