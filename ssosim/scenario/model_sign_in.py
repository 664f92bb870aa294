"""One sign-in of a client model, with its end recorded in the trace; and the limit of events of a model without bound.

The same functions serve the players on sockets and in memory, the forecast and labs in tests, so the end of a model is
recorded in the same way everywhere.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ssosim_clients.cloud import configure
from ssosim_clients.models.base import Model, SignInReport, SignInState
from ssosim_clients.ports import Device

from ssosim.estate import Estate
from ssosim.output import one_line
from ssosim.scenario.cloud_hosts import cloud_hosts_of
from ssosim.trace import ClientEvent, ClientFinished, Trace, redact
from ssosim.verdict.judge import MAX_EVENTS_PER_HOUR

__all__ = ["EventLimit", "describe_error", "is_own_failure", "record_stop", "sign_in_and_record"]

_HOUR_S = 3600.0
_TEXT_LIMIT = 300
_OWN_PACKAGE = "ssosim"


async def sign_in_and_record(
    model: Model, device: Device, trace: Trace, client: str, estate: Estate
) -> SignInReport | None:
    """Sign in once, with ``model`` configured for the cloud of ``estate``.

    A sign-in that the model reports as failed is recorded as exit code 1, as for a program.
    A failure that the model raises (``is_own_failure``) is recorded with its text; None is returned. Other exceptions
    are mistakes in the model's code, and are passed on.
    """
    program = str(getattr(model, "name", "") or client)
    try:
        report = await configure(model, cloud_hosts_of(estate, device.upn)).sign_in(device)
    except Exception as error:
        if not is_own_failure(error):
            raise
        text = describe_error(error, [user.password for user in estate.users])
        trace.record(client, ClientFinished(program=program, exit_code=1, error=text))
        return None
    if getattr(report, "state", None) is SignInState.FAILED:
        trace.record(client, ClientFinished(program=program, exit_code=1))
    return report


def is_own_failure(error: Exception) -> bool:
    """Return whether ``error`` is a failure that a client model reports by an exception, as libraries do.

    Its class is of the client or of a library. A built-in exception (``TypeError``, ``KeyError``) is a mistake in the
    model's code, and an exception of ssosim is a mistake of the caller.
    """
    module = type(error).__module__
    return module != "builtins" and module.partition(".")[0] != _OWN_PACKAGE


def describe_error(error: Exception, passwords: Iterable[str] = ()) -> str:
    """Return class and text of ``error`` on one line, with the place in the client's code, and without secrets."""
    words = f"{type(error).__name__}: {error}".removesuffix(": ").split()
    text = one_line(redact(" ".join(words), passwords))[:_TEXT_LIMIT]
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] not in (_OWN_PACKAGE, "ssosim_clients"):
            place = f" ({Path(frame.f_code.co_filename).name}:{line})"
    return text + place


def record_stop(trace: Trace, client: str, program: str, running_s: float) -> None:
    """Record that ssosim stopped a model at the limit of events, ``running_s`` seconds of the lab after its start."""
    end = ClientFinished(program=program, exit_code=-9, stopped="limit", running_s=round(running_s, 3))
    trace.record(client, end)


class EventLimit:
    """Calls ``on_limit`` with the name of a client that caused too many events in one hour of the lab.

    ``now`` is the lab's time in seconds. ``on_limit`` is called within the recording of an event, and again at each
    later event until ``forget``; it must not record anything itself.
    """

    def __init__(
        self,
        trace: Trace,
        clients: Iterable[str],
        now: Callable[[], float],
        on_limit: Callable[[str], None],
        limit: int = MAX_EVENTS_PER_HOUR,
    ) -> None:
        self._clients = frozenset(clients)
        self._counts: dict[str, _Count] = {}
        self._now = now
        self._on_limit = on_limit
        self._limit = limit
        self.stop = trace.subscribe_batches(self._count)

    def forget(self, client: str) -> None:
        """Start counting ``client`` anew, since its next sign-in begins."""
        self._counts.pop(client, None)

    def _count(self, entries: Sequence[ClientEvent]) -> None:
        now = self._now()
        for entry in entries:
            count = self._counts.get(entry.client)
            if count is None:
                if entry.client not in self._clients:
                    continue
                count = self._counts[entry.client] = _Count(now)
            elif now - count.began >= _HOUR_S:
                count.began, count.number = now, 0
            count.number += 1
            if count.number > self._limit:
                self._on_limit(entry.client)


class _Count:
    """How many events a client has caused since ``began``."""

    __slots__ = ("began", "number")

    def __init__(self, began: float) -> None:
        self.began = began
        self.number = 0
