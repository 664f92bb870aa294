"""The devices of programs in a private network: each has an address, a ticket, a person, its own settings."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ssosim.estate import Device, Estate, User
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.base.ip_command import run_ip
from ssosim.lab.base.resolver_choice import name_servers
from ssosim.lab.core.lab import Lab
from ssosim.lab.network.foreign_hosts import FOREIGN_HOSTS, ForeignHosts
from ssosim.lab.network.ipv6 import Elsewhere, device_commands, device_ipv6, link_commands, link_up
from ssosim.lab.network.networks import BACKENDS, DEVICE_GATEWAY, PrivateNetwork, device_link_commands, link_name
from ssosim.lab.program_devices.etc_overlay import EtcOfDevices
from ssosim.lab.program_devices.running_programs import RunningPrograms
from ssosim.lab.scripted_user.device_codes import ShownCodes
from ssosim.lab.scripted_user.setup import furnish, known_behaviour, own_page_of
from ssosim.lab.trust.files import trust_environment
from ssosim.trace import ClientFinished, LabEvent

__all__ = ["DeviceRequest", "ProgramDevices", "Surroundings"]

_CODE_PATIENCE_S = 20.0  # below the patience of who asks


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a program asks for: ``pid`` is in its network namespace, ``program`` its name, the rest as ``exec`` says.

    ``nss``: the user has an NSS database that the lab's is to stand in for. ``ipv6`` None: as the device is.
    """

    pid: int
    program: str
    device: str | None = None
    label: str | None = None
    person: str | None = None
    etc: str | None = None
    nss: bool = False
    ipv6: bool | None = None


class Surroundings(Protocol):
    """What devices are joined to: a lab, and where and in which network it is."""

    lab: Lab
    estate: Estate
    folder: LabFolder
    network: PrivateNetwork
    etc: EtcOfDevices
    running: RunningPrograms

    def addresses(self) -> list[str]:
        """Every address that the lab listens on."""
        ...


