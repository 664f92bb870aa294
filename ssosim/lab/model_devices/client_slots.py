"""Devices for client models, made in a lab."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from ssosim_clients.ports import Clock as ClientClock
from ssosim_clients.ports import Device as ClientDevice

from ssosim.clock import Clock, VirtualClock
from ssosim.estate import Device
from ssosim.faults.exchanges import is_nowhere
from ssosim.kerberos import Address, write_krb5_conf
from ssosim.kerberos.kinit import ClientOptions
from ssosim.lab.base.people import app_credentials, client_dice
from ssosim.lab.base.resolver_choice import resolver_address
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.ports import Endpoint, LabHttp, LabKerberos, LabResolver, LabUser, WithoutKdc
from ssosim.lab.model_devices.waiting import Patience
from ssosim.trace import ConnectionFailed, step_of_host

__all__ = ["ClientSlot", "WallClock", "model_device", "reserve_client_slot"]

_DISCARD = 9  # a port where nobody listens
# The model's own SPN rule forms the name; libkrb5 must not look again.
_AS_GIVEN = ClientOptions(dns_canonicalize_hostname="false", rdns=False)


@dataclass(frozen=True, slots=True)
class WallClock:
    """A client's clock for clients that wait in real time. ``clock`` is the lab's."""

    clock: Clock

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return self.clock.now()

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class ClientSlot:
    """What a client needs of the lab for as long as the lab runs: an address, a KDC's address, a folder, its dice."""

    address: str
    kdc: Address
    home: Path
    dice: Random


async def reserve_client_slot(lab: Lab, client: str, seed: int = 0) -> ClientSlot:
    """A seat for ``client``, with the dice of ``seed``; whoever comes again and again keeps one: none is given back."""
    address = lab.network.model_address()
    lab.attribution.register(address, client, tells=True)
    home = lab.home / "models" / address
    home.mkdir(mode=0o700, parents=True)
    return ClientSlot(address, await lab.gateway_for(address), home, client_dice(seed, client))


@contextlib.asynccontextmanager
async def model_device(
    lab: Lab,
    client: str,
    device: Device,
    clock: ClientClock,
    *,
    person: bool = True,
    dual_stack: bool = False,
    seat: ClientSlot | None = None,
) -> AsyncIterator[ClientDevice]:
    """A device for the client model ``client``, on which ``device``'s user is signed on.

    ``person`` False: nobody answers a prompt. ``dual_stack``: the device has IPv6 and prefers it. Everything that the
    client does is in the trace under its name. The device holds the user's password, as one that was typed at sign-on,
    and the secret of the estate's first application that has one.
    """
    from ssosim.kerberos.gss import Initiator  # noqa: PLC0415 - a lab that runs has GSS-API

    user = lab.user_of(device)
    seat = seat or await reserve_client_slot(lab, client)
    address, home = seat.address, seat.home
    write_krb5_conf(
        home / "krb5.conf", lab.estate.default_realm.name, lab.estate.default_realm.domain, [seat.kdc], _AS_GIVEN
    )
    shutil.copyfile(await lab.ticket_of(user), home / "ccache")
    patience = Patience(lab.trace, client, clock)
    resolver = LabResolver(
        address,
        lab.endpoint(resolver_address(lab.estate, device.name), 53),
        lab.estate.default_realm.domain,
        dual_stack=dual_stack,
        patience=patience,
    )
    http = LabHttp(
        resolver,
        lab.client_tls,
        _dialling(lab, address, await lab.stranger()),
        keep=isinstance(clock, VirtualClock),
        era=lambda: lab.faults.era,
        failed=partial(_record_failed, lab, client),
        patience=patience,
    )
    try:
        yield ClientDevice(
            upn=user.upn,
            resolver=resolver,
            http=http,
            kerberos=LabKerberos(
                Initiator(home / "krb5.conf", home / "ccache"), _without_kdc(lab, client, seat, clock)
            ),
            clock=clock,
            user=LabUser(lab.trace, client, user.password if person else None),
            search_domain=lab.estate.default_realm.domain,
            stored_password=user.password,
            app_credentials=app_credentials(lab.estate, user),
            dice=seat.dice,
        )
    finally:
        await http.close()


def _dialling(lab: Lab, own: str, stranger: tuple[str, int]) -> Endpoint:
    """What a device dials.

    An address that is no host's leads to a stranger, one of RFC 6666's to nobody, and so does a host's closed port.
    """
    hosts = {host.address for host in lab.estate.hosts}

    def dial(address: str, port: int) -> tuple[str, int]:
        if lab.is_served(address, port):
            return lab.endpoint(address, port)
        return (own, _DISCARD) if address in hosts or is_nowhere(address) else stranger

    return dial


def _record_failed(lab: Lab, client: str, event: ConnectionFailed) -> None:
    step = step_of_host(lab.first_steps, event.host)
    lab.trace.record(client, dataclasses.replace(event, step=step))


def _without_kdc(lab: Lab, client: str, seat: ClientSlot, clock: ClientClock) -> WithoutKdc | None:
    """What stands in for waiting real seconds for a silent KDC, where the lab's time is virtual."""
    if not isinstance(clock, VirtualClock):
        return None
    from ssosim.kerberos.gss import Initiator  # noqa: PLC0415 - a lab that runs has GSS-API

    nobody = seat.home / "krb5-nobody.conf"
    write_krb5_conf(
        nobody,
        lab.estate.default_realm.name,
        lab.estate.default_realm.domain,
        [Address(seat.address, _DISCARD)],
        _AS_GIVEN,
    )
    return WithoutKdc(
        lambda: lab.faults.kdc_is_silent(client),
        Initiator(nobody, seat.home / "ccache"),
        clock,
        lab.trace,
        client,
        lambda: lab.faults.kdc_was_asked(client),
    )
