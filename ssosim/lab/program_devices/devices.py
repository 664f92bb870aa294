"""Devices of programs, on the lab's side: address, link, ticket, scripted user and settings of each.

The theory of operation is in ``execute``.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

from ssosim.credential_hosts.endpoints import HOST_VARIABLES
from ssosim.estate import Device, Estate, User
from ssosim.files.owned_folder import create_private_folder
from ssosim.kerberos import KerberosError
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.base.ip_command import run_ip
from ssosim.lab.base.resolver_choice import name_servers, own_resolvers
from ssosim.lab.core.lab import Lab
from ssosim.lab.network.foreign_hosts import FOREIGN_NETWORK, ForeignIpv4Hosts
from ssosim.lab.network.ipv6 import (
    ForeignIpv6Hosts,
    device_ipv6_address,
    device_ipv6_commands,
    link_ipv6_commands,
    link_up_commands,
)
from ssosim.lab.network.link_local import LINK_LOCAL_NETWORK, SilentLinkLocalNetwork
from ssosim.lab.network.networks import BACKENDS, DEVICE_GATEWAY, PrivateNetwork, device_link_commands, link_name
from ssosim.lab.network.refused_connections import RefusedConnections
from ssosim.lab.program_devices.credential_hosting import HostedDevice, host_device
from ssosim.lab.program_devices.device_clocks import DeviceClocks, check_program_clock
from ssosim.lab.program_devices.etc_overlay import EtcOfDevices
from ssosim.lab.program_devices.running_programs import RunningPrograms
from ssosim.lab.scripted_user.device_codes import DeviceCodeQueues
from ssosim.lab.scripted_user.setup import check_behaviour, list_password_hosts, set_up_user
from ssosim.lab.trust.files import trust_environment
from ssosim.trace import ClientFinished, ClientMessage, LabEvent, LastStepDeclared, SignInStep, redact
from ssosim.trace.redact import shorten_output
from ssosim.verdict.clients import LAB_COMMANDS

__all__ = ["DeviceContext", "DeviceRequest", "ProgramDevices", "Stopped"]

Stopped = Literal["", "deadline", "request"]
"""Why ssosim ended a program; empty if the program ended by itself."""

LAST_STEPS = ("wstrust-ticket", "wstrust-password")
"""The steps that complete a sign-in without a token."""

_CODE_PATIENCE_S = 20.0  # less than the timeout of the control client


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """The request for a device.

    ``pid``: a process in the device's network namespace. ``program``: the program's name. ``nss``: whether the user has
    an NSS database, to be replaced by the lab's. ``ipv6`` None: as in the estate. ``program_file``: the path of the
    program. The others: see ``ExecOptions``.
    """

    pid: int
    program: str
    device: str | None = None
    label: str | None = None
    person: str | None = None
    etc: str | None = None
    nss: bool = False
    ipv6: bool | None = None
    last_step: str | None = None
    program_file: str | None = None


class DeviceContext(Protocol):
    """The lab that devices are attached to, with its folder and its network."""

    lab: Lab
    estate: Estate
    folder: LabFolder
    network: PrivateNetwork
    etc: EtcOfDevices
    running: RunningPrograms

    def addresses(self) -> list[str]:
        """Return each address that the lab listens on."""
        ...


def read_last_step(text: str) -> SignInStep:
    """Return the step that completes a sign-in without a token. Raises LabInputError."""
    if text not in LAST_STEPS:
        raise LabInputError(f"last_step {text[:40]!r}: expected {' or '.join(LAST_STEPS)}")
    return SignInStep(text)


class ProgramDevices:
    """Attaches a device for each program, and releases it."""

    def __init__(self, context: DeviceContext) -> None:
        self._context = context
        self._on_devices: dict[str, tuple[str, str, float]] = {}
        self._codes = DeviceCodeQueues(context.lab.trace)
        lab = context.lab
        ports = {80: False, **lab.service_ports()}  # a program may use plain HTTP
        self._foreign_ipv4_hosts = ForeignIpv4Hosts(
            lab.ca,
            lab.trace,
            lab.client_addresses,
            context.addresses(),
            ports,
            lab.first_steps,
            lambda: lab.exposures,
        )
        self._foreign_ipv4_hosts.start()
        self._link_local = SilentLinkLocalNetwork(lab.trace, lab.client_addresses, context.addresses())
        self._link_local.start()
        self._hosted: dict[str, HostedDevice] = {}
        self._clocks = DeviceClocks(lab.clocks, lab.trace)
        self._stopping: set[asyncio.Task[None]] = set()
        self._refused_connections = RefusedConnections(
            lab.trace, lab.client_addresses, lab.first_steps, lab.find_faults_at_kdc
        )
        self._refused_connections.start()
        self._foreign_ipv6_hosts = ForeignIpv6Hosts(
            lab.ca,
            lab.trace,
            lab.client_addresses,
            context.addresses(),
            ports,
            lab.first_steps,
            lambda: lab.exposures,
        )

    async def close(self) -> None:
        """Stop the foreign hosts, which all devices share, and what serves tokens on devices."""
        self._foreign_ipv4_hosts.stop()
        self._link_local.stop()
        for hosted in self._hosted.values():
            await hosted.stop()
        if self._stopping:
            await asyncio.wait(self._stopping)
        self._refused_connections.stop()
        await self._foreign_ipv6_hosts.stop()

    async def attach(self, request: DeviceRequest) -> dict[str, Any]:  # noqa: PLR0915 - one step after the other
        """Attach the network namespace of process ``request.pid`` to the lab as a new device.

        Returns the device's address, the client's name, the number of the last trace record before it, the ``ip``
        commands for the device's side, the environment of its programs, and the files that replace the machine's.
        Raises LabInputError for an unknown device, behaviour or last step, or a process that has ended; LabError when
        the link cannot be created.
        """
        context, lab = self._context, self._context.lab
        since = lab.trace.last_seq
        device = lab.device_of(request.device)
        user = lab.user_of(device) if device.user else None
        if user is not None and lab.provider is not None:  # the password that the user knows now
            user = lab.provider.directory.find_user(user.upn) or user
        last_step = None if request.last_step is None else read_last_step(request.last_step)
        if request.label is not None:
            self._check_label(request.label)
        by_kind = None if device.kind == "desktop" else "no-browser"
        behaviour = check_behaviour(by_kind if request.person is None else request.person)
        etc = context.etc.of(device.name, context.estate.default_realm.domain)
        address = context.network.allocate_program_address()
        client = request.label or lab.client_addresses.new_label(request.program)
        check_program_clock(lab.clocks, client, request.program_file)
        lab.client_addresses.register(address, client)
        if not device.corporate_network:
            lab.client_addresses.put_off_network(client)
        link = device_link_commands(address, request.pid)
        dual = device.ipv6 if request.ipv6 is None else request.ipv6
        ipv6 = device_ipv6_address(address) if dual else ""
        if ipv6:
            await self._foreign_ipv6_hosts.start()
            lab.client_addresses.register(ipv6, client)
            link += link_ipv6_commands(ipv6, link_name(address))
        run_ip(link)
        home = context.folder.path / "devices" / address
        create_private_folder(home)
        user_files = self._set_up_user(home, user, behaviour)
        self._codes.register(address, client)
        self._on_devices[address] = (client, request.program, time.monotonic())
        on_exit = partial(self.release, address, -signal.SIGKILL, "request")  # for a joiner that was killed
        try:
            context.running.watch(address, request.pid, client, request.program, on_exit)
        except LabInputError:
            on_exit()
            raise
        hosted = await host_device(lab, device, request.pid, client, home)
        if address not in self._on_devices:  # the joiner has ended meanwhile
            await hosted.stop()
            raise LabInputError(f"pid: process {request.pid} has already ended")
        self._hosted[address] = hosted
        if user is not None and lab.gets_ticket(device):
            await self._copy_ticket(user, device, client, home / "ccache")
            lab.note_copied_ticket(client, user, device.permitted_enctypes)
        settings = Path(request.etc, "krb5.conf") if request.etc else None
        clock = self._clocks.start(client, request.program, request.program_file or "", home, settings)
        krb5_conf = lab.krb5_conf_of(device, home)
        addresses = f"addresses {address} and {ipv6}" if ipv6 else f"address {address}"
        kind = "" if device.kind == "desktop" else f" ({device.kind})"
        who = user.upn if user is not None else "nobody"
        text = f"{request.program} runs on {device.name}{kind} as {who}, {addresses}"
        lab.trace.record(client, LabEvent(part="device", text=text, device_kind=device.kind))
        if last_step is not None:
            lab.trace.record(client, LastStepDeclared(last_step=last_step))
        return {
            "device": address,
            "client": client,
            "since": since,
            "commands": [*self._commands(device, address, ipv6), *hosted.commands],
            "environment": self._environment(home, user, krb5_conf, request.etc)
            | user_files.pop("environment")
            | hosted.environment
            | clock,
            "mounts": hosted.mounts,
            "krb5_conf": None if krb5_conf == lab.krb5_conf else str(krb5_conf),
            "obey_file_modes": hosted.obey_file_modes,
            "unset": [*user_files.pop("unset"), *HOST_VARIABLES],
            "resolv_conf": self._resolv_conf(device, ipv6),
            **etc,
            "nss_database": str(self._nss_database()) if request.nss else None,
            **user_files,
        }

    async def _copy_ticket(self, user: User, device: Device, client: str, ccache: Path) -> None:
        """Copy the user's ticket-granting ticket; the KDC may refuse one, as at the sign-on to a real device."""
        try:
            ticket = await self._context.lab.find_ticket(user, client, device)
        except KerberosError as error:
            raise LabError(f"{user.upn} gets no ticket for {device.name}: {error}") from error
        if ticket is not None:
            shutil.copyfile(ticket, ccache)
            ccache.chmod(0o600)  # noqa: ASYNC240 - a local file

    def _check_label(self, label: str) -> None:
        """Raise LabInputError for a name whose records are not those of one program: verdicts are by name."""
        lab = self._context.lab
        if not label.strip() or not label.isprintable():
            raise LabInputError(f"{label[:60]!r}: expected a name for the program (--as), or leave it out")
        if any(client == label for client, _, _ in self._on_devices.values()):
            raise LabInputError(f"a program {label[:60]!r} is running already; give this one another name (--as)")
        if label in lab.resolvers or label in LAB_COMMANDS or lab.client_addresses.is_model(label):
            raise LabInputError(f"{label[:60]!r} is a name of the lab itself; give the program another one (--as)")

    async def device_code(self, device: str) -> str | None:
        """Wait for the next device code of a program on ``device``; return its user code.

        ``""``: none came within 20 s. None: the device was released.
        """
        return await self._codes.wait_for_code(device, _CODE_PATIENCE_S)

    def release(self, device: str, exit_code: int, stopped: Stopped = "", output: str = "") -> None:
        """Release ``device`` (an address) after its program has ended: record the end, and remove its files.

        ``stopped`` is why ssosim ended the program, empty if it ended by itself. ``output`` is what it printed, if that
        was recorded; the trace gets it without secrets.
        """
        if device not in self._on_devices:
            raise LabInputError(f"there is no device {device!r}")
        client, program, began = self._on_devices.pop(device)
        running_s = round(time.monotonic() - began, 3)
        self._context.running.forget(device)
        self._codes.unregister(device)
        self._clocks.forget(client)
        if hosted := self._hosted.pop(device, None):
            stopping = asyncio.get_running_loop().create_task(hosted.stop())
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)
        if output:
            assert self._context.lab.provider is not None  # noqa: S101 - the lab has started
            text = shorten_output(redact(output, self._context.lab.provider.directory.secrets))
            self._context.lab.trace.record(client, ClientMessage(text=text))
        finished = ClientFinished(program=program, exit_code=exit_code, stopped=stopped, running_s=running_s)
        self._context.lab.trace.record(client, finished)
        self._context.folder.remove("devices", device)

    def _commands(self, device: Device, address: str, ipv6: str) -> list[str]:
        """Return the ``ip`` commands for the device's side.

        They add a route to each host and no default route: connecting to any other address fails at once. Packets to
        the link-local network go to the lab, which discards them.
        """
        unreachable = () if device.corporate_network else self._context.estate.addresses("kdc")
        hosts = self._context.addresses()
        reachable = [each for each in hosts if each not in unreachable and ":" not in each]
        hosts_ipv6 = [each for each in hosts if ":" in each]
        return [
            "link set lo up",
            f"addr add {address} peer {DEVICE_GATEWAY} dev eth0",
            *link_up_commands(address),
            *(
                f"route add {each} via {DEVICE_GATEWAY}"
                for each in (*reachable, BACKENDS, FOREIGN_NETWORK, LINK_LOCAL_NETWORK)
            ),
            *(
                device_ipv6_commands(ipv6, hosts_ipv6, [each for each in hosts_ipv6 if each in unreachable])
                if ipv6
                else ()
            ),
        ]

    def _resolv_conf(self, device: Device, ipv6: str) -> str:
        """Return the device's own resolv.conf; ``""`` if the lab's is right for it."""
        estate = self._context.estate
        own = [*own_resolvers(estate, device)]
        if ipv6 and not own and any(":" in each for each in name_servers(estate)):
            own = [*name_servers(estate)]
        search = f"search {estate.default_realm.domain}\n"
        return search + "".join(f"nameserver {each}\n" for each in own) if own else ""

    def _set_up_user(self, home: Path, user: User | None, behaviour: str) -> dict[str, Any]:
        """Set up the scripted user; on a device where nobody is signed on there is none, and no browser."""
        if user is None:
            return {"environment": {}, "unset": ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY"], "path": "", "person": []}
        context = self._context
        return set_up_user(
            home,
            user,
            behaviour,
            ca=context.folder.path / "ca.pem",
            login_host=context.estate.cloud_of_user(user.upn).login_hosts[0],
            password_hosts=list_password_hosts(context.estate, user),
        )

    def _environment(self, home: Path, user: User | None, krb5_conf: Path, etc: str | None) -> dict[str, str]:
        folder = self._context.folder.path
        if etc is not None and Path(etc, "krb5.conf").is_file():
            krb5_conf = Path("/etc/krb5.conf")
        options = (
            f"-Djava.security.krb5.conf={krb5_conf}",
            f"-Djavax.net.ssl.trustStore={folder / 'ca.jks'}",
            "-XX:-UsePerfData",  # its file in /tmp has the process id as name, which other devices use too
        )
        java = " ".join(f'"{each}"' if " " in each else each for each in options)
        return {
            **trust_environment(folder),
            "JAVA_TOOL_OPTIONS": f"{os.environ.get('JAVA_TOOL_OPTIONS', '')} {java}".strip(),
            "KRB5CCNAME": f"FILE:{home / 'ccache'}",
            "KRB5_CONFIG": str(krb5_conf),
            "SSOSIM_LAB": self._context.folder.name,
            **({} if user is None else {"SSOSIM_PASSWORD": user.password, "SSOSIM_USER": user.upn}),
        }

    def _nss_database(self) -> Path:
        database = self._context.folder.path / "nssdb"
        if not database.is_dir():
            from ssosim.lab.trust.nss import make_nss_database  # noqa: PLC0415 - few programs need it

            make_nss_database(database, self._context.lab.ca.certificate)
        return database
