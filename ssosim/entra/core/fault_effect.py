"""The effect of a fault on one HTTP exchange: chosen before the request is handled, applied by the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, HttpReply

__all__ = ["FindHttpEffect", "HttpEffect"]


@dataclass(frozen=True, slots=True)
class HttpEffect:
    """The effect of a fault on one exchange: first ``delay`` (seconds), then at most one of the others.

    ``silent``: no reply is sent. ``dropped``: no reply is sent, and the connection is closed. ``reply``: this reply is
    sent, and the provider does not handle the request. ``error``: the endpoint sends this error in its own form, with
    ``error_headers``, and does not handle the request. ``change``: this function changes the provider's reply.
    ``from_service``: the effect stands for a failure of the service itself, so the trace does not mark the exchange as
    injected. ``faults`` are the numbers of the faults that decide the response, for the trace; ``delayed_by`` of those
    that only delay it, which are to blame if no response comes in time.
    """

    delay: float = 0.0
    silent: bool = False
    dropped: bool = False
    reply: HttpReply | None = None
    error: AadstsError | None = None
    error_headers: tuple[tuple[str, str], ...] = ()
    change: Callable[[HttpReply], HttpReply] | None = None
    from_service: bool = False
    faults: tuple[int, ...] = ()
    delayed_by: tuple[int, ...] = ()

    @property
    def decides(self) -> bool:
        """Whether the effect decides the response, and does not only delay it."""
        return self.silent or self.answers or self.change is not None

    @property
    def answers(self) -> bool:
        """Whether the effect has a response of its own, so that the provider does not handle the request."""
        return self.reply is not None or self.error is not None


FindHttpEffect = Callable[[Call, str], HttpEffect | None]
"""Return the effect of the active faults on a call from the named client, or None."""