class ProgramDevices:
    """Gives each program a device of its own, and takes it back."""

    def __init__(self, private: Surroundings) -> None:
        self._private = private
        self._on_devices: dict[str, tuple[str, str]] = {}
        self._codes = ShownCodes(private.lab.trace)
        lab = private.lab
        ports = lab.service_ports()
        self._impostors = ForeignHosts(lab.ca, lab.trace, lab.attribution, private.addresses(), ports, lab.first_steps)
        self._impostors.start()
        self._elsewhere = Elsewhere(lab.ca, lab.trace, lab.attribution, private.addresses(), ports, lab.first_steps)

    async def close(self) -> None:
        """End what stands for all devices."""
        self._impostors.stop()
        await self._elsewhere.stop()

    async def plug(self, wish: DeviceRequest) -> dict[str, Any]:
        """Join the network namespace of ``wish.pid`` to the lab as a device of its own.

        Returns the device's address, the client's name, the commands that set its side up, the environment for its
        programs, and what stands in for the machine's files. Raises LabInputError for an unknown device or behaviour,
        LabError when the link cannot be made.
        """
        private, lab = self._private, self._private.lab
        which = lab.device_of(wish.device)
        user = lab.user_of(which)
        behaviour = known_behaviour(wish.person)
        etc = private.etc.of(which.name, private.estate.default_realm.domain)
        address = private.network.program_address()
        client = wish.label or lab.attribution.new_label(wish.program)
        lab.attribution.register(address, client)
        link = device_link_commands(address, wish.pid)
        dual = which.ipv6 if wish.ipv6 is None else wish.ipv6
        ipv6 = device_ipv6(address) if dual else ""
        if ipv6:
            await self._elsewhere.start()
            lab.attribution.register(ipv6, client)
            link += link_commands(ipv6, link_name(address))
        run_ip(link)
        home = private.folder.path / "devices" / address
        home.mkdir(mode=0o700, parents=True)
        furnished = furnish(
            home,
            user,
            behaviour,
            ca=private.folder.path / "ca.pem",
            login_host=private.estate.cloud.login_hosts[0],
            own_page=own_page_of(private.estate, user),
        )
        self._codes.expect(address, client)
        self._on_devices[address] = (client, wish.program)
        gone = partial(self.finished, address, -signal.SIGKILL)  # who plugged it in was killed
        try:
            private.running.watch(address, wish.pid, client, wish.program, gone)
        except LabInputError:
            gone()
            raise
        if which.corporate_network:
            ccache = home / "ccache"
            shutil.copyfile(await lab.ticket_of(user), ccache)
            ccache.chmod(0o600)
        addresses = f"addresses {address} and {ipv6}" if ipv6 else f"address {address}"
        text = f"{wish.program} runs on {which.name} as {user.upn}, {addresses}"
        lab.trace.record(client, LabEvent(part="device", text=text))
        return {
            "device": address,
            "client": client,
            "commands": self._commands(which, address, ipv6),
            "environment": self._environment(home, user, wish.etc) | furnished.pop("environment"),
            "resolv_conf": self._resolv_conf(which, ipv6),
            **etc,
            "nss_database": str(self._nss_database()) if wish.nss else None,
            **furnished,
        }

    async def device_code(self, device: str) -> str | None:
        """The user code of the next device code that a program on ``device`` gets.

        ``""`` for none within a while, None when the device is gone.
        """
        return await self._codes.next(device, _CODE_PATIENCE_S)

    def finished(self, device: str, exit_code: int) -> None:
        """The program on ``device`` (its address) has ended: write it down, and forget its ticket."""
        if device not in self._on_devices:
            raise LabInputError(f"there is no device {device!r}")
        client, program = self._on_devices.pop(device)
        self._private.running.forget(device)
        self._codes.forget(device)
        self._private.lab.trace.record(client, ClientFinished(program=program, exit_code=exit_code))
        self._private.folder.remove("devices", device)

    def _commands(self, which: Device, address: str, ipv6: str) -> list[str]:
        """A route to each host and none to anywhere else: what is not in the lab is out of reach, and fails at once."""
        away = () if which.corporate_network else self._private.estate.addresses("kdc")
        hosts = self._private.addresses()
        reachable = [each for each in hosts if each not in away and ":" not in each]
        sixth = [each for each in hosts if ":" in each]
        return [
            "link set lo up",
            f"addr add {address} peer {DEVICE_GATEWAY} dev eth0",
            *link_up(address),
            *(f"route add {each} via {DEVICE_GATEWAY}" for each in (*reachable, BACKENDS, FOREIGN_HOSTS)),
            *(device_commands(ipv6, sixth, [each for each in sixth if each in away]) if ipv6 else ()),
        ]

    def _resolv_conf(self, which: Device, ipv6: str) -> str:
        """A resolv.conf of the device's own, where it has resolvers of its own or can ask more of them."""
        estate = self._private.estate
        own = [each.address for each in estate.resolvers if which.name in each.devices]
        if ipv6 and not own and any(":" in each for each in name_servers(estate)):
            own = [*name_servers(estate)]
        search = f"search {estate.default_realm.domain}\n"
        return search + "".join(f"nameserver {each}\n" for each in own) if own else ""

    def _environment(self, home: Path, user: User, etc: str | None) -> dict[str, str]:
        folder = self._private.folder.path
        krb5_conf = self._private.lab.krb5_conf
        if etc is not None and Path(etc, "krb5.conf").is_file():
            krb5_conf = Path("/etc/krb5.conf")
        options = (
            f"-Djava.security.krb5.conf={krb5_conf}",
            f"-Djavax.net.ssl.trustStore={folder / 'ca.jks'}",
            "-XX:-UsePerfData",  # its file in /tmp is named by process id, which is the same on every device
        )
        java = " ".join(f'"{each}"' if " " in each else each for each in options)
        return {
            **trust_environment(folder),
            "JAVA_TOOL_OPTIONS": f"{os.environ.get('JAVA_TOOL_OPTIONS', '')} {java}".strip(),
            "KRB5CCNAME": f"FILE:{home / 'ccache'}",
            "KRB5_CONFIG": str(krb5_conf),
            "SSOSIM_LAB": self._private.folder.name,
            "SSOSIM_PASSWORD": user.password,
            "SSOSIM_USER": user.upn,
        }

    def _nss_database(self) -> Path:
        database = self._private.folder.path / "nssdb"
        if not database.is_dir():
            from ssosim.lab.trust.nss import make_nss_database  # noqa: PLC0415 - few programs need it

            make_nss_database(database, self._private.lab.ca.certificate)
        return database
