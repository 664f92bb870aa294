"""What the active faults do to one exchange: pure functions, the same for a lab on sockets and the lab in memory.

The functions for DNS answers are in ``effects``, those for requests to the KDC in ``kdc_effect``. The timeouts of
devices are here, because an answer after the timeout must not be in the trace as an answer.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import Final, Literal, NamedTuple

import msgspec

from ssosim.credential_hosts.endpoints import list_credential_host_names
from ssosim.entra.core.fault_effect import FindHttpEffect, HttpEffect
from ssosim.entra.core.messages import Call
from ssosim.entra.core.provider import Provider
from ssosim.entra.http.fault_error import HOSTS_WITH_CODES
from ssosim.estate import Estate, Tenant
from ssosim.faults.core.addresses import is_nowhere
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.estate_fault import EstateFault
from ssosim.faults.core.fault import CertificateTrouble, FaultState, HttpRule
from ssosim.faults.core.mentions import mentions
from ssosim.services import Service, http_host_names
from ssosim.trace import SignInStep

__all__ = [
    "HTTP_TIMEOUT_S",
    "NO_TLS_THERE",
    "Reach",
    "Refusal",
    "change_estate",
    "check_hosts",
    "is_address",
    "is_nowhere",
    "make_find_http_effect",
    "make_provider_fault_applier",
    "tls_refused",
]

HTTP_TIMEOUT_S = 30.0
"""How long the device of a client model waits for an HTTP response, in seconds."""

_SEAMLESS_STEPS = frozenset(
    {
        SignInStep.REALM,
        SignInStep.CREDENTIAL_TYPE,
        SignInStep.MEX,
        SignInStep.WSTRUST_TICKET,
        SignInStep.BROWSER_SSO,
    }
)
"""The steps at which the reply depends on the settings of a tenant that a fault can change."""
_MOST_TEXT, _MOST_FOUND = 8192, 1024


def make_find_http_effect(rules: Sequence[HttpRule], is_model: Callable[[str], bool]) -> FindHttpEffect | None:
    """Return the function that gives the effect of ``rules``, the oldest first; None if there are no rules.

    Delays add up. Of the rules that decide the response the newest is used. A client for which ``is_model`` is true
    waits ``HTTP_TIMEOUT_S``: a response that would come later is not sent.
    """
    if not rules:
        return None

    def find_effect(call: Call, client: str) -> HttpEffect | None:
        effect = combine_http_effects(rules, call, client)
        if effect is not None and effect.delay >= HTTP_TIMEOUT_S and is_model(client):
            return HttpEffect(silent=True, faults=effect.delayed_by)
        return effect

    return find_effect


def combine_http_effects(rules: Sequence[HttpRule], call: Call, client: str) -> HttpEffect | None:
    """Combine the effects: the newest that decides the response, with the sum of all delays.

    A fault whose response that of a newer one replaces has had no effect, so the exchange is no hit of it.
    """
    delay, deciding = 0.0, None
    faults: tuple[int, ...] = ()
    late: list[int] = []
    for rule in reversed(rules):
        effect = rule.effect_on(call, client)
        if effect is None or (effect.decides and deciding is not None):
            continue
        rule.count_hit()
        delay += effect.delay
        if effect.delay and rule.fault:
            late.append(rule.fault)
        if effect.decides:
            deciding, faults = effect, (rule.fault,) if rule.fault else ()
    if deciding is None:
        return HttpEffect(delay=delay, delayed_by=tuple(late)) if delay else None
    return dataclasses.replace(deciding, delay=delay, faults=faults, delayed_by=tuple(late))


def check_hosts(state: FaultState, estate: Estate) -> None:
    """Raise FaultError for a fault of a host at which ``estate`` has no HTTP service: it could never have an effect.

    A fault of a certificate needs a service with TLS, and one with an AADSTS code a host that sends such codes.
    """
    if not state.http and not state.certificates:
        return
    with_codes = [name.lower() for name, service in estate.list_identity_hosts() if service in HOSTS_WITH_CODES]
    for rule in state.http:
        if rule.has_code and rule.host and rule.host not in with_codes:
            known = ", ".join(sorted(with_codes))
            raise FaultError(f"code: {rule.host!r} sends no AADSTS codes, these do: {known}; leave the code out for it")
    served = (*http_host_names(estate), *list_credential_host_names(estate))
    _check_served((rule.host for rule in state.http if rule.host), served)
    _check_served(state.certificates, http_host_names(estate, tls=True))


def _check_served(hosts: Iterable[str], served: tuple[str, ...]) -> None:
    if unknown := [host for host in hosts if host not in served]:
        raise FaultError(f"host: nothing is served at {unknown[0]!r}; there is: {', '.join(served)}")


def change_estate(healthy: Estate, state: FaultState) -> Estate:
    """Return the estate with the changes of the faults. Raises FaultError where a fault does not fit ``healthy``."""
    estate = healthy
    for change in state.estate:
        estate = change(estate)
    return estate


def make_provider_fault_applier(provider: Provider, is_model: Callable[[str], bool]) -> Callable[[FaultState], None]:
    """Return the function to call with every new state of the faults; it raises FaultError if one does not fit."""
    healthy = provider.estate
    domains: list[tuple[int, tuple[str, ...]]] = []

    explained: list[tuple[int, EstateFault]] = []

    def find_estate_faults(call: Call, step: SignInStep, code: int | None) -> tuple[int, ...]:
        of_domains = domains if step in _SEAMLESS_STEPS else []
        changed = [] if code is not None else [number for number, fault in explained if fault.changes_answer(step)]
        refused = call.trace_buffer.refused_user
        if not of_domains and ((code is None and refused is None) or not explained):  # nothing to look for
            return tuple(changed)
        text = f"{call.target} {call.body[:_MOST_TEXT].decode('utf-8', 'replace')}"
        lower = f"{text} {refused[0]}".lower() if refused is not None else text.lower()
        found = changed + [number for number, names in of_domains if any(mentions(lower, name) for name in names)]
        if code is not None:
            found += [number for number, fault in explained if fault.explains(text, code, healthy)]
        if refused is not None:
            user, of_user = refused
            found += [number for number, fault in explained if fault.explains(f"{text} {user}", of_user, healthy)]
        return tuple(dict.fromkeys(found))

    def show(state: FaultState) -> None:
        check_hosts(state, healthy)
        estate = change_estate(healthy, state)
        if estate is not provider.estate:
            provider.set_estate(estate)
        provider.host_conditions = state.host_conditions
        domains[:] = _find_changed_domains(healthy, state)
        owners = [(number, _find_owner(change)) for number, change in _number_changes(state)]
        explained[:] = [(number, owner) for number, owner in owners if isinstance(owner, EstateFault)]
        provider.find_estate_faults = find_estate_faults
        provider.find_effect = make_find_http_effect(state.http, is_model)

    return show


def _find_owner(change: Callable[[Estate], Estate]) -> object:
    """Return the fault whose method ``change`` is, perhaps with its first arguments."""
    return getattr(change.func if isinstance(change, partial) else change, "__self__", None)


def _number_changes(state: FaultState) -> Iterable[tuple[int, Callable[[Estate], Estate]]]:
    return zip(state.estate_faults, state.estate, strict=True)


def _find_changed_domains(healthy: Estate, state: FaultState) -> list[tuple[int, tuple[str, ...]]]:
    """Return, for each change of the estate, its fault and the names of the tenants or domains that it changes."""
    found, estate = [], healthy
    for number, change in _number_changes(state):
        former, estate = estate, change(estate)
        before = {each.id: each for each in former.tenants}
        changed = [tenant for tenant in estate.tenants if tenant not in former.tenants]
        found.append(
            (number, tuple(name for each in changed for name in _list_changed_names(before.get(each.id), each)))
        )
    return found


def _list_changed_names(before: Tenant | None, after: Tenant) -> list[str]:
    """Return the names of a tenant about which answers are other ones: of a changed domain, or all names."""
    if before is not None and msgspec.structs.replace(before, domains=after.domains) == after:
        changed = set(before.domains) ^ set(after.domains)
        return list(dict.fromkeys(domain.name for domain in (*before.domains, *after.domains) if domain in changed))
    return [after.id, after.initial_domain, *(domain.name for domain in after.domains)]


class Refusal(NamedTuple):
    """Why there is no exchange, as ``NetworkFailure`` has it.

    ``read``: the connection was made, and the server closed it, because it expects TLS and got plain HTTP. ``faults``
    are the numbers of the faults that did it.
    """

    stage: Literal["connect", "tls", "read"]
    kind: str
    faults: tuple[int, ...] = ()


NO_TLS_THERE: Final = Refusal("tls", "handshake")
"""The server at this address has no TLS."""


class Reach:
    """Which of ``services`` listens at which address and port of the hosts of ``estate``.

    ``of_kdc_proxies``: the KDC proxies among them, which are no application; else all others with an application.
    """

    def __init__(self, estate: Estate, services: Iterable[Service], *, of_kdc_proxies: bool = False) -> None:
        self._hosts = {host.address for host in estate.hosts}
        self._listening: dict[tuple[str, int], tuple[bool, tuple[str, ...]]] = {}
        for each in services:
            if each.name == "kdc-proxy" if of_kdc_proxies else each.application is not None:
                at = each.address, each.port
                self._listening[at] = each.tls, (*self._listening.get(at, (True, ()))[1], *each.dns_names)
        self._found: dict[tuple[str, int, str, bool], Refusal | None] = {}

    def refusal(self, address: str, port: int, host: str, *, tls: bool = True) -> Refusal | None:
        """Return why HTTP with ``host``, over TLS or plain, is not possible at ``address``; None where it is.

        An address outside the estate is a foreign host, which presents a certificate for its own name. A listener has
        certificates for the names of its services only, and presents the first one for any other name.
        """
        key = (address, port, host, tls)
        if key not in self._found:
            if len(self._found) >= _MOST_FOUND:
                self._found.clear()
            self._found[key] = self._find_refusal(address, port, host, tls=tls)
        return self._found[key]

    def _find_refusal(self, address: str, port: int, host: str, *, tls: bool) -> Refusal | None:
        listening = self._listening.get((address, port))
        if listening is None and (address in self._hosts or is_nowhere(address)):
            return Refusal("connect", "refused")
        with_tls, names = (True, ()) if listening is None else listening
        if not tls:
            return Refusal("read", "closed") if with_tls else None
        if not with_tls:
            return NO_TLS_THERE
        # A client that connects to an address sends no name (RFC 6066 section 3) and gets the first certificate.
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


def tls_refused(trouble: CertificateTrouble | None, faults: tuple[int, ...] = ()) -> Refusal | None:
    """Return why a device refuses a certificate with this defect; None for a good certificate."""
    if trouble is None:
        return None
    return Refusal("tls", "expired-certificate" if trouble == "expired" else "bad-certificate", faults)
