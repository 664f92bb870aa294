"""A lab in a private network: the lab's /etc, the devices of programs, and the lab's status."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssosim.estate import Estate, list_kdcs
from ssosim.kerberos import RealmKdcs
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.folder import LabFolder, ensure_cache_folder
from ssosim.lab.network.networks import PrivateNetwork
from ssosim.lab.program_devices.etc_overlay import EtcOfDevices, overlay_etc
from ssosim.lab.program_devices.running_programs import RunningPrograms
from ssosim.services import Service, complete_estate
from ssosim.services.https_redirect import HTTPS_REDIRECT

if TYPE_CHECKING:  # imported late at run time, while the KDC starts
    from ssosim.lab.core.lab import Lab
    from ssosim.lab.program_devices.devices import ProgramDevices, Stopped

__all__ = ["PrivateLab"]


class PrivateLab:
    """A lab in the private network of this process. The control API and the scenario player use it."""

    def __init__(self, folder: LabFolder, estate: Estate, network: PrivateNetwork) -> None:
        self.folder = folder
        self.estate = complete_estate(estate)
        self.network = network
        self.lab: Lab
        self.ready_s = 0.0
        self.pid = os.getpid()
        self._started = time.time()
        self.etc = EtcOfDevices(folder.path / "etc", None)
        self.running = RunningPrograms()
        self._devices: ProgramDevices | None = None

    async def start(self, clock: Any = None) -> None:
        """Start all parts. On failure, stop those that run, and raise LabError or the part's own error."""
        self.network.configure(self.addresses())
        kdcs = RealmKdcs(self.estate, ensure_cache_folder() / "realms", self.folder.path)
        starting = asyncio.create_task(kdcs.start(self.network.internal_endpoint))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # the first iteration of the loop begins the start, the second one starts each KDC
        with _speed_up_imports():  # takes 0.25 s, while the KDC starts
            from ssosim.lab.core.lab import Lab  # noqa: PLC0415

        await starting
        self.lab = Lab(self.estate, self.folder.path, ensure_cache_folder(), network=self.network, clock=clock)
        first = self.lab.device_of(None)
        await self.lab.start(kdcs, sign_on=self.lab.user_of(first) if first.user else None)
        self._provide_etc()

    async def stop(self) -> None:
        """Stop all parts."""
        self.running.close()
        if self._devices is not None:
            await self._devices.close()
        self.etc.close()
        await self.lab.stop()

    def addresses(self) -> list[str]:
        """Every address that the lab listens on."""
        if not self.estate.resolvers:
            return [host.address for host in self.estate.hosts]
        from ssosim.lab.core.resolvers import lab_addresses  # noqa: PLC0415 - slow to import: it reads the zones

        return [*lab_addresses(self.estate)]

    def _provide_etc(self) -> None:
        """Give programs the lab's /etc, and the CA by every name that they may look for."""
        from ssosim.lab.base.resolver_choice import name_servers  # noqa: PLC0415 - the lab has imported it by now
        from ssosim.lab.trust.files import trust_files, write_trust  # noqa: PLC0415 - likewise what that needs

        folder, realm = self.folder.path, self.estate.default_realm
        write_trust(folder, self.lab.ca.certificate_pem, self.lab.ca.bundle_pem())
        servers = "".join(f"nameserver {address}\n" for address in name_servers(self.estate) if ":" not in address)
        files: dict[str, str | bytes] = {
            "resolv.conf": f"search {realm.domain}\n{servers}",
            "nsswitch.conf": _nsswitch(),
            "hosts": "127.0.0.1 localhost\n::1 localhost\n",
            "krb5.conf": self.lab.krb5_conf.read_text(encoding="utf-8"),
        }
        self.etc = overlay_etc(files | trust_files(folder), folder / "etc")

    async def attach_device(self, pid: int, **options: Any) -> dict[str, Any]:
        """Attach the network namespace of process ``pid``; ``options`` are the other fields of ``DeviceRequest``."""
        from ssosim.lab.program_devices.devices import DeviceRequest, ProgramDevices  # noqa: PLC0415 - a lab is ready sooner without

        if self._devices is None:
            self._devices = ProgramDevices(self)
        return await self._devices.attach(DeviceRequest(pid, **options))

    async def device_code(self, device: str) -> str | None:
        """See ``ProgramDevices.device_code``."""
        return None if self._devices is None else await self._devices.device_code(device)

    def release_device(self, device: str, exit_code: int, stopped: Stopped = "", output: str = "") -> None:
        """See ``ProgramDevices.release``."""
        if self._devices is None:
            raise LabInputError(f"there is no device {device!r}")
        self._devices.release(device, exit_code, stopped, output)

    def status(self) -> dict[str, Any]:
        """Return the lab's status for JSON: its parts, addresses, uptime and trace size."""
        estate = self.estate
        records = sum(len(zone.records) for zone in estate.zones)
        device = self.lab.device_of(None)
        parts = [
            *(_part("kdc", f"realm {kdc.realm}", kdc.addresses, 88) for kdc in list_kdcs(estate)),
            _part("dns", f"{len(estate.zones)} zones, {records} record sets", estate.addresses("dns"), 53),
        ]
        for resolver in estate.resolvers:
            above = f", forwards to {', '.join(resolver.forward_to)}" if resolver.forward_to else ""
            parts.append(_part("resolver", f"{resolver.name}{above}", (resolver.address,), 53))
        parts += [_service_part(group) for group in _group_by_name(self.lab.services)]
        if device.user:
            parts.append({"part": "user", "what": device.user, "where": f"signed on to {device.name}"})
        return {
            "name": self.folder.name,
            "state": "up",
            "estate": estate.name,
            "pid": self.pid,
            "ready_s": round(self.ready_s, 3),
            "uptime_s": round(time.time() - self._started, 1),
            "trace_records": self.lab.trace.last_seq,
            "folder": str(self.folder.path),
            "parts": parts,
        }


