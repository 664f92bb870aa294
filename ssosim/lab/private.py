"""A lab in a private network: programs on devices of their own, the lab's /etc, and what it says of itself."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssosim.estate import Estate, User
from ssosim.kerberos import Kdc, prepare
from ssosim.lab.errors import LabInputError
from ssosim.lab.etc import overlay_etc
from ssosim.lab.folder import LabFolder, cache_folder
from ssosim.lab.network import BACKENDS, DEVICE_GATEWAY, PrivateNetwork, device_link_commands, run_ip

if TYPE_CHECKING:  # imported late at run time, while the KDC starts
    from ssosim.lab.lab import Lab
    from ssosim.lab.person.codes import ShownCodes

__all__ = ["PrivateLab"]

_CODE_PATIENCE_S = 20.0  # below the patience of who asks


class PrivateLab:
    """A lab in the private network of this process: what the control API and the scenario runner work with."""

    def __init__(self, folder: LabFolder, estate: Estate, network: PrivateNetwork) -> None:
        self.folder = folder
        self.estate = estate
        self.network = network
        self.lab: Lab
        self.ready_s = 0.0
        self.pid = os.getpid()
        self._started = time.time()
        self._on_devices: dict[str, tuple[str, str]] = {}
        self._codes: ShownCodes | None = None

    async def start(self, clock: Any = None) -> None:
        """Start all parts; raises LabError and the parts' typed errors, and leaves nothing running then."""
        self.network.configure(self._addresses())
        kdc = Kdc(prepare(self.estate, cache_folder() / "realms").copy_to(self.folder.path / "kdc"))
        starting = asyncio.create_task(kdc.start(*self.network.backstage()))
        await asyncio.sleep(0)
        with _importing():  # a quarter of a second, while the KDC starts
            from ssosim.lab.lab import Lab  # noqa: PLC0415

        await starting
        self.lab = Lab(self.estate, self.folder.path, cache_folder(), network=self.network, clock=clock)
        await self.lab.start(kdc, sign_on=self.lab.user_of(self.lab.device_of(None)))
        self._furnish()

    async def stop(self) -> None:
        """Stop all parts."""
        await self.lab.stop()

    def _addresses(self) -> list[str]:
        if not self.estate.resolvers:
            return [host.address for host in self.estate.hosts]
        from ssosim.lab.resolution import lab_addresses  # noqa: PLC0415 - reads the zones, which takes its time

        return [*lab_addresses(self.estate)]

    def _furnish(self) -> None:
        """Give programs the lab's /etc, and the CA by every name that they may look for."""
        from ssosim.lab.resolution import name_servers  # noqa: PLC0415 - the lab has imported it by now

        folder, realm = self.folder.path, self.estate.realm
        bundle = self.lab.ca.bundle_pem()
        (folder / "ca.pem").write_text(self.lab.ca.certificate_pem, encoding="utf-8")
        (folder / "ca-bundle.pem").write_text(bundle, encoding="utf-8")
        servers = "".join(f"nameserver {address}\n" for address in name_servers(self.estate))
        files = {
            "resolv.conf": f"search {realm.domain}\n{servers}",
            "nsswitch.conf": _nsswitch(),
            "hosts": "127.0.0.1 localhost\n::1 localhost\n",
            "krb5.conf": self.lab.krb5_conf.read_text(encoding="utf-8"),
            "ssl/certs/ca-certificates.crt": bundle,
        }
        overlay_etc(files, folder / "etc")

    async def plug_device(
        self, pid: int, *, program: str, device: str | None, label: str | None, person: str | None = None
    ) -> dict[str, Any]:
        """Join the network namespace of ``pid`` to the lab as a device of its own.

        Returns the device's address, the client's name, the commands that set its side up, and the environment for
        its programs. ``person`` is what the person at the device does. Raises LabInputError for an unknown device or
        behaviour, LabError when the link cannot be made.
        """
        from ssosim.lab.person.codes import ShownCodes  # noqa: PLC0415 - a lab is ready sooner without
        from ssosim.lab.person.furnish import furnish, known_behaviour  # noqa: PLC0415 - a lab is ready sooner without

        which = self.lab.device_of(device)
        user = self.lab.user_of(which)
        behaviour = known_behaviour(person)
        address = self.network.program_address()
        client = label or self.lab.attribution.new_label(program)
        self.lab.attribution.register(address, client)
        run_ip(device_link_commands(address, pid))
        home = self.folder.path / "devices" / address
        home.mkdir(mode=0o700, parents=True)
        furnished = furnish(
            home, user, behaviour, ca=self.folder.path / "ca.pem", login_host=self.estate.cloud.login_hosts[0]
        )
        if self._codes is None:
            self._codes = ShownCodes(self.lab.trace)
        self._codes.expect(address, client)
        self._on_devices[address] = (client, program)
        ccache = home / "ccache"
        if which.corporate_network:
            shutil.copyfile(await self.lab.ticket_of(user), ccache)
            ccache.chmod(0o600)
        commands = [
            "link set lo up",
            f"addr add {address} peer {DEVICE_GATEWAY} dev eth0",
            "link set eth0 up",
        ]
        own = [each.address for each in self.estate.resolvers if which.name in each.devices]
        search = f"search {self.estate.realm.domain}\n"
        resolv_conf = search + "".join(f"nameserver {each}\n" for each in own) if own else ""
        # A route to each host and none to anywhere else: what is not in the lab cannot be reached, and fails at once.
        away = () if which.corporate_network else self.estate.addresses("kdc")
        reachable = [each for each in self._addresses() if each not in away]
        commands += [f"route add {each} via {DEVICE_GATEWAY}" for each in (*reachable, BACKENDS)]
        self.lab.trace.record(client, _joined(program, which.name, user.upn, address))
        return {
            "device": address,
            "client": client,
            "commands": commands,
            "environment": self._environment(home, user) | furnished.pop("environment"),
            "resolv_conf": resolv_conf,
            **furnished,
        }

    async def device_code(self, device: str) -> str | None:
        """The user code of the next device code that a program on ``device`` gets.

        ``""`` for none within a while, None when the device is gone.
        """
        return None if self._codes is None else await self._codes.next(device, _CODE_PATIENCE_S)

    def device_finished(self, device: str, exit_code: int) -> None:
        """The program on ``device`` (its address) has ended: write it down, and forget its ticket."""
        from ssosim.trace import ClientFinished  # noqa: PLC0415

        if device not in self._on_devices:
            raise LabInputError(f"there is no device {device!r}")
        client, program = self._on_devices.pop(device)
        if self._codes is not None:
            self._codes.forget(device)
        self.lab.trace.record(client, ClientFinished(program=program, exit_code=exit_code))
        shutil.rmtree(self.folder.path / "devices" / device, ignore_errors=True)

    def _environment(self, home: Path, user: User) -> dict[str, str]:
        bundle = str(self.folder.path / "ca-bundle.pem")
        krb5_conf = str(self.lab.krb5_conf)
        java = f"-Djava.security.krb5.conf={krb5_conf}"
        return {
            "CURL_CA_BUNDLE": bundle,
            "JAVA_TOOL_OPTIONS": f"{os.environ.get('JAVA_TOOL_OPTIONS', '')} {java}".strip(),
            "KRB5CCNAME": f"FILE:{home / 'ccache'}",
            "KRB5_CONFIG": krb5_conf,
            "NODE_EXTRA_CA_CERTS": str(self.folder.path / "ca.pem"),
            "REQUESTS_CA_BUNDLE": bundle,
            "SSL_CERT_FILE": bundle,
            "SSOSIM_LAB": self.folder.name,
            "SSOSIM_PASSWORD": user.password,
            "SSOSIM_USER": user.upn,
        }

    def status(self) -> dict[str, Any]:
        """What runs, where, since when: for people's panels and for programs."""
        estate = self.estate
        records = sum(len(zone.records) for zone in estate.zones)
        device = self.lab.device_of(None)
        parts = [
            _part("kdc", f"realm {estate.realm.name}", estate.addresses("kdc"), 88),
            _part("dns", f"{len(estate.zones)} zones, {records} record sets", estate.addresses("dns"), 53),
        ]
        for resolver in estate.resolvers:
            above = f", forwards to {', '.join(resolver.forward_to)}" if resolver.forward_to else ""
            parts.append(_part("resolver", f"{resolver.name}{above}", (resolver.address,), 53))
        for role in ("login", "autologon", "federation"):
            names = [name for name, kind in estate.web_names() if kind == role]
            if names:
                more = f" and {len(names) - 1} more" if len(names) > 1 else ""
                parts.append(_part(role, f"https://{names[0]}{more}", estate.addresses(role), 443))
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
def _importing() -> Iterator[None]:
    """Make importing the parts a third cheaper.

    What imports make stays, so that collecting garbage meanwhile finds none. And aiohttp at its import reads all the
    machine's certificate authorities for connections to the outside, which a lab's own process never makes.
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
    """The machine's own nsswitch.conf with names from files and DNS only; other databases stay as they are."""
    with contextlib.suppress(OSError):
        lines = Path("/etc/nsswitch.conf").read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if not line.strip().startswith("hosts:")]
        return "\n".join([*kept, "hosts: files dns", ""])
    return "passwd: files\ngroup: files\nhosts: files dns\n"


def _part(part: str, what: str, addresses: tuple[str, ...], port: int) -> dict[str, str]:
    return {"part": part, "what": what, "where": ", ".join(f"{address}:{port}" for address in addresses)}


def _joined(program: str, device: str, upn: str, address: str) -> Any:
    from ssosim.trace import LabEvent  # noqa: PLC0415

    return LabEvent(part="device", text=f"{program} runs on {device} as {upn}, address {address}")
