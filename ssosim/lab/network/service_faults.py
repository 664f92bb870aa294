"""Apply the active faults to the services of a lab: identity provider, certificates, KDC gateway."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ssosim.entra import Provider
from ssosim.estate import Estate
from ssosim.faults import ActiveFaults
from ssosim.faults.core.clocks import TIME_CODES, Clocks
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.exchanges import make_provider_fault_applier
from ssosim.faults.core.fault import FaultState
from ssosim.faults.core.kdc_effect import list_closed_kdcs
from ssosim.faults.core.key_faults import KeyFaults
from ssosim.kerberos import KdcEndpoint, KdcGateway, RealmError, RealmKdcs
from ssosim.kerberos.gateway import Forward, KdcRequestContext, KdcResponder
from ssosim.kerberos.key_database import KeyDatabase, list_accounts
from ssosim.kerberos.messages import KdcReply, KdcRequest, KrbError, build_error, read_message
from ssosim.kerberos.realm_keys import RealmKeys
from ssosim.lab.network.account_checks import AccountChecks
from ssosim.lab.network.certificates import FOREIGN_HOST_NAME, LabCa
from ssosim.lab.network.foreign_requests import ForeignRequestReader, ReportRequest
from ssosim.services import Service

_log = logging.getLogger(__name__)

__all__ = ["ForeignHost", "KdcChecks", "make_key_faults", "make_service_fault_applier"]


class KdcChecks(NamedTuple):
    """What is checked at a KDC: the keys of the first realm, the accounts of users, and the clocks of all machines."""

    keys: KeyFaults
    accounts: AccountChecks
    clocks: Clocks


def make_service_fault_applier(
    provider: Provider,
    ca: LabCa,
    gateway: KdcGateway,
    faults: ActiveFaults,
    is_model: Callable[[str], bool],
    checks: KdcChecks,
) -> Callable[[FaultState], None]:
    """Return the function to call with every new state of the faults; it raises FaultError if one does not fit.

    ``is_model`` returns whether a client is a model, whose device stops waiting after a timeout. ``checks`` are
    what is checked at a KDC. The keys are applied last, since this changes its database.
    """
    keys, accounts, clocks = checks
    apply_at_provider = make_provider_fault_applier(provider, is_model)
    realm = provider.estate.default_realm.name
    responder = _make_kdc_responder(faults, is_model, checks, realm)
    gateway.responder = responder if accounts.states.may_refuse else None

    def apply(state: FaultState) -> None:
        apply_at_provider(state)
        accounts.states.apply(state)
        clocks.apply(state.clocks)
        changes = state.kdc or state.keys or clocks.in_use or accounts.states.may_refuse
        gateway.responder = responder if changes else None
        closed = list_closed_kdcs(state.kdc, gateway.list_kdcs())
        if closed or gateway.closed:
            gateway.close_ports(closed)
        ca.present_bad_certificates(state.certificates, state.presented, state.certificate_faults)
        keys.apply(state)

    return apply


def make_key_faults(estate: Estate, services: Iterable[Service], kdcs: RealmKdcs, gateway: KdcGateway) -> KeyFaults:
    """Return the keys of the first realm under faults, which change the databases of its KDCs and its keytabs.

    ``gateway`` lets the KDCs know a name in the spelling that a client asks for.
    """
    healthy = list_accounts(estate)
    name = estate.default_realm.name
    known = estate.default_realm.services
    joined = [
        tuple(spn for spn in service.keys.spns if spn in known) or service.keys.spns
        for service in services
        if service.keys is not None and not service.keys.account
    ]
    keys = _make_realm_keys(kdcs, name, healthy, joined)
    # No fault changes the keys of other realms; their KDCs are told spellings too.
    others = [(realm.name, list_accounts(estate, realm)) for realm in estate.realms[1:]]
    spellers = {of: _make_realm_keys(kdcs, of, accounts, ()) for of, accounts in others if accounts.accounts}
    spellers[name] = keys

    def show(database: KeyDatabase) -> None:
        try:
            keys.show(database)
        except (RealmError, OSError) as error:
            raise FaultError(f"the keys of the realm cannot be changed: {error}") from error

    def prepare(request: KdcRequest, kdc: KdcEndpoint) -> None:
        speller = spellers.get(kdc.realm)
        if request.kind == "TGS" and speller is not None:
            try:
                speller.add_spelling(request.service)
            except (RealmError, OSError):  # the KDC does not know the name then
                _log.exception("the KDC %s cannot be told the name %s", kdc.name, request.service)

    gateway.prepare = prepare
    return KeyFaults(healthy, show, has_duplicates=kdcs.samba_editor is not None)


def _make_realm_keys(
    kdcs: RealmKdcs, realm: str, healthy: KeyDatabase, services: Iterable[tuple[str, ...]]
) -> RealmKeys:
    prepared, copies = kdcs.find_realm(realm), kdcs.list_copies(realm)
    if kdcs.samba_editor is None:
        return RealmKeys(prepared, healthy, services, copies)
    from ssosim.kerberos.samba_keys import SambaKeys  # noqa: PLC0415 - few labs need it

    return SambaKeys(prepared, healthy, kdcs.samba_editor, services, copies)


def _make_kdc_responder(
    faults: ActiveFaults, is_model: Callable[[str], bool], checks: KdcChecks, realm: str
) -> KdcResponder:
    async def responder(request: KdcRequestContext, forward: Forward) -> bytes | None:
        decision = faults.decide_kdc_request(request.message, request.client, request.kdc.name)
        if decision is None:
            return await _ask_kdc(checks, realm, request, forward)
        effect = decision.effect
        request.faults.extend(decision.faults)
        decision.count_hits()
        if effect.delay and is_model(request.client):
            faults.delay_kdc_reply(request.client, effect.delay)  # the device waits by the lab's clock
        elif effect.delay:
            await asyncio.sleep(effect.delay)
        from_kdc = await _ask_kdc(checks, realm, request, forward) if effect.is_forwarded else None
        return effect.reply_to(request.message, from_kdc, time.time())

    return responder


async def _ask_kdc(checks: KdcChecks, realm: str, request: KdcRequestContext, forward: Forward) -> bytes | None:
    """Return the KDC's reply, or the refusal of a domain controller that an MIT KDC would not send."""
    keys, accounts, clocks = checks
    revoked = accounts.build_refusal(request)
    if revoked is not None:
        return revoked
    refusal = keys.refuse(request.message, request.kdc.name) if request.kdc.realm in ("", realm) else None
    if refusal is not None and refusal.by_gateway and isinstance(request.message, KdcRequest):
        request.faults.extend(refusal.faults)
        service = tuple(request.message.service.split("/"))
        return build_error(refusal.code, request.message.realm, service, time.time())
    reply = await forward(request.data)
    if reply is not None and clocks.in_use and isinstance(request.message, KdcRequest):
        _note_clocks(clocks, request, request.message, reply)
    if refusal is not None and not _is_about_time(reply):  # else it was refused before the KDC looked for a key
        request.faults.extend(refusal.faults)
    return accounts.check_reply(request, reply)


