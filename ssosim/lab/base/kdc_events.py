"""The trace events of a device whose request a KDC does not get, the same in memory and over sockets."""

from __future__ import annotations

from ssosim.estate import KdcHost
from ssosim.faults.core.kdc_effect import KdcDecision
from ssosim.trace import ConnectionFailed, KdcExchange

__all__ = ["no_route_event", "passed_event"]

_KDC_PORT = 88


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


def _connection_failed(kdc: KdcHost, reason: str, faults: tuple[int, ...]) -> ConnectionFailed:
    return ConnectionFailed(
        host=kdc.name, address=kdc.addresses[0], stage="connect", reason=reason, port=_KDC_PORT, faults=faults
    )
