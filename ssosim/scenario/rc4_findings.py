"""Accounts that still sign in with RC4: a finding about a phase, whatever the outcome.

Pure functions. Source: RFC 8429 (RC4 is deprecated); Microsoft support KB5073381 (RC4 off by default in 2026).
"""

from __future__ import annotations

from collections.abc import Sequence

from ssosim.trace import Record, TicketChecked
from ssosim.verdict.by_kind import RecordsByKind

__all__ = ["describe_rc4_use"]

_RC4 = ("rc4-hmac", "rc4-hmac-exp")


def describe_rc4_use(records: Sequence[Record]) -> tuple[str, ...]:
    """Return a sentence for each service that accepted tickets or session keys of RC4, with the clients."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for record in RecordsByKind.of(records).select(TicketChecked):
        event = record.event
        if not isinstance(event, TicketChecked) or not event.accepted:
            continue
        if event.etype in _RC4:
            found.setdefault((event.service, "tickets"), {})[record.client] = None
        elif event.session_etype in _RC4:
            found.setdefault((event.service, "session keys"), {})[record.client] = None
    return tuple(
        f"the account of {service} still signs in with RC4: {what} of {', '.join(sorted(clients))}"
        for (service, what), clients in sorted(found.items())
    )
