"""The effect of a fault on one request to the KDC: a pure value, the same in memory and over sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ssosim.kerberos.messages import KdcRequest, Message, build_error

__all__ = ["KDC_TIMEOUT_S", "KdcDecision", "KdcEffect", "KdcRule", "decide_kdc_request", "list_closed_kdcs"]

KDC_TIMEOUT_S = 15.0
"""How long libkrb5 tries to reach a KDC, in seconds. Source: measured with krb5 1.20.1."""


@dataclass(frozen=True, slots=True)
class KdcEffect:
    """The effect on one request: first ``delay`` (seconds), then at most one of the others.

    ``silent``: no reply is sent. ``refused``: nothing listens on the port of the KDC. ``error``: the client
    gets a KRB-ERROR with this code (RFC 4120, section 7.5.9). ``reply``: the client gets these bytes. In these cases
    the KDC does not get the request. ``change``: the KDC gets it, and this function changes the reply; it is called
    with None where the KDC sent none, and None sends none.
    """

    delay: float = 0.0
    silent: bool = False
    refused: bool = False
    error: int | None = None
    reply: bytes | None = None
    change: Callable[[bytes | None], bytes | None] | None = None

    @property
    def is_forwarded(self) -> bool:
        """Whether the KDC gets the request."""
        return not self.is_missing and self.error is None and self.reply is None

    @property
    def is_missing(self) -> bool:
        """Whether the client gets no reply from this KDC, so that it asks the next one."""
        return self.silent or self.refused

    @property
    def decides_reply(self) -> bool:
        """Whether the effect is more than a delay."""
        return not self.is_forwarded or self.change is not None

    def reply_to(self, message: Message, from_kdc: bytes | None, now: float) -> bytes | None:
        """The reply for the client; None sends none.

        ``from_kdc`` is the KDC's reply to a forwarded request, ``now`` the time in seconds since the Unix epoch. An
        ``error`` answers requests for tickets only.
        """
        if self.is_missing:
            return None
        if self.error is not None:
            if not isinstance(message, KdcRequest):
                return None
            return build_error(self.error, message.realm, tuple(message.service.split("/")), now)
        if self.reply is not None:
            return self.reply
        return from_kdc if self.change is None else self.change(from_kdc)


class KdcRule(NamedTuple):
    """What one fault does to requests to the KDC.

    ``effect_on`` gets the request and the name of the client, and has no side effects: it may be called to look ahead.
    ``count_hit`` is called once for each request on which it had an effect. ``kdcs``: the KDCs that it is limited to,
    by the names of their hosts; empty means all. ``closed``: nothing listens on their ports.
    """

    effect_on: Callable[[Message, str], KdcEffect | None]
    count_hit: Callable[[], None] = lambda: None
    fault: int = 0
    kdcs: tuple[str, ...] = ()
    closed: bool = False


def list_closed_kdcs(rules: Iterable[KdcRule], kdcs: Iterable[str]) -> dict[str, int]:
    """Return those of ``kdcs`` where nothing listens, each with the number of the fault."""
    closing = [rule for rule in rules if rule.closed]
    return {name: rule.fault for name in kdcs for rule in closing if not rule.kdcs or name in rule.kdcs}


class KdcDecision(NamedTuple):
    """The effect of all active faults on one request, the rules that it comes from, and those that decide the reply."""

    effect: KdcEffect
    rules: tuple[KdcRule, ...]
    deciding: tuple[KdcRule, ...] = ()

    @property
    def faults(self) -> tuple[int, ...]:
        """The numbers of the faults that decide the reply; of those that delay it, where it comes too late."""
        return tuple(sorted({rule.fault for rule in self.deciding if rule.fault}))

    def count_hits(self) -> None:
        """Count the request for each fault that had an effect on it."""
        for rule in self.rules:
            rule.count_hit()


def decide_kdc_request(
    rules: Sequence[KdcRule], message: Message, client: str, *, is_model: bool = False, kdc: str = ""
) -> KdcDecision | None:
    """What ``rules``, the oldest first, do to a request of ``client`` to ``kdc``; None where they do nothing.

    ``kdc`` is the name of a host; empty means a KDC without a name, to which only rules for all KDCs apply.

    Delays add up. Of the rules that decide the reply the newest has an effect. The device of a client model waits
    ``KDC_TIMEOUT_S``: a reply that would come later is not sent.
    """
    if not rules:
        return None
    delay, deciding = 0.0, KdcEffect()
    used: list[KdcRule] = []
    chosen: list[KdcRule] = []
    for rule in reversed(rules):
        if rule.kdcs and kdc not in rule.kdcs:
            continue
        effect = rule.effect_on(message, client)
        if effect is None or (effect.decides_reply and deciding.decides_reply):
            continue
        used.append(rule)
        chosen += [rule] if effect.decides_reply else []
        delay += effect.delay
        deciding = effect if effect.decides_reply else deciding
    if not used:
        return None
    if is_model and delay >= KDC_TIMEOUT_S:
        return KdcDecision(KdcEffect(silent=True), tuple(used), tuple(used))
    return KdcDecision(replace(deciding, delay=delay), tuple(used), tuple(chosen))
