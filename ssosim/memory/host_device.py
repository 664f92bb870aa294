"""A program without a person, in memory: it asks the host of its device for tokens. Nobody is signed on."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from ssosim_clients.ports import HttpResponse, NetworkFailure

from ssosim.credential_hosts import CredentialHost, KeyFiles
from ssosim.credential_hosts.endpoints import IMDS_ADDRESS
from ssosim.credential_hosts.host import NoKeyFiles
from ssosim.faults.core.exchanges import HTTP_TIMEOUT_S, is_address
from ssosim.lab.base.people import device_called
from ssosim.memory.clock import pause
from ssosim.memory.device import ServiceExchange, draft_request
from ssosim.memory.lab import MemoryLab
from ssosim.trace import ConnectionFailed, SignInStep

__all__ = ["HostDevice"]


class HostDevice(ServiceExchange):
    """A device of ``lab`` called ``device``, with the host that its kind has. ``files``: what the host writes.

    Raises LabInputError for an unknown device.
    """

    def __init__(self, lab: MemoryLab, client: str, device: str, files: KeyFiles | None = None) -> None:
        super().__init__(lab, client)
        self.host = CredentialHost(
            lab.provider, device_called(lab.estate, device), NoKeyFiles() if files is None else files
        )

    async def request(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> HttpResponse:
        """Send one request to the device's own host, and return the response.

        Raises NetworkFailure: where no host is, a loopback address refuses and a link-local one is silent.
        """
        draft = draft_request(method, url, headers or {}, body)
        endpoint = self.host.endpoint
        address = "127.0.0.1" if draft.name == "localhost" else draft.name
        if endpoint is None or (address, draft.port, draft.tls) != (endpoint.address, endpoint.port, endpoint.tls):
            await self._fail(address)
        return await self.exchange(draft.build_call(body, self._lab.engine.now), url, host=self.host)

    async def _fail(self, address: str) -> None:
        """Record a connection that nobody accepts, and raise NetworkFailure."""
        if not is_address(address) or not ipaddress.ip_address(address).is_link_local:
            raise NetworkFailure("connect", "refused", f"{address}: nothing listens there on this device")
        step = SignInStep.MANAGED_IDENTITY if address == IMDS_ADDRESS else SignInStep.UNKNOWN
        event = ConnectionFailed(host="", address=address, stage="connect", reason="no answer", by="wire", step=step)
        self._lab.trace.record(self._client, event)
        await pause(HTTP_TIMEOUT_S)
        raise NetworkFailure("connect", "timeout", f"{address}: no answer in {HTTP_TIMEOUT_S:.0f} s")
