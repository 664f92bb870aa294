"""Whether a page was displayed: the only proof that somebody could be asked.

Each page with a form has an image. A browser loads it when it displays the page, and so does the scripted user; a
program that reads the HTML of the page does not. The image is a request to the lab, so the trace records
``UserPrompted`` when the page is displayed, and ``UnattendedSignIn`` when a form comes back from a page that was not.
"""

from __future__ import annotations

import msgspec

from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.core.pages import NO_STORE
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.sealed_tokens import SealedTokenError
from ssosim.trace import UnattendedSignIn, UserPrompted

__all__ = ["PageView", "handle_page_view", "record_unattended", "seal_page_view"]

_PURPOSE = "page-view"
_DAY_S = 86_400


class PageView(msgspec.Struct, frozen=True, array_like=True):
    """One page: its id, the reason of the prompt that it is, and when it was made (seconds since the Unix epoch).

    ``sign_in`` is the id of the sign-in that it is part of, for pages whose forms do not carry their own id.
    """

    id: str
    reason: str
    issued: int
    sign_in: str = ""


def seal_page_view(provider: Provider, view: PageView) -> str:
    """Return the query of the image in the page of ``view``."""
    return f"view={provider.sealer.seal(_PURPOSE, view)}"


def handle_page_view(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """GET the image of a page: the page is displayed. It is recorded once. These addresses exist here only."""
    try:
        view = provider.sealer.open(_PURPOSE, call.query.get("view", ""), PageView)
    except SealedTokenError:
        return HttpReply(404)
    if call.method != "HEAD" and provider.replay_cache.record_use(f"shown:{view.id}", view.issued + _DAY_S, call.now):
        call.trace_buffer.events.append(UserPrompted(reason=view.reason))
        if view.sign_in:
            provider.replay_cache.record_use(f"shown:{view.sign_in}", view.issued + _DAY_S, call.now)
    return HttpReply(204, headers=NO_STORE)


def record_unattended(provider: Provider, call: Call, page: str, reason: str) -> None:
    """Record that the form of the page (or sign-in) with the id ``page`` has come back, unless it was displayed."""
    if f"shown:{page}" not in provider.replay_cache:
        call.trace_buffer.events.append(UnattendedSignIn(reason=reason))
