"""Devices for client models, made in a lab."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from ssosim_clients.ports import AppCredentials
from ssosim_clients.ports import Clock as ClientClock
from ssosim_clients.ports import Device as ClientDevice

from ssosim.estate import Device, Estate, User
from ssosim.kerberos import Address, write_krb5_conf
from ssosim.kerberos.client import ClientOptions
from ssosim.kerberos.gss import Initiator
from ssosim.lab.device import LabHttp, LabKerberos, LabResolver, LabUser
from ssosim.lab.lab import Lab
from ssosim.lab.resolution import resolver_address

__all__ = ["Seat", "model_device", "take_seat"]

# The model's own SPN rule forms the name; libkrb5 must not look again.
_AS_GIVEN = ClientOptions(dns_canonicalize_hostname="false", rdns=False)


@dataclass(frozen=True, slots=True)
class Seat:
    """What a client needs of the lab for as long as the lab runs: an address, a KDC's address, a folder."""

    address: str
    kdc: Address
    home: Path


async def take_seat(lab: Lab, client: str) -> Seat:
    """A seat for ``client``. Seats are not given back, so whoever comes again and again keeps one."""
    address = lab.network.model_address()
    lab.attribution.register(address, client)
    home = lab.home / "models" / address
    home.mkdir(mode=0o700, parents=True)
    return Seat(address, await lab.gateway_for(address), home)


@contextlib.asynccontextmanager
async def model_device(
    lab: Lab, client: str, device: Device, clock: ClientClock, *, person: bool = True, seat: Seat | None = None
) -> AsyncIterator[ClientDevice]:
    """A device for the client model ``client``, on which ``device``'s user is signed on.

    ``person`` False: nobody answers a prompt. Everything that the client does is in the trace under its name. The
    device holds the user's password, as one that was typed at sign-on, and the secret of the estate's first application
    that has one.
    """
    user = lab.user_of(device)
    seat = seat or await take_seat(lab, client)
    address, home = seat.address, seat.home
    write_krb5_conf(home / "krb5.conf", lab.estate.realm.name, lab.estate.realm.domain, [seat.kdc], _AS_GIVEN)
    shutil.copyfile(await lab.ticket_of(user), home / "ccache")
    resolver = LabResolver(
        address, lab.endpoint(resolver_address(lab.estate, device.name), 53), lab.estate.realm.domain
    )
    http = LabHttp(resolver, lab.client_tls, lab.endpoint)
    try:
        yield ClientDevice(
            upn=user.upn,
            resolver=resolver,
            http=http,
            kerberos=LabKerberos(Initiator(home / "krb5.conf", home / "ccache")),
            clock=clock,
            user=LabUser(lab.trace, client, user.password if person else None),
            search_domain=lab.estate.realm.domain,
            stored_password=user.password,
            app_credentials=_app_credentials(lab.estate, user),
        )
    finally:
        await http.close()


def _app_credentials(estate: Estate, user: User) -> AppCredentials | None:
    for app in estate.applications:
        if app.client_secret is not None:
            return AppCredentials(app.client_id, user.tenant, app.client_secret)
    return None
