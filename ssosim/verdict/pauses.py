"""Pauses of the lab itself in a client's time: what a verdict says of them, so that the client is not blamed.

Pure functions of trace records. Whether a client was waiting is decided by the order of records, not by moments: the
order holds in virtual time, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ssosim.trace import ClientMessage, LabPaused, Record

__all__ = ["Pause", "note_on", "pauses_among", "pauses_met"]

_KDC_PATIENCE_S = 1.0
"""Seconds that libkrb5 waits for a KDC's answer over UDP before it asks elsewhere: the next KDC, or the same over TCP.

Source: MIT krb5, ``src/lib/krb5/os/sendto_kdc.c``, ``k5_sendto``: "wait 1s for an answer from each", written as
``service_fds(context, sel_state, 1000, ...)`` in the first pass (read at commit 473b51b of 17 August 2026).
"""


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause of the lab while a client was waiting.

    ``seq`` is the number of its trace record. ``real_s`` is in real seconds; ``lab_s`` in seconds of the lab's clock,
    0 where that is virtual and stood still.
    """

    seq: int
    real_s: float
    lab_s: float


def pauses_among(records: Iterable[Record]) -> tuple[Record, ...]:
    """Those of ``records`` that are pauses of the lab."""
    return tuple(record for record in records if isinstance(record.event, LabPaused))


def pauses_met(pauses: Sequence[Record], records: Sequence[Record], decided: int | None) -> tuple[Pause, ...]:
    """The pauses in which the client of ``records`` was waiting; one without records waited all the time.

    ``decided`` is the number of the record by which its verdict stood, None if it did not. A pause in virtual time took
    no time of a model's, and is left out unless it was so long that libkrb5, which waits in real time, could notice.
    """
    found = [
        Pause(record.seq, event.real_s, event.lab_s)
        for record in pauses
        if isinstance(event := record.event, LabPaused)
        and (not records or records[0].seq <= record.seq)
        and (decided is None or decided > event.after_seq)
    ]
    if not any(isinstance(record.event, ClientMessage) for record in records):  # what a program printed
        found = [pause for pause in found if pause.lab_s or pause.real_s >= _KDC_PATIENCE_S]
    return tuple(found)


def note_on(pauses: Sequence[Pause]) -> str:
    """What a reader of the verdict must know; empty where there was no pause."""
    if not pauses:
        return ""
    times = f"{len(pauses)} times, together " if len(pauses) > 1 else ""
    real = sum(pause.real_s for pause in pauses)
    if any(pause.lab_s for pause in pauses):
        return f"the lab itself paused {times}for {real:.1f} s here; times in this phase are not the client's"
    return f"the lab itself paused {times}for {real:.1f} s of real time here; its own clock stood still meanwhile"
