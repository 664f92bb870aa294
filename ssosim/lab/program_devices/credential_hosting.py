"""Serve the credential host of a device inside the device: listener, variables, key files, projected token.

The theory of operation of a device is in ``execute``; what a host answers is in ``ssosim.credential_hosts``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ssosim.credential_hosts import CREDENTIAL_HOST_NAMES, CredentialHost, Endpoint
from ssosim.credential_hosts.endpoints import ARC_KEY_FORBIDDEN, ARC_KEYS, IMDS_ADDRESS, NOT_INJECTED, TOKEN_STALE
from ssosim.credential_hosts.pipelines import build_job_environment
from ssosim.entra import Provider
from ssosim.entra.core.keys import issuer_key_name
from ssosim.entra.http.connection import ListenerConfig
from ssosim.estate import Device, WorkloadIdentity
from ssosim.lab.core.lab import Lab
from ssosim.lab.network.device_listeners import open_device_listener
from ssosim.lab.network.tls_listener import HttpListener
from ssosim.services.openid_issuer import sign_federated_token

__all__ = ["HostedDevice", "host_device"]

_ROTATION = 0.8
"""The part of its lifetime after which the kubelet replaces a projected token. Source: Kubernetes document "Configure
Service Accounts for Pods"."""


@dataclass(slots=True)
class HostedDevice:
    """What a device has beside network and files: variables, ``ip`` commands, folders, and what to stop at its end.

    ``mounts``: folders of the lab, by the path at which programs on the device see them. ``obey_file_modes``: the
    program must not read what the mode of a file forbids, even if root runs it.
    """

    environment: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    mounts: dict[str, str] = field(default_factory=dict)
    obey_file_modes: bool = False
    listener: HttpListener | None = None
    rotation: Callable[[], None] = lambda: None

    async def stop(self) -> None:
        """Stop listener and rotation."""
        self.rotation()
        if self.listener is not None:
            await self.listener.stop()


async def host_device(lab: Lab, device: Device, pid: int, client: str, home: Path) -> HostedDevice:
    """Start what serves tokens on ``device``, in the network namespace of process ``pid``, for the program ``client``.

    ``home``: the folder for the device's files. Raises LabError when the port cannot be opened.
    """
    assert lab.provider is not None  # noqa: S101 - the lab has started
    hosted = HostedDevice()
    if device.kind == "pipelines":
        hosted.environment = build_job_environment(lab.provider, device)
    if device.workload_identity is not None and NOT_INJECTED not in lab.provider.host_conditions:
        _project_token(lab, device.workload_identity, home, hosted)
    files = _FolderOfKeys(home / "azcmagent-tokens")
    thumbprint = lab.ca.thumbprint_of("localhost") if device.kind == "service-fabric" else ""
    host = CredentialHost(lab.provider, device, files, thumbprint)
    hosted.environment |= host.environment()
    if host.endpoint is None:
        return hosted
    if device.kind == "arc":
        files.folder.mkdir(mode=0o700)
        hosted.mounts[ARC_KEYS] = str(files.folder)
        hosted.obey_file_modes = ARC_KEY_FORBIDDEN in lab.provider.host_conditions
    if host.endpoint.address == IMDS_ADDRESS:
        hosted.commands.append(f"addr add {IMDS_ADDRESS}/32 dev lo")
    hosted.listener = await _serve(lab, host, host.endpoint, pid, client)
    return hosted


async def _serve(lab: Lab, host: CredentialHost, endpoint: Endpoint, pid: int, client: str) -> HttpListener:
    config = ListenerConfig(
        dict.fromkeys(CREDENTIAL_HOST_NAMES, host.respond),
        "https" if endpoint.tls else "http",
        endpoint.port,
        client=client,
        any_host=host.respond,
        step_of=host.step_of,
    )
    listener = open_device_listener(pid, endpoint.address, endpoint.port)
    return await lab.serve_on(listener, config, "localhost" if endpoint.tls else "")


@dataclass(frozen=True, slots=True)
class _FolderOfKeys:
    """The challenge files of Azure Arc, in a folder that only this device sees."""

    folder: Path

    def write(self, name: str, content: bytes, *, readable: bool = True) -> None:
        """Write a key file that its owner alone can read, or nobody."""
        mode = 0o400 if readable else 0
        descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)

    def remove(self, name: str) -> None:
        """Remove a key file."""
        with contextlib.suppress(FileNotFoundError):
            (self.folder / name).unlink()


def _project_token(lab: Lab, identity: WorkloadIdentity, home: Path, hosted: HostedDevice) -> None:
    """Write the projected token of a pod, keep it fresh, and set the variables of the workload identity webhook."""
    assert lab.provider is not None  # noqa: S101 - the lab has started
    folder = home / "tokens"
    folder.mkdir(mode=0o700)
    file = folder / "azure-identity-token"
    estate = lab.estate
    tenant = (estate.tenant(identity.tenant) if identity.tenant else None) or estate.tenants[0]
    hosted.environment = {
        "AZURE_CLIENT_ID": identity.client_id,
        "AZURE_TENANT_ID": tenant.id,
        "AZURE_FEDERATED_TOKEN_FILE": str(file),
        "AZURE_AUTHORITY_HOST": f"https://{estate.cloud_of(tenant).login_hosts[0]}/",
    }
    loop = asyncio.get_running_loop()
    timer: list[asyncio.TimerHandle] = []

    def write() -> None:
        assert lab.provider is not None  # noqa: S101 - as above
        if not file.exists() or TOKEN_STALE not in lab.provider.host_conditions:
            draft = file.with_suffix(".new")
            draft.write_text(_sign(lab.provider, identity), encoding="ascii")
            draft.chmod(0o400)
            draft.replace(file)  # a reader sees the old token or the new one
        timer[:] = [loop.call_later(_ROTATION * identity.expiration_seconds, write)]

    write()
    hosted.rotation = partial(_cancel_first, timer)


def _cancel_first(timer: list[asyncio.TimerHandle]) -> None:
    timer[0].cancel()


def _sign(provider: Provider, identity: WorkloadIdentity) -> str:
    issuer = next(each for each in provider.estate.openid_issuers if each.issuer == identity.issuer)
    now = provider.clock.now()
    if TOKEN_STALE in provider.host_conditions:  # it expired an hour ago
        now -= identity.expiration_seconds + 3600
    return sign_federated_token(
        provider.keys.generated[issuer_key_name(issuer.issuer)],
        issuer,
        subject=identity.subject,
        audience=identity.audience,
        now=now,
        claims={"exp": int(now) + identity.expiration_seconds},
    )
