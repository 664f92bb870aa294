"""The device that a client model runs on: the ports of ``ssosim_clients``, over real DNS, TLS and Kerberos.

Every socket is bound to the device's own address, which is how the trace knows whose query it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssosim_clients.failures import TicketKind
from ssosim_clients.ports import Clock, TicketFailure

from ssosim.faults.exchanges import KDC_PATIENCE_S
from ssosim.kerberos.spnego import ntlm_negotiate_token
from ssosim.kerberos.tickets import TicketError
from ssosim.kerberos.tickets import TicketFailure as TicketTrouble
from ssosim.lab.model_devices.http_client import Endpoint, LabHttp
from ssosim.lab.model_devices.stub_resolver import LabResolver
from ssosim.trace import KdcExchange, Trace, UserPrompted

if TYPE_CHECKING:  # needs GSS-API, and this module does not
    from ssosim.kerberos.gss import Initiator

__all__ = ["Endpoint", "LabHttp", "LabKerberos", "LabResolver", "LabUser", "WithoutKdc"]

_TICKET_KINDS: Mapping[TicketTrouble, TicketKind] = {
    TicketTrouble.SERVER_UNKNOWN: "server-unknown",
    TicketTrouble.KDC_UNREACHABLE: "kdc-unreachable",
    TicketTrouble.NO_CREDENTIALS: "no-credentials",
    TicketTrouble.EXPIRED: "expired",
}


@dataclass(frozen=True, slots=True)
class WithoutKdc:
    """How a device in virtual time does without a KDC that is silent, instead of waiting real seconds for it.

    ``initiator`` has the same tickets and nobody to ask: what is in the cache it has, the rest fails at once, and the
    clock jumps over the time that libkrb5 would have waited (about 15 s, measured with krb5 1.20.1). ``meet`` tells the
    fault of each request that met the silence.
    """

    is_silent: Callable[[], bool]
    initiator: Initiator
    clock: Clock
    trace: Trace
    client: str
    meet: Callable[[], None] = lambda: None

    async def token(self, spn: str) -> bytes:
        """A SPNEGO token from the cache; raises TicketError after the time that it takes."""
        try:
            return await self.initiator.token(spn)
        except TicketError as error:
            if error.kind is not TicketTrouble.KDC_UNREACHABLE:  # no name for which a KDC would be asked
                raise
            self.meet()
            asked = KdcExchange(request="TGS", service=spn.partition("@")[0], outcome="no answer")
            self.trace.record(self.client, asked)
            await self.clock.sleep(KDC_PATIENCE_S)
            raise


@dataclass(frozen=True, slots=True)
class LabKerberos:
    """Service tickets from the lab's KDC, by libkrb5."""

    initiator: Initiator
    without_kdc: WithoutKdc | None = None

    async def negotiate_token(self, spn: str) -> bytes:
        """A SPNEGO token for ``spn``; raises TicketFailure."""
        try:
            if self.without_kdc is not None and self.without_kdc.is_silent():
                return await self.without_kdc.token(spn)
            return await self._token(spn)
        except TicketError as error:
            raise TicketFailure(_TICKET_KINDS.get(error.kind, "other"), spn, str(error)) from error

    async def _token(self, spn: str) -> bytes:
        """As the initiator; a KDC that falls silent under way costs a device in virtual time the same as any other."""
        try:
            return await self.initiator.token(spn)
        except TicketError as error:
            if self.without_kdc is not None and error.kind is TicketTrouble.KDC_UNREACHABLE:
                await self.without_kdc.clock.sleep(KDC_PATIENCE_S)
            raise

    async def ntlm_token(self) -> bytes:
        """What Windows' Negotiate package sends where Kerberos failed."""
        return ntlm_negotiate_token()


@dataclass(frozen=True, slots=True)
class LabUser:
    """The person at the device, who types the right password when asked; every prompt is in the trace.

    ``password`` is None for a person who walks away.
    """

    trace: Trace
    client: str
    password: str | None

    async def ask_password(self, upn: str, reason: str) -> str | None:
        """Show a prompt."""
        self.trace.record(self.client, UserPrompted(reason=f"password of {upn}: {reason}"))
        return self.password