@contextlib.contextmanager
def _speed_up_imports() -> Iterator[None]:
    """Reduce the time of the imports in this block by a third.

    Garbage collection is off, because modules are not garbage. And aiohttp reads the machine's CA bundle at its import,
    for connections to other machines, which a lab's process never opens; so the bundle is replaced by an empty one.
    """
    kept = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = os.devnull
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
        if kept is None:
            del os.environ["SSL_CERT_FILE"]
        else:
            os.environ["SSL_CERT_FILE"] = kept


def _nsswitch() -> str:
    """Return the machine's nsswitch.conf with ``hosts: files dns``; other databases do not change."""
    with contextlib.suppress(OSError):
        lines = Path("/etc/nsswitch.conf").read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if not line.strip().startswith("hosts:")]
        return "\n".join([*kept, "hosts: files dns", ""])
    return "passwd: files\ngroup: files\nhosts: files dns\n"


def _group_by_name(services: tuple[Service, ...]) -> list[list[Service]]:
    """Group the services that have an application by name, port and scheme, without port 80 of the provider."""
    groups: dict[tuple[str, int, bool], list[Service]] = {}
    for service in services:
        if service.application is not None and service.name != HTTPS_REDIRECT:
            groups.setdefault((service.name, service.port, service.tls), []).append(service)
    return [*groups.values()]


def _service_part(group: list[Service]) -> dict[str, str]:
    first = group[0]
    names = dict.fromkeys(name for service in group for name in service.dns_names)
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    addresses = tuple(dict.fromkeys(service.address for service in group))
    return _part(first.name, f"{first.url('')}{more}", addresses, first.port)


def _part(part: str, what: str, addresses: tuple[str, ...], port: int) -> dict[str, str]:
    return {"part": part, "what": what, "where": ", ".join(f"{address}:{port}" for address in addresses)}
