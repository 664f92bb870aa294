"""Create devices for client models in a lab."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import msgspec
from ssosim_clients.ports import Clock as ClientClock
from ssosim_clients.ports import Device as ClientDevice
from ssosim_clients.ports import NetworkFailure

from ssosim.clock import Clock, VirtualClock
from ssosim.estate import Device, KdcHost, User, list_kdcs
from ssosim.estate.trusts import find_trust_path
from ssosim.faults.core.exchanges import is_nowhere
from ssosim.faults.core.kdc_choice import KdcChoice, choose_kdc
from ssosim.files.owned_folder import create_private_folder
from ssosim.kerberos import Address
from ssosim.kerberos.codes import error_name
from ssosim.kerberos.kinit import ClientOptions, restrict_enctypes
from ssosim.kerberos.messages import KdcRequest
from ssosim.lab.base.client_conf import find_kdc_proxy_url, name_realm, write_client_conf
from ssosim.lab.base.kdc_discovery import find_kdcs_in_dns, find_kdcs_of_site
from ssosim.lab.base.people import app_credentials, client_random
from ssosim.lab.base.resolver_choice import resolver_addresses
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.ports import (
    DeviceClock,
    EndpointMap,
    KdcSelection,
    LabHttp,
    LabKerberos,
    LabResolver,
    ModelUser,
    SignOn,
)
from ssosim.lab.model_devices.waiting import ResponseTimer, skips_time
from ssosim.trace import ConnectionFailed, step_of_host

__all__ = ["ClientSlot", "WallClock", "model_device", "reserve_client_slot"]

_DISCARD = 9  # a port where nobody listens
# The model's own SPN rule forms the name; libkrb5 must not look again.
_NO_CANONICALIZATION = ClientOptions(dns_canonicalize_hostname="false", rdns=False)


@dataclass(frozen=True, slots=True)
class WallClock:
    """A client's clock that reads the lab's ``clock`` and waits in real time."""

    clock: Clock

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return self.clock.now()

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds`` of real time."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class ClientSlot:
    """What a client model owns as long as the lab runs: an address, KDC endpoints, a folder, a random generator."""

    address: str
    kdcs: Mapping[KdcHost, Address]
    home: Path
    random: Random


async def reserve_client_slot(lab: Lab, client: str, seed: int = 0) -> ClientSlot:
    """Reserve a slot for ``client``, with a random generator for ``seed``.

    A slot is not released before the lab ends, so a client that needs several devices in turn must keep its slot.
    """
    address = lab.network.allocate_model_address()
    lab.client_addresses.register(address, client, reports_failures=True)
    home = lab.home / "models" / address
    create_private_folder(home)
    return ClientSlot(address, await lab.gateway_for(address), home, client_random(seed, client))


@contextlib.asynccontextmanager
async def model_device(
    lab: Lab,
    client: str,
    device: Device,
    clock: ClientClock,
    *,
    user_present: bool = True,
    dual_stack: bool | None = None,
    slot: ClientSlot | None = None,
) -> AsyncIterator[ClientDevice]:
    """Create a device for the client model ``client``, on which ``device``'s user is signed on.

    ``user_present`` False: no prompt gets a response. ``dual_stack``: whether the device has IPv6 and prefers it
    (default: as in the estate). The trace records all actions of the client under its name. The device holds the
    user's password, as after a password sign-on, and the certificate of the estate's first application that has one
    with its key. Raises LabInputError and KinitError.
    """
    from ssosim.kerberos.gss import Initiator  # noqa: PLC0415 - a lab that runs has GSS-API

    user = lab.user_of(device)
    slot = slot or await reserve_client_slot(lab, client)
    if not device.corporate_network:
        lab.client_addresses.put_off_network(client)
    address, home = slot.address, slot.home
    _write_conf(lab, home / "krb5.conf", slot.kdcs.items(), device)
    sign_on = _make_sign_on(lab, client, user, device, home / "ccache", clock)
    if sign_on.began is not None or not lab.gets_ticket(device):
        await _copy_ticket(lab, user, device, home / "ccache")
        if sign_on.began is None:
            _note_clocks(lab, client, user, device, now=skips_time(clock))
    if lab.gets_ticket(device):
        await sign_on.renew()
    timer = ResponseTimer(lab.trace, client, clock)
    resolver = LabResolver(
        address,
        [lab.endpoint(each, 53) for each in resolver_addresses(lab.estate, device)],
        lab.estate.default_realm.domain,
        dual_stack=device.ipv6 if dual_stack is None else dual_stack,
        timer=timer,
    )
    http = LabHttp(
        resolver,
        lab.client_tls,
        _make_endpoint_map(lab, address, await lab.foreign_host_endpoint()),
        keep_connections=isinstance(clock, VirtualClock),
        revision=lambda: lab.faults.certificate_changes,
        on_failure=partial(_record_failed, lab, client),
        timer=timer,
    )
    try:
        yield ClientDevice(
            upn=user.upn,
            resolver=resolver,
            http=http,
            kerberos=LabKerberos(
                Initiator(home / "krb5.conf", home / "ccache"),
                _make_kdc_selection(
                    lab, client, slot, clock, device, user, resolver, _make_reach_proxy(lab, device, user, http)
                ),
                partial(_wait_for_kdc_delay, lab, client, clock),
                partial(name_realm, lab.estate, user),
                sign_on if lab.gets_ticket(device) else None,
                DeviceClock(lab.trace, lab.clocks, client, home / "ccache"),
                lab.ca.channel_bindings_of,
            ),
            clock=clock,
            user=ModelUser(lab.trace, client, partial(_find_password, lab, user) if user_present else None),
            search_domain=lab.estate.default_realm.domain,
            stored_password=user.password,
            app_credentials=app_credentials(lab.estate, user, lab.keys),
            random=slot.random,
            clock_offset=partial(lab.clocks.find_device_offset, client),
        )
    finally:
        await http.close()


def _find_password(lab: Lab, user: User) -> str:
    """Return the password that the user knows now; a fault may have changed it."""
    now = lab.provider.directory.find_user(user.upn) if lab.provider is not None else None
    return now.password if now is not None else user.password


def _make_endpoint_map(lab: Lab, own: str, foreign_host: tuple[str, int]) -> EndpointMap:
    """Return the function that maps an address and port of the estate to the endpoint that a device connects to.

    An address outside of the estate is mapped to a foreign host. A closed port of a host, and an address of the
    discard prefix (RFC 6666), are mapped to a port where nothing listens.
    """
    hosts = {host.address for host in lab.estate.hosts}

    def dial(address: str, port: int) -> tuple[str, int]:
        if lab.is_served(address, port):
            return lab.endpoint(address, port)
        return (own, _DISCARD) if address in hosts or is_nowhere(address) else foreign_host

    return dial


def _record_failed(lab: Lab, client: str, event: ConnectionFailed) -> None:
    step = step_of_host(lab.first_steps, event.host)
    at_service = event.stage == "tls" and lab.is_served(event.address, event.port)
    faults = lab.ca.faults_presented_at(event.host) if at_service else ()
    lab.trace.record(client, msgspec.structs.replace(event, step=step, faults=faults))


async def _wait_for_kdc_delay(lab: Lab, client: str, clock: ClientClock) -> None:
    delay = lab.faults.take_kdc_delay(client)
    if delay:
        await clock.sleep(delay)


def _make_sign_on(lab: Lab, client: str, user: User, device: Device, ccache: Path, clock: ClientClock) -> SignOn:
    """Create the sign-on of ``user`` to the device of ``client``; a new process finds the ticket of the one before.

    In virtual time the ticket is a copy of one that the lab has got in real time, when the user could still sign on: so
    it is up to the state of the account now whether the device gets it.
    """
    skips = skips_time(clock)

    async def request_ticket() -> bool:
        refusal = lab.refuse_sign_on(user, device)
        if refusal is not None:
            ccache.unlink(missing_ok=True)  # noqa: ASYNC240 - a local file
            lab.record_refused_sign_on(user, client, error_name(refusal.code), refusal.faults)
            return False
        shutil.copyfile(await lab.ticket_of(user, device.permitted_enctypes, by_kdc_clock=skips), ccache)
        _note_clocks(lab, client, user, device, now=skips)
        return True

    def note(began: float | None) -> None:
        if began is None:
            lab.signed_on.pop(client, None)
        elif skips:
            lab.signed_on[client] = began

    lifetime = float(lab.estate.realm_of(user).ticket_lifetime) if skips else float("inf")
    began = lab.signed_on.get(client) if skips else None
    return SignOn(clock, lifetime, request_ticket, note, began, partial(lab.clocks.find_age_shift, client))


def _note_clocks(lab: Lab, client: str, user: User, device: Device, *, now: bool) -> None:
    """Remember the clocks of a sign-on: the present ones, or those of the ticket that was copied."""
    if now:
        lab.clocks.note_sign_on(client, list_kdcs(lab.estate, lab.estate.realm_of(user).name)[0].name)
    else:
        lab.note_copied_ticket(client, user, device.permitted_enctypes)


async def _copy_ticket(lab: Lab, user: User, device: Device, ccache: Path) -> None:
    """Copy the ticket of a sign-on in the corporate network, from before the device left it, if there was one."""
    ticket = await lab.find_ticket(user, "", device)
    if ticket is not None:
        shutil.copyfile(ticket, ccache)


def _write_conf(lab: Lab, path: Path, kdcs: Iterable[tuple[KdcHost, Address]], device: Device) -> None:
    by_realm: dict[str, list[Address]] = {}
    for kdc, address in kdcs:
        by_realm.setdefault(kdc.realm, []).append(address)
    write_client_conf(path, lab.estate, by_realm, restrict_enctypes(device.permitted_enctypes, _NO_CANONICALIZATION))


def _make_reach_proxy(lab: Lab, device: Device, user: User, http: LabHttp) -> Callable[[str], Awaitable[bool]] | None:
    """Return the function that connects to the KDC proxy and returns whether it could; None without a proxy."""
    url = None if device.corporate_network else find_kdc_proxy_url(lab.estate, user)
    if url is None:
        return None
    found = url

    async def reach_proxy(_spn: str) -> bool:
        try:
            await http.reach(found)
        except NetworkFailure:
            return False
        return True

    return reach_proxy


def _make_kdc_selection(  # noqa: C901, PLR0913, PLR0917 - each is a part of the device
    lab: Lab,
    client: str,
    slot: ClientSlot,
    clock: ClientClock,
    device: Device,
    user: User,
    resolver: LabResolver,
    reach_proxy: Callable[[str], Awaitable[bool]] | None,
) -> KdcSelection | None:
    """Create the selection of KDCs of a device; None where libkrb5 selects itself: in real time, in the network."""
    with_lookup = any(realm.dns_lookup_kdc for realm in lab.estate.realms)
    looks_up = device.corporate_network and (with_lookup or device.site is not None)
    if device.corporate_network and not skips_time(clock) and not looks_up:
        return None
    from ssosim.kerberos.gss import Initiator  # noqa: PLC0415 - a lab that runs has GSS-API

    discovered: dict[str, tuple[KdcHost, ...]] = {}
    nobody = Address(slot.address, _DISCARD)
    _write_conf(lab, slot.home / "krb5-nobody.conf", ((kdc, nobody) for kdc in slot.kdcs), device)

    def find_realm(spn: str) -> str:
        # Of the service; where no trust leads there, of the user's own account, whose KDC says so.
        realm, own = spn.partition("@")[2] or lab.estate.default_realm.name, lab.estate.realm_of(user).name
        return realm if find_trust_path(lab.estate, own, realm) is not None else own

    def find_kdcs(spn: str) -> list[KdcHost]:
        name = find_realm(spn)
        known = [kdc for kdc in slot.kdcs if kdc.realm == name]
        return [kdc for kdc in discovered[name] if kdc in known] if name in discovered else known

    async def discover(spn: str) -> bool:
        realm = lab.estate.realm(find_realm(spn))
        if realm is not None and device.site is not None:
            answers = partial(is_answered, spn)
            discovered[realm.name] = await find_kdcs_of_site(
                resolver.look_up, realm.name, lab.estate, device.site, answers
            )
        elif realm is not None and realm.dns_lookup_kdc:
            discovered[realm.name] = await find_kdcs_in_dns(resolver.look_up, realm.name, lab.estate)
        return bool(find_kdcs(spn))

    def choose(spn: str) -> KdcChoice | None:
        if not device.corporate_network and reach_proxy is None:
            return None
        return choose_of(spn, find_kdcs(spn))

    def choose_of(spn: str, kdcs: Sequence[KdcHost]) -> KdcChoice:
        request = KdcRequest("TGS", kdcs[0].realm, spn.partition("@")[0], "")
        names = [kdc.name for kdc in kdcs]
        return choose_kdc(names, lambda name: lab.faults.decide_kdc_request(request, client, name))

    def is_answered(spn: str, kdcs: Sequence[KdcHost]) -> bool:
        decision = choose_of(spn, kdcs).decision
        return decision is None or not decision.effect.is_missing

    def select(spn: str, number: int) -> Initiator:
        chosen = find_kdcs(spn)[number]
        conf = slot.home / f"krb5-{chosen.name}-{chosen.realm}.conf"
        if not conf.exists():
            pairs = [(kdc, slot.kdcs[kdc]) for kdc in slot.kdcs if kdc.realm != chosen.realm or kdc == chosen]
            _write_conf(lab, conf, pairs, device)
        return Initiator(conf, slot.home / "ccache")

    return KdcSelection(
        lab.trace,
        client,
        clock,
        find_kdcs,
        choose,
        select,
        Initiator(slot.home / "krb5-nobody.conf", slot.home / "ccache"),
        lab.wait_for_kdcs,
        discover if looks_up else reach_proxy,
        named=len(slot.kdcs) > 1,
    )
