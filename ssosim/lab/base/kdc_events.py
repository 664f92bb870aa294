"""The trace events of a device whose request a KDC does not get, the same in memory and over sockets."""

from __future__ import annotations

from ssosim.estate import Estate, KdcHost, User, list_kdcs
from ssosim.faults.core.kdc_effect import KdcDecision
from ssosim.kerberos.codes import error_name
from ssosim.trace import ConnectionFailed, KdcExchange

__all__ = [
    "NO_ANSWER",
    "NO_CREDENTIALS",
    "no_route_event",
    "passed_event",
    "refused_sign_on_event",
    "unused_ticket_event",
]

_KDC_PORT = 88

NO_ANSWER = "no answer"
"""The outcome of a request that no KDC answered."""

NO_CREDENTIALS = "No Kerberos credentials available"
"""The text of GSS-API for a request without a ticket-granting ticket. Source: krb5 1.20, ``acquire_cred.c``."""


def passed_event(kdc: KdcHost, decision: KdcDecision, spn: str, *, named: bool) -> KdcExchange | ConnectionFailed:
    """Return the event of a KDC that did not answer in time, or refused the connection."""
    if decision.effect.refused:
        return _connection_failed(kdc, "refused", decision.faults)
    name = kdc.name if named else ""
    faults = decision.faults or tuple(sorted({rule.fault for rule in decision.rules if rule.fault}))
    return KdcExchange(request="TGS", service=spn.partition("@")[0], outcome="no answer", faults=faults, kdc=name)


def no_route_event(kdc: KdcHost) -> ConnectionFailed:
    """Return the event of a device outside the corporate network, which has no route to ``kdc``."""
    return _connection_failed(kdc, "unreachable", ())


def refused_sign_on_event(estate: Estate, user: User, outcome: str, faults: tuple[int, ...]) -> KdcExchange:
    """Return the event of a request for a ticket-granting ticket that was refused, or that no KDC answered."""
    realm = estate.realm_of(user).name
    return KdcExchange(
        request="AS",
        service=f"krbtgt/{realm}",
        principal=user.sam_account or "",
        realm=realm,
        outcome=outcome,
        faults=faults,
        kdc=list_kdcs(estate, realm)[0].name if len(list_kdcs(estate)) > 1 else "",
    )


def unused_ticket_event(service: str, code: int, faults: tuple[int, ...]) -> KdcExchange:
    """Return the event of a ticket that libkrb5 did not send, because it is not valid by the clock of the device.

    Source: krb5 1.20, lib/krb5/krb/mk_req_ext.c.
    """
    return KdcExchange(request="AP", service=service.partition("@")[0], outcome=error_name(code), faults=faults)


def _connection_failed(kdc: KdcHost, reason: str, faults: tuple[int, ...]) -> ConnectionFailed:
    return ConnectionFailed(
        host=kdc.name, address=kdc.addresses[0], stage="connect", reason=reason, port=_KDC_PORT, faults=faults
    )
