"""What the faults in force do to one exchange: pure functions, the same for a lab on sockets and for one in memory.

Answers of the DNS have theirs in ``effects``. How long a device waits belongs here, since an answer that comes later is
none: the trace must not say that a service answered somebody who had left.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from ssosim.entra.core.fault_effect import HttpEffect, Tamper
from ssosim.entra.core.messages import Call
from ssosim.entra.core.provider import Provider
from ssosim.estate import Estate
from ssosim.faults.base import CertificateTrouble, FaultState, HttpRule, KdcRule
from ssosim.faults.web import check_hosts
from ssosim.services import Service

__all__ = [
    "KDC_PATIENCE_S",
    "NO_TLS_THERE",
    "WEB_PATIENCE_S",
    "Reach",
    "Refusal",
    "estate_under",
    "is_address",
    "is_nowhere",
    "kdc_rule",
    "show_at_provider",
    "tls_refused",
    "web_tamper",
]

WEB_PATIENCE_S = 30.0
"""How long the device of a client model waits for an HTTP answer, in seconds."""

KDC_PATIENCE_S = 15.0
"""How long libkrb5 tries to reach a KDC, in seconds. Source: measured with krb5 1.20.1."""

_NOWHERE = ipaddress.ip_network("100::/64")


def web_tamper(rules: Sequence[HttpRule], is_model: Callable[[str], bool]) -> Tamper | None:
    """What ``rules``, the oldest first, do to exchanges; None where there are none.

    Delays add up. Of the rules that settle an exchange the newest counts. A client of which ``is_model`` holds waits
    ``WEB_PATIENCE_S``: an answer that would come later is never given.
    """
    if not rules:
        return None

    def tamper(call: Call, client: str) -> HttpEffect | None:
        effect = web_struck(rules, call, client)
        if effect is not None and effect.delay >= WEB_PATIENCE_S and is_model(client):
            return HttpEffect(silent=True)
        return effect

    return tamper


def web_struck(rules: Sequence[HttpRule], call: Call, client: str) -> HttpEffect | None:
    """The newest rule that settles the exchange, with the delays of all."""
    delay, settled = 0.0, None
    for rule in reversed(rules):
        effect = rule.effect_on(call, client)
        if effect is None:
            continue
        delay += effect.delay
        if settled is None and (effect.silent or effect.reply or effect.change):
            settled = effect
    if settled is None:
        return HttpEffect(delay=delay) if delay else None
    return dataclasses.replace(settled, delay=delay)


def kdc_rule(rules: Sequence[KdcRule], client: str) -> KdcRule | None:
    """The rule that decides a request of ``client`` to the KDC: the newest that strikes it; None: the KDC itself does.

    A rule without a ``refusal`` is silence. Whoever carries it out calls its ``meet``.
    """
    return next((rule for rule in reversed(rules) if rule.matches(client)), None)


def estate_under(healthy: Estate, state: FaultState) -> Estate:
    """What the provider goes by; raises DnsChangeError where a fault does not fit ``healthy``."""
    estate = healthy
    for change in state.estate:
        estate = change(estate)
    return estate


def show_at_provider(provider: Provider, is_model: Callable[[str], bool]) -> Callable[[FaultState], None]:
    """What to call with every new state of the faults; it raises DnsChangeError where a change does not fit."""
    healthy = provider.estate

    def show(state: FaultState) -> None:
        check_hosts(state, healthy)
        estate = estate_under(healthy, state)
        if estate is not provider.estate:
            provider.set_estate(estate)
        provider.tamper = web_tamper(state.web, is_model)

    return show


class Refusal(NamedTuple):
    """Why there is no exchange, in the words of ``NetworkFailure``.

    ``read``: the connection came about, and the other side ended it, for it speaks TLS and was sent plain HTTP.
    """

    stage: Literal["connect", "tls", "read"]
    kind: str


NO_TLS_THERE: Final = Refusal("tls", "handshake")
"""Who is there speaks plain HTTP."""


def is_nowhere(address: str) -> bool:
    """Whether ``address`` is of RFC 6666's discard prefix, where nobody ever answers."""
    return ipaddress.ip_address(address) in _NOWHERE


class Reach:
    """Who is met at which address and port: ``services``, as they listen at the hosts of ``estate``."""

    def __init__(self, estate: Estate, services: Iterable[Service]) -> None:
        self._hosts = {host.address for host in estate.hosts}
        self._listening: dict[tuple[str, int], tuple[bool, tuple[str, ...]]] = {}
        for each in services:
            if each.application is not None:
                at = each.address, each.port
                self._listening[at] = each.tls, (*self._listening.get(at, (True, ()))[1], *each.dns_names)

    def refusal(self, address: str, port: int, host: str, *, tls: bool = True) -> Refusal | None:
        """Why HTTP with ``host``, over TLS or plain, does not come about at ``address``; None where it does.

        An address that is no host's is that of a stranger, who speaks TLS with a certificate made out to itself. A
        listener has certificates for the names of its own services only, and shows the first to who asks for another.
        """
        listening = self._listening.get((address, port))
        if listening is None and (address in self._hosts or is_nowhere(address)):
            return Refusal("connect", "refused")
        with_tls, names = (True, ()) if listening is None else listening
        if not tls:
            return Refusal("read", "closed") if with_tls else None
        if not with_tls:
            return NO_TLS_THERE
        # Who asks for an address sends no name (RFC 6066 section 3), and gets the first certificate.
        good = host == names[0] if names and is_address(host) else host in names
        return None if good else Refusal("tls", "bad-certificate")


@lru_cache(maxsize=1024)
def is_address(host: str) -> bool:
    """Whether ``host`` is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def tls_refused(trouble: CertificateTrouble | None) -> Refusal | None:
    """Why a device refuses the certificate that ``host`` presents; None for a good one."""
    if trouble is None:
        return None
    return Refusal("tls", "expired-certificate" if trouble == "expired" else "bad-certificate")
