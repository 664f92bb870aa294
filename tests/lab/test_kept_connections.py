"""In virtual time a client model's device uses a connection again, until a fault changes the certificates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import h11
import pytest
from ssosim_clients.ports import Device, NetworkFailure

from ssosim.clock import VirtualClock
from ssosim.estate import default_estate
from ssosim.faults import CertificateExpired, Fault, HttpStatus, RecordSetEmpty, WrongAddress
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.client_slots import model_device
from ssosim.lab.model_devices.http_messages import new_connection

LOGIN = "login.microsoftonline.com"
AUTOLOGON = "autologon.microsoftazuread-sso.com"


@dataclass
class Visitor:
    """A device in a lab, and the number of connections that it has opened."""

    lab: Lab
    device: Device
    opened: int = 0

    async def get(self, host: str = LOGIN) -> int:
        """Request a page of ``host``; returns the status."""
        return (await self.device.http.request("GET", f"https://{host}/", {}, b"")).status


@pytest.fixture
async def visitor(tmp_path: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Visitor]:
    """A device in virtual time."""
    home = tmp_path / "lab"
    home.mkdir()
    clock = VirtualClock(1_740_500_000.0)
    async with (
        Lab(default_estate(), home, prepared, clock=clock) as lab,
        model_device(lab, "visitor", lab.device_of(None), clock) as device,
    ):
        one = Visitor(lab, device)

        def count() -> h11.Connection:
            one.opened += 1
            return new_connection()

        monkeypatch.setattr("ssosim.lab.model_devices.http_client.new_connection", count)
        yield one


@pytest.mark.parametrize(
    "fault", [RecordSetEmpty(name=AUTOLOGON), HttpStatus(host=LOGIN, status=503)], ids=["DNS", "HTTP"]
)
async def test_a_fault_of_dns_or_http_keeps_the_connection(visitor: Visitor, fault: Fault) -> None:
    """A fault that changes no certificate acts on the next request on the same connection, and so does its end."""
    healthy = await visitor.get()
    undo = visitor.lab.faults.add(fault)
    broken = await visitor.get()
    undo()
    assert (broken == healthy) is not isinstance(fault, HttpStatus)
    assert await visitor.get() == healthy
    assert visitor.opened == 1


async def test_a_certificate_fault_ends_the_connection(visitor: Visitor) -> None:
    """The next request meets the bad certificate, and after the fault the good one."""
    healthy = await visitor.get()
    undo = visitor.lab.faults.add(CertificateExpired(host=LOGIN))
    with pytest.raises(NetworkFailure) as failure:
        await visitor.get()
    assert failure.value.kind == "expired-certificate"
    undo()
    assert await visitor.get() == healthy
    assert visitor.opened == 2


async def test_a_fault_beside_a_certificate_fault(visitor: Visitor) -> None:
    """A second fault does not hide that the certificate has changed, whichever came first."""
    await visitor.get()
    visitor.lab.faults.add(RecordSetEmpty(name=AUTOLOGON))
    undo = visitor.lab.faults.add(CertificateExpired(host=LOGIN))
    visitor.lab.faults.add(HttpStatus(host=LOGIN, status=503))
    with pytest.raises(NetworkFailure):
        await visitor.get()
    undo()
    assert await visitor.get() == 503


async def test_another_address_is_another_connection(visitor: Visitor) -> None:
    """Where the DNS leads elsewhere, the kept connection is not used."""
    await visitor.get()
    visitor.lab.faults.add(WrongAddress(name=LOGIN))
    with pytest.raises(NetworkFailure):
        await visitor.get()
