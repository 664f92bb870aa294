"""What validating resolvers do with data whose signatures are wrong, in every kind of lab."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable

from dns.name import Name
from dns.rcode import SERVFAIL

from ssosim.dns import Effect
from ssosim.dns.zones.extended_errors import ExtendedError
from ssosim.dns.zones.rrset import plain
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.fault import DnsRule, FaultState
from ssosim.trace import DnsAnswered

__all__ = ["fail_validation"]


def fail_validation(state: FaultState, names: Iterable[Name], clients: Collection[str]) -> FaultState:
    """Return ``state`` in which data at or below ``names`` are bogus.

    A validating resolver answers SERVFAIL, unless the query has the CD bit (RFC 4035 section 5.5). A lab without
    resolvers does so for ``clients``: for all, if there are none. Raises FaultError for ``clients`` in a lab with
    resolvers: each validates for all that ask it, or for none.
    """
    if clients and state.resolvers:
        raise FaultError(
            f"clients: a resolver validates for all that ask it, and the lab has {', '.join(sorted(state.resolvers))}: "
            "leave clients out, and set validate and devices of the [[resolvers]]"
        )
    origins = tuple(names)
    inside = tuple(plain(name) for name in origins)
    below = tuple(f".{name}" for name in inside)

    def effect(event: DnsAnswered, client: str) -> Effect | None:
        if clients and client not in clients:
            return None
        if event.name not in inside and not event.name.endswith(below):
            return None
        return Effect(rcode=SERVFAIL, unless_cd=True, extended_error=ExtendedError.DNSSEC_BOGUS)

    return dataclasses.replace(
        state, bogus=state.bogus | set(origins), rules=(*state.rules, DnsRule("lab", True, effect))
    )
