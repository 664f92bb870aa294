from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from ssosim.estate import Estate, default_estate
from ssosim.kerberos import (
    Address,
    ClientOptions,
    Kdc,
    KdcGateway,
    PreparedRealm,
    prepare_realm,
    write_krb5_conf,
)
from ssosim.kerberos.kinit import kinit
from ssosim.trace import KdcExchange, Trace

PASSWORDS = {"alice": "Alice-lab-password-1", "bob": "Bob-lab-password-1"}


@pytest.fixture(scope="session")
def estate() -> Estate:
    """The default estate."""
    return default_estate()


@pytest.fixture(scope="session")
def prepared(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> PreparedRealm:
    """Its realm, made once."""
    return prepare_realm(estate, tmp_path_factory.mktemp("realms"))


@pytest.fixture
def new_realm(prepared: PreparedRealm, tmp_path: Path) -> Callable[[], PreparedRealm]:
    """Makes copies of the realm."""
    numbers = count(1)
    return lambda: prepared.copy_to(tmp_path / f"realm-{next(numbers)}")


@dataclass
class Site:
    """A realm with its KDC and gateway, and one signed-on client on a gateway address of its own."""

    realm: PreparedRealm
    kdc: Kdc
    gateway: KdcGateway
    trace: Trace
    address: Address
    krb5_conf: Path
    ccache: Path

    async def sign_on(self, user: str = "alice", **options: int) -> None:
        """Get a ticket-granting ticket."""
        await kinit(user, PASSWORDS[user], self.krb5_conf, self.ccache, **options)

    def exchanges(self) -> list[KdcExchange]:
        """What the gateway saw."""
        return [record.event for record in self.trace if isinstance(record.event, KdcExchange)]


async def make_site(realm: PreparedRealm, *, clock_offset: int = 0, options: ClientOptions | None = None) -> Site:
    """Start a KDC and its gateway."""
    kdc = Kdc(realm, clock_offset=clock_offset)
    upstream = await kdc.start()
    trace = Trace()
    gateway = KdcGateway(upstream, trace, lambda _, local: f"client-at-{local.host}")
    address = await gateway.start()
    krb5_conf = realm.directory / "client.conf"
    write_krb5_conf(krb5_conf, realm.name, realm.domain, (address,), options)
    return Site(realm, kdc, gateway, trace, address, krb5_conf, realm.directory / "client.ccache")


@pytest.fixture
async def new_site(new_realm: Callable[[], PreparedRealm]) -> AsyncIterator[Callable[..., object]]:
    """Makes sites, and stops them at the end."""
    made: list[Site] = []

    async def make(realm: PreparedRealm | None = None, **kwargs: object) -> Site:
        site = await make_site(realm or new_realm(), **kwargs)  # type: ignore[arg-type]
        made.append(site)
        return site

    yield make
    for site in made:
        await site.gateway.stop()
        await site.kdc.stop()


@pytest.fixture
async def site(new_site: Callable[..., object]) -> Site:
    """One site."""
    return await new_site()  # type: ignore[misc, no-any-return]
