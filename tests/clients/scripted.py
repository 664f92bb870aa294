"""A device whose HTTP answers are a script, and whose clock writes down each wait: for layers, policies and flows."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, TypeVar, cast

from ssosim_clients.failures import NetworkFailure
from ssosim_clients.flows.http import RetryRule
from ssosim_clients.ports import Device, Headers, Http, HttpResponse

__all__ = ["HOUR", "NOW", "PAST", "Answer", "ScriptedDevice", "count_and_waits", "finish", "response"]

NOW = 1_740_000_000.0
"""The date of the device: 19 February 2025, 21:20:00 UTC."""

HOUR = formatdate(NOW + 3600, usegmt=True)
"""An hour after the date of the device, as HTTP writes it."""

PAST = formatdate(NOW - 3600, usegmt=True)
"""An hour before it."""

Answer = HttpResponse | NetworkFailure

T = TypeVar("T")


def response(status: int, retry_after: str | None = None, body: bytes = b"{}") -> HttpResponse:
    """A response, with or without Retry-After."""
    return HttpResponse(status, Headers([] if retry_after is None else [("Retry-After", retry_after)]), body)


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine that waits for nothing but the fakes of this module."""
    try:
        work.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    work.close()
    raise AssertionError("it waits for something else")


@dataclass
class ScriptedDevice:
    """Answers with ``answers`` in turn, the last one without end; ``sent`` and ``waits`` are what the client did."""

    answers: Sequence[Answer]
    sent: list[tuple[str, str, bytes]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    moment: float = NOW

    @property
    def device(self) -> Device:
        """The device; its other ports are not to be used."""
        missing: Any = None
        return Device(
            upn="a@contoso.com", resolver=missing, http=self, kerberos=missing, clock=self, user=missing,
            clock_offset=lambda: 0.0,
        )  # fmt: skip

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:  # noqa: ARG002 - the port's form
        """Answer the next request."""
        answer = self.answers[min(len(self.sent), len(self.answers) - 1)]
        self.sent.append((method, url, body))
        if isinstance(answer, NetworkFailure):
            raise answer
        return answer

    def now(self) -> float:
        """The time: it stands still but for the waits."""
        return self.moment

    async def sleep(self, seconds: float) -> None:
        """Write the wait down, and let its time pass."""
        self.waits.append(seconds)
        self.moment += seconds

    def send(self, http: Http, method: str = "GET", url: str = "https://h/p", body: bytes = b"") -> Answer:
        """Send a request through ``http``, and return how it ended; a failure as a value."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            return finish(http.request(method, url, form if method == "POST" else {}, body))
        except NetworkFailure as failure:
            return failure


def count_and_waits(rule: RetryRule, answer: Answer, method: str = "GET") -> tuple[int, list[float]]:
    """How many requests an HTTP stack sends if each is answered so, and its waits."""
    scripted = ScriptedDevice([answer])
    assert scripted.send(rule.wrap(scripted.device), method) == answer
    return len(scripted.sent), scripted.waits
