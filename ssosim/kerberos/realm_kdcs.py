"""The krb5kdc processes of an estate: one for each KDC, on a database of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ssosim.estate import Estate, KdcHost, list_kdcs
from ssosim.kerberos.gateway import KdcEndpoint
from ssosim.kerberos.kdc import Kdc
from ssosim.kerberos.realm import PreparedRealm, prepare_realm
from ssosim.kerberos.samba_realm import SAMBA_FOLDER

if TYPE_CHECKING:
    from ssosim.kerberos.samba_editor import SambaEditor

__all__ = ["RealmKdcs"]

_T = TypeVar("_T")


class RealmKdcs:
    """The KDCs of ``estate``, in ``folder``: the first one in ``kdc``, the others beside it.

    The realms are prepared once in the folder ``cache``. Raises RealmError or KerberosMissingError.
    """

    def __init__(self, estate: Estate, cache: Path, folder: Path) -> None:
        self.hosts: tuple[KdcHost, ...] = list_kdcs(estate)
        first = prepare_realm(estate, cache)
        secret = first.read_seed() if len(estate.realms) > 1 else None
        others = estate.realms[1:]
        prepared = {first.name: first} | {each.name: prepare_realm(estate, cache, each, secret) for each in others}
        names = ["kdc", *(f"kdc-{number}" for number in range(2, len(self.hosts) + 1))]
        self._kdcs = [
            Kdc(prepared[host.realm].copy_to(folder / name)) for host, name in zip(self.hosts, names, strict=True)
        ]
        self.samba_editor: SambaEditor | None = None
        """What changes the directories of Samba's domain controllers; None where there are none."""

    async def start(self, choose_endpoint: Callable[[int], tuple[str, int]]) -> None:
        """Start all krb5kdc, and return when each has answered. On failure, stop those that run, and raise the error.

        ``choose_endpoint`` returns the address and port of the KDC with a number, from 0.
        """
        # Before krb5kdc and samba, and not in a worker thread: children end with the thread that started them.
        self._start_editor()
        starting = [asyncio.create_task(kdc.start(*choose_endpoint(number))) for number, kdc in enumerate(self._kdcs)]
        try:
            await asyncio.gather(*starting)
        except BaseException:
            await asyncio.gather(*starting, return_exceptions=True)
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all krb5kdc."""
        editor, self.samba_editor = self.samba_editor, None
        if editor is not None:
            await asyncio.to_thread(editor.close)
        await asyncio.gather(*(kdc.stop() for kdc in self._kdcs))

    def _start_editor(self) -> None:
        places = [kdc.realm for kdc in self._kdcs if kdc.realm.samba is not None]
        for realm in places:
            assert realm.samba is not None  # noqa: S101 - as above
            if self.samba_editor is None:
                from ssosim.kerberos.samba_editor import SambaEditor  # noqa: PLC0415 - few labs need it

                self.samba_editor = SambaEditor(realm.samba, realm.directory)
            self.samba_editor.open(realm.directory / SAMBA_FOLDER)

    def set_clock_offsets(self, offsets: Mapping[str, int]) -> None:
        """Set the clock of each KDC so many seconds ahead, by the name of its host. Raises KdcStartError."""
        for host, kdc in zip(self.hosts, self._kdcs, strict=True):
            kdc.set_clock_offset(offsets.get(host.name, 0))

    def check_alive(self) -> None:
        """Raise KdcEndedError if a krb5kdc has ended without ``stop``."""
        for kdc in self._kdcs:
            kdc.check_alive()

    async def run_while_alive(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run ``work`` as ``Kdc.run_while_alive`` does, for all KDCs: it ends with the first of them."""
        for kdc in self._kdcs:
            work = kdc.run_while_alive(work)
        return await work

    def find_realm(self, name: str) -> PreparedRealm:
        """Return the files of the first KDC of the realm ``name``; its keytabs are those of the services."""
        return next(kdc.realm for host, kdc in zip(self.hosts, self._kdcs, strict=True) if host.realm == name)

    def list_copies(self, realm: str) -> dict[str, PreparedRealm]:
        """Return the files of each KDC of ``realm``, by the name of its host."""
        pairs = zip(self.hosts, self._kdcs, strict=True)
        return {host.name: kdc.realm for host, kdc in pairs if host.realm == realm}

    def list_endpoints(self) -> dict[KdcHost, KdcEndpoint]:
        """Return what the gateway needs to know of each KDC, in file order."""
        named = len(self.hosts) > 1
        return {
            host: KdcEndpoint(host.name, kdc.address, host.realm, named)
            for host, kdc in zip(self.hosts, self._kdcs, strict=True)
        }
