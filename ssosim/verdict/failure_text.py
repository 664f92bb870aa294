"""The words for a failed exchange in the reason of a verdict, and for a time. Pure functions."""

from __future__ import annotations

import textwrap

from ssosim.trace import ConnectionFailed, Event, HttpExchange
from ssosim.trace.connection_text import describe_failed_connection

__all__ = ["describe_answer", "describe_failed_exchange", "format_duration", "format_seconds"]

_SENTENCE = 240  # characters of the provider's text in a reason


def describe_failed_exchange(event: Event) -> str:
    """Describe a failed connection, or an exchange without an answer of the service itself."""
    if isinstance(event, ConnectionFailed):
        return describe_failed_connection(event)
    assert isinstance(event, HttpExchange)  # noqa: S101 - by last_failed_exchange
    where = f"{event.host}{event.path}"
    if event.status == 0:
        return f"{where} did not answer"
    if event.injected and event.status < 400:
        return f"what came from {where} ({event.status}) was not the service's own answer"
    return describe_answer(event)


def describe_answer(event: HttpExchange) -> str:
    """Describe an error in the provider's own words, if it has any."""
    response = f"{event.host}{event.path} answered {event.status}"
    if event.auth == "bearer":
        return _describe_resource_answer(event, response)
    if event.code is None and not event.error_description:
        return response
    text = event.error_description or f"AADSTS{event.code}"
    return f"{response}, {textwrap.shorten(text.rstrip('.'), _SENTENCE, placeholder=' …')}"


def _describe_resource_answer(event: HttpExchange, response: str) -> str:
    """Describe what a resource server answered to an access token: 403 is a permission that is missing."""
    text = textwrap.shorten(event.error_description.rstrip("."), _SENTENCE, placeholder=" …")
    what = "the token was accepted, and a permission is missing: " if event.status == 403 else ""
    return f"{what}{response}{f', {text}' if text else ''}"


def format_duration(seconds: float) -> str:
    """Return whole seconds in hours, minutes and seconds, such as ``8 h 33 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def format_seconds(seconds: float) -> str:
    """Return seconds with two digits below ten of them, such as ``2.5 s``; else as ``format_duration`` does."""
    return f"{seconds:.2g} s" if seconds < 10 else format_duration(seconds)
