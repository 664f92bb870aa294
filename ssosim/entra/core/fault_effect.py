"""What a fault does to the provider's answers: decided before the provider is asked, carried out by the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ssosim.entra.core.messages import Call, HttpReply

__all__ = ["HttpEffect", "Tamper"]


@dataclass(frozen=True, slots=True)
class HttpEffect:
    """How one exchange is effect. ``delay`` in seconds comes first, then one of the others.

    ``silent``: no answer; ``dropped``: nor any connection any more. ``answer``: this one, and the provider is not
    asked. ``change``: the provider's, changed. ``own``: it is the service itself that answers so, and nobody in its
    place.
    """

    delay: float = 0.0
    silent: bool = False
    dropped: bool = False
    reply: HttpReply | None = None
    change: Callable[[HttpReply], HttpReply] | None = None
    from_service: bool = False


Tamper = Callable[[Call, str], HttpEffect | None]
"""From a call and the client that made it to what is done to the exchange, if anything."""
