"""Which of several KDCs answers a client: a pure function, the same in memory and over sockets.

libkrb5 asks the KDCs in order. It goes on at once where the connection is refused, and after a second without a reply;
the reply that comes first is the one that counts. It does not remember which KDC was silent. Source: krb5 1.20,
lib/krb5/os/sendto_kdc.c; measured with krb5 1.20.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ssosim.faults.core.kdc_effect import KdcDecision

__all__ = ["NEXT_KDC_S", "KdcChoice", "PassedKdc", "choose_kdc"]

NEXT_KDC_S = 1.0
"""After so many seconds without a reply libkrb5 asks the next KDC. Source: krb5 1.20, lib/krb5/os/sendto_kdc.c."""

_MORE_PER_SILENT_KDC_S = 13.0
"""How much longer libkrb5 tries for each further KDC that does not answer. Source: measured with krb5 1.20.1."""


class PassedKdc(NamedTuple):
    """A KDC that was asked and did not answer in time."""

    number: int
    decision: KdcDecision


class KdcChoice(NamedTuple):
    """The KDC whose reply counts, by its ``number`` in the list; where none replies, the last one that is silent.

    ``passed`` are the KDCs that were asked in vain before or meanwhile. ``wait`` is the time in seconds until the
    chosen one was asked.
    """

    number: int
    decision: KdcDecision | None
    passed: tuple[PassedKdc, ...] = ()
    wait: float = 0.0


def choose_kdc(kdcs: Sequence[str], decide: Callable[[str], KdcDecision | None]) -> KdcChoice:
    """Return which of ``kdcs`` answers a request. ``decide`` returns what the faults do to a request to one of them."""
    best: KdcChoice | None = None
    in_time, passed, wait = float("inf"), [], 0.0
    for number, name in enumerate(kdcs):
        if wait >= in_time:
            break
        decision = decide(name)
        if decision is not None and decision.effect.is_missing:
            passed.append(PassedKdc(number, decision))
            wait += NEXT_KDC_S if decision.effect.silent else 0.0
            continue
        delay = 0.0 if decision is None else decision.effect.delay
        if wait + delay < in_time:
            in_time = wait + delay
            if best is not None and best.decision is not None:
                passed.append(PassedKdc(best.number, best.decision))
            best = KdcChoice(number, decision, wait=wait)
        elif decision is not None:
            passed.append(PassedKdc(number, decision))
        wait += NEXT_KDC_S
    if best is None:
        return _give_up(passed)
    return best._replace(passed=tuple(passed))


def _give_up(passed: list[PassedKdc]) -> KdcChoice:
    silent = [each for each in passed if each.decision.effect.silent]
    last = (silent or passed)[-1]
    more = _MORE_PER_SILENT_KDC_S * (len(silent) - 1) if silent else 0.0
    return KdcChoice(last.number, last.decision, tuple(each for each in passed if each is not last), more)
