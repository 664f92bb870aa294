"""The ports of ``ssosim_clients`` for client models, over real sockets: DNS, TLS and Kerberos.

Each socket is bound to the device's own address, by which servers identify the client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssosim_clients.failures import TicketKind
from ssosim_clients.ports import Clock, TicketFailure

from ssosim.faults.core.kdc_effect import KDC_TIMEOUT_S
from ssosim.kerberos.spnego import build_ntlm_negotiate_token
from ssosim.kerberos.tickets import TicketError, TicketErrorKind
from ssosim.lab.base.own_sockets import code_of_lab
from ssosim.lab.model_devices.http_client import EndpointMap, LabHttp
from ssosim.lab.model_devices.stub_resolver import LabResolver
from ssosim.trace import KdcExchange, Trace, UserPrompted

if TYPE_CHECKING:  # needs GSS-API, and this module does not
    from ssosim.kerberos.gss import Initiator

__all__ = ["EndpointMap", "LabHttp", "LabKerberos", "LabResolver", "ModelUser", "SilentKdcFallback"]

_TICKET_KINDS: Mapping[TicketErrorKind, TicketKind] = {
    TicketErrorKind.SERVER_UNKNOWN: "server-unknown",
    TicketErrorKind.KDC_UNREACHABLE: "kdc-unreachable",
    TicketErrorKind.NO_CREDENTIALS: "no-credentials",
    TicketErrorKind.EXPIRED: "expired",
}


@dataclass(frozen=True, slots=True)
class SilentKdcFallback:
    """Replaces ticket requests to a KDC that does not respond, for devices in virtual time.

    libkrb5 waits for such a KDC in real time: about 15 s, measured with krb5 1.20.1. ``initiator`` has the same ticket
    cache and a KDC address where nothing listens: a cached ticket is found, any other request fails at once, and the
    virtual clock advances by 15 s. ``is_silent`` tells whether a fault silences the KDC for a service principal name
    (SPN); ``count_hit`` counts a request for that fault, and returns the numbers of all faults in it.
    """

    is_silent: Callable[[str], bool]
    initiator: Initiator
    clock: Clock
    trace: Trace
    client: str
    count_hit: Callable[[str], tuple[int, ...]] = lambda _spn: ()

    async def request_token(self, spn: str) -> bytes:
        """A SPNEGO token from the cache; raises TicketError after the time that it takes."""
        try:
            return await self.initiator.request_token(spn)
        except TicketError as error:
            if error.kind is not TicketErrorKind.KDC_UNREACHABLE:  # no name for which a KDC would be asked
                raise
            faults = self.count_hit(spn)
            asked = KdcExchange(request="TGS", service=spn.partition("@")[0], outcome="no answer", faults=faults)
            self.trace.record(self.client, asked)
            await self.clock.sleep(KDC_TIMEOUT_S)
            raise


@dataclass(frozen=True, slots=True)
class LabKerberos:
    """Service tickets from the lab's KDC, by GSS-API and libkrb5.

    ``wait_for_delay`` waits by the lab's clock for the delays that faults of the KDC have added to the last requests.
    """

    initiator: Initiator
    silent_kdc_fallback: SilentKdcFallback | None = None
    wait_for_delay: Callable[[], Awaitable[None]] | None = None

    @code_of_lab
    async def negotiate_token(self, spn: str) -> bytes:
        """Return a SPNEGO token for ``spn``. Raises TicketFailure."""
        try:
            if self.silent_kdc_fallback is not None and self.silent_kdc_fallback.is_silent(spn):
                return await self.silent_kdc_fallback.request_token(spn)
            return await self._token(spn)
        except TicketError as error:
            raise TicketFailure(_TICKET_KINDS.get(error.kind, "other"), spn, str(error)) from error

    async def _token(self, spn: str) -> bytes:
        """As the initiator; a KDC that falls silent under way costs a device in virtual time the same as any other."""
        try:
            try:
                return await self.initiator.request_token(spn)
            finally:
                if self.wait_for_delay is not None:
                    await self.wait_for_delay()
        except TicketError as error:
            if self.silent_kdc_fallback is not None and error.kind is TicketErrorKind.KDC_UNREACHABLE:
                await self.silent_kdc_fallback.clock.sleep(KDC_TIMEOUT_S)
            raise

    async def ntlm_token(self) -> bytes:
        """What Windows' Negotiate package sends where Kerberos failed."""
        return build_ntlm_negotiate_token()


@dataclass(frozen=True, slots=True)
class ModelUser:
    """The user of a client model's device. It types the right password into each prompt; the trace records the prompt.

    ``password`` returns the password that the user knows now. None: the user does not respond.
    """

    trace: Trace
    client: str
    password: Callable[[], str] | None

    async def prompt_password(self, upn: str, reason: str) -> str | None:
        """Show a prompt."""
        self.trace.record(self.client, UserPrompted(reason=f"password of {upn}: {reason}"))
        return None if self.password is None else self.password()
