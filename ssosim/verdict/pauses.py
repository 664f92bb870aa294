"""Pauses of the lab itself while a client was waiting. A verdict reports them beside the outcome.

Pure functions of trace records. The order of records decides whether a client was waiting, not their times, since in
virtual time only the order is meaningful.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from ssosim.trace import ClientMessage, LabPaused, Record
from ssosim.verdict.by_kind import RecordsByKind

__all__ = ["Pause", "describe_pauses", "find_pauses_while_waiting", "select_pauses"]

_LIBKRB5_WAIT_S = 1.0
"""Seconds that libkrb5 waits for a KDC's reply over UDP before it tries the next KDC, or the same KDC over TCP.

Source: MIT krb5, ``src/lib/krb5/os/sendto_kdc.c``, ``k5_sendto``: "wait 1s for an answer from each", written as
``service_fds(context, sel_state, 1000, ...)`` in the first pass (read at commit 473b51b of 17 August 2026).
"""


class Pause(Struct, frozen=True):
    """A pause of the lab while a client was waiting.

    ``seq`` is the number of its trace record. ``real_s`` is in real seconds; ``lab_s`` in seconds of the lab's clock,
    0 where that is virtual and stood still.
    """

    seq: int
    real_s: float
    lab_s: float


def select_pauses(records: Iterable[Record]) -> tuple[Record, ...]:
    """Return those of ``records`` that are pauses of the lab."""
    return tuple(RecordsByKind.of(records).select(LabPaused))


def find_pauses_while_waiting(
    pauses: Sequence[Record], records: Sequence[Record], decided: int | None
) -> tuple[Pause, ...]:
    """Return the pauses during which the client of ``records`` was waiting; a client without records always waited.

    ``decided`` is the number of the record that decided the client's verdict; None if nothing did. In virtual time a
    pause takes no time of a model. Such a pause is left out, unless it was longer than libkrb5 waits (in real time).
    """
    found = [
        Pause(record.seq, event.real_s, event.lab_s)
        for record in pauses
        if isinstance(event := record.event, LabPaused)
        and (not records or records[0].seq <= record.seq)
        and (decided is None or decided > event.after_seq)
    ]
    if not any(isinstance(record.event, ClientMessage) for record in records):  # what a program printed
        found = [pause for pause in found if pause.lab_s or pause.real_s >= _LIBKRB5_WAIT_S]
    return tuple(found)


def describe_pauses(pauses: Sequence[Pause]) -> str:
    """Return a sentence about ``pauses`` for the reader of a verdict; empty if there are none."""
    if not pauses:
        return ""
    times = f"{len(pauses)} times, together " if len(pauses) > 1 else ""
    real = sum(pause.real_s for pause in pauses)
    if any(pause.lab_s for pause in pauses):
        return f"the lab itself paused {times}for {real:.1f} s here; times in this phase are not the client's"
    return f"the lab itself paused {times}for {real:.1f} s of real time here; its own clock stood still meanwhile"
