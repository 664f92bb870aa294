"""The same models over real DNS, TLS and Kerberos: in one lab, each as it was on the device in memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from ssosim_clients import catalogue
from ssosim_clients.models import SignInReport

from ssosim.clock import VirtualClock
from ssosim.estate import Device, Estate, default_estate
from ssosim.faults import CnameForAlias, TrafficManagerDeleted
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.client_slots import model_device

from .test_catalogue import LETTERS, OUTCOMES


def _estate() -> Estate:
    """Contoso, with a device for the federated user."""
    estate = default_estate()
    frank = Device(name="desk-frank", user="frank@fabrikam.com")
    return msgspec.structs.replace(estate, devices=(*estate.devices, frank))


async def _sign_in(lab: Lab, clock: VirtualClock, name: str, seconds: float) -> SignInReport | None:
    """The report of the model ``name`` after ``seconds`` of virtual time; None: it still retries."""
    device = lab.device_of("desk-frank" if name == "federated-user" else "desk-1")
    async with model_device(lab, name, device, clock) as ports:
        task = clock.start(catalogue.find_model(name).sign_in(ports))
        await clock.run_until(clock.now() + seconds)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return None


@pytest.mark.parametrize("names", [sorted(catalogue.MODELS)[half::2] for half in (0, 1)], ids=["one", "other"])
async def test_memory_and_sockets_agree(tmp_path: Path, names: list[str]) -> None:
    """Healthy, gone and CNAME: every model ends over sockets as the table of the device in memory says."""
    clock = VirtualClock(1_740_000_000.0)
    async with Lab(_estate(), tmp_path / "home", tmp_path / "cache", clock=clock) as lab:
        found = dict.fromkeys(names, "")
        gone = TrafficManagerDeleted(profile="aadg-autologon")
        cname = CnameForAlias(name="autologon.microsoftazuread-sso.com", profile="aadg-autologon")
        for fault in (None, gone, cname):
            undo = fault.apply(lab) if fault else None
            for name in names:
                report = await _sign_in(lab, clock, name, 700.0)
                found[name] += LETTERS[report.state] if report else "-"
            if undo:
                undo()
    healthy = {"go-spnego": "F"}  # the address has no PTR record
    assert found == {name: f"{healthy.get(name, 'S')}{OUTCOMES[name][:2]}" for name in names}
