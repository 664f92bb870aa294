"""The ports of ``ssosim_clients`` for client models, over real sockets: DNS, TLS and Kerberos.

Each socket is bound to the device's own address, by which servers identify the client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ssosim_clients.failures import TicketKind
from ssosim_clients.ports import Clock, TicketFailure

from ssosim.estate import KdcHost
from ssosim.faults.core.clocks import Clocks
from ssosim.faults.core.kdc_choice import KdcChoice, PassedKdc
from ssosim.faults.core.kdc_effect import KDC_TIMEOUT_S
from ssosim.kerberos.ccache_offset import write_time_offset
from ssosim.kerberos.codes import KrbCode
from ssosim.kerberos.spnego import build_ntlm_negotiate_token
from ssosim.kerberos.tickets import TicketError, TicketErrorKind
from ssosim.lab.base.kdc_events import NO_CREDENTIALS, no_route_event, passed_event, unused_ticket_event
from ssosim.lab.base.own_sockets import code_of_lab
from ssosim.lab.model_devices.http_client import EndpointMap, LabHttp
from ssosim.lab.model_devices.stub_resolver import LabResolver
from ssosim.trace import KdcExchange, Trace, UserPrompted

if TYPE_CHECKING:  # needs GSS-API, and this module does not
    from ssosim.kerberos.gss import Initiator

__all__ = ["DeviceClock", "EndpointMap", "KdcSelection", "LabHttp", "LabKerberos", "LabResolver", "ModelUser", "SignOn"]

_TICKET_KINDS: Mapping[TicketErrorKind, TicketKind] = {
    TicketErrorKind.SERVER_UNKNOWN: "server-unknown",
    TicketErrorKind.KDC_UNREACHABLE: "kdc-unreachable",
    TicketErrorKind.NO_CREDENTIALS: "no-credentials",
    TicketErrorKind.EXPIRED: "expired",
}


@dataclass(frozen=True, slots=True)
class KdcSelection:
    """Selects the KDC that a device asks, for devices in virtual time and for those outside the corporate network.

    libkrb5 waits for a KDC that does not respond in real time. So the device knows beforehand which KDC will answer
    (``choose``, by the number in ``find_kdcs``) and asks that one alone (``select``); the trace records those that it
    passes, and the virtual clock advances. ``cache_only`` has the same ticket cache and KDC addresses where nothing
    listens: a cached ticket is found, any other request fails at once. ``choose`` returns None where the device has no
    route to any KDC. ``wait_for_kdcs`` waits until ports are open that a fault had closed. ``discover`` looks for
    KDCs in DNS, and returns whether there is one; None: the device has their addresses. ``named``: the lab has
    several KDCs, which the trace names.
    """

    trace: Trace
    client: str
    clock: Clock
    find_kdcs: Callable[[str], Sequence[KdcHost]]
    choose: Callable[[str], KdcChoice | None]
    select: Callable[[str, int], Initiator]
    cache_only: Initiator
    wait_for_kdcs: Callable[[], Awaitable[None]]
    discover: Callable[[str], Awaitable[bool]] | None = None
    named: bool = False

    async def request_token(self, spn: str, usual: Initiator) -> tuple[Initiator | None, bytes]:
        """Return the initiator to go on with, or a token from the cache. Raises TicketError where no KDC answers."""
        await self.wait_for_kdcs()
        if self.discover is not None:
            try:
                return None, await self.cache_only.request_token(spn)
            except TicketError as error:
                if error.kind is not TicketErrorKind.KDC_UNREACHABLE or not await self.discover(spn):
                    raise
        choice = self.choose(spn)
        decision = None if choice is None else choice.decision
        if choice is not None and not choice.passed and (decision is None or not decision.effect.is_missing):
            is_usual = choice.number == 0 and self.discover is None
            return usual if is_usual else self.select(spn, choice.number), b""
        try:
            return None, await self.cache_only.request_token(spn)
        except TicketError as error:
            if error.kind is not TicketErrorKind.KDC_UNREACHABLE:  # no name for which a KDC would be asked
                raise
            if choice is None:
                self._record_no_route(spn)
                raise
            await self._pass(choice.passed, spn)
            await self.clock.sleep(choice.wait)
            if decision is None or not decision.effect.is_missing:
                return self.select(spn, choice.number), b""
            await self._pass((PassedKdc(choice.number, decision),), spn)
            await self.clock.sleep(KDC_TIMEOUT_S if decision.effect.silent else 0.0)
            raise

    async def _pass(self, passed: Sequence[PassedKdc], spn: str) -> None:
        kdcs = self.find_kdcs(spn)
        for number, decision in passed:
            decision.count_hits()
            self.trace.record(self.client, passed_event(kdcs[number], decision, spn, named=self.named))

    def _record_no_route(self, spn: str) -> None:
        for kdc in self.find_kdcs(spn)[:1]:
            self.trace.record(self.client, no_route_event(kdc))


@dataclass(slots=True)
class SignOn:
    """The sign-on of a device's user: the ticket-granting ticket in the device's cache, with its age by ``clock``.

    libkrb5 and the KDC live in real time, and the device may be in virtual time. So the device gets a new ticket
    ``lifetime`` seconds after the last sign-on, with the user's credentials, as Windows does; no ticket is valid longer
    than the ticket-granting ticket (RFC 4120, section 3.3.3). ``request_ticket`` replaces the cache, and returns False
    where the KDC refuses the sign-on: the device has no ticket then, and asks again when it needs one. ``began``: None
    without a ticket. ``note`` gets the time of each sign-on.
    ``find_age_shift`` returns by how many seconds the ticket seems older to the device, whose clock may be wrong.
    """

    clock: Clock
    lifetime: float
    request_ticket: Callable[[], Awaitable[bool]]
    note: Callable[[float | None], None]
    began: float | None = None
    find_age_shift: Callable[[], int] = lambda: 0

    async def renew(self) -> bool:
        """Sign on if there is no ticket, or if it has expired; return whether there is one."""
        if self.began is None or self.clock.now() + self.find_age_shift() - self.began >= self.lifetime:
            self.began = self.clock.now() if await self.request_ticket() else None
            self.note(self.began)
        return self.began is not None


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """The clock of the device of ``client``, by the time offset of its credential cache ``ccache``.

    libkrb5 runs in the process of the lab, so its clock cannot be another one.
    """

    trace: Trace
    clocks: Clocks
    client: str
    ccache: Path

    def set(self) -> int:
        """Make libkrb5 use the clock of the device; return the number of the last record of the trace."""
        if self.clocks.in_use and self.ccache.exists():
            write_time_offset(self.ccache, self.clocks.of_authenticator(self.client).seconds)
        return self.trace.last_seq

    def note_refusal(self, spn: str, text: str, began: int) -> None:
        """Record that libkrb5 did not use its ticket, where it refused it without a request after record ``began``."""
        if not self.clocks.in_use or "Ticket not yet valid" not in text:
            return
        mine = (record.event for record in self.trace.since(began) if record.client == self.client)
        if not any(isinstance(event, KdcExchange) for event in mine):
            faults = self.clocks.explain_refusal_at_device(self.client, spn)
            self.trace.record(self.client, unused_ticket_event(spn, KrbCode.KRB_AP_ERR_TKT_NYV, faults))


@dataclass(frozen=True, slots=True)
class LabKerberos:
    """Service tickets from the lab's KDCs, by GSS-API and libkrb5.

    ``selection`` selects the KDC; None: libkrb5 does. ``wait_for_delay`` waits by the lab's clock for the delays that
    faults of the KDC have added to the last requests. ``name_realm`` adds the realm of a host to its SPN. ``sign_on``:
    None where the device has no way to a KDC; it has a ticket-granting ticket all the same. ``clock``: that of the
    device, which faults may have moved; None: no fault can. ``find_channel_bindings`` returns what binds a token to
    the certificate of a host.
    """

    initiator: Initiator
    selection: KdcSelection | None = None
    wait_for_delay: Callable[[], Awaitable[None]] | None = None
    name_realm: Callable[[str], str] = str
    sign_on: SignOn | None = None
    clock: DeviceClock | None = None
    find_channel_bindings: Callable[[str], bytes] = lambda _host: b""

    @code_of_lab
    async def negotiate_token(self, spn: str, tls_host: str = "") -> bytes:
        """Return a SPNEGO token for ``spn``, bound to the certificate of ``tls_host``. Raises TicketFailure."""
        name = self.name_realm(spn)
        if self.sign_on is not None and not await self.sign_on.renew():
            raise TicketFailure("no-credentials", spn, NO_CREDENTIALS)
        began = 0 if self.clock is None else self.clock.set()
        try:
            initiator: Initiator | None = self.initiator
            token = b""
            if self.selection is not None:
                initiator, token = await self.selection.request_token(name, self.initiator)
            if initiator is not None:
                token = await self._token(initiator, name)
            bindings = self.find_channel_bindings(tls_host) if tls_host else b""
            # The ticket is in the cache now, so this contacts no KDC.
            return await self.initiator.request_token(name, channel_bindings=bindings) if bindings else token
        except TicketError as error:
            if self.clock is not None:
                self.clock.note_refusal(name, str(error), began)
            raise TicketFailure(_TICKET_KINDS.get(error.kind, "other"), spn, str(error)) from error

    async def _token(self, initiator: Initiator, spn: str) -> bytes:
        """As the initiator; a KDC that falls silent under way costs a device in virtual time the same as any other."""
        try:
            try:
                return await initiator.request_token(spn)
            finally:
                if self.wait_for_delay is not None:
                    await self.wait_for_delay()
        except TicketError as error:
            if self.selection is not None and error.kind is TicketErrorKind.KDC_UNREACHABLE:
                await self.selection.clock.sleep(KDC_TIMEOUT_S)
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
