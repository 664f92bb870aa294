"""Base class of faults of the signatures that a signed zone has."""

from __future__ import annotations

import dataclasses

from dns.name import Name
from dns.rdata import Rdata
from dns.rdatatype import RRSIG

from ssosim.dns.zones.denial import is_signed
from ssosim.dns.zones.rrset import to_name
from ssosim.dns.zones.zone import Zone
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.fault import Applied, Fault, FaultState
from ssosim.faults.core.validation import fail_validation

__all__ = ["SignatureFault"]


class SignatureFault(Fault, frozen=True, kw_only=True):
    """A fault of the RRSIG records of the signed zone ``zone``: of ``names``, or of all names.

    The servers send the changed signatures, so an unmodified validating resolver in front of the lab sees them. The
    lab's own validating resolvers answer SERVFAIL for these names and for names below them. In a lab without resolvers,
    ``clients`` are those behind a validating one: all, unless some are named.
    """

    zone: str
    names: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()

    def change_signature(self, signature: Rdata) -> Rdata:
        """Return what is sent instead of one RRSIG record."""
        raise NotImplementedError

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` with the changed signatures. Raises FaultError for a zone or name without signatures."""
        origin = to_name(self.zone)
        zone = state.zones.zones.get(origin)
        if zone is None:
            raise FaultError(f"zone: the estate has no zone {self.zone}")
        if not is_signed(zone):
            raise FaultError(
                f"zone: {self.zone} is not signed: it needs DNSKEY, RRSIG and NSEC; or use validation-failing"
            )
        wanted = tuple(to_name(name) for name in self.names) or tuple(
            name for name, node in zone.nodes.items() if RRSIG in node
        )
        for name in wanted:
            zone = self._change(zone, name)
        zones = dataclasses.replace(state.zones.with_zone(zone), version=state.zones.version + 1)
        bogus = wanted if self.names else (origin,)
        return fail_validation(dataclasses.replace(state, zones=zones), bogus, self.clients)

    def _change(self, zone: Zone, name: Name) -> Zone:
        stored = zone.node(name).get(RRSIG)
        if stored is None:
            raise FaultError(f"names: {name.to_text(omit_final_dot=True)} has no signature in {self.zone}")
        changed = tuple(self.change_signature(rdata) for rdata in stored.rdatas)
        return zone.with_rrset(dataclasses.replace(stored, rdatas=changed))

    def describe_names(self) -> str:
        """Describe the signatures that are changed."""
        return f"signatures of {', '.join(self.names) or self.zone}"