def _is_about_time(reply: bytes | None) -> bool:
    message = None if reply is None else read_message(reply)
    return isinstance(message, KrbError) and message.code in TIME_CODES


def _note_clocks(clocks: Clocks, request: KdcRequestContext, message: KdcRequest, reply: bytes) -> None:
    """Remember the clock of the KDC that has issued a ticket, or name the faults behind a refusal because of a time."""
    client, kdc, signs_on = request.client, request.kdc, message.kind == "AS"
    match read_message(reply):
        case KdcReply() if signs_on:
            clocks.note_sign_on(client, kdc.name)
        case KdcReply():
            clocks.note_ticket(client, message.service, kdc.name)
        case KrbError(code=code):
            realm = kdc.realm or message.realm
            request.faults.extend(clocks.explain_refusal_of_kdc(client, kdc.name, realm, code, signs_on=signs_on))


class ForeignHost:
    """A host outside of the estate. It presents a certificate for another name, then closes the connection.

    ``ca`` None: it has no TLS. ``report`` gets the request of a client that sends one; None: the host reads nothing.
    """

    def __init__(self, ca: LabCa | None, report: ReportRequest | None = None) -> None:
        self._report = report
        self._tls = None if ca is None else ca.server_context([FOREIGN_HOST_NAME])
        self._server: asyncio.Server | None = None
        self._endpoint: tuple[str, int] = ("", 0)

    async def start(self, at: str | socket.socket) -> None:
        """Start listening on a bound socket, or on a local address with a port that the kernel chooses."""
        sock = at if isinstance(at, socket.socket) else socket.create_server((at, 0))
        self._server = await asyncio.get_running_loop().create_server(
            lambda: ForeignRequestReader(self._report), sock=sock, ssl=self._tls
        )
        self._endpoint = self._server.sockets[0].getsockname()[:2]

    @property
    def endpoint(self) -> tuple[str, int]:
        """The address and port that it listens on."""
        return self._endpoint

    async def stop(self) -> None:
        """Stop listening and wait for open connections to end."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
